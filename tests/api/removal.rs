//! A namespace that goes: nothing of a stack waits for an operator that is gone.

use std::time::{Duration, Instant};

use crate::harness::{Operator, cluster, wait_for};
use crate::{settle, stack_with};

#[test]
fn a_namespace_goes_though_there_is_no_operator() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("removal");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    ports: [\"80:80\"]\n    secrets: [key]\n  db:\n    \
                   image: postgres:13\n    volumes: [\"data:/data\"]\n  once:\n    image: nginx\n    restart: \"no\"\n\
                   volumes: {data: {}}\nsecrets: {key: {environment: KEY}}\n";
    namespace.apply(&stack_with("app", compose, "  env: {KEY: planted}\n"));
    let made = ["Deployment/web", "StatefulSet/db", "Job/once", "PersistentVolumeClaim/app-data"];
    wait_for("the objects", 20, || {
        let children = namespace.children("app");
        made.iter().all(|child| children.contains(*child)).then_some(())
    });
    settle(&namespace, "app");
    let finalizers = namespace.get("composestack", "app").unwrap()["metadata"]["finalizers"].clone();
    assert!(finalizers.is_null(), "{finalizers}");

    // As one that was uninstalled, or does not come up again.
    operator.kill();
    let start = Instant::now();
    cluster.ok(&["delete", "namespace", &namespace.name, "--timeout=60s"]);
    let took = start.elapsed();
    assert!(took < Duration::from_mins(1), "{took:?}");
    assert!(
        cluster.kubectl(&["get", "namespace", &namespace.name]).stderr.starts_with(b"Error from server (NotFound)")
    );
    println!("the namespace was gone after {:.1} s", took.as_secs_f64());
}
