//! The project directory on disk.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::compose::{FileError, Limits, ProjectFile, ProjectFiles};

/// Reads files where they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk;

impl ProjectFiles for Disk {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        match whole_file(path.as_ref()) {
            Ok(content) => Ok(ProjectFile { content, mode: None, secret: false }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) if error.kind() == ErrorKind::IsADirectory => Err(FileError::IsDirectory),
            Err(error) => Err(FileError::Unreadable(error.to_string())),
        }
    }
}

/// All of a file, as by [`whole`].
pub(super) fn whole_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata().map_or(0, |it| it.len());
    whole(file, usize::try_from(length).unwrap_or(usize::MAX))
}

/// All that can be read, which may be about so many bytes; an error as soon as it is more than any document may have, which
/// is not kept until then.
pub(super) fn whole(from: impl Read, length: usize) -> io::Result<Vec<u8>> {
    let limit = Limits::LOCAL.document_bytes;
    let mut content = Vec::with_capacity(length.min(limit));
    from.take(limit as u64 + 1).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than the limit of {limit} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let error = whole(io::repeat(b'x'), 0).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than the limit of 4194304 bytes");
        assert_eq!(whole(&b"services: {}"[..], 3).unwrap(), b"services: {}");
    }
}
