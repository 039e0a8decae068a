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
        if Path::new(path).is_dir() {
            return Err(FileError::IsDirectory);
        }
        match File::open(path).and_then(whole) {
            Ok(content) => Ok(ProjectFile { content, mode: None, secret: false }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(FileError::NotFound),
            Err(error) => Err(FileError::Unreadable(error.to_string())),
        }
    }
}

/// All that can be read; an error as soon as it is more than any document may have, which is not kept until then.
pub(super) fn whole(from: impl Read) -> io::Result<Vec<u8>> {
    let limit = Limits::LOCAL.document_bytes;
    let mut content = Vec::new();
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
        let error = whole(io::repeat(b'x')).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than the limit of 4194304 bytes");
        assert_eq!(whole(&b"services: {}"[..]).unwrap(), b"services: {}");
    }
}
