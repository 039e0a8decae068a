//! Where the Compose files are when no option names them (Compose Specification, "compose application model").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ClientError;
use crate::compose::Variable;

/// The file names that are looked for, in this order.
const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The names of the override that is merged onto such a file, in this order.
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];

/// The files that `COMPOSE_FILE` names, else those of the nearest directory, from here upwards, that has any.
pub(super) fn files(variables: &BTreeMap<String, Variable>, here: &Path) -> Result<Vec<PathBuf>, ClientError> {
    let value = |name: &str| variables.get(name).map(|variable| variable.value.as_str());
    if let Some(named) = value("COMPOSE_FILE") {
        let separator = value("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty()).unwrap_or(":");
        return named.split(separator).map(named_file).collect();
    }
    for directory in here.ancestors() {
        if let Some(file) = first(&NAMES, directory) {
            return Ok(std::iter::once(file).chain(first(&OVERRIDES, directory)).collect());
        }
    }
    Err(ClientError::Usage(format!(
        "no compose.yaml in {} or above: change to the project's directory, or name the file with --file",
        here.display()
    )))
}

fn named_file(name: &str) -> Result<PathBuf, ClientError> {
    let path = PathBuf::from(name);
    if name == "-" || path.is_file() {
        return Ok(path);
    }
    let problem = if path.is_dir() { "a directory" } else { "no file" };
    Err(ClientError::Usage(format!("COMPOSE_FILE names {name:?}, which is {problem}; correct it, or use --file")))
}

/// The first of the names that is there; with a warning when there are several.
fn first(names: &[&str], directory: &Path) -> Option<PathBuf> {
    let mut found = names.iter().map(|name| directory.join(name)).filter(|path| path.exists());
    let first = found.next()?;
    if let Some(other) = found.next() {
        eprintln!("warning: there are {} and {}; the former is used", first.display(), other.display());
    }
    Some(first)
}
