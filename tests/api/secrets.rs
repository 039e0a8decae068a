//! Secrets that change or go behind the operator's back: seen at once where it watches them, else in each interval.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Cluster, Namespace, Operator, cluster, wait_for};
use crate::{settle, stack_with};

/// Much sooner than an interval.
const AT_ONCE: u64 = 10;

/// Without pods, which would tell that they lack a Secret.
const COMPOSE: &str = "services:\n  web:\n    image: web\n    environment: [\"COLOUR=${COLOUR}\"]\n    secrets: [token, key]\n    deploy: {replicas: 0}\n\
                       secrets: {token: {external: true}, key: {environment: KEY}}\n";
const INPUTS: &str = "  env: {KEY: Zq-planted-key}\n  envFrom: [{secretRef: {name: settings}}]\n";

/// A user that has the operator's rights, and may list and watch Secrets as well. It has a name of its own: what it asks
/// for is not what the operator needs by default.
fn watching(cluster: &Cluster, namespace: &Namespace) -> PathBuf {
    let user = format!("watching-{}", namespace.name);
    let subject = format!("--user={user}");
    namespace.ok(&["create", "role", "secrets", "--verb=list,watch", "--resource=secrets"]);
    namespace.ok(&["create", "rolebinding", "secrets", "--role=secrets", &subject]);
    namespace.ok(&["create", "rolebinding", "operator", "--clusterrole=compose-operator", &subject]);
    let role = "--role=compose-operator-installation";
    cluster.ok(&["-n", "compose-operator", "create", "rolebinding", &user, role, &subject]);
    let text = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let text = text.replace("\n  user:\n", &format!("\n  user:\n    as: {user}\n"));
    assert!(text.contains("    as: "), "the kubeconfig has another form");
    let kubeconfig = std::env::temp_dir().join(format!("{user}.kubeconfig"));
    std::fs::write(&kubeconfig, text).unwrap();
    kubeconfig
}

fn make_inputs(namespace: &Namespace) {
    namespace.ok(&["create", "secret", "generic", "settings", "--from-literal=COLOUR=Zq-planted-red"]);
    namespace.ok(&["create", "secret", "generic", "token", "--from-literal=token=Zq-planted-1"]);
}

fn patch(namespace: &Namespace, secret: &str, key: &str, value: &str) {
    namespace.ok(&["patch", "secret", secret, "-p", &format!("{{\"stringData\":{{\"{key}\":\"{value}\"}}}}")]);
}

/// The Secrets that the operator made for a template.
fn generated(namespace: &Namespace, template: &Value) -> Vec<Value> {
    let template = template.to_string();
    let mut secrets = namespace.list("secrets", "compose-operator.dev/stack=app");
    secrets.retain(|secret| template.contains(secret["metadata"]["name"].as_str().unwrap()));
    secrets
}

#[test]
fn a_secret_that_is_watched_is_used_and_is_back_at_once() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("watched");
    make_inputs(&namespace);
    let kubeconfig = watching(cluster, &namespace);
    let operator = Operator::start_with(&kubeconfig, &[&namespace], &["--watch-secrets"]);
    namespace.apply(&stack_with("app", COMPOSE, INPUTS));
    wait_for("the Deployment", 20, || namespace.get("deployment", "web"));
    settle(&namespace, "app");

    let template = || namespace.get("deployment", "web").unwrap()["spec"]["template"].clone();
    let rolled = |what: &str, last: &Value| {
        let start = Instant::now();
        let now =
            wait_for(&format!("{what} to roll its service"), AT_ONCE, || Some(template()).filter(|it| it != last));
        println!("{what} was used after {} ms", start.elapsed().as_millis());
        now
    };
    let first = template();
    patch(&namespace, "token", "token", "Zq-planted-2");
    let second = rolled("an external Secret", &first);
    patch(&namespace, "settings", "COLOUR", "Zq-planted-blue");
    let third = rolled("a Secret of variables", &second);

    settle(&namespace, "app");
    let before = generated(&namespace, &third);
    assert_eq!(before.len(), 2, "for a variable, and for a file");
    let start = Instant::now();
    for secret in &before {
        namespace.ok(&["delete", "secret", secret["metadata"]["name"].as_str().unwrap()]);
    }
    let after = wait_for("the generated Secrets to be back", AT_ONCE, || {
        Some(generated(&namespace, &third)).filter(|after| after.len() == before.len())
    });
    println!("generated Secrets were back after {} ms", start.elapsed().as_millis());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after["data"], before["data"]);
        assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    }
    assert_eq!(template(), third, "what runs has lost nothing");

    // An external Secret that comes is seen as well.
    namespace.ok(&["delete", "secret", "token"]);
    wait_for("the Secret to be missed", AT_ONCE, || {
        namespace.condition("app", "Ready").filter(|(_, _, message)| message.contains("Secret token"))
    });
    namespace.ok(&["create", "secret", "generic", "token", "--from-literal=token=Zq-planted-3"]);
    rolled("a Secret that was missed", &third);

    drop(operator);
    let user = format!("watching-{}", namespace.name);
    cluster.ok(&["-n", "compose-operator", "delete", "rolebinding", &user]);
    let _ = std::fs::remove_file(kubeconfig);
}

#[test]
fn a_secret_that_is_not_watched_is_used_in_each_interval() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("interval");
    make_inputs(&namespace);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let interval = Duration::from_secs(10);
    // The same again, which comes back in an hour.
    namespace.apply(&stack_with("app", COMPOSE, &format!("{INPUTS}  interval: {}s\n", interval.as_secs())));
    namespace.apply(&stack_with("later", &COMPOSE.replace("web:", "late:"), INPUTS));
    let template = |service: &str| namespace.get("deployment", service).map(|it| it["spec"]["template"].clone());
    for service in ["web", "late"] {
        wait_for("the Deployment", 20, || template(service));
    }
    settle(&namespace, "app");
    settle(&namespace, "later");
    let (mut last, late) = (template("web"), template("late"));
    // A tenth more for the share of each stack, and some time for the pass on a busy machine.
    let limit = interval.mul_f64(1.1) + Duration::from_secs(6);
    for (secret, key, value) in [("token", "token", "Zq-planted-2"), ("settings", "COLOUR", "Zq-planted-blue")] {
        let start = Instant::now();
        patch(&namespace, secret, key, value);
        let now =
            wait_for(&format!("{secret} to roll its service"), 30, || Some(template("web")).filter(|it| *it != last));
        let took = start.elapsed();
        println!("{secret} was used after {} ms", took.as_millis());
        assert!(took < limit, "{secret} was used after {took:?}, which is more than the interval");
        last = now;
    }
    assert_eq!(late, template("late"), "nothing but the interval brings a stack to Secrets that are not watched");

    // So is one that the operator made.
    settle(&namespace, "app");
    let generated = generated(&namespace, &last.unwrap());
    let name = generated[0]["metadata"]["name"].as_str().unwrap();
    let start = Instant::now();
    namespace.ok(&["delete", "secret", name]);
    wait_for("the generated Secret to be back", 30, || namespace.get("secret", name));
    assert!(start.elapsed() < limit, "it was back after {:?}", start.elapsed());
}
