//! What takes too long is told when it does.

use crate::harness::{Operator, cluster};
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
