//! The project directory, seen through a trait.

use std::collections::BTreeMap;
use std::fmt;

/// A file of the project directory.
#[derive(Clone, PartialEq, Eq)]
pub struct ProjectFile {
    /// Its content.
    pub content: Vec<u8>,
    /// Its permission bits, when they are known.
    pub mode: Option<u32>,
    /// Whether it came from a Secret.
    pub secret: bool,
}

impl fmt::Debug for ProjectFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProjectFile")
            .field("bytes", &self.content.len())
            .field("mode", &self.mode)
            .field("secret", &self.secret)
            .finish()
    }
}

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Nothing is there.
    #[error("no such file")]
    NotFound,
    /// A directory is there.
    #[error("is a directory")]
    IsDirectory,
    /// It is there and cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// The files that a project refers to, by absolute path.
pub trait ProjectFiles {
    /// The file at an absolute, cleaned path.
    ///
    /// # Errors
    /// When there is no such file, it is a directory, or it cannot be read.
    fn read(&self, path: &str) -> Result<ProjectFile, FileError>;
}

/// A project directory in memory: files by absolute, cleaned path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectTree(BTreeMap<String, ProjectFile>);

impl ProjectTree {
    /// Adds a file, or replaces it.
    pub fn insert(&mut self, path: String, file: ProjectFile) {
        self.0.insert(path, file);
    }

    /// The files under a directory, with their paths relative to it, in order.
    pub fn under<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = (&'a str, &'a ProjectFile)> {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        self.0
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(move |(path, file)| (&path[directory.trim_end_matches('/').len() + 1..], file))
    }
}

impl ProjectFiles for ProjectTree {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        match self.0.get(path) {
            Some(file) => Ok(file.clone()),
            None if self.under(path).next().is_some() => Err(FileError::IsDirectory),
            None => Err(FileError::NotFound),
        }
    }
}
