//! The conformance corpus: where it is, and its cases.
//!
//! It is looked for at `COMPOSE_CORPUS`, or beside the package.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};

use compose_operator::compose::{FileError, ProjectFile, ProjectFiles};
use serde_json::Value;

/// A case, described by its `case.json`.
pub struct Case {
    /// `<source>/<case>`.
    pub name: String,
    pub directory: PathBuf,
    pub description: Value,
}

impl Case {
    /// The Compose files, in the order of `-f`.
    pub fn files(&self) -> Vec<String> {
        strings(&self.description["files"])
    }

    pub fn profiles(&self) -> Vec<String> {
        strings(&self.description["profiles"])
    }

    /// The project's name, if one is given.
    pub fn project(&self) -> Option<&str> {
        self.description["project"].as_str()
    }

    /// The whole environment of the process.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.directory.join("case.env")).unwrap_or_default();
        let lines = text.split('\n').filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

pub fn corpus() -> Option<PathBuf> {
    let directory = std::env::var_os("COMPOSE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    directory.join("cases").is_dir().then_some(directory)
}

/// All cases, in the order of their directories.
pub fn cases(corpus: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for source in fs::read_dir(corpus.join("cases")).unwrap().flatten() {
        for case in fs::read_dir(source.path()).into_iter().flatten().flatten() {
            let description = case.path().join("case.json");
            if description.is_file() {
                cases.push(Case {
                    name: format!("{}/{}", source.file_name().to_string_lossy(), case.file_name().to_string_lossy()),
                    directory: fs::canonicalize(case.path()).unwrap(),
                    description: json(&description),
                });
            }
        }
    }
    cases.sort_by(|a, b| a.directory.cmp(&b.directory));
    cases
}

/// The cases that the reference implementation loads.
pub fn cases_that_load(corpus: &Path) -> Vec<Case> {
    let mut cases = cases(corpus);
    cases.retain(|case| case.description["result"] == "ok");
    cases
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A text, or those of a list.
pub fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The real files.
pub struct Disk;

impl ProjectFiles for Disk {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        let path = Path::new(path);
        if path.is_dir() {
            return Err(FileError::IsDirectory);
        }
        if !path.exists() {
            return Err(FileError::NotFound);
        }
        let content = fs::read(path).map_err(|error| FileError::Unreadable(error.to_string()))?;
        Ok(ProjectFile { content, mode: None, secret: false })
    }
}
