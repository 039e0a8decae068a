//! Generated Secrets that somebody deletes, where the operator may not watch Secrets.

use std::time::Instant;

use crate::harness::inside::{inside, running_pod};
use crate::harness::{Operator, cluster, wait_for};

const STACK: &str = r#"
apiVersion: v1
kind: Secret
metadata:
  name: inputs
stringData: {PASSWORD: hunter2}
---
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: guarded
spec:
  envFrom: [{secretRef: {name: inputs}}]
  composeFile: |
    services:
      reads:
        image: busybox
        command: [sleep, "3600"]
        stop_grace_period: 1s
        environment: {PASSWORD: "$PASSWORD"}
      mounts:
        image: busybox
        command: [sleep, "3600"]
        stop_grace_period: 1s
        secrets: [password]
    secrets: {password: {environment: PASSWORD}}
"#;

#[test]
fn a_deleted_secret_is_back_once_a_pod_needs_it() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("secrets");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(STACK);
    namespace.wait_ready("guarded", 60);
    let generated = "compose-operator.dev/stack=guarded";
    let suspend = |suspend: bool| {
        let patch = format!(r#"{{"spec": {{"suspend": {suspend}}}}}"#);
        namespace.ok(&["patch", "composestack", "guarded", "--type=merge", "-p", &patch]);
    };
    for (service, shown) in [("reads", "echo $PASSWORD"), ("mounts", "cat /run/secrets/password")] {
        let before = namespace.list("secrets", generated).len();
        assert!(before > 0);
        suspend(true);
        wait_for("the stack is suspended", 30, || {
            let (_, reason, _) = namespace.condition("guarded", "Ready")?;
            (reason == "Suspended").then_some(())
        });
        // A kubelet remembers an immutable Secret as long as it has a pod that uses it.
        namespace.ok(&["scale", "deployment", service, "--replicas=0"]);
        let pods = format!("compose-operator.dev/service={service}");
        wait_for(&format!("no pod of {service}"), 60, || namespace.list("pods", &pods).is_empty().then_some(()));
        namespace.ok(&["delete", "secrets", "-l", generated]);
        let start = Instant::now();
        suspend(false);
        running_pod(&namespace, service);
        println!("{service} runs again after {:.1} s", start.elapsed().as_secs_f64());
        assert_eq!(inside(&namespace, service, shown).trim(), "hunter2");
        assert_eq!(namespace.list("secrets", generated).len(), before, "with one, all that are missing are made again");
        namespace.wait_ready("guarded", 60);
    }
}
