//! What the loader found, as a person reads it: the place, the line there, and what it is about underlined.

use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal as _;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, Severity, SourceCode,
    SourceSpan, SpanContents,
};

use super::disk::Disk;
use crate::compose::{Diagnostic, DocumentBody, Level, LoadOptions, Position, ProjectFiles as _};

/// Prints findings on standard error, in colour when that is a terminal.
pub(super) fn print(findings: &[Diagnostic], options: &LoadOptions) {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let theme = if coloured { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    eprint!("{}", rendered(findings, &|name| text_of(name, options), theme));
}

/// The text that a position points into: that of a document, or of a file of the project.
fn text_of(name: &str, options: &LoadOptions) -> Option<String> {
    if let Some(document) = options.documents.iter().find(|document| document.name == name) {
        return match &document.body {
            DocumentBody::Text(text) => Some(text.clone()),
            DocumentBody::Object(_) => None,
        };
    }
    let path = if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", options.project_directory) };
    String::from_utf8(Disk.read(&path).ok()?.content).ok()
}

fn rendered(findings: &[Diagnostic], text_of: &dyn Fn(&str) -> Option<String>, theme: GraphicalTheme) -> String {
    let handler = GraphicalReportHandler::new_themed(theme).with_width(120).with_wrap_lines(false);
    let mut texts: HashMap<&str, Option<Lines>> = HashMap::new();
    let mut out = String::new();
    for finding in findings {
        let excerpt = finding.position.as_ref().filter(|position| !position.secret).and_then(|position| {
            let lines = texts.entry(&position.document).or_insert_with(|| text_of(&position.document).map(Lines::new));
            Excerpt::new(position, lines.as_ref()?)
        });
        let finding = Finding { finding, excerpt };
        if handler.render_report(&mut out, &finding).is_err() {
            out.push_str(&finding.to_string());
        }
        out.push('\n');
    }
    let count = |level: Level, word: &str| match findings.iter().filter(|finding| finding.level == level).count() {
        0 => None,
        1 => Some(format!("1 {word}")),
        count => Some(format!("{count} {word}s")),
    };
    let counts: Vec<String> =
        [count(Level::Error, "error"), count(Level::Warning, "warning")].into_iter().flatten().collect();
    if !counts.is_empty() {
        out.push_str(&counts.join(", "));
        out.push('\n');
    }
    out
}

/// A text and where its lines begin.
struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: String) -> Self {
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        Self { text, starts }
    }

    fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let start = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        Some(self.text[start..end].trim_end_matches('\r'))
    }
}

/// The part of a line around what a finding is about.
struct Excerpt {
    document: String,
    /// What is shown of the line.
    shown: String,
    /// The place in `shown`, in bytes.
    span: SourceSpan,
    /// Line and column in the document, from 0.
    line: usize,
    column: usize,
}

impl Excerpt {
    /// How many characters are shown before the place, and in all.
    const BEFORE: usize = 60;
    const MOST: usize = 160;

    fn new(position: &Position, lines: &Lines) -> Option<Self> {
        let line = lines.line(position.line)?;
        let column = usize::try_from(position.column).ok()?.checked_sub(1)?;
        let width = usize::try_from(position.width).ok()?.max(1);
        let cut = column.saturating_sub(Self::BEFORE);
        let cut = if column + width > Self::MOST { cut } else { 0 };
        let mut shown = if cut > 0 { "…".to_owned() } else { String::new() };
        let (mut start, mut end) = (None, 0);
        for (index, c) in line.chars().enumerate().skip(cut).take(Self::MOST) {
            if index == column {
                start = Some(shown.len());
            }
            // A file may hold what a terminal would obey.
            shown.push(if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c });
            if index >= column && index < column + width {
                end = shown.len();
            }
        }
        if line.chars().nth(cut + Self::MOST).is_some() {
            shown.push('…');
        }
        // A value that is missing stands where its line ends.
        let start = start.unwrap_or(shown.len());
        let span = SourceSpan::new(start.into(), end.saturating_sub(start));
        let line = usize::try_from(position.line).ok()?.checked_sub(1)?;
        Some(Self { document: position.document.clone(), shown, span, line, column })
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        // Without context it is asked for the place itself, whose line and column are shown.
        let (data, span, column) = if before == 0 {
            let end = (span.offset() + span.len()).min(self.shown.len());
            (self.shown.get(span.offset()..end).unwrap_or_default(), *span, self.column)
        } else {
            (self.shown.as_str(), SourceSpan::new(0.into(), self.shown.len()), 0)
        };
        let name = plain(&self.document);
        Ok(Box::new(MietteSpanContents::new_named(name, data.as_bytes(), span, self.line, column, 1)))
    }
}

struct Finding<'a> {
    finding: &'a Diagnostic,
    excerpt: Option<Excerpt>,
}

/// Text without what a terminal would obey: the paths of attributes are as somebody wrote them.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The place is in the excerpt's frame, if there is one.
        let position = if self.excerpt.is_some() { None } else { self.finding.position.clone() };
        f.write_str(&plain(&Diagnostic { position, ..self.finding.clone() }.to_string()))
    }
}

impl fmt::Debug for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Finding<'_> {}

impl miette::Diagnostic for Finding<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(match self.finding.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|excerpt| excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, excerpt.span))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Document, ProjectFile, ProjectTree, load};

    fn shown(text: &str, secret: bool, files: &[(&str, &str)]) -> String {
        let body = DocumentBody::Text(text.to_owned());
        let options = LoadOptions {
            documents: vec![Document { name: "compose.yaml".to_owned(), body, secret }],
            project_directory: "/project".to_owned(),
            project_name: Some("demo".to_owned()),
            ..LoadOptions::default()
        };
        let mut tree = ProjectTree::default();
        for (name, content) in files {
            let file = ProjectFile { content: content.as_bytes().to_vec(), mode: None, secret: false };
            tree.insert(format!("/project/{name}"), file);
        }
        let findings = match load(&tree, &options) {
            Ok(project) => project.warnings,
            Err(diagnostics) => diagnostics.0,
        };
        let text_of = |name: &str| {
            let file = files.iter().find(|(file, _)| *file == name).map(|(_, content)| (*content).to_owned());
            file.or_else(|| text_of(name, &options))
        };
        rendered(&findings, &text_of, GraphicalTheme::none())
    }

    #[test]
    fn an_error_shows_its_line_with_the_place_underlined() {
        let text = "services:\n  web:\n    image: nginx\n    helthcheck: {test: x}\n    tty: [1]\n";
        assert_eq!(
            shown(text, false, &[]),
            "  x services.web.helthcheck: the specification does not know this attribute; did you mean healthcheck?
   ,-[compose.yaml:4:5]
 4 |     helthcheck: {test: x}
   :     ^^^^^^^^^^
   `----

  x services.web.tty: expected a string or a boolean, and this is a list
   ,-[compose.yaml:5:10]
 5 |     tty: [1]
   :          ^
   `----

2 errors
"
        );
    }

    #[test]
    fn a_warning_points_into_the_file_that_it_is_about() {
        let text = shown("include: [inc.yaml]\n", false, &[("inc.yaml", "services:\n  a:\n    image: \"x:${TAG}\"\n")]);
        assert!(text.contains("! services.a.image: variable TAG is not set"), "{text}");
        assert!(text.contains("[inc.yaml:3:12]") && text.contains("   :            ^^^^^^^^^^\n"), "{text}");
        assert!(text.ends_with("\n1 warning\n"), "{text}");
    }

    #[test]
    fn nothing_of_a_secret_document_is_shown() {
        let text = shown("services: {a: {image: [hunter2]}}\n", true, &[]);
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("x compose.yaml:1:23: services.a.image: "), "{text}");
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_do_nothing() {
        let text = format!(
            "services: {{a: {{image: x, x-a: \"{}\u{1b}[31m\", tty: [1], x-b: \"{}\"}}}}\n",
            "ä".repeat(500),
            "y".repeat(500)
        );
        let shown = shown(&text, false, &[]);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert!(shown.contains("[1]") && shown.contains('…'), "{shown}");
        assert!(shown.lines().all(|line| line.chars().count() < 180), "{shown}");
    }
}
