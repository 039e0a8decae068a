//! How much memory the objects of a stack take.

use serde_json::{Value, json};

use super::*;
use crate::api::names::{COMPONENT_SERVICE, LABEL_COMPONENT};

/// Sixteen bytes as hexadecimal digits, others for each seed.
fn digits(seed: &[&str]) -> String {
    HashKey::new(b"seed").of(&json!(seed))
}

fn uid(seed: &[&str]) -> String {
    let hex = digits(seed);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A child of the stack `webshop`, or one of its pods, in the parts that are read.
fn object(namespace: &str, kind: Kind, name: &str, service: &str, body: Value) -> (Kind, DynamicObject) {
    let seed = [namespace, kind.as_str(), name];
    let owner = if kind == Kind::Pod { ("ReplicaSet", "web-6d4cf56db6") } else { ("ComposeStack", "webshop") };
    let mut object = body;
    object["metadata"] = json!({
        "name": name, "namespace": namespace, "uid": uid(&seed), "resourceVersion": "1234567",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {
            LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: "webshop", LABEL_SERVICE: service,
            LABEL_COMPONENT: COMPONENT_SERVICE, "pod-template-hash": "6d4cf56db6",
        },
        "annotations": {ANNOTATION_APPLIED_HASH: format!("{}.{}", digits(&seed), digits(&[name]))},
        "ownerReferences": [{"apiVersion": "v1", "kind": owner.0, "name": owner.1, "uid": uid(&[namespace, owner.1])}],
    });
    (kind, serde_json::from_value(object).unwrap())
}

fn objects(namespace: &str) -> Vec<(Kind, DynamicObject)> {
    let service = json!({"spec": {"clusterIP": "10.96.131.17", "ports": [{"port": 3000}]}});
    let workload = json!({
        "spec": {"replicas": 1},
        "status": {"readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1, "replicas": 1},
    });
    let pod = |service: &str| {
        let image = format!("registry.example.com/{service}@sha256:{0}{0}", digits(&[namespace, service]));
        json!({
            "spec": {"containers": [{"name": service}]},
            "status": {
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "containerStatuses": [
                    {"name": service, "started": true, "state": {"running": {}}, "imageID": image},
                ],
            },
        })
    };
    let mut objects = vec![
        object(namespace, Kind::ConfigMap, "webshop-site-5f2d0c9a41", "", json!({})),
        object(namespace, Kind::NetworkPolicy, "webshop-default", "", json!({})),
        object(namespace, Kind::NetworkPolicy, "web-published", "web", json!({})),
        object(namespace, Kind::Service, "web-published", "web", service.clone()),
    ];
    for name in ["web", "api", "cache"] {
        objects.push(object(namespace, Kind::Service, name, name, service.clone()));
        objects.push(object(namespace, Kind::Deployment, name, name, workload.clone()));
        objects.push(object(namespace, Kind::Pod, &format!("{name}-6d4cf56db6-x7k2p"), name, pod(name)));
    }
    objects
}

/// An operator of thousands of stacks takes what is kept of each, so that more of it is to be seen here.
#[test]
fn the_objects_of_a_stack_take_little_memory() {
    const STACKS: u64 = 20;
    let live = LiveStore::new(HashKey::new(b"key"), &[]);
    let all: Vec<_> = (0..STACKS).flat_map(|number| objects(&format!("namespace-{number:05}"))).collect();
    let kept = allocation_counter::measure(|| {
        for (kind, object) in &all {
            live.put(*kind, object);
        }
    });
    let [bytes, allocations] = [kept.bytes_current, kept.count_current].map(|kept| kept.cast_unsigned() / STACKS);
    println!("{bytes} bytes a stack in {allocations} allocations");
    assert!((3000..8000).contains(&bytes), "{bytes} bytes a stack in {allocations} allocations");
}
