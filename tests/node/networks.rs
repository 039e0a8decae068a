//! Who reaches whom: services see each other where they share a network, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::harness::inside::{running_pod, try_inside};
use crate::harness::{Namespace, Operator, cluster, wait_for};

/// The services with their networks: some are in several, and one is in none.
const SERVICES: &[(&str, &[&str])] = &[
    ("web", &["front"]),
    ("blog", &["front"]),
    ("api", &["front", "back"]),
    ("worker", &["back"]),
    ("store", &["back", "inner"]),
    ("db", &["inner"]),
    ("admin", &["front", "back", "inner"]),
    ("alone", &[]),
];
/// The service whose port is published.
const PUBLISHED: &str = "web";
/// The network that leads nowhere else.
const INTERNAL: &str = "inner";

fn stack() -> String {
    let mut stack = r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: nets
spec:
  composeFile: |
    x-server: &server
      image: busybox
      command: ["sh", "-c", "mkdir -p /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"]
      stop_grace_period: 1s
    networks:
      front: {}
      back: {}
      inner: {internal: true}
    services:
"#
    .to_owned();
    for (service, networks) in SERVICES {
        let joins = if networks.is_empty() {
            "network_mode: none".to_owned()
        } else {
            format!("networks: [{}]", networks.join(", "))
        };
        let ports = if *service == PUBLISHED { "\n        ports: [\"80:8080\"]" } else { "" };
        let _ = writeln!(stack, "      {service}:\n        <<: *server\n        {joins}{ports}");
    }
    stack
}

fn share_a_network(one: &[&str], other: &[&str]) -> bool {
    one.iter().any(|network| other.contains(network))
}

/// Which of the hosts answer a service that asks all of them at once.
fn reached(namespace: &Namespace, from: &str, hosts: &BTreeSet<&str>) -> BTreeSet<String> {
    let hosts: Vec<&str> = hosts.iter().copied().collect();
    let command = format!(
        "for host in {}; do (timeout 3 wget -q -O /dev/null http://$host:8080/ 2>/dev/null && echo $host) & done; wait",
        hosts.join(" ")
    );
    let (_, text) = try_inside(namespace, from, &command);
    text.lines().map(str::trim).filter(|line| hosts.contains(line)).map(str::to_owned).collect()
}

#[test]
fn networks_isolate() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("networks");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    // Somebody outside of the stack, to reach out to and to be reached by.
    namespace.ok(&[
        "run",
        "outside",
        "--image=busybox",
        "--image-pull-policy=IfNotPresent",
        "--port=8080",
        "--",
        "sh",
        "-c",
        "mkdir /www; echo outside > /www/index.html; exec httpd -f -p 8080 -h /www",
    ]);
    namespace.apply(&stack());
    namespace.wait_ready("nets", 120);
    namespace.ok(&["wait", "--for=condition=Ready", "pod/outside", "--timeout=60s"]);
    let address = |pod: &str| namespace.get("pod", pod).unwrap()["status"]["podIP"].as_str().unwrap().to_owned();
    let addresses: BTreeMap<&str, String> =
        SERVICES.iter().map(|(service, _)| (*service, address(&running_pod(&namespace, service)))).collect();
    let outside = address("outside");

    for (from, joined) in SERVICES {
        let others = || SERVICES.iter().filter(|(to, _)| to != from);
        let goes_out = joined.iter().any(|network| *network != INTERNAL);
        // By address, so that DNS has no say in what is closed; by name as well where a network is shared.
        let mut expected: BTreeSet<String> = others()
            .filter(|(_, networks)| share_a_network(joined, networks))
            .flat_map(|(to, _)| [(*to).to_owned(), addresses[to].clone()])
            .collect();
        // Whoever has a way out reaches what is published, as by the ports of a host.
        if goes_out {
            expected.insert(outside.clone());
            expected.extend((*from != PUBLISHED).then(|| addresses[PUBLISHED].clone()));
        }
        let mut asked: BTreeSet<&str> = others().map(|(to, _)| addresses[to].as_str()).collect();
        asked.insert(&outside);
        asked.extend(expected.iter().map(String::as_str));
        // Rules take a moment to land.
        let mut last = BTreeSet::new();
        for _ in 0..8 {
            last = reached(&namespace, from, &asked);
            if last == expected {
                break;
            }
        }
        assert_eq!(last, expected, "what {from} reaches, of {addresses:?} and {outside} outside");
    }

    // From outside: published ports, and nothing else.
    let from_outside = |to: &str| {
        let url = format!("http://{to}:8080/");
        namespace.kubectl(&["exec", "outside", "--", "timeout", "2", "wget", "-q", "-O", "-", &url]).status.success()
    };
    wait_for("the published port to be open", 20, || from_outside(&addresses[PUBLISHED]).then_some(()));
    for (service, _) in SERVICES.iter().filter(|(service, _)| *service != PUBLISHED) {
        wait_for(&format!("{service} to be closed"), 20, || (!from_outside(&addresses[service])).then_some(()));
    }
}

/// A stack of servers, each with its networks.
fn servers(name: &str, services: &[(&str, &str)], networks: &str) -> String {
    let mut stack = format!(
        "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata: {{name: {name}}}\nspec:\n  composeFile: |\n    \
         x-server: &server\n      image: busybox\n      command: [\"sh\", \"-c\", \"mkdir -p /tmp/www; hostname > \
         /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www\"]\n      stop_grace_period: 1s\n    networks: {networks}\n    \
         services:\n"
    );
    for (service, network) in services {
        let _ = writeln!(stack, "      {service}: {{<<: *server, networks: [{network}]}}");
    }
    stack
}

#[test]
fn networks_reach_into_namespaces_that_the_policy_names() {
    let Some(cluster) = cluster() else { return };
    let (owner, joining) = (cluster.namespace("net-owner"), cluster.namespace("net-joining"));
    let allow = format!("--allow-network={}/shop_front={}", owner.name, joining.name);
    let _operator = Operator::start(cluster, &[&owner, &joining], &[&allow]);
    owner.apply(&servers("shop", &[("store", "front"), ("db", "back")], "{front: {internal: true}, back: {}}"));
    let networks = format!(
        "{{there: {{external: true, name: shop_front, x-kubernetes: {{namespace: {}}}}}, here: {{name: shop_front}}}}",
        owner.name
    );
    joining.apply(&servers("app", &[("web", "there"), ("other", "here")], &networks));
    owner.wait_ready("shop", 120);
    joining.wait_ready("app", 120);
    let in_namespace = |service: &str, namespace: &Namespace| format!("{service}.{}", namespace.name);
    let (web, other) = (in_namespace("web", &joining), in_namespace("other", &joining));
    let (store, db) = (in_namespace("store", &owner), in_namespace("db", &owner));
    let names: BTreeSet<&str> = ["store", "web", "other", &web, &other, &store, &db].into();
    for (namespace, from, expected) in [
        // By the short name too, which the namespace that is joined has alone.
        (&joining, "web", vec!["web", &web, "store", &store]),
        (&joining, "other", vec!["other", &other]),
        (&owner, "store", vec!["store", &store, &web]),
        (&owner, "db", vec![&db]),
    ] {
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        let mut last = BTreeSet::new();
        for _ in 0..8 {
            last = reached(namespace, from, &names);
            if last == expected {
                break;
            }
        }
        assert_eq!(last, expected, "what {from} reaches");
    }
}
