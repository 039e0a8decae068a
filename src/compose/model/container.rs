//! What a container is made of; services, jobs and `pre_start` hooks share it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::{empty_in_json, empty_in_yaml, number, only_in_yaml};
use super::{ByteSize, Duration, Extensions, FileReference, Hosts, Mount, ServiceNetwork, is_default};

/// The attributes of a container (Compose Specification, "services").
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    /// Container annotations.
    #[serde(skip_serializing_if = "is_default")]
    pub annotations: BTreeMap<String, String>,
    /// Block I/O limits.
    #[serde(skip_serializing_if = "is_default")]
    pub blkio_config: Option<Box<BlkioConfig>>,
    /// Capabilities to add, with or without the prefix `CAP_`.
    #[serde(skip_serializing_if = "is_default")]
    pub cap_add: Vec<String>,
    /// Capabilities to drop, with or without the prefix `CAP_`.
    #[serde(skip_serializing_if = "is_default")]
    pub cap_drop: Vec<String>,
    /// The parent control group.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup_parent: String,
    /// The control group namespace: `host` or `private`.
    #[serde(skip_serializing_if = "is_default")]
    pub cgroup: String,
    /// Usable processors.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_count: i64,
    /// Usable share of the processors in percent.
    #[serde(skip_serializing_if = "is_default", serialize_with = "number")]
    pub cpu_percent: f32,
    /// The scheduler's period in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_period: i64,
    /// The scheduler's quota in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_quota: i64,
    /// The real-time scheduler's period in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_rt_period: i64,
    /// The real-time scheduler's runtime in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_rt_runtime: i64,
    /// The limit in processors; 0 is none.
    #[serde(skip_serializing_if = "is_default", serialize_with = "number")]
    pub cpus: f32,
    /// The processors to run on, such as `0-3`.
    #[serde(skip_serializing_if = "is_default")]
    pub cpuset: String,
    /// The relative weight among containers; 1024 is one processor's worth.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_shares: i64,
    /// Replaces the image's command; `None` keeps it, an empty list clears it.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub command: Option<Vec<String>>,
    /// Configs to mount.
    #[serde(skip_serializing_if = "is_default")]
    pub configs: Vec<FileReference>,
    /// The credentials of a managed Windows account.
    #[serde(skip_serializing_if = "is_default")]
    pub credential_spec: Option<Box<CredentialSpec>>,
    /// Device control group rules.
    #[serde(skip_serializing_if = "is_default")]
    pub device_cgroup_rules: Vec<String>,
    /// Devices of the host.
    #[serde(skip_serializing_if = "is_default")]
    pub devices: Vec<DeviceMapping>,
    /// Name servers behind the engine's own.
    #[serde(skip_serializing_if = "is_default")]
    pub dns: Vec<String>,
    /// Resolver options.
    #[serde(skip_serializing_if = "is_default")]
    pub dns_opt: Vec<String>,
    /// Search domains.
    #[serde(skip_serializing_if = "is_default")]
    pub dns_search: Vec<String>,
    /// The container's domain name.
    #[serde(skip_serializing_if = "is_default")]
    pub domainname: String,
    /// Replaces the image's entry point and drops its command; `None` keeps both, an empty list clears it.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub entrypoint: Option<Vec<String>>,
    /// The container's environment, with the env files merged in; `None` is a name left unset.
    #[serde(skip_serializing_if = "is_default")]
    pub environment: BTreeMap<String, Option<String>>,
    /// Files with environment variables; services have none left after loading, since their variables are in
    /// `environment`.
    #[serde(skip_serializing_if = "is_default")]
    pub env_file: Vec<EnvFile>,
    /// Additional host names.
    #[serde(skip_serializing_if = "is_default")]
    pub extra_hosts: Hosts,
    /// Supplementary groups, by name or number.
    #[serde(skip_serializing_if = "is_default")]
    pub group_add: Vec<String>,
    /// Requested graphics processors.
    #[serde(skip_serializing_if = "is_default")]
    pub gpus: Vec<DeviceRequest>,
    /// The container's host name.
    #[serde(skip_serializing_if = "is_default")]
    pub hostname: String,
    /// The image reference.
    #[serde(skip_serializing_if = "is_default")]
    pub image: String,
    /// Whether an init process runs as number 1.
    #[serde(skip_serializing_if = "is_default")]
    pub init: Option<bool>,
    /// The inter-process communication namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub ipc: String,
    /// The isolation technology of Windows containers.
    #[serde(skip_serializing_if = "is_default")]
    pub isolation: String,
    /// Container labels.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// Files with labels.
    #[serde(skip_serializing_if = "is_default")]
    pub label_file: Vec<String>,
    /// The log driver with its options.
    #[serde(skip_serializing_if = "is_default")]
    pub logging: Option<Box<Logging>>,
    /// Obsolete form of `logging.driver`.
    #[serde(skip_serializing_if = "is_default")]
    pub log_driver: String,
    /// Obsolete form of `logging.options`.
    #[serde(skip_serializing_if = "is_default")]
    pub log_opt: BTreeMap<String, String>,
    /// The memory limit; 0 is none.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_limit: ByteSize,
    /// The memory reservation.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_reservation: ByteSize,
    /// The limit of memory and swap together.
    #[serde(skip_serializing_if = "is_default")]
    pub memswap_limit: ByteSize,
    /// The kernel's eagerness to swap, 0 to 100.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_swappiness: ByteSize,
    /// The container's hardware address.
    #[serde(skip_serializing_if = "is_default")]
    pub mac_address: String,
    /// Models in use, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub models: BTreeMap<String, Option<ServiceModel>>,
    /// `bridge`, `host`, `none`, `service:NAME` or `container:NAME`.
    #[serde(skip_serializing_if = "is_default")]
    pub network_mode: String,
    /// Networks that the container joins, by their key, and how it does, which is hardly ever said.
    #[serde(skip_serializing_if = "is_default")]
    pub networks: BTreeMap<String, Option<Box<ServiceNetwork>>>,
    /// Whether the kernel's out-of-memory killer spares the container.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_kill_disable: bool,
    /// The kernel's preference to kill the container, -1000 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub oom_score_adj: i64,
    /// The process namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub pid: String,
    /// The limit of processes; -1 is none.
    #[serde(skip_serializing_if = "is_default")]
    pub pids_limit: i64,
    /// The platform, `os[/arch[/variant]]`.
    #[serde(skip_serializing_if = "is_default")]
    pub platform: String,
    /// Whether the container has all privileges of the host.
    #[serde(skip_serializing_if = "is_default")]
    pub privileged: bool,
    /// When to pull the image.
    #[serde(skip_serializing_if = "is_default")]
    pub pull_policy: String,
    /// How old an image may be before `pull_policy: refresh` pulls again.
    #[serde(skip_serializing_if = "is_default")]
    pub pull_refresh_after: String,
    /// Whether the root file system is read-only.
    #[serde(skip_serializing_if = "is_default")]
    pub read_only: bool,
    /// The OCI runtime.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: String,
    /// Secrets to mount.
    #[serde(skip_serializing_if = "is_default")]
    pub secrets: Vec<FileReference>,
    /// Options of the security modules.
    #[serde(skip_serializing_if = "is_default")]
    pub security_opt: Vec<String>,
    /// The size of `/dev/shm`.
    #[serde(skip_serializing_if = "is_default")]
    pub shm_size: ByteSize,
    /// How long the stop signal is given before the kill signal.
    #[serde(skip_serializing_if = "is_default")]
    pub stop_grace_period: Option<Duration>,
    /// The signal that stops the container.
    #[serde(skip_serializing_if = "is_default")]
    pub stop_signal: String,
    /// Options of the storage driver.
    #[serde(skip_serializing_if = "is_default")]
    pub storage_opt: BTreeMap<String, String>,
    /// Kernel parameters.
    #[serde(skip_serializing_if = "is_default")]
    pub sysctls: BTreeMap<String, String>,
    /// Memory file systems, `path[:options]`.
    #[serde(skip_serializing_if = "is_default")]
    pub tmpfs: Vec<String>,
    /// Resource limits of the processes, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub ulimits: BTreeMap<String, Ulimits>,
    /// The file mode creation mask.
    #[serde(skip_serializing_if = "is_default")]
    pub umask: Option<u32>,
    /// Whether the engine's socket is mounted.
    #[serde(skip_serializing_if = "is_default")]
    pub use_api_socket: bool,
    /// The user, `name|uid[:group|gid]`.
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    /// The user namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub userns_mode: String,
    /// The host name namespace.
    #[serde(skip_serializing_if = "is_default")]
    pub uts: String,
    /// Obsolete default volume driver.
    #[serde(skip_serializing_if = "is_default")]
    pub volume_driver: String,
    /// Mounts.
    #[serde(skip_serializing_if = "is_default")]
    pub volumes: Vec<Mount>,
    /// Services whose mounts are taken over, `NAME[:ro]` or `container:NAME[:ro]`.
    #[serde(skip_serializing_if = "is_default")]
    pub volumes_from: Vec<String>,
    /// The working directory.
    #[serde(skip_serializing_if = "is_default")]
    pub working_dir: String,
}

/// Block I/O limits.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioConfig {
    /// The relative weight, 10 to 1000.
    #[serde(skip_serializing_if = "is_default")]
    pub weight: u16,
    /// Weights by device.
    #[serde(skip_serializing_if = "is_default")]
    pub weight_device: Vec<WeightDevice>,
    /// Read limits in bytes a second.
    #[serde(skip_serializing_if = "is_default")]
    pub device_read_bps: Vec<ThrottleDevice>,
    /// Read limits in operations a second.
    #[serde(skip_serializing_if = "is_default")]
    pub device_read_iops: Vec<ThrottleDevice>,
    /// Write limits in bytes a second.
    #[serde(skip_serializing_if = "is_default")]
    pub device_write_bps: Vec<ThrottleDevice>,
    /// Write limits in operations a second.
    #[serde(skip_serializing_if = "is_default")]
    pub device_write_iops: Vec<ThrottleDevice>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// The weight of one device. The reference implementation writes these keys capitalised.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    /// The device's path.
    #[serde(rename(serialize = "Path"))]
    pub path: String,
    /// Its weight, 10 to 1000.
    #[serde(rename(serialize = "Weight"))]
    pub weight: u16,
}

/// The rate limit of one device. The reference implementation writes these keys capitalised.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// The device's path.
    #[serde(rename(serialize = "Path"))]
    pub path: String,
    /// Bytes or operations a second.
    #[serde(rename(serialize = "Rate"))]
    pub rate: ByteSize,
}

/// Where the credentials of a managed Windows account come from.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialSpec {
    /// A config that holds them.
    #[serde(skip_serializing_if = "is_default")]
    pub config: String,
    /// A file that holds them.
    #[serde(skip_serializing_if = "is_default")]
    pub file: String,
    /// A key of the Windows registry that holds them.
    #[serde(skip_serializing_if = "is_default")]
    pub registry: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A device of the host, or one by its CDI name.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceMapping {
    /// The path on the host, or a CDI name.
    #[serde(skip_serializing_if = "is_default")]
    pub source: String,
    /// The path in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub target: String,
    /// Any of `r`, `w` and `m`.
    #[serde(skip_serializing_if = "is_default")]
    pub permissions: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A request for devices by their abilities.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// The abilities, such as `gpu`.
    #[serde(skip_serializing_if = "is_default")]
    pub capabilities: Vec<String>,
    /// The driver, such as `nvidia`.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// How many; -1 for all.
    #[serde(skip_serializing_if = "is_default")]
    pub count: i64,
    /// Which ones.
    #[serde(skip_serializing_if = "is_default")]
    pub device_ids: Vec<String>,
    /// Options of the driver.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, String>,
}

/// A file with environment variables.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvFile {
    /// Its absolute path.
    pub path: String,
    /// Whether a missing file is an error.
    #[serde(skip_serializing_if = "is_true")]
    pub required: bool,
    /// The file's syntax: empty for dotenv, `raw` for plain lines.
    #[serde(skip_serializing_if = "is_default")]
    pub format: String,
}

impl Default for EnvFile {
    fn default() -> Self {
        Self { path: String::new(), required: true, format: String::new() }
    }
}

/// The log driver with its options.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// The driver's name.
    #[serde(skip_serializing_if = "is_default")]
    pub driver: String,
    /// Its options.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, String>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// How a container learns of a model.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceModel {
    /// The variable that gets the endpoint.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint_var: String,
    /// The variable that gets the model's name.
    #[serde(skip_serializing_if = "is_default")]
    pub model_var: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A resource limit of processes: one number for both bounds, or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Ulimits {
    /// Both bounds.
    Single(i64),
    /// The bounds by themselves; an absent one is 0.
    Range {
        /// The soft bound.
        #[serde(default, skip_serializing_if = "empty_in_json")]
        soft: i64,
        /// The hard bound.
        #[serde(default, skip_serializing_if = "empty_in_json")]
        hard: i64,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_true(value: &bool) -> bool {
    *value
}
