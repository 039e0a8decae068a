//! Gathers what a stack consists of: documents, project files and variables, and facts about the cluster.
//!
//! The only place that reads users' ConfigMaps and Secrets. What came from a Secret is marked from here on, so that
//! it ends up in generated Secrets only.

mod facts;
mod images;
mod inputs;
mod last_applied;
mod namespaces;
mod reader;
mod references;

pub use facts::{facts, is_served};
pub use images::{Again, Registry, WantedImage, images};
pub use inputs::{Inputs, gather};
pub use namespaces::Namespaces;
pub use reader::Reader;
pub use references::{References, input_changes};

/// How many hexadecimal digits of a keyed hash tell one input from another.
const DIGITS: usize = 16;

/// A referenced object, or a key of it, that is not there (yet).
#[derive(Debug, thiserror::Error)]
#[error("{field}: {kind} {name:?}{} not found in namespace {namespace:?}: create it, or correct the reference", key.as_ref().map_or_else(String::new, |key| format!(" with key {key:?}")))]
pub struct Missing {
    /// The field of the spec that refers to it.
    pub field: String,
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    /// The object's name.
    pub name: String,
    /// The missing key; none when the object itself is missing.
    pub key: Option<String>,
    /// The stack's namespace.
    pub namespace: String,
}

/// Why the inputs of a stack could not be gathered.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Referenced objects, or keys of them, are not there (yet): all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    NotFound(Vec<Missing>),
    /// The stack's identity may not read a referenced object.
    #[error("{field}: not allowed to get {kind} {name:?}: {message}: grant the verb get on it")]
    Forbidden {
        /// The field of the spec that refers to it.
        field: String,
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// The object's name.
        name: String,
        /// What the API server says, with the identity that asked.
        message: String,
    },
    /// A field of the spec cannot be used.
    #[error("{field}: {message}")]
    Invalid {
        /// The field of the spec.
        field: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// The API server could not be asked.
    #[error("{field}: cannot get {kind} {name:?}")]
    Api {
        /// The field of the spec that refers to it.
        field: String,
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// The object's name.
        name: String,
        /// What the client says.
        #[source]
        source: Box<kube::Error>,
    },
}
