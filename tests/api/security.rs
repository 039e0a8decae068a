//! Pod Security levels, judged by the API server's own admission.

use crate::harness::{Operator, cluster, wait_for};
use crate::{stack, stack_with};

/// One service of each kind of workload, with a volume, a config, a published port and memory file systems.
const ORDINARY: &str = r#"services:
  web:
    image: nginx:alpine
    user: "101"
    ports: ["8080:80"]
    tmpfs: [/tmp]
    configs: [page]
    cap_add: [NET_BIND_SERVICE]
    healthcheck: {test: [CMD, "true"]}
  db:
    image: postgres:13
    user: "999:999"
    volumes: ["data:/var/lib/postgresql/data"]
    shm_size: 64m
  agent:
    image: busybox
    deploy: {mode: global}
  setup:
    image: busybox
    restart: "no"
volumes: {data: {}}
configs: {page: {content: hello}}
"#;

#[test]
fn an_ordinary_file_is_admitted_under_the_level_that_the_stack_asks_for() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("security");
    namespace.ok(&["label", "namespace", &namespace.name, "pod-security.kubernetes.io/enforce=restricted"]);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let open = ORDINARY.replace("db:\n", "store:\n");
    namespace.apply(&stack_with("open", &open, ""));
    let (reason, message) = namespace.wait_condition("open", "Stalled", "True", 20);
    assert_eq!(reason, "Unsupported");
    for part in
        ["services.store: the namespace enforces the Pod Security level Restricted", "spec.security: Restricted"]
    {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert!(namespace.children("open").is_empty());
    // It was foreseen rightly: who goes on all the same gets no pods.
    namespace.apply(&stack_with("open", &open, "  unsupported: Warn\n"));
    let refused = wait_for("the admission to refuse a pod of a stack without a level", 30, || {
        let events =
            namespace.ok(&["get", "events", "-o", "jsonpath={range .items[*]}{.reason} {.message}{'\\n'}{end}"]);
        events.lines().find(|line| line.starts_with("FailedCreate")).map(str::to_owned)
    });
    assert!(refused.contains("violates PodSecurity"), "{refused}");
    namespace.ok(&["delete", "composestack", "open", "--cascade=foreground", "--timeout=60s"]);
    // Its names are its own until then, and whoever wants them looks again in half a minute only.
    wait_for("all to go with it", 30, || {
        namespace.children("open").iter().all(|it| it.contains("-data")).then_some(())
    });

    namespace.apply(&stack_with("shut", ORDINARY, "  security: Restricted\n"));
    // Without nodes a DaemonSet makes no pods: its template is tried as a pod.
    for service in ["web", "db", "setup"] {
        wait_for(&format!("a pod of {service}"), 30, || {
            let pods = namespace
                .list("pods", &format!("compose-operator.dev/stack=shut,compose-operator.dev/service={service}"));
            (!pods.is_empty()).then_some(())
        });
    }
    let agent = wait_for("the DaemonSet", 30, || namespace.get("daemonset", "agent"));
    let mut pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent"}});
    pod["spec"] = agent["spec"]["template"]["spec"].clone();
    cluster.ok_with(&["-n", &namespace.name, "apply", "--dry-run=server", "-f", "-"], &pod.to_string());
    // Events of the stack before come late, after it is gone.
    let makers = namespace.ok(&["get", "replicasets,statefulsets,jobs", "-o", "jsonpath={.items[*].metadata.uid}"]);
    let makers: Vec<&str> = makers.split_whitespace().collect();
    assert!(makers.len() > 2, "{makers:?}");
    let events: serde_json::Value = serde_json::from_str(&namespace.ok(&["get", "events", "-o", "json"])).unwrap();
    let of_this_stack = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["involvedObject"]["uid"].as_str().is_some_and(|uid| makers.contains(&uid)));
    let refused: Vec<_> = of_this_stack.filter(|event| event.to_string().contains("violates PodSecurity")).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn what_contradicts_the_level_stalls_by_its_path() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("level");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    privileged: true\n    user: root\n";
    namespace.apply(&stack_with("app", compose, "  security: Restricted\n"));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "Unsupported");
    for part in ["services.web.privileged: ", "services.web.user: ", "user: \"1000:1000\""] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert!(namespace.children("app").is_empty());
}

/// The API server fills in a second field with the name, which an apply that leaves out the first would not take away.
#[test]
fn an_account_that_leaves_the_file_leaves_the_pods() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("account");
    let _operator = Operator::start(cluster, &[&namespace], &["--allow-service-account", "web"]);
    let account = || {
        let deployment = namespace.get("deployment", "web")?;
        Some(deployment["spec"]["template"]["spec"]["serviceAccountName"].clone())
    };
    for (of_service, expected) in
        [("x-kubernetes: {serviceAccountName: web}", serde_json::json!("web")), ("", serde_json::Value::Null)]
    {
        namespace.apply(&stack("app", &format!("services: {{web: {{image: nginx, {of_service}}}}}\n")));
        wait_for(&format!("the account {expected}"), 20, || account().filter(|account| *account == expected));
    }
}
