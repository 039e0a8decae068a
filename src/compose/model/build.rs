//! The Compose Build Specification.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::form::only_in_yaml;
use super::{ByteSize, Extensions, FileReference, Hosts, Ulimits, is_default};

/// How an image is built.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// The absolute path, or the URL, of the build context.
    #[serde(skip_serializing_if = "is_default")]
    pub context: String,
    /// The Dockerfile, relative to the context.
    #[serde(skip_serializing_if = "is_default")]
    pub dockerfile: String,
    /// The Dockerfile's text.
    #[serde(skip_serializing_if = "is_default")]
    pub dockerfile_inline: String,
    /// Privileges that the build is given.
    #[serde(skip_serializing_if = "is_default")]
    pub entitlements: Vec<String>,
    /// Build arguments; `None` is taken from the environment.
    #[serde(skip_serializing_if = "is_default")]
    pub args: BTreeMap<String, Option<String>>,
    /// The provenance attestation.
    #[serde(skip_serializing_if = "is_default")]
    pub provenance: String,
    /// The attestation of the bill of materials.
    #[serde(skip_serializing_if = "is_default")]
    pub sbom: String,
    /// Keys that the build may use.
    #[serde(skip_serializing_if = "is_default")]
    pub ssh: Vec<SshKey>,
    /// Labels of the image.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Where cached layers come from.
    #[serde(skip_serializing_if = "is_default")]
    pub cache_from: Vec<String>,
    /// Where cached layers go.
    #[serde(skip_serializing_if = "is_default")]
    pub cache_to: Vec<String>,
    /// Whether the cache is left alone.
    #[serde(skip_serializing_if = "is_default")]
    pub no_cache: bool,
    /// Stages that are built without the cache.
    #[serde(skip_serializing_if = "is_default")]
    pub no_cache_filter: Vec<String>,
    /// Further contexts, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub additional_contexts: BTreeMap<String, String>,
    /// Whether base images are always pulled.
    #[serde(skip_serializing_if = "is_default")]
    pub pull: bool,
    /// Additional host names.
    #[serde(skip_serializing_if = "is_default")]
    pub extra_hosts: Hosts,
    /// The isolation technology of Windows.
    #[serde(skip_serializing_if = "is_default")]
    pub isolation: String,
    /// The network of build steps.
    #[serde(skip_serializing_if = "is_default")]
    pub network: String,
    /// The stage to build.
    #[serde(skip_serializing_if = "is_default")]
    pub target: String,
    /// Secrets that the build may read.
    #[serde(skip_serializing_if = "is_default")]
    pub secrets: Vec<FileReference>,
    /// The size of `/dev/shm`.
    #[serde(skip_serializing_if = "is_default")]
    pub shm_size: ByteSize,
    /// Further tags of the image.
    #[serde(skip_serializing_if = "is_default")]
    pub tags: Vec<String>,
    /// Resource limits of the processes, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub ulimits: BTreeMap<String, Ulimits>,
    /// Platforms to build for.
    #[serde(skip_serializing_if = "is_default")]
    pub platforms: Vec<String>,
    /// Whether build steps have all privileges.
    #[serde(skip_serializing_if = "is_default")]
    pub privileged: bool,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A key that a build may use, written as the text `id` or `id: path`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SshKey {
    /// Its name; `default` is the agent.
    pub id: String,
    /// Its path, empty for the agent.
    pub path: String,
}

impl Serialize for SshKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.path.is_empty() {
            return serializer.serialize_str(&self.id);
        }
        serializer.collect_str(&format_args!("{}: {}", self.id, self.path))
    }
}

impl<'de> Deserialize<'de> for SshKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (id, path) = text.split_once(": ").unwrap_or((&text, ""));
        Ok(Self { id: id.to_owned(), path: path.to_owned() })
    }
}
