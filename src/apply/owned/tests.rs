use serde_json::{Value, json};

use super::*;

/// A Deployment as an API server 1.35 shows it, shortened.
fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "resourceVersion": "577", "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "labels": {"app.kubernetes.io/managed-by": "compose-operator"},
            "ownerReferences": [{"apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "name": "shop", "uid": "32809f2d"}],
            "managedFields": [
                {
                    "manager": "compose-operator", "operation": "Apply", "apiVersion": "apps/v1",
                    "time": "2026-11-24T04:15:53Z", "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        "f:metadata": {
                            "f:labels": {"f:app.kubernetes.io/managed-by": {}},
                            "f:ownerReferences": {"k:{\"uid\":\"32809f2d\"}": {}},
                        },
                        "f:spec": {
                            "f:replicas": {},
                            "f:selector": {},
                            "f:template": {"f:spec": {
                                "f:containers": {"k:{\"name\":\"main\"}": {
                                    ".": {}, "f:args": {}, "f:image": {}, "f:name": {},
                                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}},
                                }},
                                "f:imagePullSecrets": {"k:{\"name\":\"registry\"}": {}},
                            }},
                        },
                    },
                },
                {
                    "manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
                    "time": "2026-11-24T04:15:53Z", "fieldsType": "FieldsV1", "subresource": "status",
                    "fieldsV1": {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}},
                },
            ],
        },
        "spec": {
            "replicas": 1, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"spec": {
                "containers": [
                    {"name": "main", "image": "web:1", "args": ["a", "b"], "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                    {"name": "sidecar", "image": "mesh:1"},
                ],
                "imagePullSecrets": [{"name": "registry"}],
            }},
        },
        "status": {"observedGeneration": 1},
    })
}

fn hash(object: &Value) -> String {
    owned_hash(&HashKey::new(b"key"), &serde_json::from_value(object.clone()).unwrap())
}

/// The hash after a change at a path.
fn after(path: &str, value: Value) -> String {
    let mut object = deployment();
    *object.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    hash(&object)
}

#[test]
fn what_others_own_is_no_difference() {
    let before = hash(&deployment());
    for (path, value) in [
        ("/metadata/resourceVersion", json!("600")),
        ("/metadata/annotations", json!({"deployment.kubernetes.io/revision": "2", "note": "mine"})),
        ("/metadata/labels", json!({"app.kubernetes.io/managed-by": "compose-operator", "team": "red"})),
        ("/spec/progressDeadlineSeconds", json!(60)),
        ("/spec/template/spec/containers/1", json!({"name": "sidecar", "image": "mesh:2"})),
        ("/spec/template/spec/imagePullSecrets", json!([{"name": "other"}, {"name": "registry"}])),
        ("/status", json!({"observedGeneration": 2, "replicas": 1})),
        ("/metadata/managedFields/0/time", json!("2027-01-01T00:00:00Z")),
    ] {
        assert_eq!(after(path, value), before, "{path}");
    }
}

#[test]
fn a_field_of_ours_that_changed_is_a_difference() {
    let before = hash(&deployment());
    for (path, value) in [
        ("/metadata/labels", json!({})),
        ("/metadata/ownerReferences", json!([])),
        ("/spec/replicas", json!(2)),
        ("/spec/selector/matchLabels", json!({"a": "b", "c": "d"})),
        ("/spec/template/spec/containers/0/image", json!("evil:1")),
        ("/spec/template/spec/containers/0/args", json!(["b", "a"])),
        ("/spec/template/spec/containers/0/ports", json!([])),
        ("/spec/template/spec/containers/0/name", json!("renamed")),
        ("/spec/template/spec/imagePullSecrets", json!([])),
    ] {
        assert_ne!(after(path, value), before, "{path}");
    }
}

#[test]
fn a_field_that_was_taken_over_is_a_difference_even_with_the_same_value() {
    let before = hash(&deployment());
    let mut taken = deployment();
    taken
        .pointer_mut("/metadata/managedFields/0/fieldsV1/f:spec")
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("f:replicas");
    assert_ne!(hash(&taken), before);
    for (field, value) in [("manager", "kubectl"), ("operation", "Update"), ("subresource", "scale")] {
        let mut other = deployment();
        other["metadata"]["managedFields"][0][field] = json!(value);
        assert_ne!(hash(&other), before, "{field}");
    }
}

#[test]
fn items_of_sets_and_indexes_are_followed() {
    let live = json!({"set": ["a", "b"], "list": [{"x": 1}, {"x": 2}]});
    assert_eq!(follow(&live["set"], "v:\"b\""), Some(&json!("b")));
    assert_eq!(follow(&live["set"], "v:\"c\""), None);
    assert_eq!(follow(&live["list"], "i:1"), Some(&json!({"x": 2})));
    assert_eq!(follow(&live["list"], "k:{\"x\":2}"), Some(&json!({"x": 2})));
    assert_eq!(follow(&live["list"], "k:{garbled"), None);
    assert_eq!(follow(&live, "x:set"), None);
}
