//! Services, jobs and what surrounds their containers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::{empty_in_yaml, only_in_yaml};
use super::{Build, ContainerSpec, Deploy, Duration, Extensions, is_default};

/// A service (Compose Specification, "services"). What is large and rare stands in boxes: most services have none of it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Profiles that enable the service; none means always.
    #[serde(skip_serializing_if = "is_default")]
    pub profiles: Vec<String>,
    /// Deployment settings (Compose Deploy Specification).
    #[serde(skip_serializing_if = "is_default")]
    pub deploy: Option<Box<Deploy>>,
    /// Settings of the development loop (Compose Develop Specification).
    #[serde(skip_serializing_if = "is_default")]
    pub develop: Option<Box<Develop>>,
    /// `no`, `always`, `on-failure[:N]` or `unless-stopped`; empty when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: String,
    /// How many containers run by default.
    #[serde(skip_serializing_if = "is_default")]
    pub scale: Option<i64>,
    /// Whether `up` shows the service's logs.
    #[serde(skip_serializing_if = "is_default")]
    pub attach: Option<bool>,
    /// The container's own name.
    #[serde(skip_serializing_if = "is_default")]
    pub container_name: String,
    /// A program that provides the service instead of a container.
    #[serde(skip_serializing_if = "is_default")]
    pub provider: Option<Box<Provider>>,
    /// Left of `extends` after loading: nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub extends: Option<Box<Extends>>,
    /// Containers outside of the project, `NAME[:ALIAS]`.
    #[serde(skip_serializing_if = "is_default")]
    pub external_links: Vec<String>,
    /// Services that are reachable by an alias, `NAME[:ALIAS]`.
    #[serde(skip_serializing_if = "is_default")]
    pub links: Vec<String>,
    /// Obsolete form of `network_mode`.
    #[serde(skip_serializing_if = "is_default")]
    pub net: String,
    /// Containers that run to completion before the service starts.
    #[serde(skip_serializing_if = "is_default")]
    pub pre_start: Vec<PreStartHook>,
    /// Commands that run in the container after its start.
    #[serde(skip_serializing_if = "is_default")]
    pub post_start: Vec<Hook>,
    /// Commands that run in the container before its stop.
    #[serde(skip_serializing_if = "is_default")]
    pub pre_stop: Vec<Hook>,
    /// The container.
    #[serde(flatten)]
    pub container: ContainerSpec,
    /// What services and jobs share besides the container.
    #[serde(flatten)]
    pub workload: WorkloadSpec,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

impl Service {
    /// How many containers run: `scale`, else `deploy.replicas`, else one.
    pub fn replicas(&self) -> i64 {
        self.scale.or_else(|| self.deploy.as_ref().and_then(|deploy| deploy.replicas)).unwrap_or(1)
    }
}

/// What services and jobs share besides the container.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkloadSpec {
    /// How the image is built.
    #[serde(skip_serializing_if = "is_default")]
    pub build: Option<Box<Build>>,
    /// Services that come first, by name.
    #[serde(skip_serializing_if = "is_default")]
    pub depends_on: BTreeMap<String, ServiceDependency>,
    /// Obsolete form of `build.dockerfile`.
    #[serde(skip_serializing_if = "is_default")]
    pub dockerfile: String,
    /// Ports that are open to other services, `PORT[-PORT][/PROTOCOL]`.
    #[serde(skip_serializing_if = "is_default")]
    pub expose: Vec<String>,
    /// How the container's health is told.
    #[serde(skip_serializing_if = "is_default")]
    pub healthcheck: Option<Box<HealthCheck>>,
    /// Published ports.
    #[serde(skip_serializing_if = "is_default")]
    pub ports: Vec<Port>,
    /// Whether standard input stays open.
    #[serde(skip_serializing_if = "is_default")]
    pub stdin_open: bool,
    /// Whether the container has a terminal.
    #[serde(skip_serializing_if = "is_default")]
    pub tty: bool,
}

/// A dependency upon another service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceDependency {
    /// What is waited for.
    pub condition: DependencyCondition,
    /// Whether an update of the dependency restarts this service.
    #[serde(skip_serializing_if = "is_default")]
    pub restart: bool,
    /// Whether a missing or failed dependency is an error.
    pub required: bool,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

impl Default for ServiceDependency {
    fn default() -> Self {
        let condition = DependencyCondition::Started;
        Self { condition, restart: false, required: true, extensions: Extensions::new() }
    }
}

/// What a dependent service waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DependencyCondition {
    /// The dependency's containers were started.
    #[default]
    #[serde(rename = "service_started")]
    Started,
    /// The dependency's health check passes.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// The dependency's containers ended with exit code 0.
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

impl DependencyCondition {
    /// The word of the Compose Specification.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}

/// How a container's health is told.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// `NONE`, `CMD` with words, or `CMD-SHELL` with one line.
    #[serde(skip_serializing_if = "is_default")]
    pub test: Vec<String>,
    /// How long one check may take; 30 s when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: Option<Duration>,
    /// The pause between checks; 30 s when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub interval: Option<Duration>,
    /// Failures in a row until the container is unhealthy; 3 when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub retries: Option<u64>,
    /// How long after the start failures do not count; 0 when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub start_period: Option<Duration>,
    /// The pause between checks during the start period; 5 s when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub start_interval: Option<Duration>,
    /// Whether the image's own check is off too.
    #[serde(skip_serializing_if = "is_default")]
    pub disable: bool,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A published port.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Port {
    /// A name for people.
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// `ingress` or `host`.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: String,
    /// The host address to bind.
    #[serde(skip_serializing_if = "is_default")]
    pub host_ip: String,
    /// The container's port.
    #[serde(skip_serializing_if = "is_default")]
    pub target: u32,
    /// The published port or range of ports; empty for any.
    #[serde(skip_serializing_if = "is_default")]
    pub published: String,
    /// `tcp`, `udp` or `sctp`.
    #[serde(skip_serializing_if = "is_default")]
    pub protocol: String,
    /// The application protocol, such as `http`.
    #[serde(skip_serializing_if = "is_default")]
    pub app_protocol: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A command that runs in the service's container.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// Its words.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub command: Option<Vec<String>>,
    /// The user to run as, the container's when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub user: String,
    /// Whether it has all privileges.
    #[serde(skip_serializing_if = "is_default")]
    pub privileged: bool,
    /// The working directory, the container's when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub working_dir: String,
    /// Additional environment.
    #[serde(skip_serializing_if = "is_default")]
    pub environment: BTreeMap<String, Option<String>>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A container that runs to completion before the service starts.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreStartHook {
    /// The container.
    #[serde(flatten)]
    pub container: ContainerSpec,
    /// Whether it runs for each replica instead of once.
    #[serde(skip_serializing_if = "is_default")]
    pub per_replica: bool,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A job: a container that runs on a schedule or on demand.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Profiles that enable the job; none means always.
    #[serde(skip_serializing_if = "is_default")]
    pub profiles: Vec<String>,
    /// When it runs.
    #[serde(skip_serializing_if = "is_default")]
    pub triggers: Option<Triggers>,
    /// The container.
    #[serde(flatten)]
    pub container: ContainerSpec,
    /// What services and jobs share besides the container.
    #[serde(flatten)]
    pub workload: WorkloadSpec,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// When a job runs.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Triggers {
    /// Whether people may start it; absent allows it too.
    #[serde(skip_serializing_if = "is_default")]
    pub manual: Option<bool>,
    /// Its schedules.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Vec<Schedule>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// One schedule of a job.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// A crontab expression.
    #[serde(skip_serializing_if = "is_default")]
    pub cron: String,
    /// The time zone it is read in.
    #[serde(skip_serializing_if = "is_default")]
    pub timezone: String,
    /// What happens when the previous run still goes on.
    #[serde(skip_serializing_if = "is_default")]
    pub concurrency: String,
    /// What happens to runs that were missed.
    #[serde(skip_serializing_if = "is_default")]
    pub missed_fires: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A program that provides a service instead of a container.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provider {
    /// The program.
    #[serde(rename = "type", skip_serializing_if = "is_default")]
    pub kind: String,
    /// Its options, each with one or more values.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, Vec<String>>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A service that another one starts from.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extends {
    /// The file that defines it, the same one when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub file: String,
    /// Its name.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
}

/// Settings of the development loop.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Develop {
    /// What is watched.
    #[serde(skip_serializing_if = "is_default")]
    pub watch: Vec<DevelopTrigger>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A watched path and what its changes do.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DevelopTrigger {
    /// The path.
    pub path: String,
    /// `rebuild`, `sync`, `restart`, `sync+restart` or `sync+exec`.
    pub action: String,
    /// Where files go in the container.
    #[serde(skip_serializing_if = "is_default")]
    pub target: String,
    /// The command of `sync+exec`.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub exec: Hook,
    /// Patterns that are watched.
    #[serde(skip_serializing_if = "is_default")]
    pub include: Vec<String>,
    /// Patterns that are not.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore: Vec<String>,
    /// Whether files are copied at the start.
    #[serde(skip_serializing_if = "is_default")]
    pub initial_sync: bool,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}
