//! Releases on a real node: what Helm does to the operator, and does not do to the stacks.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Cluster, Namespace, bare_cluster, read, wait_for};
use crate::helm::{Helm, chart, helm};
use crate::monitoring;

pub const RELEASE: &str = "compose-operator";

/// The tag of the operator's image on the node. Without one, says so and returns nothing.
pub fn image_tag() -> Option<&'static str> {
    if std::env::var_os("COMPOSE_OPERATOR_IMAGE_LOADED").is_some() {
        return Some("dev");
    }
    println!("not run: no node has the operator's image; `make chart-test` starts one that has");
    None
}

/// Every pod of a namespace with its uid and how often its containers were restarted.
pub fn pods(namespace: &Namespace) -> BTreeMap<String, (Value, i64)> {
    namespace
        .list("pods", "app.kubernetes.io/managed-by=compose-operator")
        .iter()
        .map(|pod| {
            let restarts = pod["status"]["containerStatuses"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|container| container["restartCount"].as_i64().unwrap())
                .sum();
            (pod["metadata"]["name"].as_str().unwrap().to_owned(), (pod["metadata"]["uid"].clone(), restarts))
        })
        .collect()
}

/// The uid of the pod of the operator that is ready.
pub fn operator(cluster: &Cluster) -> String {
    wait_for("the operator to be ready", 60, || {
        let pods = cluster.list(RELEASE, "pods", "app.kubernetes.io/name=compose-operator");
        let [pod] = pods.as_slice() else { return None };
        let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
        ready.then(|| pod["metadata"]["uid"].as_str().unwrap().to_owned())
    })
}

fn sql(namespace: &Namespace, statement: &str) -> String {
    let query = ["exec", "statefulset/db", "--", "psql", "-h", "127.0.0.1", "-U", "shop", "-d", "shop", "-tA", "-c"];
    wait_for("the database to answer", 30, || {
        let output = namespace.kubectl(&[&query[..], &[statement]].concat());
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
    })
}

/// Asks the operator to look at the stack, and waits for its answer: afterwards it has done what it wanted to do.
fn reconciled(namespace: &Namespace, mark: &str) {
    let annotation = format!("reconcile.compose-operator.dev/requestedAt={mark}");
    namespace.ok(&["annotate", "--overwrite", "composestack/postgres", &annotation]);
    wait_for("the request to be answered", 60, || {
        let stack = namespace.get("composestack", "postgres")?;
        (stack["status"]["lastHandledReconcileAt"] == mark).then_some(())
    });
    namespace.wait_ready("postgres", 30);
}

pub fn release(helm: &Helm, command: &str, tag: &str, args: &[&str]) {
    let tag = format!("image.tag={tag}");
    let chart = chart();
    let common = [command, RELEASE, chart.to_str().unwrap(), "--namespace", RELEASE, "--wait", "--timeout", "90s"];
    // No registry is reached from the node.
    helm.ok(&[&common[..], &["--set", &tag, "--set", "imageConfigs=false"], args].concat());
}

#[test]
fn a_release_is_installed_upgraded_rolled_back_and_uninstalled_and_the_stack_runs_on() {
    let (Some(cluster), Some(helm), Some(tag)) = (bare_cluster(), helm(), image_tag()) else { return };
    cluster.ok_with(&["apply", "--server-side", "-f", "-"], &read("deploy/namespace.yaml"));
    release(&helm, "install", tag, &[]);
    let first = operator(cluster);

    let namespace = cluster.namespace("helm");
    namespace.apply(&read("examples/postgres/stack.yaml"));
    namespace.ok(&["wait", "--for=condition=Ready", "composestack/postgres", "--timeout=120s"]);
    sql(&namespace, "CREATE TABLE goods (name text); INSERT INTO goods VALUES ('lamp')");
    monitoring::every_metric_that_is_served_is_registered(cluster);
    let running = pods(&namespace);
    assert_eq!(running.len(), 1, "{running:?}");
    let claim = namespace.get("pvc", "postgres-db-data").unwrap()["metadata"]["uid"].clone();

    // The upgrade changes the operator's pod in many ways, and shuts it off from all but the API server.
    let port = cluster.ok(&["get", "endpoints", "kubernetes", "-o", "jsonpath={.subsets[0].ports[0].port}"]);
    let ports = format!("networkPolicy.apiServer.ports={{443,{port}}}");
    let changed = [
        "--set",
        "networkPolicy.enabled=true",
        "--set",
        &ports,
        "--set",
        "logging.format=json",
        "--set",
        "podLabels.tier=platform",
        "--set",
        "networkPolicyEnforced=true",
        "--set",
        "watchSecrets=true",
    ];
    release(&helm, "upgrade", tag, &changed);
    let second = operator(cluster);
    assert_ne!(first, second);
    reconciled(&namespace, "upgraded");
    assert_eq!(pods(&namespace), running, "an upgrade of the operator restarts no pod of a stack");
    namespace.ok(&["delete", "service", "db"]);
    wait_for("the upgraded operator to repair", 10, || namespace.get("service", "db"));

    helm.ok(&["rollback", RELEASE, "1", "--namespace", RELEASE, "--wait", "--timeout", "90s"]);
    assert_ne!(operator(cluster), second);
    reconciled(&namespace, "rolled-back");
    assert_eq!(pods(&namespace), running, "nor does a rollback");

    helm.ok(&["uninstall", RELEASE, "--namespace", RELEASE, "--wait", "--timeout", "90s"]);
    assert!(cluster.list(RELEASE, "deployments", "").is_empty());
    assert!(cluster.get(RELEASE, "clusterrole", "compose-operator").is_none());
    assert!(namespace.get("composestack", "postgres").is_some(), "the definition and the stacks stay");
    assert_eq!(pods(&namespace), running, "and what runs runs on");
    assert_eq!(sql(&namespace, "SELECT name FROM goods"), "lamp");

    // A new installation takes everything up again: the key of the names is no part of the release.
    release(&helm, "install", tag, &[]);
    reconciled(&namespace, "installed-again");
    assert_eq!(pods(&namespace), running);
    assert_eq!(namespace.get("pvc", "postgres-db-data").unwrap()["metadata"]["uid"], claim);

    roles_of_the_cluster_cover_stacks(cluster, &namespace);
    helm.ok(&["uninstall", RELEASE, "--namespace", RELEASE, "--wait", "--timeout", "90s"]);
    cluster.ok(&["delete", "crd", "composestacks.compose-operator.dev", "--timeout=60s"]);
    cluster.ok(&["delete", "namespace", RELEASE, "--timeout=90s"]);
}

/// `view`, `edit` and `admin` hold for stacks as they do for everything else.
fn roles_of_the_cluster_cover_stacks(cluster: &Cluster, namespace: &Namespace) {
    for (role, allowed, denied) in [
        ("view", &["get", "list", "watch"][..], &["create", "delete"][..]),
        ("edit", &["get", "create", "update", "patch", "delete"], &[]),
        ("admin", &["get", "create", "update", "patch", "delete"], &[]),
    ] {
        let user = format!("--as={role}-user");
        let may = |verb: &str| namespace.kubectl(&["auth", "can-i", verb, "composestacks", &user]).status.success();
        assert!(!may("get"));
        let binding = format!("{role}-binding");
        namespace.ok(&["create", "rolebinding", &binding, "--clusterrole", role, "--user", &format!("{role}-user")]);
        for verb in allowed {
            wait_for(&format!("{role} to {verb}"), 10, || may(verb).then_some(()));
        }
        assert!(denied.iter().all(|verb| !may(verb)), "{role}");
        let status = ["auth", "can-i", "patch", "composestacks", "--subresource=status", &user];
        assert!(!namespace.kubectl(&status).status.success(), "{role} may not write what the operator says");
    }
    assert!(cluster.get("", "clusterrole", "compose-operator-deployer").is_some());
}

#[test]
fn an_operator_of_some_namespaces_has_no_rights_in_others() {
    let (Some(cluster), Some(helm), Some(tag)) = (bare_cluster(), helm(), image_tag()) else { return };
    cluster.ok_with(&["apply", "--server-side", "-f", "-"], &read("deploy/namespace.yaml"));
    let (own, other) = (cluster.namespace("own"), cluster.namespace("other"));
    release(&helm, "install", tag, &["--set", &format!("watchNamespaces={{{}}}", own.name)]);
    let stack = "{\"apiVersion\":\"compose-operator.dev/v1alpha1\",\"kind\":\"ComposeStack\",\"metadata\":{\"name\":\"app\"},\
                 \"spec\":{\"composeFile\":\"services: {app: {image: busybox, command: [sleep, '3600']}}\"}}";
    other.apply(stack);
    own.apply(stack);
    own.wait_ready("app", 60);
    assert!(other.condition("app", "Ready").is_none(), "nobody watches there");
    let account = format!("--as=system:serviceaccount:{RELEASE}:{RELEASE}");
    for (namespace, answer) in [(&own, true), (&other, false)] {
        for what in [["create", "deployments"], ["get", "secrets"], ["list", "composestacks"]] {
            let asked = namespace.kubectl(&["auth", "can-i", what[0], what[1], &account]);
            assert_eq!(asked.status.success(), answer, "{what:?} in {}", namespace.name);
        }
    }
    own.ok(&["delete", "composestack", "app"]);
    helm.ok(&["uninstall", RELEASE, "--namespace", RELEASE, "--wait", "--timeout", "90s"]);
    cluster.ok(&["delete", "crd", "composestacks.compose-operator.dev", "--timeout=60s"]);
    cluster.ok(&["delete", "namespace", RELEASE, "--timeout=90s"]);
}
