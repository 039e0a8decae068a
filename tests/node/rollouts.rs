//! Updates that fail, and who writes to a volume while pods are replaced.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::inside::{inside, running_pod, running_pods};
use crate::harness::{Cluster, Namespace, Operator, cluster, wait_for};

/// A service of each kind that keeps pods running. The version `broken` ends at once.
fn stack(version: &str, failure_action: &str) -> String {
    format!(
        r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: roll
spec:
  env: {{PASSWORD: secret of {version}}}
  composeFile: |
    x-app: &app
      image: busybox
      command: [sh, -c, 'test "$$VERSION" != broken || exit 3; cat /password; exec sleep 3600']
      environment: {{VERSION: {version}}}
      configs: [version]
      secrets: [{{source: password, target: /password}}]
      stop_grace_period: 1s
    x-deploy: &deploy
      update_config: {{failure_action: {failure_action}, monitor: 3s}}
      rollback_config: {{parallelism: 0}}
    services:
      web:
        <<: *app
        deploy: {{<<: *deploy, replicas: 2}}
      each:
        <<: *app
        deploy: {{<<: *deploy, mode: global}}
      db:
        <<: *app
        deploy: *deploy
        volumes: ["data:/data"]
    volumes: {{data: {{}}}}
    configs:
      version: {{content: "{version}"}}
    secrets:
      password: {{environment: PASSWORD}}
"#
    )
}

const SERVICES: [&str; 3] = ["db", "each", "web"];

/// Shows the version in each of its three forms.
const SHOW: &str = "echo $VERSION with $(cat /version) and $(cat /password)";

/// The states of the services, by name, with the numbers of pods and what is said.
fn services(namespace: &Namespace) -> Vec<(String, i64, i64, String)> {
    let stack = namespace.get("composestack", "roll").unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let services = stack["status"]["services"].as_array().cloned().unwrap_or_default();
    services
        .iter()
        .map(|it| {
            (text(&it["state"]), it["ready"].as_i64().unwrap(), it["desired"].as_i64().unwrap(), text(&it["message"]))
        })
        .collect()
}

fn version(namespace: &Namespace, service: &str) -> String {
    inside(namespace, service, SHOW).trim().to_owned()
}

fn pods(namespace: &Namespace, service: &str) -> BTreeSet<String> {
    let pods = namespace.list("pods", &format!("compose-operator.dev/service={service}"));
    let live = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    live.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_failed_update_goes_back_whatever_runs_the_pods() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("rollback");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack("one", "rollback"));
    namespace.wait_ready("roll", 120);
    let before = pods(&namespace, "web");

    namespace.apply(&stack("broken", "rollback"));
    wait_for("all services to be back", 120, || {
        let services = services(&namespace);
        services.iter().all(|(state, ready, desired, _)| state == "RolledBack" && ready == desired).then_some(())
    });
    let (reason, message) = namespace.wait_condition("roll", "Stalled", "True", 5);
    assert_eq!(reason, "RolledBack");
    for (line, service) in message.lines().zip(SERVICES) {
        let pods = if service == "web" { "1 of 2" } else { "1 of 1" };
        assert!(
            line.starts_with(&format!("{service}: rolled back to revision {service}-"))
                && line.contains(&format!(": {pods} pods of revision {service}-"))
                && line.ends_with(&format!(" failed: container {service} exited with code 3")),
            "{line}"
        );
        assert_eq!(version(&namespace, service), "one with one and secret of one");
    }
    assert_eq!(message.lines().count(), 3, "{message}");
    assert_eq!(pods(&namespace, "web").intersection(&before).count(), 1, "one pod was never replaced");
    let events = namespace.ok(&["get", "events", "-o", "json"]);
    let events: Value = serde_json::from_str(&events).unwrap();
    let told = |event: &&Value| event["reason"] == "RolledBack" && event["type"] == "Warning";
    assert_eq!(events["items"].as_array().unwrap().iter().filter(told).count(), 1);

    // Nothing is written and nothing tried again, by a restarted operator either.
    std::thread::sleep(Duration::from_secs(3));
    let mark = cluster.audit_mark();
    std::thread::sleep(Duration::from_secs(35));
    operator.kill();
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    std::thread::sleep(Duration::from_secs(10));
    let writes = cluster.operator_writes_since(mark);
    assert!(writes.is_empty(), "{writes:#?}");
    assert!(services(&namespace).iter().all(|(state, ..)| state == "RolledBack"));

    // A version that works is taken, and gone back to in its turn.
    namespace.apply(&stack("two", "rollback"));
    namespace.wait_ready("roll", 120);
    for service in SERVICES {
        assert_eq!(version(&namespace, service), "two with two and secret of two");
    }
    namespace.apply(&stack("broken", "rollback"));
    wait_for("all services to be back once more", 120, || {
        let services = services(&namespace);
        services.iter().all(|(state, ready, desired, _)| state == "RolledBack" && ready == desired).then_some(())
    });
    for service in SERVICES {
        assert_eq!(version(&namespace, service), "two with two and secret of two");
    }
}

#[test]
fn a_stopped_update_starts_its_old_pods_again() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("pause");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack("one", "pause"));
    namespace.wait_ready("roll", 120);
    namespace.apply(&stack("broken", "pause"));
    let (reason, message) = namespace.wait_condition("roll", "Ready", "False", 120);
    assert_eq!(reason, "HealthCheckFailed");
    let web = wait_for("web to be stopped", 60, || {
        let stopped = |(state, .., message): &(String, i64, i64, String)| {
            state == "Failed" && message.contains("pods of revision web-")
        };
        services(&namespace).into_iter().find(stopped)
    });
    assert!(web.3.starts_with("update stopped: 1 of 2 pods"), "{web:?} {message}");
    let old = ready_pod(&namespace, "web").unwrap();
    evict(cluster, &namespace, &old);
    let again =
        wait_for("the old pod to be started again", 60, || ready_pod(&namespace, "web").filter(|again| *again != old));
    assert_eq!(namespace.ok(&["exec", &again, "--", "sh", "-c", SHOW]).trim(), "one with one and secret of one");
    assert_eq!(pods(&namespace, "web").len(), 2, "one of each version");
}

/// A pod of a service that is ready and is to stay.
fn ready_pod(namespace: &Namespace, service: &str) -> Option<String> {
    let is_ready = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|it| it["type"] == "Ready" && it["status"] == "True")
    };
    let pod = running_pods(namespace, service).find(is_ready)?;
    Some(pod["metadata"]["name"].as_str()?.to_owned())
}

fn evict(cluster: &Cluster, namespace: &Namespace, pod: &str) {
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace.name},
    });
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", namespace.name);
    cluster.ok_with(&["create", "--raw", &path, "-f", "-"], &eviction.to_string());
}

/// A program that writes all of its life to the volume, and goes on for two seconds when it is to stop.
fn writer(version: &str) -> String {
    format!(
        r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: writer
spec:
  composeFile: |
    services:
      db:
        image: busybox
        command:
          - sh
          - -c
          - |
            me=$$(cat /proc/sys/kernel/random/uuid)
            log() {{ echo "$$me $$1 $$(date +%s)" >> /data/log; }}
            stop() {{
              for i in 1 2 3 4 5 6 7 8 9 10; do log stopping; sleep 0.2; done
              log stop
              exit 0
            }}
            trap stop TERM
            log start
            test "$$VERSION" != broken || exit 3
            while true; do log alive; sleep 0.1; done
        environment: {{VERSION: {version}}}
        stop_grace_period: 20s
        deploy: {{update_config: {{failure_action: rollback}}}}
        volumes: ["data:/data"]
      reader:
        image: busybox
        command: [sleep, "3600"]
        volumes: ["data:/data:ro"]
    volumes: {{data: {{}}}}
"#
    )
}

#[test]
fn one_volume_never_has_two_writers() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("writer");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&writer("one"));
    namespace.wait_ready("writer", 120);
    let log = || inside(&namespace, "reader", "cat /data/log");
    let starts = || log().lines().filter(|line| line.contains(" start ")).count();
    let next = |what: &str, count: usize| {
        wait_for(&format!("a writer after {what}"), 60, || (starts() == count).then_some(()));
        std::thread::sleep(Duration::from_secs(1));
    };
    next("the first apply", 1);
    namespace.ok(&["delete", "pod", &running_pod(&namespace, "db"), "--wait=false"]);
    next("a deletion", 2);
    evict(cluster, &namespace, &running_pod(&namespace, "db"));
    next("an eviction", 3);
    namespace.apply(&writer("two"));
    next("an update", 4);
    namespace.wait_ready("writer", 60);
    // It ends, is started again, and makes way for the version before it.
    namespace.apply(&writer("broken"));
    namespace.wait_condition("writer", "Stalled", "True", 60);
    wait_for("the version before", 60, || {
        log().lines().last().is_some_and(|line| line.contains(" alive ")).then_some(())
    });

    let log = log();
    let mut gone = BTreeSet::new();
    let mut current = "";
    for line in log.lines() {
        let (writer, _) = line.split_once(' ').unwrap();
        if writer != current {
            assert!(!gone.contains(writer), "{writer} wrote after its successor had begun:\n{log}");
            assert!(line.contains(" start "), "{line}");
            gone.insert(current);
            current = writer;
        }
    }
    // The first and the last went on, those between were stopped in their time.
    assert!(gone.len() >= 6, "{gone:?}");
    assert_eq!(log.lines().filter(|line| line.contains(" stop ")).count(), 4, "{log}");
}
