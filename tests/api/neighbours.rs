//! Stacks of one namespace, which share its names.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Namespace, Operator, cluster, wait_for};
use crate::{settle, stack};

/// The objects of a stack, each with its version.
fn versions(namespace: &Namespace, stack: &str) -> Vec<String> {
    let kinds = "deployments,services,networkpolicies,configmaps";
    let objects = namespace.list(kinds, &format!("compose-operator.dev/stack={stack}"));
    let version = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["resourceVersion"]);
    objects.iter().map(version).collect()
}

#[test]
fn the_second_stack_with_a_services_name_waits_for_the_first_to_go() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("neighbours");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose =
        |image: &str| format!("services:\n  web: {{image: {image}, ports: [\"80\"], deploy: {{replicas: 0}}}}\n");
    namespace.apply(&stack("first", &compose("nginx:1")));
    namespace.wait_ready("first", 30);
    settle(&namespace, "first");
    let before = versions(&namespace, "first");
    assert!(before.len() > 1, "{before:?}");

    namespace.apply(&stack("second", &compose("nginx:2")));
    let (reason, message) = namespace.wait_condition("second", "Stalled", "True", 30);
    assert_eq!(reason, "NameConflict");
    for kind in ["Deployment", "Service"] {
        assert!(message.contains(&format!("{kind} web belongs to ComposeStack first; ")), "{message}");
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(versions(&namespace, "first"), before, "the first is left alone");
    assert_eq!(versions(&namespace, "second"), [""; 0], "nothing is applied beside it");
    namespace.wait_ready("first", 5);

    namespace.ok(&["delete", "composestack", "first"]);
    namespace.wait_ready("second", 90);
    let web = wait_for("the second's Deployment", 30, || namespace.get("deployment", "web"));
    assert_eq!(web["metadata"]["ownerReferences"][0]["name"], "second");
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:2");
}
