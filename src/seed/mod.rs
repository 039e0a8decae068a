//! `compose-operator seed` and `compose-operator install`: fill a new volume with what an image has at a path.
//!
//! The program runs inside of the user's image, which may have no shell and no libraries: a static copy of it is put
//! there first. It copies what Docker copies: directories, files, symbolic and hard links, named pipes, with owner, mode,
//! times and extended attributes.
//!
//! The copy is made beside the volume's directory and takes its name at the end, so that a run that was cut short leaves
//! nothing behind that looks like a volume.

mod copy;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use self::copy::Copy;

/// What a fresh file system holds.
const LOST_AND_FOUND: &str = "lost+found";

/// Why a volume could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A file could not be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A path that cannot be meant.
    #[error("{}: expected the path of a directory inside of a volume", .0.display())]
    Invalid(PathBuf),
}

/// Names the file that an operation was about.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T, SeedError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, path: &Path) -> Result<T, SeedError> {
        self.map_err(|error| SeedError::Io { path: path.to_owned(), source: error.into() })
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeded {
    /// The directory was copied: so many files, directories and links.
    Copied(usize),
    /// The image has no directory there.
    NothingThere,
    /// The volume holds something already.
    NotEmpty,
}

impl std::fmt::Display for Seeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Copied(count) => write!(f, "{count} entries copied"),
            Self::NothingThere => f.write_str("the image has no directory there"),
            Self::NotEmpty => f.write_str("the volume holds something already"),
        }
    }
}

/// Copies the directory `from` to `to`, a directory of a volume that may not be there yet; does nothing when it holds
/// something.
///
/// # Errors
/// When something cannot be read or written; a part that was copied is removed by the next run.
pub fn seed(from: &Path, to: &Path) -> Result<Seeded, SeedError> {
    let (Some(parent), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(SeedError::Invalid(to.to_owned()));
    };
    if holds_something(to)? {
        return Ok(Seeded::NotEmpty);
    }
    let mut beside = name.to_owned();
    beside.push(".seeding");
    let beside = parent.join(beside);
    if fs::symlink_metadata(&beside).is_ok() {
        fs::remove_dir_all(&beside).at(&beside)?;
    }
    // A link, such as /var/run, leads to the directory that is mounted over.
    let Ok(from) = fs::canonicalize(from) else { return Ok(Seeded::NothingThere) };
    if !from.is_dir() {
        return Ok(Seeded::NothingThere);
    }
    let count = Copy::new(&from)?.directory(&from, &beside)?;
    if fs::symlink_metadata(to).is_ok() {
        fs::remove_dir_all(to).at(to)?;
    }
    fs::rename(&beside, to).at(to)?;
    fs::File::open(parent).and_then(|directory| directory.sync_all()).at(parent)?;
    Ok(Seeded::Copied(count))
}

fn holds_something(directory: &Path) -> Result<bool, SeedError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        error => error.at(directory)?,
    };
    for entry in entries {
        if entry.at(directory)?.file_name() != LOST_AND_FOUND {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Copies this very program to `to`.
///
/// # Errors
/// When it cannot be read or written.
pub fn install(to: &Path) -> Result<(), SeedError> {
    let program = std::env::current_exe().at(Path::new("/proc/self/exe"))?;
    fs::copy(&program, to).at(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).at(to)
}

#[cfg(test)]
mod tests;
