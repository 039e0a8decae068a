//! Deployments.

use super::super::model::{
    Deploy, DiscreteResource, GenericResource, Placement, PlacementPreference, Resource, Resources, RestartPolicy,
    UpdateConfig,
};
use super::{fill, texts};

fill!(Deploy {
    mode, replicas, labels by texts, update_config, rollback_config, resources, restart_policy, placement, endpoint_mode,
} extensions extensions);
fill!(UpdateConfig { parallelism, delay, failure_action, monitor, max_failure_ratio, order } extensions extensions);
fill!(Resources { limits, reservations } extensions extensions);
fill!(Resource { cpus, memory, pids, devices, generic_resources } extensions extensions);
fill!(GenericResource { discrete_resource_spec } extensions extensions);
fill!(DiscreteResource { kind, value } extensions extensions);
fill!(RestartPolicy { condition, delay, max_attempts, window } extensions extensions);
fill!(Placement { constraints, preferences, max_replicas_per_node } extensions extensions);
fill!(PlacementPreference { spread } extensions extensions);
