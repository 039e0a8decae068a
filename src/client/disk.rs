//! The project directory on disk.

use std::io::ErrorKind;
use std::path::Path;

use crate::compose::{FileError, ProjectFile, ProjectFiles};

/// Reads files where they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk;

impl ProjectFiles for Disk {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        if Path::new(path).is_dir() {
            return Err(FileError::IsDirectory);
        }
        match std::fs::read(path) {
            Ok(content) => Ok(ProjectFile { content, mode: None, secret: false }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) => Err(FileError::Unreadable(error.to_string())),
        }
    }
}
