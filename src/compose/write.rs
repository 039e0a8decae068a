//! Projects and documents as text, to the byte as Docker Compose prints them, but for the doubling of `$`.

mod json;
mod natural;
mod scalar;
mod yaml;

use serde_json::Value;

use super::model::{Project, form};
pub use crate::yaml::WriteError;

/// The project as `docker compose config` prints it.
///
/// # Errors
/// When an extension holds something that YAML has no form for.
pub fn project_to_yaml(project: &Project) -> Result<String, WriteError> {
    form::in_yaml(|| yaml::to_string(project))
}

/// The project as `docker compose config --format json` prints it: extensions of anything but the project, and models,
/// are left out.
///
/// # Errors
/// When an extension holds something that JSON has no form for.
pub fn project_to_json(project: &Project) -> Result<String, WriteError> {
    json::to_string(&json::Sections(project))
}

/// A document as `docker compose config --no-interpolate` prints it.
///
/// # Errors
/// When it holds something that YAML has no form for.
pub fn document_to_yaml(document: &Value) -> Result<String, WriteError> {
    yaml::to_string(document)
}

/// A document as `docker compose config --no-interpolate --format json` prints it.
///
/// # Errors
/// When it holds something that JSON has no form for.
pub fn document_to_json(document: &Value) -> Result<String, WriteError> {
    json::to_string(document)
}

/// A value as one line of JSON, with the escapes of Docker Compose.
///
/// # Errors
/// When it holds something that JSON has no form for.
pub fn compact_json(value: &impl serde::Serialize) -> Result<String, WriteError> {
    json::compact(value)
}
