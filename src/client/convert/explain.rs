//! `--explain`: each attribute of the project and how it is treated.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::ClientError;
use super::Output;
use crate::compose::Project;
use crate::translate::{Note, Treatment, attributes_used};

/// An attribute and its treatment.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Line {
    path: String,
    treatment: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// Tells of each attribute that the project uses what the table says of it, and what the translation adds to that.
pub(super) fn explain(project: &Project, notes: &[Note], output: Output) -> Result<String, ClientError> {
    let spoken_of: BTreeSet<&str> = notes.iter().map(|note| note.path.as_str()).collect();
    let is_noted = |path: &str| {
        let below = spoken_of.range(path..).take_while(|found| found.starts_with(path));
        below.map(|found| &found[path.len()..]).any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let mut lines: Vec<Line> = notes
        .iter()
        .map(|note| Line { path: note.path.clone(), treatment: note.level.as_str(), reason: note.message.clone() })
        .collect();
    for (path, row) in attributes_used(project) {
        if !is_noted(&path) {
            let (treatment, reason) = row.map_or(("Rejected", "is not known"), |(_, treatment)| word(treatment));
            lines.push(Line { path, treatment, reason: reason.to_owned() });
        }
    }
    lines.sort();
    match output {
        Output::Json => serde_json::to_string_pretty(&lines)
            .map(|text| text + "\n")
            .map_err(|error| ClientError::Output(error.to_string())),
        Output::Yaml | Output::Dir => {
            let path = lines.iter().map(|line| line.path.chars().count()).max().unwrap_or_default();
            let row = |line: &Line| {
                format!("{:path$}  {:12}  {}", line.path, line.treatment, line.reason).trim_end().to_owned() + "\n"
            };
            Ok(lines.iter().map(row).collect())
        }
    }
}

/// The word of a treatment and its reason. What depends on the value, and of which nothing was noted, is honoured.
fn word(treatment: Treatment) -> (&'static str, &'static str) {
    match treatment {
        Treatment::Mapped | Treatment::ByValue(_) => ("Mapped", ""),
        Treatment::Approximated(reason) => ("Approximated", reason),
        Treatment::Ignored("") => ("Ignored", "means nothing to what runs"),
        Treatment::Ignored(reason) => ("Ignored", reason),
        Treatment::Rejected(reason) => ("Rejected", reason),
    }
}
