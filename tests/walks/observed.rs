//! What there is of a stack, and objects in a form in which two that mean the same are equal.

use std::collections::{BTreeMap, BTreeSet};

use compose_operator::api::ComposeStack;
use compose_operator::api::names::{
    ANNOTATION_APPLIED_HASH, ANNOTATION_PRUNE, ANNOTATION_SEED, LABEL_STACK, PRUNE_DISABLED,
};
use compose_operator::apply::Kind;
use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, ResourceExt};
use serde_json::{Map, Value, json};

/// What there is of a stack.
#[derive(Clone)]
pub struct Observed {
    pub stack: ComposeStack,
    /// Its objects as they are, by kind and name.
    pub objects: BTreeMap<String, Value>,
}

impl Observed {
    pub async fn of(client: &Client, namespace: &str, name: &str) -> Self {
        let stacks: Api<ComposeStack> = Api::namespaced(client.clone(), namespace);
        let stack = stacks.get(name).await.unwrap();
        let objects = objects(client, namespace, name, &stack.uid().unwrap()).await;
        Self { stack, objects }
    }

    /// The versions of all objects, and of the stack itself.
    pub fn versions(&self) -> Vec<String> {
        let own = self.stack.resource_version();
        let versions = self.objects.values().map(|object| object["metadata"]["resourceVersion"].to_string());
        own.into_iter().chain(versions).collect()
    }

    /// The objects in their normal form.
    pub fn normal(&self) -> BTreeMap<String, Value> {
        let scaled: BTreeSet<String> = self
            .objects
            .values()
            .filter(|object| object["kind"] == Kind::HorizontalPodAutoscaler.as_str())
            .map(|scaler| &scaler["spec"]["scaleTargetRef"])
            .map(|target| id(target["kind"].as_str().unwrap(), target["name"].as_str().unwrap()))
            .collect();
        let normal = |(id, object): (&String, &Value)| {
            let mut object = normal(object);
            if scaled.contains(id) {
                take(&mut object, &["spec", "replicas"]);
            }
            (id.clone(), object)
        };
        self.objects.iter().map(normal).collect()
    }

    /// A condition, once it speaks of the spec as it is: its status, reason and message.
    pub fn condition(&self, kind: &str) -> Option<(&str, &str, &str)> {
        let status = self.stack.status.as_ref()?;
        let condition = status.conditions.iter().find(|condition| condition.type_ == kind)?;
        // A suspended stack speaks of the generation that it came to.
        let is_current = condition.observed_generation == self.stack.metadata.generation
            || self.stack.spec.suspend && condition.reason == "Suspended";
        is_current.then_some((&condition.status, &condition.reason, &condition.message))
    }
}

/// The objects of a stack, by kind and name: what it owns, and the claims that carry its name.
pub async fn objects(client: &Client, namespace: &str, name: &str, uid: &str) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod) {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind.resource());
        for object in api.list(&ListParams::default()).await.unwrap() {
            let is_owned = object.owner_references().iter().any(|owner| owner.uid == uid);
            let is_claim = kind == Kind::PersistentVolumeClaim
                && object.labels().get(LABEL_STACK).is_some_and(|stack| stack == name);
            if is_owned || is_claim {
                let id = id(kind.as_str(), &object.name_any());
                let mut object = serde_json::to_value(object).unwrap();
                // A list does not repeat them.
                object["apiVersion"] = json!(kind.resource().api_version);
                object["kind"] = json!(kind.as_str());
                objects.insert(id, object);
            }
        }
    }
    objects
}

pub fn id(kind: &str, name: &str) -> String {
    format!("{kind}/{name}")
}

pub fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// Every text in what the cluster may still start pods of a stack from.
pub async fn used(client: &Client, namespace: &str, stack: &str) -> BTreeSet<String> {
    let resources = [
        ApiResource::erase::<ReplicaSet>(&()),
        ApiResource::erase::<ControllerRevision>(&()),
        ApiResource::erase::<Pod>(&()),
    ];
    let mut texts = BTreeSet::new();
    for resource in resources {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        let list = api.list(&ListParams::default().labels(&format!("{LABEL_STACK}={stack}"))).await.unwrap();
        list.items.iter().for_each(|object| collect(&object.data, &mut texts));
    }
    texts
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An object without what each making of it has of its own, and without what others write.
pub fn normal(object: &Value) -> Value {
    let mut object = object.clone();
    take(&mut object, &["status"]);
    for key in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"] {
        take(&mut object, &["metadata", key]);
    }
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| {
            !["deployment.kubernetes.io/", "deprecated.daemonset.", "pv.kubernetes.io/", "volume.", ANNOTATION_PRUNE]
                .iter()
                .any(|others| key.starts_with(others))
        });
    }
    match object["kind"].as_str() {
        Some("Service") => {
            take(&mut object, &["spec", "clusterIPs"]);
            take(&mut object, &["spec", "healthCheckNodePort"]);
            if object["spec"]["clusterIP"] != "None" {
                take(&mut object, &["spec", "clusterIP"]);
            }
        }
        Some("Job") => {
            take(&mut object, &["spec", "selector"]);
            for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
                if let Some(labels) = object.pointer_mut(labels).and_then(Value::as_object_mut) {
                    labels.retain(|key, _| !key.ends_with("controller-uid") && !key.ends_with("job-name"));
                }
            }
        }
        _ => {}
    }
    without_empty(&mut object);
    object
}

/// Takes out of an object what its declaration leaves to others: numbers of ports and of pods.
pub fn aligned(mut object: Value, declared: &Value) -> Value {
    if declared.pointer("/spec/replicas").is_none() {
        take(&mut object, &["spec", "replicas"]);
    }
    let ports = object.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        if declared.pointer(&format!("/spec/ports/{index}/nodePort")).is_none() {
            take(port, &["nodePort"]);
        }
    }
    object
}

/// The same without the hash of what was applied.
pub fn without_hash(mut object: Value) -> Value {
    take(&mut object, &["metadata", "annotations", ANNOTATION_APPLIED_HASH]);
    without_empty(&mut object);
    object
}

/// A claim without how it was filled; anything else as it is.
pub fn without_story(mut object: Value) -> Value {
    if object["kind"] == Kind::PersistentVolumeClaim.as_str() {
        take(&mut object, &["metadata", "annotations", ANNOTATION_SEED]);
        return without_hash(object);
    }
    object
}

/// The same as of whichever stack of this name: one that was deleted and made again is another to the cluster.
pub fn of_any_stack(mut object: Value) -> Value {
    for owner in object.pointer_mut("/metadata/ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        owner["uid"] = Value::Null;
    }
    without_hash(object)
}

/// Whether somebody asked that an object be kept.
pub fn is_kept(object: &Value) -> bool {
    object["metadata"]["annotations"][ANNOTATION_PRUNE] == PRUNE_DISABLED
}

fn without_empty(object: &mut Value) {
    for key in ["annotations", "labels"] {
        if object["metadata"][key].as_object().is_some_and(Map::is_empty) {
            take(object, &["metadata", key]);
        }
    }
}

fn take(value: &mut Value, path: &[&str]) {
    let (last, above) = path.split_last().unwrap();
    let mut value = Some(value);
    for step in above {
        value = value.and_then(|value| value.get_mut(step));
    }
    if let Some(fields) = value.and_then(Value::as_object_mut) {
        fields.remove(*last);
    }
}

/// Where two values differ, with what each has there.
pub fn differences(path: &str, a: &Value, b: &Value, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let at = |fields: &Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
                differences(&format!("{path}.{key}"), &at(a), &at(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{path}: {a} and {b}")),
    }
}
