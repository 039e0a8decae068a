//! YAML text to the tree of every document in it: events, anchors, tags.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::limits;
use super::node::{Mark, Node};
use super::report::Report;
use super::reset::Resets;
use crate::parallel::Threads;

mod assemble;

/// A document of a YAML stream.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) root: Node,
    pub(super) resets: Resets,
}

/// A node as written: aliases are not followed yet.
struct Raw<'t> {
    kind: RawKind<'t>,
    tag: Option<String>,
    mark: Mark,
}

enum RawKind<'t> {
    Scalar { text: Cow<'t, str>, plain: bool },
    List(Vec<usize>),
    Map(Vec<(usize, usize)>),
    Alias(usize),
}

/// The nodes of a stream. Anchors go on into later documents, as in the reference implementation.
#[derive(Default)]
struct Arena<'t> {
    nodes: Vec<Raw<'t>>,
    anchors: HashMap<usize, usize>,
}

/// How many bytes of most texts there are to a node. Room that is not needed is never looked at, and takes none.
const TEXT_OF_A_NODE: usize = 8;

/// Shorter documents are parsed before a thread has begun.
const LONG: usize = 16 << 10;

/// Reads every document of a text; `source` marks the beginning of its source.
pub(super) fn parse(text: &str, source: Mark, report: &mut Report, threads: Threads) -> Vec<Parsed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = Some(Mark { line: 1, column: 1, ..source });
    let limit = report.limits().document_bytes;
    if text.len() > limit {
        let message = format!(
            "the document has {} bytes, which is more than the limit of {limit}; split it with include",
            text.len()
        );
        report.error(&At::ROOT, start, ErrorClass::Yaml, "LimitExceeded", message);
        return Vec::new();
    }
    report.earn(text.len());
    let lines = if text.contains("%YAML") { text.lines().collect() } else { Vec::new() };
    let threads = if text.len() < LONG { Threads::One } else { threads };
    let events = Parser::new_from_str(text);
    threads.ahead(events, |events| {
        let values = report.limits().document_values;
        let arena = Arena { nodes: Vec::with_capacity(text.len() / TEXT_OF_A_NODE), ..Arena::default() };
        read(Reader { events, source, arena, lines, values }, report, threads)
    })
}

fn read<'t>(
    mut reader: Reader<'t, impl Iterator<Item = Happening<'t>>>,
    report: &mut Report,
    threads: Threads,
) -> Vec<Parsed> {
    let mut documents = Vec::new();
    loop {
        match reader.document() {
            Ok(Some(_)) if report.is_spent() => return documents,
            Ok(Some(root)) => {
                documents.extend(assemble::assemble(&reader.arena, root, report, threads));
            }
            Ok(None) => return documents,
            Err(failure) => {
                let mark = reader.mark(failure.marker);
                let message = if report.is_secret(Some(mark)) && failure.reason == "InvalidYaml" {
                    "this is not valid YAML".to_owned()
                } else {
                    failure.message
                };
                report.error(&At::ROOT, Some(mark), ErrorClass::Yaml, failure.reason, message);
                return documents;
            }
        }
    }
}

struct Failure {
    marker: Marker,
    reason: &'static str,
    message: String,
}

/// What the parser says next.
type Happening<'t> = Result<(Event<'t>, Span), ScanError>;

struct Reader<'t, E> {
    events: E,
    source: Mark,
    arena: Arena<'t>,
    /// The lines of the text, where one of them may be a directive.
    lines: Vec<&'t str>,
    /// How many values the text may have.
    values: usize,
}

impl<'t, E: Iterator<Item = Happening<'t>>> Reader<'t, E> {
    fn mark(&self, marker: Marker) -> Mark {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let (line, column) = (number(marker.line()).max(1), number(marker.col()) + 1);
        Mark { source: self.source.source, line, column, width: 0 }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Failure> {
        match self.events.next() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok((_, span))) if self.arena.nodes.len() >= self.values => Err(Failure {
                marker: span.start,
                reason: "LimitExceeded",
                message: format!("more than {} values in one file; split it with include", self.values),
            }),
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Failure {
                marker: *error.marker(),
                reason: "InvalidYaml",
                message: format!("this is not valid YAML: {}", error.info()),
            }),
        }
    }

    /// The root of the next document, if there is one.
    fn document(&mut self) -> Result<Option<usize>, Failure> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(_), span) => self.directives(span.start)?,
                (Event::StreamStart | Event::DocumentEnd | Event::Nothing, _) => {}
                (event, span) => {
                    let root = self.node(event, span, 0)?;
                    return Ok(Some(root));
                }
            }
        }
    }

    /// Refuses a document that says that it is of another version of YAML than 1.1, as the reference implementation
    /// does. The parser keeps directives to itself, so they are looked for above the line that starts the document.
    fn directives(&self, start: Marker) -> Result<(), Failure> {
        let above = self.lines.get(..start.line().saturating_sub(1)).unwrap_or_default();
        for line in above.iter().rev() {
            if let Some(version) = line.strip_prefix("%YAML")
                && version.split_whitespace().next().is_some_and(|version| version != "1.1")
            {
                let message = "Docker Compose reads YAML 1.1 only; take the line %YAML out".to_owned();
                return Err(Failure { marker: start, reason: "InvalidYaml", message });
            }
            let rest = line.trim_start();
            if !(line.starts_with('%') || rest.is_empty() || rest.starts_with('#')) {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: RawKind<'t>, tag: Option<Cow<'t, Tag>>, anchor: usize, span: Span) -> usize {
        let index = self.arena.nodes.len();
        let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
        let mut mark = self.mark(span.start);
        if span.start.line() == span.end.line() {
            mark.width = u32::try_from(span.end.col().saturating_sub(span.start.col())).unwrap_or(u32::MAX);
        }
        self.arena.nodes.push(Raw { kind, tag, mark });
        if anchor > 0 {
            self.arena.anchors.insert(anchor, index);
        }
        index
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<usize, Failure> {
        if depth > limits::NESTING {
            let message = format!("nested deeper than the limit of {} levels", limits::NESTING);
            return Err(Failure { marker: span.start, reason: "LimitExceeded", message });
        }
        match event {
            Event::Alias(anchor) => {
                let Some(&target) = self.arena.anchors.get(&anchor) else {
                    let message = "this is not valid YAML: the alias names no anchor before it".to_owned();
                    return Err(Failure { marker: span.start, reason: "InvalidYaml", message });
                };
                Ok(self.add(RawKind::Alias(target), None, 0, span))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                Ok(self.add(RawKind::Scalar { text, plain }, tag, anchor, span))
            }
            Event::SequenceStart(anchor, tag) => {
                let index = self.add(RawKind::List(Vec::new()), tag, anchor, span);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                self.arena.nodes[index].kind = RawKind::List(items);
                Ok(index)
            }
            Event::MappingStart(anchor, tag) => {
                let index = self.add(RawKind::Map(Vec::new()), tag, anchor, span);
                let mut entries = Vec::new();
                loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (event, span) => self.node(event, span, depth + 1)?,
                    };
                    let (event, span) = self.next()?;
                    entries.push((key, self.node(event, span, depth + 1)?));
                }
                self.arena.nodes[index].kind = RawKind::Map(entries);
                Ok(index)
            }
            _ => {
                let message = "this is not valid YAML: a value was expected here".to_owned();
                Err(Failure { marker: span.start, reason: "InvalidYaml", message })
            }
        }
    }
}
