//! The Compose Deploy Specification: replicas, resources, placement and updates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::form::{empty_in_yaml, number, only_in_yaml};
use super::{ByteSize, DeviceRequest, Duration, Extensions, is_default};

/// Deployment settings of a service.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// `replicated`, `global`, `replicated-job` or `global-job`; empty for the first.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: String,
    /// How many containers run.
    #[serde(skip_serializing_if = "is_default")]
    pub replicas: Option<i64>,
    /// Labels of the service, not of its containers.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// How updates go.
    #[serde(skip_serializing_if = "is_default")]
    pub update_config: Option<UpdateConfig>,
    /// How going back goes.
    #[serde(skip_serializing_if = "is_default")]
    pub rollback_config: Option<UpdateConfig>,
    /// Limits and reservations.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub resources: Resources,
    /// When containers start again; stronger than the service's `restart`.
    #[serde(skip_serializing_if = "is_default")]
    pub restart_policy: Option<RestartPolicy>,
    /// Which nodes.
    #[serde(skip_serializing_if = "empty_in_yaml")]
    pub placement: Placement,
    /// `vip` or `dnsrr`.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoint_mode: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// How an update, or a rollback, goes.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateConfig {
    /// Containers replaced at a time; 0 for all, 1 when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub parallelism: Option<u64>,
    /// The pause between groups.
    #[serde(skip_serializing_if = "is_default")]
    pub delay: Duration,
    /// `continue`, `pause` or `rollback`.
    #[serde(skip_serializing_if = "is_default")]
    pub failure_action: String,
    /// How long each container is watched for failure.
    #[serde(skip_serializing_if = "is_default")]
    pub monitor: Duration,
    /// The share of failures that is tolerated.
    #[serde(skip_serializing_if = "is_default", serialize_with = "number")]
    pub max_failure_ratio: f32,
    /// `stop-first` or `start-first`.
    #[serde(skip_serializing_if = "is_default")]
    pub order: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// Limits and reservations.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// What a container may use at most.
    #[serde(skip_serializing_if = "is_default")]
    pub limits: Option<Resource>,
    /// What is kept free for a container.
    #[serde(skip_serializing_if = "is_default")]
    pub reservations: Option<Resource>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// Amounts of resources; 0 is none given.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// Processors.
    #[serde(skip_serializing_if = "is_default", serialize_with = "number")]
    pub cpus: f32,
    /// Memory.
    #[serde(skip_serializing_if = "is_default")]
    pub memory: ByteSize,
    /// Processes.
    #[serde(skip_serializing_if = "is_default")]
    pub pids: i64,
    /// Devices.
    #[serde(skip_serializing_if = "is_default")]
    pub devices: Vec<DeviceRequest>,
    /// Resources that nodes advertise.
    #[serde(skip_serializing_if = "is_default")]
    pub generic_resources: Vec<GenericResource>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A resource that nodes advertise.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenericResource {
    /// A countable one.
    #[serde(skip_serializing_if = "is_default")]
    pub discrete_resource_spec: Option<DiscreteResource>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A countable resource.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscreteResource {
    /// Its kind, such as `SSD`.
    pub kind: String,
    /// How many.
    pub value: i64,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// When containers start again.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// `none`, `on-failure` or `any`.
    #[serde(skip_serializing_if = "is_default")]
    pub condition: String,
    /// The pause between attempts.
    #[serde(skip_serializing_if = "is_default")]
    pub delay: Option<Duration>,
    /// How many attempts; absent for any number.
    #[serde(skip_serializing_if = "is_default")]
    pub max_attempts: Option<u64>,
    /// How long a container must run to count as started.
    #[serde(skip_serializing_if = "is_default")]
    pub window: Option<Duration>,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// Which nodes containers run on.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// Conditions such as `node.role == manager`.
    #[serde(skip_serializing_if = "is_default")]
    pub constraints: Vec<String>,
    /// Ways to spread.
    #[serde(skip_serializing_if = "is_default")]
    pub preferences: Vec<PlacementPreference>,
    /// The most containers on one node; 0 for any number.
    #[serde(skip_serializing_if = "is_default")]
    pub max_replicas_per_node: u64,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}

/// A way to spread containers.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlacementPreference {
    /// The node attribute over whose values containers are spread, such as `node.labels.zone`.
    #[serde(skip_serializing_if = "is_default")]
    pub spread: String,
    /// `x-` keys.
    #[serde(flatten, skip_serializing_if = "only_in_yaml")]
    pub extensions: Extensions,
}
