//! What pods are told of themselves: their host names, their domains, and their numbers.

use std::collections::BTreeSet;

use crate::harness::inside::{inside, running_pods};
use crate::harness::{Operator, cluster};

const STACK: &str = r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: told
spec:
  composeFile: |
    x-sleeper: &sleeper
      image: busybox
      command: [sleep, "3600"]
      stop_grace_period: 1s
    services:
      mail:
        <<: *sleeper
        hostname: mail
        domainname: example.com
      worker:
        <<: *sleeper
        hostname: "worker-{{.Task.Slot}}"
        environment: {NUMBER: "{{.Task.Slot}}"}
        deploy: {replicas: 3}
      kept:
        <<: *sleeper
        labels: {kompose.volume.type: emptyDir}
        volumes: ["kept:/kept"]
    volumes: {kept: {}}
"#;

#[test]
fn pods_have_names_domains_and_numbers() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("told");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(STACK);
    namespace.wait_ready("told", 60);
    assert_eq!(inside(&namespace, "mail", "hostname -f; hostname -d").trim(), "mail.example.com\nexample.com");
    let told: BTreeSet<String> = running_pods(&namespace, "worker")
        .map(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap();
            namespace.ok(&["exec", name, "--", "sh", "-c", "echo $NUMBER $(hostname)"]).trim().to_owned()
        })
        .collect();
    assert_eq!(told, ["1 worker-1", "2 worker-2", "3 worker-3"].map(str::to_owned).into());
    inside(&namespace, "kept", "echo x > /kept/file");
    assert!(namespace.get("pvc", "told-kept").is_none());
}
