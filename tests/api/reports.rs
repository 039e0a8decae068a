//! What Trivy Operator reports about images is in the status of the stacks that run them.

use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{Namespace, Operator, cluster, read, wait_for};
use crate::{settle, stack};

const DEFINITION: &str = "vulnerabilityreports.aquasecurity.github.io";
/// An operator looks for the API every 30 s, and gathers what changes for 5 s.
const FOUND: u64 = 60;
const GATHERED: u64 = 15;

const COMPOSE: &str = "services:\n  web:\n    image: nginx:1\n  side:\n    image: proxy:1\n    \
                       network_mode: \"service:web\"\n  db:\n    image: postgres:13\n    volumes: [\"data:/data\"]\n  \
                       plain:\n    image: nginx:1\nvolumes: {data: {}}\n";

/// A report as Trivy Operator writes it, with so many vulnerabilities of each severity from `critical` on.
fn report(namespace: &Namespace, (kind, workload): (&str, &str), container: &str, critical: i64) {
    let labels = json!({
        "trivy-operator.resource.kind": kind, "trivy-operator.resource.name": workload,
        "trivy-operator.resource.namespace": namespace.name, "trivy-operator.container.name": container,
        "resource-spec-hash": "7cb64cb677",
    });
    let vulnerability = json!({
        "vulnerabilityID": "CVE-2019-20367", "severity": "CRITICAL", "resource": "libbsd0", "title": "planted-title",
    });
    let object = json!({
        "apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "VulnerabilityReport",
        "metadata": {"name": format!("{}-{workload}-{container}", kind.to_lowercase()), "labels": labels},
        "report": {
            "artifact": {"repository": format!("library/{container}"), "tag": "1"},
            "registry": {"server": "index.docker.io"}, "os": {"family": "debian", "name": "12"},
            "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.65.0"},
            "summary": {
                "criticalCount": critical, "highCount": critical + 1, "mediumCount": critical + 2,
                "lowCount": critical + 3, "unknownCount": critical + 4,
            },
            "updateTimestamp": "2026-01-01T00:00:00Z", "vulnerabilities": [vulnerability],
        },
    });
    namespace.apply(&object.to_string());
}

fn service(namespace: &Namespace, name: &str) -> Value {
    let stack = namespace.get("composestack", "app").unwrap();
    let services = stack["status"]["services"].as_array().unwrap();
    services.iter().find(|service| service["name"] == name).unwrap().clone()
}

fn critical(namespace: &Namespace, name: &str) -> Option<i64> {
    service(namespace, name)["vulnerabilities"]["critical"].as_i64()
}

fn replica_set(namespace: &Namespace, image: &str) -> String {
    wait_for(&format!("the ReplicaSet of {image} with its pod"), 20, || {
        let pods = namespace.list("pods", "compose-operator.dev/service=web");
        let of_image = |pod: &&Value| pod["spec"]["containers"][0]["image"] == image;
        let pod = pods.iter().find(of_image)?;
        Some(pod["metadata"]["ownerReferences"][0]["name"].as_str()?.to_owned())
    })
}

#[test]
fn vulnerabilities_of_images_are_in_the_status() {
    let Some(cluster) = cluster() else { return };
    cluster.kubectl(&["delete", "crd", DEFINITION, "--ignore-not-found"]);
    let namespace = cluster.namespace("reports");
    let operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack("app", COMPOSE));
    let current = replica_set(&namespace, "nginx:1");
    wait_for("the StatefulSet", 20, || namespace.get("statefulset", "db"));
    settle(&namespace, "app");
    assert!(service(&namespace, "web")["vulnerabilities"].is_null());

    // The API comes later than the operator.
    cluster
        .ok_with(&["apply", "--server-side", "-f", "-"], &read("tests/cluster/manifests/vulnerability-reports.yaml"));
    cluster.ok(&["wait", "--for=condition=Established", &format!("crd/{DEFINITION}"), "--timeout=30s"]);
    report(&namespace, ("ReplicaSet", &current), "web", 1);
    report(&namespace, ("ReplicaSet", &current), "side", 10);
    report(&namespace, ("ReplicaSet", "web-0000000000"), "web", 100);
    report(&namespace, ("StatefulSet", "db"), "db", 0);
    report(&namespace, ("Deployment", "nobodys"), "plain", 7);
    wait_for("the counts of web", FOUND, || (critical(&namespace, "web") == Some(1)).then_some(()));
    let counts = json!({"critical": 1, "high": 2, "medium": 3, "low": 4, "unknown": 5});
    assert_eq!(service(&namespace, "web")["vulnerabilities"], counts);
    assert_eq!((critical(&namespace, "side"), critical(&namespace, "db")), (Some(10), Some(0)));
    assert_eq!(critical(&namespace, "plain"), None, "nothing was reported, which is not the same as nothing found");

    // Many reports at a time are few writes of the status.
    settle(&namespace, "app");
    let (mark, start) = (cluster.audit_mark(), Instant::now());
    for critical in 20..40 {
        report(&namespace, ("ReplicaSet", &current), "web", critical);
        report(&namespace, ("StatefulSet", "db"), "db", critical);
    }
    wait_for("the last counts", GATHERED, || {
        (critical(&namespace, "web") == Some(39) && critical(&namespace, "db") == Some(39)).then_some(())
    });
    let writes = cluster.operator_writes_since(mark);
    let writes = writes.iter().filter(|write| write.contains(&namespace.name)).count();
    let seconds = start.elapsed().as_secs();
    println!("40 changes of reports in {seconds} s were {writes} writes");
    let most = usize::try_from(seconds / 5).unwrap() + 2;
    assert!(cluster.audit_log.is_none() || (1..=most).contains(&writes), "{writes} writes in {seconds} s");

    // Another template is another ReplicaSet, and what was reported of the old one says nothing about it.
    namespace.apply(&stack("app", &COMPOSE.replacen("nginx:1", "nginx:2", 1)));
    let next = replica_set(&namespace, "nginx:2");
    assert_ne!(current, next);
    wait_for("the old counts to go", GATHERED, || critical(&namespace, "web").is_none().then_some(()));
    report(&namespace, ("ReplicaSet", &next), "web", 2);
    wait_for("the new counts", GATHERED, || (critical(&namespace, "web") == Some(2)).then_some(()));
    namespace.ok(&["delete", "vulnerabilityreport", &format!("replicaset-{next}-web")]);
    wait_for("the counts to go", GATHERED, || critical(&namespace, "web").is_none().then_some(()));
    assert_eq!(critical(&namespace, "db"), Some(39));

    cluster.ok(&["delete", "crd", DEFINITION]);
    wait_for("all counts to go with their API", FOUND, || critical(&namespace, "db").is_none().then_some(()));
    assert!(!operator.log().contains("planted-title"));
}
