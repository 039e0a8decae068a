//! What a conversion has to say, on standard error.

use std::borrow::Cow;
use std::io::{self, BufWriter, Stderr, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::super::ClientError;
use super::known;
use crate::compose::{Diagnostic, Diagnostics, Level, Position, Project};
use crate::parallel::Threads;
use crate::translate::{Facts, Note};

/// Few things to say are said at once, and parts of many go past this room; more of it would be memory that is looked at.
const ROOM: usize = 1 << 10;

/// So many notes are put into words at a time.
const AT_ONCE: usize = 64;

/// The form of what is said.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

/// One thing that is said.
#[derive(Debug, Serialize)]
pub(super) struct Finding<'f> {
    path: Cow<'f, str>,
    level: &'static str,
    reason: &'static str,
    message: Cow<'f, str>,
    #[serde(skip)]
    position: Option<Position>,
}

impl<'f> Finding<'f> {
    fn new(
        path: impl Into<Cow<'f, str>>,
        level: &'static str,
        reason: &'static str,
        message: impl Into<Cow<'f, str>>,
    ) -> Self {
        Self { path: path.into(), level, reason, message: message.into(), position: None }
    }

    /// The project's name is no name of a stack.
    pub(super) fn renamed(from: &str, to: &str) -> Self {
        let message = format!("`{from}` is no name in a cluster: the stack is called `{to}`");
        Self::new("name", "Approximated", "Renamed", message)
    }

    /// What to do about a forbidden object.
    pub(super) fn about_policy() -> Self {
        let message = "the operator forbids by default what reaches beyond the stack: the option that is named allows \
                       it, here as in the operator that is to run it";
        Self::new("", "Note", "Policy", message)
    }

    /// Something to know about a stack.
    pub(super) fn of_stack(
        path: impl Into<Cow<'f, str>>,
        reason: &'static str,
        message: impl Into<Cow<'f, str>>,
    ) -> Self {
        Self::new(path, "Warning", reason, message)
    }

    /// Something about an attribute of a project.
    fn of(note: &'f Note, project: &Project) -> Self {
        let position = project.positions.get(&note.path);
        Self { position, ..Self::new(&note.path, note.level.as_str(), note.reason, &note.message) }
    }

    /// Writes a line.
    fn write(&self, form: Form, out: &mut impl Write) -> io::Result<()> {
        if form == Form::Json
            && let Ok(line) = serde_json::to_string(self)
        {
            return writeln!(out, "{line}");
        }
        if let Some(position) = &self.position {
            write!(out, "{position}: ")?;
        }
        let space = if self.path.is_empty() { "" } else { " " };
        writeln!(out, "{}{space}{}: {}", self.level, self.path, self.message)
    }
}

/// Says things in their order, many at a time: a large project has thousands of them.
#[derive(Debug)]
pub(super) struct Report {
    form: Form,
    stderr: BufWriter<Stderr>,
}

impl Report {
    pub(super) fn new(form: Form) -> Self {
        Self { form, stderr: BufWriter::with_capacity(ROOM, std::io::stderr()) }
    }

    /// Lets everything be read that was said so far. Nobody is left to tell when that fails.
    pub(super) fn flush(&mut self) {
        let _ = self.stderr.flush();
    }

    pub(super) fn say(&mut self, finding: &Finding) {
        let _ = finding.write(self.form, &mut self.stderr);
    }

    /// Says notes in their order.
    pub(super) fn notes(&mut self, threads: Threads, notes: &[Note], project: &Project) {
        let in_words = |notes: &[Note]| {
            let mut text = Vec::new();
            for note in notes {
                let _ = Finding::of(note, project).write(self.form, &mut text);
            }
            text
        };
        for text in threads.on_parts(AT_ONCE, notes, in_words) {
            let _ = self.stderr.write_all(&text);
        }
    }

    /// A field of the spec that is not honoured: `spec.field: what`.
    pub(super) fn field(&mut self, line: &str) {
        let (path, message) = line.split_once(": ").unwrap_or(("spec", line));
        self.say(&Finding::new(path, "Error", "FieldNotSupported", message));
    }

    pub(super) fn loaded(&mut self, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            let level = if diagnostic.level == Level::Error { "Error" } else { "Warning" };
            let finding = Finding::new(&diagnostic.path, level, diagnostic.reason, &diagnostic.message);
            self.say(&Finding { position: diagnostic.position.clone(), ..finding });
        }
    }

    /// Says why there is no project.
    pub(super) fn failed(&mut self, errors: &Diagnostics) -> ClientError {
        self.loaded(&errors.0);
        let count = errors.0.iter().filter(|diagnostic| diagnostic.level == Level::Error).count();
        self.refusal(count, false)
    }

    /// Says what is assumed of the cluster.
    pub(super) fn known(&mut self, facts: &Facts, given: bool) -> Result<(), ClientError> {
        let assumed = known::assumed(facts, given)?;
        if self.form == Form::Json {
            for (name, value) in assumed {
                self.say(&Finding::new(format!("facts.{name}"), "Assumed", "Facts", value));
            }
        } else if !assumed.is_empty() {
            let list: Vec<String> = assumed.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let hint = if given { "" } else { "; --facts FILE tells what is known" };
            let _ = writeln!(self.stderr, "Assumed of the cluster: {}{hint}", list.join(", "));
        }
        Ok(())
    }

    /// Ends a conversion that wrote nothing.
    pub(super) fn refusal(&mut self, count: usize, unsupported_only: bool) -> ClientError {
        if self.form == Form::Text {
            let what = if count == 1 { "problem".to_owned() } else { format!("{count} problems") };
            let hint = if unsupported_only { "; --unsupported=warn goes on without what is rejected" } else { "" };
            let _ = writeln!(self.stderr, "Nothing was written because of the {what} above{hint}");
        }
        ClientError::Reported
    }
}
