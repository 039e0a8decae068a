//! Which files make the project: the options that every command shares, as those of `docker compose`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::ClientError;
use super::disk::Disk;
use crate::compose::{Document, DocumentBody, LoadOptions, Project, Variable, load};

/// The file names that are looked for, in this order (Compose Specification, "compose application model").
const DEFAULT_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The override that is merged onto a default file of the same spelling.
const DEFAULT_OVERRIDES: [&str; 4] =
    ["compose.override.yaml", "compose.override.yml", "docker-compose.override.yml", "docker-compose.override.yaml"];

#[derive(Args, Clone, Debug)]
pub(super) struct ProjectArgs {
    /// A Compose file, each merged onto those before it; - for standard input
    #[arg(short, long = "file")]
    files: Vec<PathBuf>,
    /// The project directory [default: that of the first file]
    #[arg(long)]
    project_directory: Option<PathBuf>,
    /// The project's name [default: the file's name, else that of the directory]
    #[arg(short, long)]
    project_name: Option<String>,
    /// A profile to enable; may be repeated, * for all
    #[arg(long = "profile", env = "COMPOSE_PROFILES", value_delimiter = ',')]
    profiles: Vec<String>,
}

impl ProjectArgs {
    /// Loads the project from disk, with the process environment for interpolation as Docker Compose does.
    pub(super) fn load(&self) -> Result<Project, ClientError> {
        let files = if self.files.is_empty() { self.default_files()? } else { self.files.clone() };
        let directory = match (&self.project_directory, files.first()) {
            (Some(directory), _) => absolute(directory)?,
            (None, Some(file)) if file != Path::new("-") => {
                absolute(file)?.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf)
            }
            _ => absolute(Path::new("."))?,
        };
        let documents = files.iter().map(|file| document(file)).collect::<Result<Vec<_>, _>>()?;
        let options = LoadOptions {
            documents,
            project_directory: text(&directory)?,
            project_name: self.project_name.clone(),
            default_project_name: directory_name(&directory),
            environment: std::env::vars_os()
                .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
                .map(|(key, value)| (key, Variable { value, secret: false }))
                .collect(),
            profiles: self.profiles.clone(),
        };
        Ok(load(&Disk, &options)?)
    }

    fn default_files(&self) -> Result<Vec<PathBuf>, ClientError> {
        let directory = self.project_directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let found = |names: &[&str]| names.iter().map(|name| directory.join(name)).find(|path| path.is_file());
        let file = found(&DEFAULT_FILES).ok_or_else(|| {
            ClientError::Usage(format!(
                "no compose.yaml in {}: change to the project's directory, or name the file with --file",
                directory.display()
            ))
        })?;
        Ok(std::iter::once(file).chain(found(&DEFAULT_OVERRIDES)).collect())
    }
}

fn document(path: &Path) -> Result<Document, ClientError> {
    let mut content = String::new();
    if path == Path::new("-") {
        std::io::stdin()
            .read_to_string(&mut content)
            .map_err(|error| ClientError::Usage(format!("cannot read standard input: {error}")))?;
    } else {
        content = std::fs::read_to_string(path)
            .map_err(|error| ClientError::Usage(format!("cannot read {}: {error}", path.display())))?;
    }
    Ok(Document { name: text(path)?, body: DocumentBody::Text(content), secret: false })
}

fn absolute(path: &Path) -> Result<PathBuf, ClientError> {
    std::path::absolute(path).map_err(|error| ClientError::Usage(format!("{}: {error}", path.display())))
}

fn text(path: &Path) -> Result<String, ClientError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| ClientError::Usage(format!("{}: the path is not UTF-8 text", path.display())))
}

/// The directory's name as a project name: lower case, without what a name may not hold.
fn directory_name(directory: &Path) -> Option<String> {
    let name: String = directory
        .file_name()?
        .to_str()?
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-' || *c == '_')
        .collect();
    let name = name.trim_start_matches(['-', '_']);
    (!name.is_empty()).then(|| name.to_owned())
}
