//! What the loader has to say to the person who wrote the file.

use std::fmt;

/// How serious a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Loading went on.
    Warning,
    /// There is no project.
    Error,
}

/// What kind of rule an error breaks: one class for each stage of a load, as they are told apart in the errors of
/// compose-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The text is no YAML, no mapping, or has a key twice or of another type than text.
    Yaml,
    /// A variable is missing, a template has the wrong syntax, or a text is not of its attribute's type.
    Interpolation,
    /// Included files: a ring, or an entry of the wrong form.
    Include,
    /// A service extends itself, or something that is not there.
    Extends,
    /// Two documents say things that cannot be brought together.
    Merge,
    /// An attribute that the specification does not know, a required one that is missing, or a value of the wrong form.
    Schema,
    /// A value within its form that cannot be read, such as a port or a duration.
    Decode,
    /// Attributes that exclude each other, and references to what is not defined.
    Consistency,
    /// A file that the project names is not there, or cannot be read.
    FileMissing,
    /// A file of variables that breaks the syntax.
    Dotenv,
    /// The project has no name, or one that cannot be.
    ProjectName,
}

impl ErrorClass {
    /// The class as a stable word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Interpolation => "interpolation",
            Self::Include => "include",
            Self::Extends => "extends",
            Self::Merge => "merge",
            Self::Schema => "schema",
            Self::Decode => "decode",
            Self::Consistency => "consistency",
            Self::FileMissing => "file-missing",
            Self::Dotenv => "dotenv",
            Self::ProjectName => "project-name",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a document; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The document's name.
    pub document: String,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
    /// How many characters of the line what stands here takes; 0 when that is not known.
    pub width: u32,
    /// Whether the document came from a Secret: then nothing of its text may be shown.
    pub secret: bool,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.document, self.line, self.column)
    }
}

/// One thing that is wrong, or noteworthy, in a Compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub level: Level,
    /// What kind of rule an error of the loader breaks; none for a warning, and for an error of another origin.
    pub class: Option<ErrorClass>,
    /// The attribute path, such as `services.web.ports[0].target`; empty for the document as a whole.
    pub path: String,
    /// Where it was written, when it was written anywhere.
    pub position: Option<Position>,
    /// A short, stable word for programs, such as `UnknownAttribute`.
    pub reason: &'static str,
    /// What is wrong, what was expected, what to do: lower case, no full stop at the end.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that stands in the way of a project: never empty, errors and warnings in document order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}
