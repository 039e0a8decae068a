//! The operator on a cluster of two nodes, with Multus: `make nodes-test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "nodes/attachments.rs"]
mod attachments;
mod harness;
#[path = "nodes/placement.rs"]
mod placement;

use std::collections::BTreeMap;

use harness::inside::running_pods;
use harness::{Cluster, Namespace, cluster, not_run};

/// The cluster, if it has two nodes; without it, says so and returns nothing.
fn two_nodes() -> Option<&'static Cluster> {
    let cluster = cluster()?;
    let count = cluster.ok(&["get", "nodes", "-o", "name"]).lines().count();
    if count < 2 {
        not_run(&format!("the cluster has {count} node(s); `make nodes-test` starts two"));
        return None;
    }
    Some(cluster)
}

/// The nodes of a service's running pods, each with their number.
fn nodes(namespace: &Namespace, service: &str) -> BTreeMap<String, usize> {
    let mut nodes = BTreeMap::new();
    for pod in running_pods(namespace, service) {
        *nodes.entry(pod["spec"]["nodeName"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    nodes
}
