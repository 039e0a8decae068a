//! What a stack uses and does not own: it is waited for by name, and its changes are used at once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Namespace, Operator, cluster, wait_for};
use crate::{settle, stack};

/// Sooner than a waiting stack comes back by itself.
const AT_ONCE: u64 = 10;

fn claim(namespace: &Namespace, name: &str) {
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Mi"}},
    });
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec});
    namespace.apply(&claim.to_string());
}

/// A volume for a claim, to which the cluster's own controller binds it.
fn volume(namespace: &Namespace, claim: &str) {
    let spec = json!({
        "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Mi"}, "hostPath": {"path": "/tmp"},
        "claimRef": {"namespace": namespace.name, "name": claim},
    });
    let name = format!("{}-{claim}", namespace.name);
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec});
    namespace.apply(&volume.to_string());
}

fn message(namespace: &Namespace) -> String {
    namespace.condition("app", "Ready").map(|(_, _, message)| message).unwrap_or_default()
}

/// Waits until the stack's condition names all of these.
fn wait_named(namespace: &Namespace, words: &[&str]) {
    wait_for(&format!("{words:?} to be named"), 20, || {
        let message = message(namespace);
        words.iter().all(|word| message.contains(word)).then_some(())
    });
}

#[test]
fn inputs_that_are_missing_are_all_named_at_once() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("missing");
    namespace.ok(&["create", "configmap", "files", "--from-literal=here=1"]);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let item = |key: &str| json!({"key": key, "path": key});
    let spec = json!({
        "composeFrom": [
            {"configMapKeyRef": {"name": "document", "key": "compose.yaml"}},
            {"configMapKeyRef": {"name": "files", "key": "override.yaml"}},
        ],
        "envFrom": [{"secretRef": {"name": "variables"}}],
        "filesFrom": [
            {"configMapRef": {"name": "files", "items": [item("here"), item("gone"), item("lost")]}},
            {"secretRef": {"name": "tokens"}},
        ],
    });
    let stack = json!({
        "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": {"name": "app"}, "spec": spec,
    });
    namespace.apply(&stack.to_string());
    let (reason, message) = namespace.wait_condition("app", "Ready", "False", 20);
    assert_eq!(reason, "InputNotFound");
    let named: Vec<&str> = message.lines().map(|line| line.split(" not found").next().unwrap()).collect();
    let expected = [
        "spec.filesFrom[0]: ConfigMap \"files\" with key \"gone\"",
        "spec.filesFrom[0]: ConfigMap \"files\" with key \"lost\"",
        "spec.filesFrom[1].secretRef: Secret \"tokens\"",
        "spec.composeFrom[0]: ConfigMap \"document\"",
        "spec.composeFrom[1]: ConfigMap \"files\" with key \"override.yaml\"",
        "spec.envFrom[0]: Secret \"variables\"",
    ];
    assert_eq!(named, expected, "{message}");

    // Any of them brings the stack back, and is named no longer.
    namespace.ok(&["create", "configmap", "document", "--from-literal=compose.yaml=services: {}"]);
    wait_for("the document to be named no longer", 10, || {
        let message = self::message(&namespace);
        (!message.contains("document") && message.contains("variables")).then_some(())
    });
}

#[test]
fn an_external_claim_brings_its_stack_on_when_it_arrives_and_when_it_goes() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("claim");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  db:\n    image: postgres:13\n    volumes: [\"data:/data\"]\n\
                   volumes: {data: {name: pgdata, external: true}}\n";
    namespace.apply(&stack("app", compose));
    wait_named(&namespace, &["PersistentVolumeClaim pgdata of external volume data does not exist"]);
    settle(&namespace, "app");
    assert!(namespace.get("statefulset", "db").is_none());

    // Past the moment in which a stack comes back by itself that has just begun to wait.
    std::thread::sleep(Duration::from_secs(3));
    let start = Instant::now();
    claim(&namespace, "pgdata");
    wait_for("the StatefulSet, by the watch of claims", AT_ONCE, || namespace.get("statefulset", "db"));
    println!("the StatefulSet was there {} ms after its claim", start.elapsed().as_millis());
    let told = || namespace.get("composestack", "app").unwrap()["status"]["volumes"][0].clone();
    wait_for("the claim in the status", AT_ONCE, || (told()["phase"] == "Pending").then_some(()));
    volume(&namespace, "pgdata");
    wait_for("the claim to be bound", 60, || {
        namespace.get("pvc", "pgdata").filter(|claim| claim["status"]["phase"] == "Bound")
    });
    wait_for("its phase in the status", AT_ONCE, || {
        (told()["phase"] == "Bound" && told()["capacity"] == "2Mi").then_some(())
    });

    namespace.ok(&["delete", "statefulset", "db"]);
    wait_for("the StatefulSet to be back", AT_ONCE, || namespace.get("statefulset", "db"));
    namespace.ok(&["delete", "pvc", "pgdata", "--wait=false"]);
    // Nothing protects it any longer, if anything did.
    namespace.kubectl(&["patch", "pvc", "pgdata", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    wait_named(&namespace, &["PersistentVolumeClaim pgdata of external volume data does not exist"]);
    assert!(namespace.get("statefulset", "db").is_some(), "what runs is left alone");
    namespace.ok(&["delete", "pv", &format!("{}-pgdata", namespace.name), "--wait=false"]);
}

#[test]
fn external_configs_and_secrets_are_waited_for_and_roll_what_uses_them() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("files");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    configs: [site]\n    secrets: [token]\n  \
                   other:\n    image: nginx\n  once:\n    image: nginx\n    restart: \"no\"\n    configs: [site]\n\
                   configs: {site: {name: site-conf, external: true}}\n\
                   secrets: {token: {external: true}}\n";
    namespace.apply(&stack("app", compose));
    wait_named(
        &namespace,
        &["web waits for ConfigMap site-conf of external config site, Secret token of external secret token"],
    );
    wait_for("what needs neither", 20, || namespace.get("deployment", "other"));
    assert!(namespace.get("deployment", "web").is_none() && namespace.get("job", "once").is_none());
    let service = |name: &str| -> Value {
        let stack = namespace.get("composestack", "app").unwrap();
        stack["status"]["services"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone()
    };
    assert_eq!(service("web")["state"], "Waiting");
    namespace.ok(&["create", "configmap", "site-conf", "--from-literal=first=1", "--from-literal=site=1"]);
    wait_for("the Job, by the watch of ConfigMaps", AT_ONCE, || namespace.get("job", "once"));
    wait_named(&namespace, &["web waits for Secret token of external secret token"]);
    assert!(namespace.get("deployment", "web").is_none());
    namespace.ok(&["create", "secret", "generic", "token", "--from-literal=token=Zq-planted-1"]);
    // Secrets are not watched here, so that the stack comes back by itself.
    wait_for("the Deployment", 45, || namespace.get("deployment", "web"));

    let template = |name: &str| namespace.get("deployment", name).unwrap()["spec"]["template"].clone();
    let job = || namespace.get("job", "once").unwrap()["metadata"]["uid"].clone();
    settle(&namespace, "app");
    let (mut last, other, once) = (template("web"), template("other"), job());
    let changes = [
        ("configmap", "site-conf", "{\"data\":{\"site\":\"2\"}}"),
        ("secret", "token", "{\"stringData\":{\"token\":\"Zq-planted-2\"}}"),
    ];
    for (kind, name, patch) in changes {
        namespace.ok(&["patch", kind, name, "-p", patch]);
        if kind == "secret" {
            namespace.ok(&["annotate", "composestack", "app", "reconcile.compose-operator.dev/requestedAt=now"]);
        }
        last = wait_for(&format!("{kind} {name} to roll what uses it"), AT_ONCE, || {
            Some(template("web")).filter(|now| *now != last)
        });
    }
    namespace.ok(&["patch", "configmap", "site-conf", "-p", "{\"data\":{\"first\":\"2\"}}"]);
    settle(&namespace, "app");
    assert_eq!(last, template("web"), "a key that nobody mounts rolls nothing");
    assert_eq!(other, template("other"));
    assert_eq!(once, job(), "a program that ran does not run again");
    assert!(!last.to_string().contains("planted"));

    namespace.ok(&["delete", "configmap", "site-conf"]);
    wait_named(&namespace, &["web waits for ConfigMap site-conf of external config site"]);
    assert_eq!(last, template("web"), "what runs is left alone");
}
