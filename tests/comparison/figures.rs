//! What is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use compose_operator::translate::{ATTRIBUTES, Treatment};
use serde_json::Value;

use super::converter::{Converter, Input};
use super::row::{remove, steps};

/// How many projects of some set came out how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub projects: usize,
    /// It succeeded, and there are objects.
    pub converted: usize,
    /// The API server takes each of the objects as it is written.
    pub accepted: usize,
    /// It failed, and said why.
    pub refused: usize,
    pub panicked: usize,
    /// It succeeded, and there is nothing.
    pub empty: usize,
}

impl Display for Figures {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        write!(
            out,
            "converted {} of {}, accepted by the API server {} of {}; refused with a message {}, panicked {}, empty {}",
            self.converted, self.projects, self.accepted, self.converted, self.refused, self.panicked, self.empty
        )
    }
}

/// Converts each project; `accepts` says whether a cluster takes the manifests.
pub fn count(converter: &Converter, inputs: &[Input], accepts: impl Fn(&str) -> bool) -> Figures {
    let mut figures = Figures { projects: inputs.len(), ..Figures::default() };
    for input in inputs {
        let output = converter.convert(input);
        if output.panicked {
            figures.panicked += 1;
        } else if !output.succeeded {
            figures.refused += 1;
        } else if output.is_empty() {
            figures.empty += 1;
        } else {
            figures.converted += 1;
            figures.accepted += usize::from(accepts(&output.manifests));
        }
    }
    figures
}

/// The rows of the attribute table that were tried, and those of them that vanish without a word.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Vanishing {
    pub tried: usize,
    pub vanished: BTreeSet<String>,
}

/// Takes each attribute out of the Compose file of each directory. One that makes no difference in any of them, neither to
/// the manifests nor to what is said, vanishes. `scratch` is a directory to write into.
pub fn vanishing(converter: &Converter, directories: &[&Path], scratch: &Path) -> Vanishing {
    // Whether each row made a difference.
    let mut rows: BTreeMap<&str, bool> = BTreeMap::new();
    for directory in directories {
        let text = std::fs::read_to_string(directory.join("compose.yaml")).unwrap();
        let Ok(file) = serde_saphyr::from_str::<Value>(&text) else { continue };
        let scratch = scratch.join(directory.file_name().unwrap());
        copy(directory, &scratch);
        let input = Input::of_directory(&scratch, "compose.yaml");
        let convert = |file: &Value| {
            std::fs::write(scratch.join("compose.yaml"), file.to_string()).unwrap();
            converter.convert(&input)
        };
        let whole = convert(&file);
        // What says nothing, or twice different things, cannot be compared with.
        if !whole.is_converted() || whole != convert(&file) {
            continue;
        }
        for row in rows_to_try() {
            let mut without = file.clone();
            if rows.get(row) != Some(&true) && remove(&mut without, &steps(row)) {
                *rows.entry(row).or_default() |= convert(&without) != whole;
            }
        }
    }
    let vanished = rows.iter().filter(|(_, differs)| !**differs).map(|(row, _)| (*row).to_owned()).collect();
    Vanishing { tried: rows.len(), vanished }
}

/// The rows that mean something to what runs; lists with a short form of their items as a whole.
fn rows_to_try() -> BTreeSet<&'static str> {
    let rows = ATTRIBUTES.iter().filter(|(_, treatment)| *treatment != Treatment::Ignored("")).map(|(row, _)| *row);
    rows.flat_map(|row| [row, row.split("[]").next().unwrap()]).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
