//! Where pods run, and that it makes no difference to those who look for them.

use crate::harness::inside::{inside, running_pod, try_inside};
use crate::harness::{Cluster, Operator, wait_for};
use crate::{nodes, two_nodes};

const STACK: &str = r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: places
spec:
  composeFile: |
    x-server: &server
      image: busybox
      command: ["sh", "-c", "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
      stop_grace_period: 1s
    services:
      everywhere:
        <<: *server
        deploy: {mode: global}
      manager:
        <<: *server
        networks: [over]
        deploy: {placement: {constraints: [node.role == manager]}}
      worker:
        <<: *server
        networks: [over]
        deploy: {placement: {constraints: [node.role == worker]}}
      apart:
        <<: *server
        networks: [other]
        deploy: {placement: {constraints: [node.hostname == node-2]}}
      labelled:
        <<: *server
        deploy: {replicas: 2, placement: {constraints: [node.labels.disk == fast]}}
      spread:
        <<: *server
        deploy: {replicas: 4, placement: {preferences: [{spread: node.labels.disk}]}}
      capped:
        <<: *server
        deploy: {replicas: 4, placement: {max_replicas_per_node: 2}}
      writer:
        <<: *server
        volumes: ["data:/data"]
        deploy: {placement: {constraints: [node.hostname == node-2]}}
      reader:
        <<: *server
        volumes: ["data:/data:ro"]
        deploy: {replicas: 3}
    networks:
      over: {driver: overlay}
      other: {driver: overlay}
    volumes:
      data: {}
"#;

/// The labels of the nodes, which go with the test.
struct Labelled(&'static Cluster);

impl Labelled {
    fn new(cluster: &'static Cluster) -> Self {
        cluster.ok(&["label", "node", "node-1", "node-role.kubernetes.io/control-plane=", "disk=slow"]);
        cluster.ok(&["label", "node", "node-2", "disk=fast"]);
        Self(cluster)
    }
}

impl Drop for Labelled {
    fn drop(&mut self) {
        self.0.kubectl(&["label", "node", "node-1", "node-role.kubernetes.io/control-plane-", "disk-"]);
        self.0.kubectl(&["label", "node", "node-2", "disk-"]);
    }
}

#[test]
fn services_are_where_the_file_puts_them() {
    let Some(cluster) = two_nodes() else { return };
    let _labelled = Labelled::new(cluster);
    let namespace = cluster.namespace("places");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(STACK);
    namespace.wait_ready("places", 120);
    for (service, expected) in [
        ("everywhere", [("node-1", 1), ("node-2", 1)].as_slice()),
        ("manager", &[("node-1", 1)]),
        ("worker", &[("node-2", 1)]),
        ("apart", &[("node-2", 1)]),
        ("labelled", &[("node-2", 2)]),
        ("spread", &[("node-1", 2), ("node-2", 2)]),
        ("capped", &[("node-1", 2), ("node-2", 2)]),
        // Whose volume only one node can mount.
        ("writer", &[("node-2", 1)]),
        ("reader", &[("node-2", 3)]),
    ] {
        let expected = expected.iter().map(|(node, count)| ((*node).to_owned(), *count)).collect();
        assert_eq!(nodes(&namespace, service), expected, "{service}");
    }
    inside(&namespace, "writer", "echo written > /data/text");
    assert_eq!(inside(&namespace, "reader", "cat /data/text").trim(), "written");

    // A network is one over both nodes, by name, and none with those who are not in it.
    let asks = |from: &str, to: &str| {
        try_inside(&namespace, from, &format!("timeout 2 wget -q -O - http://{to}:8080/")).0 == 0
    };
    for (from, to) in [("manager", "worker"), ("worker", "manager")] {
        wait_for(&format!("{from} to reach {to}"), 20, || asks(from, to).then_some(()));
    }
    let address = |service: &str| {
        let pod = running_pod(&namespace, service);
        namespace.get("pod", &pod).unwrap()["status"]["podIP"].as_str().unwrap().to_owned()
    };
    for (from, to) in [("manager", "apart"), ("apart", "manager")] {
        let to = address(to);
        wait_for(&format!("{from} not to reach {to}"), 20, || (!asks(from, &to)).then_some(()));
    }
}
