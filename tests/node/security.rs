//! Pod Security levels, seen from inside of pods.

use crate::harness::{Operator, cluster, not_run};
use crate::inside;

#[test]
fn a_restricted_pod_serves_a_low_port_and_writes_its_volume() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("restricted");
    namespace.ok(&["label", "namespace", &namespace.name, "pod-security.kubernetes.io/enforce=restricted"]);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(
        r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: shut
spec:
  security: Restricted
  composeFile: |
    services:
      app:
        image: busybox
        user: "1000:1000"
        command: ["httpd", "-f", "-p", "80", "-h", "/data"]
        healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1/page"], interval: 1s}
        post_start: [{command: [sh, -c, "echo hello > /data/page"]}]
        volumes: ["data:/data"]
    volumes: {data: {}}
"#,
    );
    namespace.wait_ready("shut", 60);
    assert_eq!(inside(&namespace, "app", "id -u; cat /data/page").trim(), "1000\nhello");
    let status = inside(&namespace, "app", "grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/1/status | tr -s '\\t' ' '");
    assert_eq!(status.trim(), "CapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2");
}

#[test]
fn a_container_sees_all_of_proc_with_users_of_its_own() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("unmasked");
    let handlers = namespace.ok(&["get", "nodes", "-o", "jsonpath={.items[*].status.runtimeHandlers[*].features}"]);
    if !handlers.contains(r#""userNamespaces":true"#) {
        not_run("the container runtime of this node gives pods no users of their own");
        return;
    }
    let _operator = Operator::start(cluster, &[&namespace], &["--allow-privileged"]);
    namespace.apply(
        r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: open
spec:
  composeFile: |
    services:
      masked:
        image: busybox
        command: [sleep, "3600"]
      unmasked:
        image: busybox
        command: [sleep, "3600"]
        security_opt: ["systempaths=unconfined"]
"#,
    );
    namespace.wait_ready("open", 60);
    let masks = "grep -c ' /proc/' /proc/mounts || true";
    assert_ne!(inside(&namespace, "masked", masks).trim(), "0");
    assert_eq!(inside(&namespace, "unmasked", masks).trim(), "0");
    assert_eq!(inside(&namespace, "masked", "awk '{print $2}' /proc/self/uid_map").trim(), "0");
    assert_ne!(inside(&namespace, "unmasked", "awk '{print $2}' /proc/self/uid_map").trim(), "0");
}
