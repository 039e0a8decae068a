//! What images say of themselves, from a registry of the test's own.

use serde_json::{Value, json};

use crate::harness::registry::TestRegistry;
use crate::harness::{Operator, cluster, wait_for};
use crate::{settle, stack_with};

fn config(port: &str) -> Value {
    json!({"architecture": "amd64", "os": "linux", "config": {
        "ExposedPorts": {(port): {}}, "Healthcheck": {"Test": ["CMD", "check"], "Interval": 5_000_000_000_i64},
    }})
}

#[test]
fn images_of_a_private_registry_decide_and_their_record_outlives_the_registry() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("images");
    let registry = TestRegistry::start(Some("user:word"));
    let image = registry.push("team/app", &config("8080/tcp"));
    let secret = json!({"auths": {(registry.address.to_string()): {"username": "user", "password": "word"}}});
    namespace.ok(&[
        "create",
        "secret",
        "generic",
        "pull",
        "--type=kubernetes.io/dockerconfigjson",
        &format!("--from-literal=.dockerconfigjson={secret}"),
    ]);
    let on = &["--image-configs", "on"][..];
    let operator = Operator::start(cluster, &[&namespace], on);
    let compose = format!(
        "services:\n  app:\n    image: {image}\n  web:\n    image: {image}\n    depends_on: {{app: {{condition: service_healthy}}}}\n"
    );
    let spec = "  imagePullSecrets: [{name: pull}]\n";
    namespace.apply(&stack_with("app", &compose, spec));
    let deployment = wait_for("the Deployment", 30, || namespace.get("deployment", "app"));
    let probe = &deployment["spec"]["template"]["spec"]["containers"][0]["readinessProbe"];
    assert_eq!((&probe["exec"]["command"], &probe["periodSeconds"]), (&json!(["check"]), &json!(5)));
    assert_eq!(namespace.get("service", "app").unwrap()["spec"]["ports"][0]["port"], 8080);
    settle(&namespace, "app");
    let record = namespace.get("composestack", "app").unwrap()["status"]["images"].clone();
    assert_eq!((&record[0]["image"], &record[0]["exposedPorts"]), (&json!(image), &json!(["8080/tcp"])));

    // Without the registry, a restarted operator decides the same, also for a changed stack.
    drop(operator);
    drop(registry);
    let _operator = Operator::start(cluster, &[&namespace], on);
    let changed = compose.replace("  web:", "    environment: {A: b}\n  web:");
    namespace.apply(&stack_with("app", &changed, spec));
    let changed = wait_for("the change", 30, || {
        let deployment = namespace.get("deployment", "app")?;
        let container = deployment["spec"]["template"]["spec"]["containers"][0].clone();
        (container["env"][0]["name"] == "A").then_some(container)
    });
    assert_eq!(&changed["readinessProbe"], probe);
    settle(&namespace, "app");
    assert_eq!(namespace.get("composestack", "app").unwrap()["status"]["images"], record);
}

#[test]
fn an_image_that_cannot_be_read_stalls_only_who_waits_for_its_health() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("unread");
    let _operator = Operator::start(cluster, &[&namespace], &["--image-configs", "on"]);
    namespace.apply(&stack_with("app", "services: {app: {image: \"127.0.0.1:1/app\"}}", ""));
    wait_for("the Deployment", 30, || namespace.get("deployment", "app"));
    settle(&namespace, "app");
    let status = namespace.get("composestack", "app").unwrap()["status"].clone();
    let warned = |warning: &Value| {
        warning["path"] == "services.app.image" && warning["message"].as_str().unwrap().contains("cannot be reached")
    };
    assert!(status["warnings"].as_array().unwrap().iter().any(warned), "{status}");
    let waiting = "services: {app: {image: \"127.0.0.1:1/app\"}, web: {image: \"127.0.0.1:1/app\", depends_on: {app: {condition: service_healthy}}}}";
    namespace.apply(&stack_with("app", waiting, ""));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 30);
    assert!(
        reason == "InvalidCompose" && message.contains("services.web.depends_on.app.condition"),
        "{reason} {message}"
    );
}

#[test]
fn a_tag_that_is_looked_up_by_time_rolls_the_pods_when_it_moves() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("timed");
    let registry = TestRegistry::start(None);
    let image = registry.push("team/app", &config("8080/tcp"));
    let _operator = Operator::start(cluster, &[&namespace], &["--image-configs", "on"]);
    let compose =
        format!("services:\n  app: {{image: \"{image}\", pull_policy: every_10s}}\n  other: {{image: \"{image}\"}}\n");
    namespace.apply(&stack_with("app", &compose, ""));
    let image_of = |service: &str| {
        let deployment = namespace.get("deployment", service)?;
        Some(deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned())
    };
    let first = wait_for("the Deployment", 30, || image_of("app"));
    assert!(first.starts_with(&format!("{image}@sha256:")), "{first}");
    assert_eq!(wait_for("the other one", 30, || image_of("other")), image);

    registry.push("team/app", &config("9090/tcp"));
    let second = wait_for("the pods to be given the new image", 40, || image_of("app").filter(|image| *image != first));
    assert!(second.starts_with(&format!("{image}@sha256:")), "{second}");
    assert_eq!(image_of("other").as_ref(), Some(&image));

    // A registry that is gone takes nothing away.
    let checked = || namespace.get("composestack", "app").unwrap()["status"]["images"][0]["checkedAt"].clone();
    let before = checked();
    drop(registry);
    wait_for("the registry to be asked in vain", 40, || (checked() != before).then_some(()));
    assert_eq!(image_of("app"), Some(second));
}
