//! YAML text to the tree of every document in it: events, anchors, tags.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

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
    tag: Option<Box<str>>,
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
    let steps = Parser::new_from_str(text).map(|event| event.map(|(event, span)| Step::new(event, span, source)));
    threads.ahead(steps, |steps| {
        let values = report.limits().document_values;
        let arena = Arena { nodes: Vec::with_capacity(text.len() / TEXT_OF_A_NODE), ..Arena::default() };
        read(Reader { steps, source, arena, lines, values }, report, threads)
    })
}

fn read<'t>(
    mut reader: Reader<'t, impl Iterator<Item = Result<Step<'t>, ScanError>>>,
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
                let Failure { mark, reason, message } = failure;
                let message = if report.is_secret(Some(mark)) && reason == "InvalidYaml" {
                    "this is not valid YAML".to_owned()
                } else {
                    message
                };
                report.error(&At::ROOT, Some(mark), ErrorClass::Yaml, reason, message);
                return documents;
            }
        }
    }
}

struct Failure {
    mark: Mark,
    reason: &'static str,
    message: String,
}

/// What the parser says next: of its event, what a node needs, in half of the room.
struct Step<'t> {
    kind: StepKind<'t>,
    anchor: usize,
    tag: Option<Box<str>>,
    mark: Mark,
}

enum StepKind<'t> {
    /// Something between documents.
    Nothing,
    StreamEnd,
    DocumentStart,
    Alias,
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
    },
    ListStart,
    ListEnd,
    MapStart,
    MapEnd,
}

impl<'t> Step<'t> {
    fn new(event: Event<'t>, span: Span, source: Mark) -> Self {
        let (kind, anchor, tag) = match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => (StepKind::Nothing, 0, None),
            Event::StreamEnd => (StepKind::StreamEnd, 0, None),
            Event::DocumentStart(_) => (StepKind::DocumentStart, 0, None),
            Event::Alias(anchor) => (StepKind::Alias, anchor, None),
            Event::Scalar(text, style, anchor, tag) => {
                (StepKind::Scalar { text, plain: style == ScalarStyle::Plain }, anchor, tag)
            }
            Event::SequenceStart(anchor, tag) => (StepKind::ListStart, anchor, tag),
            Event::SequenceEnd => (StepKind::ListEnd, 0, None),
            Event::MappingStart(anchor, tag) => (StepKind::MapStart, anchor, tag),
            Event::MappingEnd => (StepKind::MapEnd, 0, None),
        };
        let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix).into_boxed_str());
        let mut mark = mark(span.start, source);
        if span.start.line() == span.end.line() {
            mark.width = u16::try_from(span.end.col().saturating_sub(span.start.col())).unwrap_or(u16::MAX);
        }
        Self { kind, anchor, tag, mark }
    }
}

fn mark(marker: Marker, source: Mark) -> Mark {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Mark { line: number(marker.line()).max(1), column: number(marker.col() + 1), ..source }
}

struct Reader<'t, E> {
    steps: E,
    source: Mark,
    arena: Arena<'t>,
    /// The lines of the text, where one of them may be a directive.
    lines: Vec<&'t str>,
    /// How many values the text may have.
    values: usize,
}

impl<'t, E: Iterator<Item = Result<Step<'t>, ScanError>>> Reader<'t, E> {
    fn next(&mut self) -> Result<Step<'t>, Failure> {
        match self.steps.next() {
            None => Ok(Step { kind: StepKind::StreamEnd, anchor: 0, tag: None, mark: self.source }),
            Some(Ok(step)) if self.arena.nodes.len() >= self.values => Err(Failure {
                mark: step.mark,
                reason: "LimitExceeded",
                message: format!("more than {} values in one file; split it with include", self.values),
            }),
            Some(Ok(step)) => Ok(step),
            Some(Err(error)) => Err(Failure {
                mark: mark(*error.marker(), self.source),
                reason: "InvalidYaml",
                message: format!("this is not valid YAML: {}", error.info()),
            }),
        }
    }

    /// The root of the next document, if there is one.
    fn document(&mut self) -> Result<Option<usize>, Failure> {
        loop {
            let step = self.next()?;
            match step.kind {
                StepKind::StreamEnd => return Ok(None),
                StepKind::DocumentStart => self.directives(step.mark)?,
                StepKind::Nothing => {}
                _ => return self.node(step, 0).map(Some),
            }
        }
    }

    /// Refuses a document that says that it is of another version of YAML than 1.1, as the reference implementation
    /// does. The parser keeps directives to itself, so they are looked for above the line that starts the document.
    fn directives(&self, start: Mark) -> Result<(), Failure> {
        let above = self.lines.get(..start.line as usize - 1).unwrap_or_default();
        for line in above.iter().rev() {
            if let Some(version) = line.strip_prefix("%YAML")
                && version.split_whitespace().next().is_some_and(|version| version != "1.1")
            {
                let message = "Docker Compose reads YAML 1.1 only; take the line %YAML out".to_owned();
                return Err(Failure { mark: start, reason: "InvalidYaml", message });
            }
            let rest = line.trim_start();
            if !(line.starts_with('%') || rest.is_empty() || rest.starts_with('#')) {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: RawKind<'t>, anchor: usize, tag: Option<Box<str>>, mark: Mark) -> usize {
        let index = self.arena.nodes.len();
        self.arena.nodes.push(Raw { kind, tag, mark });
        if anchor > 0 {
            self.arena.anchors.insert(anchor, index);
        }
        index
    }

    fn node(&mut self, step: Step<'t>, depth: usize) -> Result<usize, Failure> {
        let Step { kind, anchor, tag, mark } = step;
        if depth > limits::NESTING {
            let message = format!("nested deeper than the limit of {} levels", limits::NESTING);
            return Err(Failure { mark, reason: "LimitExceeded", message });
        }
        match kind {
            StepKind::Alias => {
                let Some(&target) = self.arena.anchors.get(&anchor) else {
                    let message = "this is not valid YAML: the alias names no anchor before it".to_owned();
                    return Err(Failure { mark, reason: "InvalidYaml", message });
                };
                Ok(self.add(RawKind::Alias(target), 0, None, mark))
            }
            StepKind::Scalar { text, plain } => Ok(self.add(RawKind::Scalar { text, plain }, anchor, tag, mark)),
            StepKind::ListStart => {
                let index = self.add(RawKind::List(Vec::new()), anchor, tag, mark);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Step { kind: StepKind::ListEnd, .. } => break,
                        step => items.push(self.node(step, depth + 1)?),
                    }
                }
                self.arena.nodes[index].kind = RawKind::List(items);
                Ok(index)
            }
            StepKind::MapStart => {
                let index = self.add(RawKind::Map(Vec::new()), anchor, tag, mark);
                let mut entries = Vec::new();
                loop {
                    let key = match self.next()? {
                        Step { kind: StepKind::MapEnd, .. } => break,
                        step => self.node(step, depth + 1)?,
                    };
                    let step = self.next()?;
                    entries.push((key, self.node(step, depth + 1)?));
                }
                self.arena.nodes[index].kind = RawKind::Map(entries);
                Ok(index)
            }
            _ => {
                let message = "this is not valid YAML: a value was expected here".to_owned();
                Err(Failure { mark, reason: "InvalidYaml", message })
            }
        }
    }
}
