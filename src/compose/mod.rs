//! The Compose Specification as a library: from the text of Compose files to a canonical, typed [`Project`].
//!
//! Nothing here reads a disk, a clock or a cluster: files come through [`ProjectFiles`], variables through
//! [`LoadOptions`].

mod adopt;
mod attribute;
mod bytes;
mod canonical;
mod consistency;
mod decode;
mod defaults;
mod diagnostic;
mod dotenv;
mod entries;
mod environment;
mod extends;
mod files;
pub mod graph;
mod include;
mod interpolate;
mod limits;
mod load;
mod locate;
mod map;
mod merge;
pub mod model;
mod node;
mod normalize;
mod parse;
mod path;
mod positions;
mod profiles;
mod report;
mod reset;
mod schema;
mod service_hash;
mod settle;
mod shellwords;
mod template;
#[cfg(test)]
mod tests;
mod unicity;
mod validate;
mod write;
mod yaml_scalar;

#[cfg(test)]
pub(crate) use schema::attribute_paths;

pub use diagnostic::{Diagnostic, Diagnostics, ErrorClass, Level, Position};
pub use files::{FileError, ProjectFile, ProjectFiles, ProjectTree};
pub use limits::Limits;
pub use model::Project;
pub use positions::Positions;
pub use service_hash::service_hash;
pub use write::{WriteError, compact_json, document_to_json, document_to_yaml, project_to_json, project_to_yaml};

use std::collections::BTreeMap;

use crate::parallel::Threads;

/// The words of a command line, as `command` and `entrypoint` are split: quotes and backslashes count, no shell runs.
/// None when a quote does not end.
pub fn words(line: &str) -> Option<Vec<String>> {
    shellwords::split(line).ok().map(|split| split.words)
}

/// A Compose file, or an override of one.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// How diagnostics call it, such as `compose.yaml` or `spec.overrides[0]`.
    pub name: String,
    /// Its text, or its content when it arrived as an object.
    pub body: DocumentBody,
    /// Whether it came from a Secret; then no diagnostic shows an excerpt of it, and what it says of
    /// environment, secrets and configs is tainted.
    pub secret: bool,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: &dyn std::fmt::Debug = if self.secret { &"***" } else { &self.body };
        f.debug_struct("Document").field("name", &self.name).field("body", body).field("secret", &self.secret).finish()
    }
}

/// The two ways in which a document arrives.
#[derive(Clone, Debug, PartialEq)]
pub enum DocumentBody {
    /// YAML text, of one or more documents.
    Text(String),
    /// A document that was parsed elsewhere: tags, anchors and number text are gone.
    Object(serde_json::Value),
}

/// An interpolation variable.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variable {
    /// Its value.
    pub value: String,
    /// Whether it came from a Secret; what it is interpolated into is tainted.
    pub secret: bool,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.secret { "***" } else { self.value.as_str() };
        f.debug_struct("Variable").field("value", &value).field("secret", &self.secret).finish()
    }
}

/// What to load, and in which surroundings.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The documents, each merged onto those before it, like `-f a -f b`.
    pub documents: Vec<Document>,
    /// The absolute directory that relative paths are resolved against.
    pub project_directory: String,
    /// The project's name, stronger than the variable `COMPOSE_PROJECT_NAME` and the file's `name`; must be normal
    /// already.
    pub project_name: Option<String>,
    /// The project's name when nothing else gives one; must be normal already. Docker Compose takes the directory's.
    pub default_project_name: Option<String>,
    /// Interpolation variables, stronger than those of the project's `.env`.
    pub environment: BTreeMap<String, Variable>,
    /// Active profiles; `*` for all. When empty, the variable `COMPOSE_PROFILES` names them.
    pub profiles: Vec<String>,
    /// The services to enable, with what they depend upon; all that the profiles enable when empty.
    pub services: Vec<String>,
    /// What is left out of the load.
    pub skip: Skip,
    /// What the load may take.
    pub limits: Limits,
    /// How many threads it may take; what it comes to is the same.
    pub threads: Threads,
}

/// Stages that a load leaves out, as the options of `docker compose config` ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// The `.env` of the project directory: the environment holds what it says.
    pub env_file: bool,
    /// Variables stay as they are written; such a document is loaded with [`load_document`].
    pub interpolation: bool,
    /// The check of every attribute against the specification.
    pub validation: bool,
    /// Relative paths stay relative.
    pub paths: bool,
    /// What a document leaves unsaid stays unsaid: default network, names of resources, implied dependencies.
    pub normalization: bool,
    /// Whether references lead anywhere is not checked.
    pub consistency: bool,
    /// Files of variables are not read into the environment of services.
    pub environment: bool,
    /// Jobs keep their files of variables and labels, and variables without a value, as the reference implementation
    /// leaves them.
    pub jobs: bool,
}

/// Loads a project: parses every document, interpolates, includes, extends and merges them, checks the outcome, and
/// resolves what it leaves unsaid, in the order and by the rules of the reference implementation (compose-go).
///
/// # Errors
/// Every problem that stands in the way of a project, all at once, with warnings among them.
pub fn load(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<Project, Diagnostics> {
    load::load(files, options)
}

/// Loads a project as far as the document that it comes to: merged and canonical, but not decoded, with the values as
/// they are written. Profiles are not applied.
///
/// # Errors
/// The same as those of [`load`].
pub fn load_document(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<serde_json::Value, Diagnostics> {
    load::load_document(files, options)
}

/// The JSON schema (draft 7) of a Compose document as it is written, for editors: from the table by which [`load`] checks
/// a document. It takes a variable wherever interpolation may put a value, and knows no tags (`!reset`, `!override`).
pub fn document_schema() -> serde_json::Value {
    schema::json_schema()
}

/// Adds the variables of `.env` files to an environment: a later file wins against an earlier one, and the variables
/// that were there against all.
///
/// # Errors
/// When a file is missing or breaks the syntax.
pub fn add_env_files(
    files: &dyn ProjectFiles,
    paths: &[String],
    variables: &mut BTreeMap<String, Variable>,
) -> Result<(), Diagnostics> {
    environment::add_files(files, paths, variables)
}
