//! Copies a directory with everything in it.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

use super::{At as _, SeedError};

/// How long a list of names, and how large a value of extended attributes may be (Linux, `XATTR_SIZE_MAX`).
const XATTR: usize = 65_536;

/// A copy under way.
pub(super) struct Copy {
    /// The file system that is copied: what is mounted below is not part of the image.
    device: u64,
    /// The files with several names that were met: where their first copy is.
    links: HashMap<u64, PathBuf>,
    /// Whether owners can be given, which only root can.
    is_root: bool,
}

impl Copy {
    pub(super) fn new(from: &Path) -> Result<Self, SeedError> {
        let device = fs::metadata(from).at(from)?.dev();
        Ok(Self { device, links: HashMap::new(), is_root: rustix::process::geteuid().is_root() })
    }

    /// Copies a directory and says how many entries were made.
    pub(super) fn directory(&mut self, from: &Path, to: &Path) -> Result<usize, SeedError> {
        let metadata = fs::symlink_metadata(from).at(from)?;
        fs::create_dir(to).at(to)?;
        let mut count = 1;
        for entry in fs::read_dir(from).at(from)? {
            let entry = entry.at(from)?;
            count += self.entry(&entry.path(), &to.join(entry.file_name()))?;
        }
        // At the end, for a directory's time changes with its entries, and its mode may forbid them.
        self.attributes(from, to, &metadata)?;
        File::open(to).and_then(|directory| directory.sync_all()).at(to)?;
        Ok(count)
    }

    fn entry(&mut self, from: &Path, to: &Path) -> Result<usize, SeedError> {
        let metadata = fs::symlink_metadata(from).at(from)?;
        if metadata.dev() != self.device {
            return Ok(0);
        }
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.directory(from, to);
        }
        if metadata.nlink() > 1 {
            if let Some(first) = self.links.get(&metadata.ino()) {
                fs::hard_link(first, to).at(to)?;
                return Ok(1);
            }
            self.links.insert(metadata.ino(), to.to_owned());
        }
        if kind.is_symlink() {
            symlink(fs::read_link(from).at(from)?, to).at(to)?;
        } else if kind.is_file() {
            fs::copy(from, to).at(to)?;
        } else if kind.is_fifo() {
            rustix::fs::mknodat(CWD, to, FileType::Fifo, Mode::from(0o600), 0).at(to)?;
        } else {
            eprintln!("{}: devices and sockets are not copied", from.display());
            return Ok(0);
        }
        self.attributes(from, to, &metadata)?;
        if kind.is_file() {
            File::open(to).and_then(|file| file.sync_all()).at(to)?;
        }
        Ok(1)
    }

    /// Owner, extended attributes, mode and times: in this order, since each changes or forbids those before it.
    fn attributes(&self, from: &Path, to: &Path, metadata: &Metadata) -> Result<(), SeedError> {
        let is_link = metadata.file_type().is_symlink();
        if self.is_root {
            let change = if is_link { lchown } else { chown };
            change(to, Some(metadata.uid()), Some(metadata.gid())).at(to)?;
        }
        if !is_link {
            extended_attributes(from, to)?;
            fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode() & 0o7777)).at(to)?;
        }
        if metadata.file_type().is_file() || metadata.is_dir() {
            if let (Ok(accessed), Ok(modified)) = (metadata.accessed(), metadata.modified())
                && let Ok(file) = File::open(to)
            {
                file.set_times(FileTimes::new().set_accessed(accessed).set_modified(modified)).at(to)?;
            }
            return Ok(());
        }
        let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let times = Timestamps {
            last_access: time(metadata.atime(), metadata.atime_nsec()),
            last_modification: time(metadata.mtime(), metadata.mtime_nsec()),
        };
        rustix::fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW).at(to)
    }
}

/// Copies extended attributes, without those that the volume's file system or the rights of this process do not allow.
fn extended_attributes(from: &Path, to: &Path) -> Result<(), SeedError> {
    let mut names = vec![0; XATTR];
    let length = match rustix::fs::llistxattr(from, &mut names) {
        Ok(length) => length,
        Err(error) if is_refused(error) => return Ok(()),
        error => error.at(from)?,
    };
    let mut value = vec![0; XATTR];
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let length = match rustix::fs::lgetxattr(from, name, &mut value) {
            Ok(length) => length,
            Err(error) if is_refused(error) => continue,
            error => error.at(from)?,
        };
        match rustix::fs::lsetxattr(to, name, &value[..length], XattrFlags::empty()) {
            Err(error) if !is_refused(error) => return Err(io::Error::from(error)).at(to),
            _ => {}
        }
    }
    Ok(())
}

fn is_refused(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    [Errno::PERM, Errno::ACCESS, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NODATA, Errno::INVAL].contains(&error)
}
