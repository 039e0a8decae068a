//! The project directory of a conversion: on disk, and for the loader where the operator has it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::super::disk::Disk;
use crate::compose::{FileError, Project, ProjectFile, ProjectFiles, ProjectTree};
use crate::translate::{FileReference, Note, NoteLevel, as_relative, file_references};

/// More than any ConfigMap, Secret or ComposeStack may hold. A directory is not read beyond it: the translation says
/// that it is too large.
const ENOUGH: u64 = 2 << 20;

/// The files that a project refers to.
#[derive(Debug)]
pub(super) struct ProjectDisk {
    directory: PathBuf,
    /// What the loader read.
    read: RefCell<BTreeMap<String, ProjectFile>>,
}

impl ProjectDisk {
    pub(super) fn new(directory: &str) -> Self {
        Self { directory: PathBuf::from(directory), read: RefCell::default() }
    }

    /// Where a path of the loader is on disk.
    fn on_disk(&self, path: &str) -> PathBuf {
        as_relative(path).map_or_else(|| PathBuf::from(path), |relative| self.directory.join(relative))
    }

    fn file(&self, path: &str) -> Result<ProjectFile, FileError> {
        let on_disk = self.on_disk(path);
        if let Ok(metadata) = fs::metadata(&on_disk)
            && !metadata.is_dir()
        {
            if !metadata.is_file() {
                return Err(FileError::Unreadable("is no regular file".to_owned()));
            }
            let bytes = metadata.len();
            if bytes > ENOUGH {
                return Err(FileError::Unreadable(format!("holds {bytes} bytes, and no object more than 1048576")));
            }
            let on_disk = on_disk.to_str().ok_or_else(|| FileError::Unreadable("its path is not UTF-8".to_owned()))?;
            return Ok(ProjectFile { mode: executable(&metadata), ..Disk.read(on_disk)? });
        }
        Disk.read(&on_disk.to_string_lossy())
    }

    /// The files that the loader read, by its paths.
    pub(super) fn read_by_loader(&self) -> BTreeMap<String, ProjectFile> {
        self.read.borrow().clone()
    }

    /// The files that the translation looks at, and what cannot be read of them.
    pub(super) fn referred_to(&self, project: &Project) -> (ProjectTree, Vec<Note>) {
        let mut tree = ProjectTree::default();
        let mut notes = Vec::new();
        for FileReference { path, file, may_be_directory } in file_references(project) {
            match self.file(&file) {
                Ok(content) => tree.insert(file, content),
                Err(FileError::IsDirectory) if may_be_directory => {
                    let mut left = ENOUGH;
                    self.add_directory(&path, &file, &self.on_disk(&file), &mut left, &mut tree, &mut notes);
                }
                // The translation says it with what to do.
                Err(FileError::NotFound) => {}
                Err(error) => notes.push(unreadable(path, &file, &error)),
            }
        }
        (tree, notes)
    }

    fn add_directory(
        &self,
        path: &str,
        source: &str,
        on_disk: &Path,
        left: &mut u64,
        tree: &mut ProjectTree,
        notes: &mut Vec<Note>,
    ) {
        let entries = match fs::read_dir(on_disk).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => entries,
            Err(error) => {
                let error = FileError::Unreadable(error.to_string());
                return notes.push(unreadable(path.to_owned(), source, &error));
            }
        };
        let mut names: Vec<_> = entries.iter().map(|entry| (entry.file_name(), entry.file_type())).collect();
        names.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, kind) in names {
            if *left == 0 {
                return;
            }
            let source = format!("{source}/{}", name.to_string_lossy());
            let on_disk = on_disk.join(&name);
            // A link to a directory is not followed: it may lead back.
            if kind.is_ok_and(|kind| kind.is_dir()) {
                self.add_directory(path, &source, &on_disk, left, tree, notes);
                continue;
            }
            match self.file(&source) {
                Ok(file) => {
                    *left = left.saturating_sub(u64::try_from(file.content.len() + source.len()).unwrap_or(u64::MAX));
                    tree.insert(source, file);
                }
                Err(error) => notes.push(unreadable(path.to_owned(), &source, &error)),
            }
        }
    }
}

impl ProjectFiles for ProjectDisk {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        let file = self.file(path)?;
        self.read.borrow_mut().insert(path.to_owned(), file.clone());
        Ok(file)
    }
}

fn unreadable(path: String, file: &str, error: &FileError) -> Note {
    let file = as_relative(file).unwrap_or_else(|| file.to_owned());
    Note { path, level: NoteLevel::Error, reason: "Unreadable", message: format!("`{file}`: {error}") }
}

/// A program stays one; other bits of the mode are left out, since they differ from one checkout to the next.
#[cfg(unix)]
fn executable(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    (metadata.permissions().mode() & 0o111 != 0).then_some(0o755)
}

#[cfg(not(unix))]
fn executable(_: &Metadata) -> Option<u32> {
    None
}
