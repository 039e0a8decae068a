//! Events tell what turned, and not that it is still so.

use std::collections::BTreeMap;

use crate::harness::{Namespace, Operator, cluster, wait_for};
use crate::{settle, stack};

/// How often each turn of the stack was told, repetitions counted.
fn turns(namespace: &Namespace) -> BTreeMap<String, u64> {
    let mut turns = BTreeMap::new();
    for event in namespace.list("events.events.k8s.io", "") {
        if event["action"] == "Reconcile" && event["regarding"]["name"] == "app" {
            let turn = format!("{} {}", event["type"].as_str().unwrap(), event["reason"].as_str().unwrap());
            *turns.entry(turn).or_default() += event["series"]["count"].as_u64().unwrap_or(1);
        }
    }
    turns
}

#[test]
fn events_tell_of_turns_and_of_nothing_that_stays() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("events");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    let mut requests = 0;
    let mut ask = || {
        requests += 1;
        let request = format!("request {requests}");
        let annotation = format!("reconcile.compose-operator.dev/requestedAt={request}");
        namespace.ok(&["annotate", "composestack", "app", "--overwrite", &annotation]);
        wait_for("the request to be handled", 20, || {
            let handled = namespace.get("composestack", "app")?["status"]["lastHandledReconcileAt"].clone();
            (handled == request).then_some(())
        });
    };
    let told = |turn: &str, times: u64| {
        wait_for(&format!("{turn} to be told"), 20, || (turns(&namespace).get(turn) == Some(&times)).then_some(()));
    };
    let good = stack("app", "services:\n  web: {image: nginx, deploy: {replicas: 0}}\n");
    namespace.apply(&good);
    namespace.wait_ready("app", 30);
    told("Normal Succeeded", 1);
    settle(&namespace, "app");
    let before = turns(&namespace);
    ask();
    ask();
    settle(&namespace, "app");
    assert_eq!(turns(&namespace), before, "it is as it was");

    namespace.apply(&stack("app", "services:\n  web: {image: nginx, imagee: typo}\n"));
    told("Warning InvalidCompose", 1);
    ask();
    // Another error is no other turn, and a restarted operator finds it told.
    namespace.apply(&stack("app", "services:\n  web: {image: nginx, portz: typo}\n"));
    namespace.wait_condition("app", "Stalled", "True", 20);
    operator.terminate();
    drop(operator);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    ask();
    settle(&namespace, "app");
    let mut after = before.clone();
    after.insert("Warning InvalidCompose".to_owned(), 1);
    assert_eq!(turns(&namespace), after);

    namespace.apply(&good);
    namespace.wait_ready("app", 30);
    told("Normal Succeeded", 2);
}
