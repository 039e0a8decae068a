//! Networks on an interface of the nodes, seen from inside of the pods.

use crate::harness::inside::{inside, try_inside};
use crate::harness::{Namespace, Operator, wait_for};
use crate::{nodes, two_nodes};

const STACK: &str = r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: lan
spec:
  composeFile: |
    x-server: &server
      image: busybox
      command: ["sh", "-c", "mkdir /www; echo $$NAME > /www/index.html; exec httpd -f -p 8080 -h /www"]
      stop_grace_period: 1s
    services:
      camera:
        <<: *server
        environment: {NAME: camera}
        networks:
          lan: {ipv4_address: 192.168.77.50, mac_address: "02:42:c0:a8:4d:32", interface_name: lan0}
        deploy: {placement: {constraints: [node.hostname == node-1]}}
      recorder:
        <<: *server
        environment: {NAME: recorder}
        networks:
          lan: {ipv4_address: 192.168.77.10}
          backup: {ipv4_address: 192.168.78.10, interface_name: backup0}
        deploy: {placement: {constraints: [node.hostname == node-2]}}
      guest:
        <<: *server
        networks: [lan, backup]
        deploy: {placement: {constraints: [node.hostname == node-2]}}
    networks:
      lan:
        driver: macvlan
        driver_opts: {parent: eth0, macvlan_mode: bridge}
        ipam: {config: [{subnet: 192.168.77.0/24, gateway: 192.168.77.1, ip_range: 192.168.77.48/29, aux_addresses: {printer: 192.168.77.48}}]}
      backup:
        driver: macvlan
        driver_opts: {parent: eth0}
        ipam: {config: [{subnet: 192.168.78.0/24}]}
"#;

fn addresses(namespace: &Namespace, service: &str, interface: &str) -> String {
    inside(namespace, service, &format!("ip -4 -o address show dev {interface} | awk '{{print $4}}'")).trim().to_owned()
}

fn page(namespace: &Namespace, from: &str, address: &str) -> Option<String> {
    let (code, text) = try_inside(namespace, from, &format!("timeout 2 wget -q -O - http://{address}:8080/"));
    (code == 0).then(|| text.trim().to_owned())
}

#[test]
fn pods_are_in_the_networks_of_the_nodes() {
    let Some(cluster) = two_nodes() else { return };
    cluster.ok(&["get", "crd", "network-attachment-definitions.k8s.cni.cncf.io"]);
    let namespace = cluster.namespace("lan");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    // Unless an administrator allows it, nothing of it is there.
    namespace.apply(STACK);
    let (reason, message) = namespace.wait_condition("lan", "Stalled", "True", 30);
    assert_eq!(reason, "PolicyViolation", "{message}");
    assert!(message.contains("--allow-host-namespaces"), "{message}");
    assert!(namespace.list("network-attachment-definitions", "").is_empty());
    operator.kill();

    let _operator = Operator::start(cluster, &[&namespace], &["--allow-host-namespaces"]);
    namespace.wait_ready("lan", 90);
    let node = |service: &str| nodes(&namespace, service).into_keys().collect::<Vec<_>>();
    assert_eq!((node("camera"), node("recorder")), (vec!["node-1".to_owned()], vec!["node-2".to_owned()]));

    assert_eq!(addresses(&namespace, "camera", "lan0"), "192.168.77.50/24");
    assert_eq!(inside(&namespace, "camera", "cat /sys/class/net/lan0/address").trim(), "02:42:c0:a8:4d:32");
    assert_eq!(addresses(&namespace, "recorder", "backup0"), "192.168.78.10/24");
    assert_eq!(addresses(&namespace, "recorder", "net2"), "192.168.77.10/24");
    // The range without the printer and the camera.
    let given = addresses(&namespace, "guest", "net2");
    assert_eq!(given, "192.168.77.49/24");
    assert!(addresses(&namespace, "guest", "net1").starts_with("192.168.78."));

    // From node to node, by the addresses in the file, and the names lead there by the cluster's network.
    for (from, to, host) in [
        ("recorder", "192.168.77.50", "camera"),
        ("camera", "192.168.77.10", "recorder"),
        ("guest", "192.168.77.50", "camera"),
        ("guest", "192.168.78.10", "recorder"),
        ("camera", "recorder", "recorder"),
        ("recorder", "camera", "camera"),
    ] {
        wait_for(&format!("{from} to reach {to}"), 20, || page(&namespace, from, to).filter(|page| page == host));
    }
    let taken = inside(&namespace, "recorder", "ip route get 192.168.77.50");
    assert!(taken.contains("dev net2"), "{taken}");

    // A pod that is replaced has the same addresses, and an address in the file that changes reaches the pod.
    let camera_has = |address: &str| {
        wait_for(&format!("the camera to have {address}"), 60, || {
            let (code, text) = try_inside(&namespace, "camera", "ip -4 -o address show dev lan0");
            (code == 0 && text.contains(address)).then_some(())
        });
    };
    namespace.ok(&["delete", "pod", "camera-0"]);
    camera_has("192.168.77.50/24");
    namespace.apply(&STACK.replace("192.168.77.50", "192.168.77.60"));
    camera_has("192.168.77.60/24");
    wait_for("the recorder to reach it", 20, || page(&namespace, "recorder", "192.168.77.60"));

    // What is taken out of the file goes; nodes free the addresses that they gave out.
    namespace.ok(&["delete", "composestack", "lan"]);
    wait_for("all of it to be gone", 60, || {
        let kinds = ["network-attachment-definitions", "pods"];
        kinds.iter().all(|kind| namespace.list(kind, "").is_empty()).then_some(())
    });
}
