//! What the stages found: the diagnostics so far, and the sources that they point into.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::attribute::At;
use super::diagnostic::{Diagnostic, ErrorClass, Level, Position};
use super::limits::{self, Limits};
use super::node::{Mark, Node};

/// A document, or a file that one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) name: String,
    /// Whether it came from a Secret: nothing of its text may be shown.
    pub(super) secret: bool,
    /// Whether it arrived as an object.
    pub(super) object: bool,
}

/// The position of a mark, if its source has lines.
pub(super) fn position(sources: &[Source], mark: Option<Mark>) -> Option<Position> {
    let mark = mark.filter(|mark| mark.line > 0)?;
    let source = source_of(sources, mark)?;
    Some(Position {
        document: source.name.clone(),
        line: mark.line,
        column: mark.column,
        width: mark.width.into(),
        secret: source.secret,
    })
}

fn source_of(sources: &[Source], mark: Mark) -> Option<&Source> {
    sources.get(usize::from(mark.source.get()) - 1)
}

/// The diagnostics of a load.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
    broken: BTreeSet<String>,
    failed: bool,
    /// How many diagnostics there were beyond the limit.
    withheld: usize,
    limits: Limits,
    /// What the load made so far, in bytes, on all of its threads.
    made: Arc<AtomicUsize>,
    /// What it may make for the length of its documents.
    earned: usize,
    /// How many files were included and extended from so far.
    pub(super) files: usize,
}

impl Report {
    /// The report of a load that may take so much.
    pub(super) fn within(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A report of the same load that knows what is broken, and has found nothing yet.
    pub(super) fn blank(&self) -> Self {
        Self {
            sources: self.sources.clone(),
            broken: self.broken.clone(),
            limits: self.limits,
            made: Arc::clone(&self.made),
            earned: self.earned,
            ..Self::default()
        }
    }

    /// Takes over what was found with a blank report.
    pub(super) fn append(&mut self, found: Self) {
        self.broken.extend(found.broken);
        self.failed |= found.failed;
        self.withheld += found.withheld;
        found.diagnostics.into_iter().for_each(|diagnostic| self.add(diagnostic));
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Allows for what becomes of a document of so many bytes.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.earned = self.earned.saturating_add(bytes.saturating_mul(self.limits.made_per_byte));
    }

    fn allowed(&self) -> usize {
        self.limits.made_bytes.saturating_add(self.earned)
    }

    /// Registers a source and gives the mark of its beginning.
    pub(super) fn source(&mut self, source: Source) -> Mark {
        let number = u16::try_from(self.sources.len() + 1).ok().and_then(NonZeroU16::new);
        match (number, self.sources.last_mut()) {
            // Beyond what marks can count, all are the last one, which may be shown only if each of them may.
            (None, Some(last)) => last.secret |= source.secret,
            _ => self.sources.push(source),
        }
        Mark { source: number.unwrap_or(NonZeroU16::MAX), line: 0, column: 0, width: 0 }
    }

    /// The sources, in the order that marks count them.
    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    fn source_of(&self, mark: Option<Mark>) -> Option<&Source> {
        source_of(&self.sources, mark?)
    }

    /// Whether the place is in a source whose text may not be shown.
    pub(super) fn is_secret(&self, mark: Option<Mark>) -> bool {
        self.source_of(mark).is_some_and(|source| source.secret)
    }

    /// Whether the place is in a document that arrived as an object.
    pub(super) fn is_object(&self, mark: Option<Mark>) -> bool {
        self.source_of(mark).is_some_and(|source| source.object)
    }

    /// Whether any document arrived as an object.
    pub(super) fn any_object(&self) -> bool {
        self.sources.iter().any(|source| source.object)
    }

    /// The position of a mark, if its source has lines.
    pub(super) fn position(&self, mark: Option<Mark>) -> Option<Position> {
        position(&self.sources, mark)
    }

    /// The value as it may be shown in a message.
    pub(super) fn shown(&self, node: &Node) -> String {
        if node.tainted || self.is_secret(node.mark) {
            return "the value".to_owned();
        }
        match node.as_str() {
            Some(text) => format!("{:?}", shorten(text)),
            None => shorten(&node.printed()).into_owned(),
        }
    }

    /// Reports an error, and that what is at the place cannot be relied upon.
    pub(super) fn error(
        &mut self,
        at: &At<'_>,
        mark: Option<Mark>,
        class: ErrorClass,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        self.error_at(at.to_string(), mark, class, reason, message);
    }

    /// The same with a path that was made before.
    pub(super) fn error_at(
        &mut self,
        path: String,
        mark: Option<Mark>,
        class: ErrorClass,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let position = self.position(mark);
        self.error_positioned(path, position, class, reason, message);
    }

    /// The same with a position that was made before.
    pub(super) fn error_positioned(
        &mut self,
        path: String,
        position: Option<Position>,
        class: ErrorClass,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        self.broken.insert(path.clone());
        let message = message.into();
        self.add(Diagnostic { level: Level::Error, class: Some(class), path, position, reason, message });
    }

    /// Takes from what a load may make; false once nothing is left, which is reported where it happens.
    pub(super) fn spend(&mut self, bytes: usize, at: &At<'_>, mark: Option<Mark>, class: ErrorClass) -> bool {
        let before = self.made.fetch_add(bytes, Ordering::Relaxed);
        let allowed = self.allowed();
        if before <= allowed && before.saturating_add(bytes) > allowed {
            let message = format!(
                "the project grows beyond the limit of {} MiB here; repeat fewer aliases, use shorter variables and \
                 ranges, or include and extend less",
                allowed >> 20
            );
            self.error(at, mark, class, "LimitExceeded", message);
        }
        !self.is_spent()
    }

    /// Whether the load has made all that it may: then it only comes to its end.
    pub(super) fn is_spent(&self) -> bool {
        self.made.load(Ordering::Relaxed) > self.allowed()
    }

    /// Whether further findings are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.diagnostics.len() >= limits::DIAGNOSTICS
    }

    /// Reports text from a Secret where a name stands. Names and paths are part of every message, and would show it.
    pub(super) fn secret_name(&mut self, at: &At<'_>, mark: Option<Mark>, class: ErrorClass) {
        let message = "text from a Secret stands in a name or path, which messages show; write it out";
        self.error(at, mark, class, "SecretInName", message);
    }

    /// Reports a warning.
    pub(super) fn warn(&mut self, at: &At<'_>, mark: Option<Mark>, reason: &'static str, message: impl Into<String>) {
        let (position, message) = (self.position(mark), message.into());
        self.add(Diagnostic { level: Level::Warning, class: None, path: at.to_string(), position, reason, message });
    }

    /// Warns of a variable that is not set; of one variable, only the first place is shown in the end.
    pub(super) fn warn_unset(&mut self, at: &At<'_>, mark: Option<Mark>, variable: &str) {
        let message = format!(
            "variable {variable} is not set and gives a blank string; set it, or write ${{{variable}:-default}}"
        );
        self.warn(at, mark, UNSET, message);
    }

    fn add(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.withheld += 1;
            self.failed |= diagnostic.level == Level::Error;
        } else if !self.diagnostics.contains(&diagnostic) {
            self.failed |= diagnostic.level == Level::Error;
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether an error was reported at the path or below.
    pub(super) fn is_broken(&self, path: &str) -> bool {
        self.broken
            .range(path.to_owned()..)
            .take_while(|broken| broken.starts_with(path))
            .any(|broken| matches!(broken.as_bytes().get(path.len()), None | Some(b'.' | b'[')))
    }

    pub(super) fn has_errors(&self) -> bool {
        self.failed
    }

    /// The diagnostics in the order of the sources.
    pub(super) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        let order = |document: &str| self.sources.iter().position(|source| source.name == document);
        self.diagnostics.sort_by_cached_key(|diagnostic| {
            diagnostic.position.as_ref().map(|position| (order(&position.document), position.line, position.column))
        });
        let mut unset = BTreeSet::new();
        self.diagnostics.retain(|diagnostic| diagnostic.reason != UNSET || unset.insert(diagnostic.message.clone()));
        if self.withheld > 0 {
            self.diagnostics.push(Diagnostic {
                level: if self.failed { Level::Error } else { Level::Warning },
                class: None,
                path: String::new(),
                position: None,
                reason: "LimitExceeded",
                message: format!("{} more findings are not shown; correct those above first", self.withheld),
            });
        }
        self.diagnostics
    }
}

const UNSET: &str = "UnsetVariable";

fn shorten(text: &str) -> std::borrow::Cow<'_, str> {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
