//! Volumes, mounts, configs and secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::container::is_true;
use super::form::only_in_yaml;
use super::{ByteSize, Extensions, FileMode, is_default};

/// A named volume (Compose Specification, "volumes").
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The engine's name of the volume: `<project>_<key>`, or the `name` that the file gives.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// Its options.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// Whether the volume is there already.
    #[serde(skip_serializing_if = "is_default")]
    pub external: bool,
    /// Labels of the volume.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A mount of a service (the long form of `services.*.volumes`).
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// What is mounted.
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// The volume's key, the absolute path, or the image; empty for an anonymous volume or a tmpfs.
    #[serde(skip_serializing_if = "is_default")]
    pub source: String,
    /// The path in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub target: String,
    /// Whether the container cannot write.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    /// How strictly host and container agree; without effect on Linux.
    #[serde(skip_serializing_if = "is_default")]
    pub consistency: String,
    /// Options of a bind.
    #[serde(skip_serializing_if = "is_default")]
    pub bind: Option<Box<BindOptions>>,
    /// Options of a volume.
    #[serde(skip_serializing_if = "is_default")]
    pub volume: Option<VolumeOptions>,
    /// Options of a tmpfs.
    #[serde(skip_serializing_if = "is_default")]
    pub tmpfs: Option<Box<TmpfsOptions>>,
    /// Options of an image.
    #[serde(skip_serializing_if = "is_default")]
    pub image: Option<Box<ImageOptions>>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// What is mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A named or anonymous volume.
    #[default]
    Volume,
    /// A path of the host, or of the project directory.
    Bind,
    /// A file system in memory.
    Tmpfs,
    /// A named pipe of Windows.
    Npipe,
    /// A cluster volume of Swarm.
    Cluster,
    /// The files of an image.
    Image,
}

/// Options of a bind mount.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindOptions {
    /// `z` or `Z`: how SELinux labels the files.
    #[serde(skip_serializing_if = "is_default")]
    pub selinux: String,
    /// The propagation of mounts, such as `rprivate`.
    #[serde(skip_serializing_if = "is_default")]
    pub propagation: String,
    /// Whether a missing host path is created as a directory.
    #[serde(skip_serializing_if = "is_true")]
    pub create_host_path: bool,
    /// `enabled`, `disabled`, `writable` or `readonly`.
    #[serde(skip_serializing_if = "is_default")]
    pub recursive: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self {
            selinux: String::new(),
            propagation: String::new(),
            create_host_path: true,
            recursive: String::new(),
            extensions: Extensions::new(),
        }
    }
}

/// Options of a volume mount.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeOptions {
    /// Labels of an anonymous volume.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Whether a new volume is left empty instead of filled from the image.
    #[serde(skip_serializing_if = "is_default")]
    pub nocopy: bool,
    /// The path in the volume.
    #[serde(skip_serializing_if = "is_default")]
    pub subpath: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// Options of a tmpfs mount.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsOptions {
    /// Its size; 0 is unlimited.
    #[serde(skip_serializing_if = "is_default")]
    pub size: ByteSize,
    /// The permission bits of its root; 0 is not given.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: u32,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// Options of an image mount.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOptions {
    /// The path in the image.
    #[serde(skip_serializing_if = "is_default")]
    pub subpath: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// How a service mounts a config or a secret.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReference {
    /// The key of the config or secret.
    #[serde(skip_serializing_if = "is_default")]
    pub source: String,
    /// The path in the container; absolute after loading for secrets, as written for configs.
    #[serde(skip_serializing_if = "is_default")]
    pub target: String,
    /// The owner.
    #[serde(skip_serializing_if = "is_default")]
    pub uid: String,
    /// The group.
    #[serde(skip_serializing_if = "is_default")]
    pub gid: String,
    /// The permission bits; 0444 when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: Option<FileMode>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A config or a secret (Compose Specification, "configs" and "secrets").
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileObject {
    /// The engine's name: `<project>_<key>`, or the `name` that the file gives.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// The absolute path of the file with its content.
    #[serde(skip_serializing_if = "is_default")]
    pub file: String,
    /// The interpolation variable with its content.
    #[serde(skip_serializing_if = "is_default")]
    pub environment: String,
    /// The content of a config that the file spells out.
    #[serde(skip_serializing_if = "is_default")]
    pub content: String,
    /// The value of the variable that `environment` names, when it is set; no document shows it.
    #[serde(skip)]
    pub value: Option<String>,
    /// Whether it is there already.
    #[serde(skip_serializing_if = "is_default")]
    pub external: bool,
    /// Its labels.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// The driver that keeps it.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// Options of the driver.
    #[serde(skip_serializing_if = "is_default")]
    pub driver_opts: BTreeMap<String, String>,
    /// The driver that fills in its templates.
    #[serde(skip_serializing_if = "is_default")]
    pub template_driver: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}
