//! The typed, canonical Compose project.
//!
//! Serialising a [`Project`] gives the document that `docker compose config --format json` prints for the same
//! files: short forms are expanded, names are resolved, an empty value is absent wherever the reference
//! implementation leaves it out. Maps are sorted, so that equal projects serialise to equal bytes.

mod build;
mod container;
mod deploy;
pub(crate) mod form;
mod necessary;
mod network;
mod pull;
mod scalar;
mod service;
mod shown;
mod storage;

pub use build::{Build, SshKey};
pub use container::{
    BlkioConfig, ContainerSpec, CredentialSpec, DeviceMapping, DeviceRequest, EnvFile, Logging, ServiceModel,
    ThrottleDevice, Ulimits, WeightDevice,
};
pub use deploy::{
    Deploy, DiscreteResource, GenericResource, Placement, PlacementPreference, Resource, Resources, RestartPolicy,
    UpdateConfig,
};
pub use network::{Ipam, IpamPool, Network, ServiceNetwork};
pub use scalar::{ByteSize, Duration, FileMode, Hosts, ScalarError};
pub use service::{
    DependencyCondition, Develop, DevelopTrigger, Extends, HealthCheck, Hook, Job, Port, PreStartHook, Provider,
    Schedule, Service, ServiceDependency, Triggers, WorkloadSpec,
};
pub use storage::{
    BindOptions, FileObject, FileReference, ImageOptions, Mount, MountKind, TmpfsOptions, Volume, VolumeOptions,
};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diagnostic::Diagnostic;
use super::positions::Positions;
use form::only_in_yaml;

/// Keys that begin with `x-`, as they were written; the specification gives them no meaning.
pub type Extensions = BTreeMap<String, Value>;

/// A loaded project: what the Compose files say after every stage of loading.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Project {
    /// The project's name: lower case letters, digits, `-` and `_`.
    pub name: String,
    /// The services that the active profiles enable, by name. Each is in a box: it takes 3 kB, and the nodes of a map that
    /// grew are half empty.
    pub services: BTreeMap<String, Box<Service>>,
    /// Jobs, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "form::jobs")]
    pub jobs: BTreeMap<String, Job>,
    /// Networks, by their key in the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Network>,
    /// Volumes, by their key in the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets, by their key in the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, FileObject>,
    /// Configs, by their key in the file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub configs: BTreeMap<String, FileObject>,
    /// Models, by name. The reference implementation leaves them out of its JSON document.
    #[serde(skip_serializing_if = "only_in_yaml")]
    pub models: BTreeMap<String, Model>,
    /// Top-level `x-` keys.
    #[serde(flatten)]
    pub extensions: Extensions,
    /// Services that no active profile enables, by name.
    #[serde(skip)]
    pub disabled_services: BTreeMap<String, Box<Service>>,
    /// The absolute directory that relative paths were resolved against.
    #[serde(skip)]
    pub working_dir: String,
    /// What was noticed and did not stop the loading: an unset variable, an obsolete attribute.
    #[serde(skip)]
    pub warnings: Vec<Diagnostic>,
    /// Attribute paths (`services.web.environment.TOKEN`) whose value holds text that came from a Secret.
    #[serde(skip)]
    pub tainted: BTreeSet<String>,
    /// Where attributes were written, by attribute path.
    #[serde(skip)]
    pub positions: Positions,
}

/// A value that came from a Secret may be anywhere in a project, so only the names are shown.
impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without `..`: what is new here has to be thought of.
        let Self {
            name,
            services,
            jobs,
            networks,
            volumes,
            secrets,
            configs,
            models,
            extensions,
            disabled_services,
            working_dir,
            warnings,
            tainted,
            positions: _,
        } = self;
        f.debug_struct("Project")
            .field("name", name)
            .field("services", &services.keys())
            .field("jobs", &jobs.keys())
            .field("networks", &networks.keys())
            .field("volumes", &volumes.keys())
            .field("secrets", &secrets.keys())
            .field("configs", &configs.keys())
            .field("models", &models.keys())
            .field("extensions", &extensions.keys())
            .field("disabled_services", &disabled_services.keys())
            .field("working_dir", working_dir)
            .field("warnings", warnings)
            .field("tainted", tainted)
            .finish_non_exhaustive()
    }
}

/// A model that services use (Compose Specification, "models").
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Model {
    /// The name in the model runner.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The OCI artifact of the model.
    #[serde(skip_serializing_if = "is_default")]
    pub model: String,
    /// The size of the context in tokens, 0 for the model's own.
    #[serde(skip_serializing_if = "is_default")]
    pub context_size: i64,
    /// Flags of the inference engine.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime_flags: Vec<String>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// Whether serialisation leaves the value out, as Go's `omitempty` does.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
