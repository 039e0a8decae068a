//! A stack that the operator's version cannot read, for somebody installed a definition of another.

use crate::harness::{Operator, cluster, wait_for};
use crate::{settle, stack, version};

const DEFINITION: &str = "composestacks.compose-operator.dev";
const WORDS: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/unsupported/enum";

#[test]
fn a_stack_that_cannot_be_read_is_told_of_and_others_go_on() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("unreadable");
    let operator = Operator::start(cluster, &[&namespace], &[]);
    let define = |words: &str| {
        let patch = format!(r#"[{{"op": "replace", "path": "{WORDS}", "value": {words}}}]"#);
        cluster.ok(&["patch", "crd", DEFINITION, "--type=json", "-p", &patch]);
    };
    let says = |word: &str| {
        let patch = format!(r#"{{"spec": {{"unsupported": "{word}"}}}}"#);
        namespace.kubectl(&["patch", "composestack", "app", "--type=merge", "-p", &patch]).status.success()
    };
    namespace.apply(&stack("app", "services: {web: {image: nginx}}\n"));
    wait_for("the Deployment", 20, || namespace.get("deployment", "web"));
    settle(&namespace, "app");

    define(r#"["Fail", "Warn", "Perhaps"]"#);
    wait_for("the API server to take the word", 20, || says("Perhaps").then_some(()));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 30);
    assert!(reason == "InvalidObject" && message.contains("Perhaps"), "{reason}: {message}");
    let (ready, reason, _) = namespace.condition("app", "Ready").unwrap();
    assert_eq!((ready.as_str(), reason.as_str()), ("False", "InvalidObject"));
    let told = namespace.get("composestack", "app").unwrap();
    assert!(!told["status"]["inventory"].as_array().unwrap().is_empty(), "{}", told["status"]);
    let line = "compose_operator_stacks{ready=\"False\",reason=\"InvalidObject\"} 1";
    wait_for("the metric", 10, || operator.get("/metrics")?.contains(line).then_some(()));

    // Others go on, and what happens to its objects is no reason to say it again.
    namespace.ok(&["delete", "deployment", "web"]);
    namespace.apply(&stack("other", "services: {other: {image: nginx}}\n"));
    wait_for("the other's Deployment", 20, || namespace.get("deployment", "other"));
    settle(&namespace, "other");
    assert_eq!(version(&namespace.get("composestack", "app").unwrap()), version(&told));

    assert!(says("Warn"));
    wait_for("the Deployment again", 30, || namespace.get("deployment", "web"));
    wait_for("Stalled to go", 20, || namespace.condition("app", "Stalled").is_none().then_some(()));
    define(r#"["Fail", "Warn"]"#);
}
