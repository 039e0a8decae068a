//! The names under which services find each other, asked from inside.

use std::collections::BTreeSet;

use crate::harness::inside::{inside, try_inside};
use crate::harness::{Namespace, Operator, cluster, wait_for};

const STACK: &str = r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: names
spec:
  composeFile: |
    x-server: &server
      image: busybox
      command: ["sh", "-c", "mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www"]
      stop_grace_period: 1s
    services:
      blue:
        <<: *server
        hostname: blue-host
        networks: {default: {aliases: [www]}}
      green:
        <<: *server
        hostname: green-host
        container_name: www
        networks: {default: {aliases: [blue, green.example.com]}}
        expose: ["8080"]
      dotted:
        image: busybox
        hostname: box.example.com
        container_name: old_box
        command: [sleep, "3600"]
        stop_grace_period: 1s
      stored:
        image: busybox
        hostname: keeper
        command: [sleep, "3600"]
        stop_grace_period: 1s
        volumes: ["data:/data"]
      visitor:
        image: busybox
        command: [sleep, "3600"]
        stop_grace_period: 1s
        links: ["green:only", "green:linked.local"]
        external_links: ["elsewhere:outside"]
        secrets: [their_token]
    secrets:
      their_token: {external: true}
    volumes:
      data: {}
"#;

/// The addresses that a name has for a service.
fn addresses(namespace: &Namespace, name: &str) -> BTreeSet<String> {
    let name = format!("{name}.{}.svc.cluster.local", namespace.name);
    let (code, text) = try_inside(namespace, "visitor", &format!("nslookup {name}"));
    if code != 0 {
        return BTreeSet::new();
    }
    let answers = text.split("Name:").skip(1).flat_map(str::lines);
    answers.filter_map(|line| line.strip_prefix("Address")?.rsplit(' ').next().map(str::to_owned)).collect()
}

fn address(namespace: &Namespace, service: &str) -> String {
    inside(namespace, service, "hostname -i").trim().to_owned()
}

#[test]
fn names_lead_to_all_that_have_them() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("names");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.ok(&["create", "service", "clusterip", "elsewhere", "--tcp=80:80"]);
    namespace.ok(&["create", "secret", "generic", "their-token-4a8db3", "--from-literal=password=theirs"]);
    namespace.apply(STACK);
    namespace.wait_ready("names", 60);

    for (service, name) in [("blue", "blue-host"), ("dotted", "box.example.com"), ("stored", "keeper")] {
        assert_eq!(inside(&namespace, service, "hostname").trim(), name);
    }
    // Of names that nothing in a cluster can have, others are derived.
    assert_eq!(inside(&namespace, "visitor", "cat /run/secrets/their_token"), "theirs");
    let dotted: BTreeSet<String> = [address(&namespace, "dotted")].into();
    wait_for("the name of old_box", 20, || (addresses(&namespace, "old-box-60d46c") == dotted).then_some(()));
    // A link's is the linking service's alone.
    assert!(!inside(&namespace, "blue", "cat /etc/hosts").contains("linked.local"));
    let restarts = namespace.list("replicasets", "compose-operator.dev/service=visitor").len();
    assert_eq!(restarts, 1, "the visitor's pods were made before the address was known, and then again");
    let (blue, green) = (address(&namespace, "blue"), address(&namespace, "green"));
    let both: BTreeSet<String> = [blue.clone(), green.clone()].into();
    // An alias and a container name; a service's own name, which is another one's alias.
    for name in ["www", "blue"] {
        wait_for(&format!("{name} to be both"), 20, || (addresses(&namespace, name) == both).then_some(()));
    }
    let service =
        |name: &str| namespace.get("service", name).unwrap()["spec"]["clusterIP"].as_str().unwrap().to_owned();
    for (name, expected) in [
        ("blue-host", blue),
        ("green-host", service("green-host")),
        ("green", service("green")),
        ("only", service("only")),
        ("outside", service("elsewhere")),
    ] {
        let one: BTreeSet<String> = [expected].into();
        wait_for(&format!("{name} to be {one:?}"), 20, || (addresses(&namespace, name) == one).then_some(()));
    }
    for name in ["green", "only", "green-host", "green.example.com", "linked.local"] {
        let page = inside(&namespace, "visitor", &format!("timeout 3 wget -q -O - http://{name}:8080/"));
        assert_eq!(page.trim(), "green-host", "{name}");
    }
}
