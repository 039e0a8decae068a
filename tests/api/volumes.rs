//! Claims: to whom they belong, and when they are filled.

use serde_json::Value;

use crate::harness::{Namespace, Operator, cluster, wait_for};
use crate::{settle, stack_with};

const COMPOSE: &str = "services:\n  db:\n    image: postgres:13\n    volumes: [\"data:/data\"]\nvolumes: {data: {}}\n";

fn owners(namespace: &Namespace) -> Option<Vec<Value>> {
    let claim = namespace.get("pvc", "app-data")?;
    Some(claim["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default())
}

#[test]
fn a_claim_goes_with_its_stack_only_while_that_is_asked_for() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("reclaim");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    for (reclaim, count) in [("Delete", 1), ("Retain", 0), ("Delete", 1), ("Retain", 0)] {
        namespace.apply(&stack_with("app", COMPOSE, &format!("  volumes: {{reclaim: {reclaim}}}\n")));
        wait_for(&format!("{count} owners of the claim"), 30, || {
            owners(&namespace).filter(|owners| owners.len() == count)
        });
    }
    settle(&namespace, "app");
    namespace.ok(&["delete", "composestack", "app", "--cascade=foreground", "--timeout=60s"]);
    assert_eq!(owners(&namespace), Some(Vec::new()));
}

#[test]
fn only_a_new_claim_is_filled_and_its_service_waits() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("fill");
    // Without its own image the operator fills nothing, and later it leaves alone what was there before.
    let operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack_with("old", COMPOSE, ""));
    wait_for("the StatefulSet", 30, || namespace.get("statefulset", "db"));
    drop(operator);
    let _operator = Operator::start(cluster, &[&namespace], &["--operator-image", "operator:1"]);
    settle(&namespace, "old");
    let mark = |claim: &str| {
        namespace.get("pvc", claim).unwrap()["metadata"]["annotations"]["compose-operator.dev/seed"].clone()
    };
    assert!(mark("old-data").is_null() && namespace.list("jobs", "compose-operator.dev/stack=old").is_empty());

    let compose = COMPOSE.replace("db:", "store:");
    namespace.apply(&stack_with("new", &compose, ""));
    let job = wait_for("the Job", 30, || namespace.list("jobs", "compose-operator.dev/stack=new").pop());
    let name = job["metadata"]["name"].as_str().unwrap();
    settle(&namespace, "new");
    assert_eq!(mark("new-data"), name);
    assert!(namespace.get("statefulset", "store").is_none());
    // There is no node: the test plays the kubelet.
    let pod = wait_for("the Job's pod", 30, || {
        let pod = namespace.list("pods", &format!("batch.kubernetes.io/job-name={name}")).pop()?;
        Some(pod["metadata"]["name"].as_str()?.to_owned())
    });
    let succeeded = r#"{"status":{"phase":"Succeeded"}}"#;
    namespace.ok(&["patch", "pod", &pod, "--subresource=status", "--type=merge", "-p", succeeded]);
    wait_for("the StatefulSet", 30, || namespace.get("statefulset", "store"));
    wait_for("the mark", 30, || (mark("new-data") == "done").then_some(()));
    wait_for("the Job to be gone", 30, || {
        namespace.list("jobs", "compose-operator.dev/stack=new").is_empty().then_some(())
    });
}

#[test]
fn a_claim_that_is_there_says_itself_whether_several_nodes_may_mount_it() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("modes");
    for (name, mode) in [("one", "ReadWriteOnce"), ("several", "ReadWriteMany")] {
        namespace.apply(&format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}}}\nspec:\n  accessModes: [{mode}]\n  resources: \
             {{requests: {{storage: 1Gi}}}}\n"
        ));
    }
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let service = |volume: &str| {
        format!("  {volume}: {{image: nginx, volumes: [\"{volume}:/data\"], deploy: {{replicas: 2}}}}\n")
    };
    let text = format!(
        "services:\n{}{}volumes:\n  one: {{external: true}}\n  several: {{external: true}}\n",
        service("one"),
        service("several")
    );
    namespace.apply(&stack_with("app", &text, ""));
    // The claims are read when they are first used, and known to the pass after.
    wait_for("a warning of one of them", 30, || {
        let stack = namespace.get("composestack", "app")?;
        let paths = stack["status"]["warnings"].as_array()?.iter().filter_map(|one| one["path"].as_str());
        let said: Vec<_> = paths.filter(|path| path.starts_with("volumes.")).collect();
        (said == ["volumes.one.external"]).then_some(())
    });
}
