//! What takes too long is told when it does.

use std::time::Duration;

use crate::harness::{Operator, cluster, wait_for};
use crate::stack_with;

/// Nothing happens to a StatefulSet whose pod does not start, so that no watch brings the stack back.
#[test]
fn a_stack_is_called_unhealthy_at_its_deadline_though_nothing_happens() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("deadline");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  db: {image: postgres, volumes: [\"data:/data\"]}\nvolumes: {data: {}}\n";
    namespace.apply(&stack_with("app", compose, "  progressDeadline: 10s\n  interval: 1h\n"));
    namespace.wait_condition("app", "Ready", "Unknown", 20);
    let (reason, message) = namespace.wait_condition("app", "Ready", "False", 40);
    assert_eq!(reason, "HealthCheckFailed");
    assert!(message.starts_with("not ready within 10s:\ndb: "), "{message}");
}

/// `Ready` stays Unknown, and so does its transition time.
#[test]
fn an_edit_of_what_does_not_start_begins_a_new_deadline() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("deadline-anew");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let apply = |image: &str| {
        let compose =
            format!("services:\n  db: {{image: {image}, volumes: [\"data:/data\"]}}\nvolumes: {{data: {{}}}}\n");
        namespace.apply(&stack_with("app", &compose, "  progressDeadline: 1h\n  interval: 1h\n"));
    };
    let under_way = |generation: i64| {
        wait_for(&format!("generation {generation} to be under way"), 20, || {
            let status = namespace.get("composestack", "app")?["status"].clone();
            let ready = status["conditions"].as_array()?.iter().find(|it| it["type"] == "Ready")?.clone();
            let begun = ready["status"] == "Unknown" && ready["observedGeneration"] == generation;
            begun.then(|| (status["progressingSince"].clone(), ready["lastTransitionTime"].clone()))
        })
    };
    apply("postgres:17");
    let (first, turned) = under_way(1);
    assert_eq!(first, turned);
    std::thread::sleep(Duration::from_millis(1100));
    apply("postgres:18");
    let (second, still) = under_way(2);
    assert_eq!(still, turned);
    assert!(second.as_str() > first.as_str(), "{second} is not after {first}");
}
