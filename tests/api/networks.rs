//! What networks become where it depends on the cluster, or on other namespaces.

use serde_json::json;

use crate::harness::{Operator, cluster, wait_for};
use crate::stack;

/// The API server refuses addresses of a version that the cluster has not.
#[test]
fn names_lead_to_the_kinds_of_addresses_that_the_cluster_has() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("families");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  both: {image: nginx, networks: [two]}\n  six: {image: nginx, networks: [one]}\n\
                   networks:\n  two: {enable_ipv6: true}\n  one: {enable_ipv4: false, enable_ipv6: true}\n";
    namespace.apply(&stack("app", compose));
    let of = |name: &str| {
        let service = wait_for("the Service", 20, || namespace.get("service", name));
        service["spec"]["ipFamilies"].clone()
    };
    let six = if of("both").as_array().unwrap().len() == 2 { json!(["IPv6"]) } else { of("both") };
    assert_eq!(of("six"), six);
    // As long as the stack is looked at again and again, it stays so.
    namespace.apply(&stack("app", &compose.replace("six: {", "six: {init: true, ")));
    wait_for("the change", 20, || {
        let pods = namespace.get("deployment", "six")?["spec"]["template"]["spec"].clone();
        (pods["shareProcessNamespace"] == true).then_some(())
    });
    assert_eq!(of("six"), six);
}

#[test]
fn a_network_of_another_namespace_is_joined_where_the_policy_allows_it() {
    let Some(cluster) = cluster() else { return };
    let (owner, joining) = (cluster.namespace("net-owner"), cluster.namespace("net-joining"));
    let both = [&owner, &joining];
    let operator = Operator::start(cluster, &both, &[]);
    owner.apply(&stack("shop", "services: {web: {image: nginx, networks: [front]}}\nnetworks: {front: {}}\n"));
    let text = format!(
        "services: {{web: {{image: nginx, networks: [there]}}}}\nnetworks: {{there: {{external: true, name: shop_front, \
         x-kubernetes: {{namespace: {}}}}}}}\n",
        owner.name
    );
    joining.apply(&stack("app", &text));
    let (reason, message) = joining.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "PolicyViolation");
    let allow = format!("--allow-network={}/shop_front={}", owner.name, joining.name);
    assert!(message.contains(&allow), "{message}");
    wait_for("the owner's Deployment", 20, || owner.get("deployment", "web"));
    drop(operator);

    let _operator = Operator::start(cluster, &both, &[&allow]);
    let names = |policy: &serde_json::Value, namespace: &str| {
        let peers = policy["spec"]["ingress"][0]["from"].as_array().cloned().unwrap_or_default();
        peers.iter().any(|peer| peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == namespace)
    };
    wait_for("the joining side lets in the other", 20, || {
        joining.get("networkpolicy", "app-there").filter(|policy| names(policy, &owner.name))
    });
    wait_for("the owner's side lets in the other", 20, || {
        owner.get("networkpolicy", "shop-front").filter(|policy| names(policy, &joining.name))
    });
    assert_eq!(owner.get("deployment", "web").unwrap()["metadata"]["generation"], 1);
}
