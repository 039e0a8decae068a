//! The tutorial, as it stands: its files are written and its commands run, in order.

use super::harness::page::Reader;
use super::harness::{Operator, cluster, read};

#[test]
fn the_tutorial_runs_as_it_is_written() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("tutorial");
    let _operator = Operator::start(cluster, &[&namespace], &["--network-policy-enforced=yes"]);
    let reader = Reader::new("tutorial", &cluster.kubeconfig, &[]);
    reader.work_in(&namespace.name);
    let commands = reader.follow(&read("docs/tutorial.md"));
    assert!(commands >= 5, "{commands}");
    assert!(namespace.get("composestack", "shop").is_none());
    assert!(namespace.get("pvc", "shop-db-data").is_some());
}
