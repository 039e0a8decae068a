//! Metadata of objects: names, labels, selectors and owners.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use super::context::{Context, Unit};
use super::dns_label::{is_label_value, is_qualified_name};
use super::notes::Notes;
use crate::api::names;
use crate::api::v1alpha1::ComposeStack;

/// Labels by key.
pub(super) type Labels = BTreeMap<String, String>;

/// What a service's pods are selected by. It is immutable in workloads, and therefore never changes.
pub(super) fn selector(context: &Context, unit: &Unit) -> Labels {
    Labels::from([
        (names::LABEL_STACK.to_owned(), context.stack.name.clone()),
        (names::LABEL_SERVICE.to_owned(), unit.pod_label.clone()),
        (names::LABEL_COMPONENT.to_owned(), names::COMPONENT_SERVICE.to_owned()),
    ])
}

/// The labels of an object that belongs to the stack as a whole.
pub(super) fn stack_labels(context: &Context) -> Labels {
    Labels::from([
        (names::LABEL_MANAGED_BY.to_owned(), names::MANAGED_BY.to_owned()),
        (names::LABEL_PART_OF.to_owned(), context.stack.name.clone()),
        (names::LABEL_STACK.to_owned(), context.stack.name.clone()),
    ])
}

/// The labels of an object that belongs to a service: those of the stack, and those by which it is found.
pub(super) fn service_labels(context: &Context, unit: &Unit) -> Labels {
    Labels::from([
        (names::LABEL_MANAGED_BY.to_owned(), names::MANAGED_BY.to_owned()),
        (names::LABEL_NAME.to_owned(), unit.label.clone()),
        (names::LABEL_PART_OF.to_owned(), context.stack.name.clone()),
        (names::LABEL_COMPONENT.to_owned(), names::COMPONENT_SERVICE.to_owned()),
        (names::LABEL_SERVICE.to_owned(), unit.label.clone()),
        (names::LABEL_STACK.to_owned(), context.stack.name.clone()),
    ])
}

/// The metadata of an object that belongs to the stack as a whole.
pub(super) fn stack_metadata(context: &Context, name: String) -> ObjectMeta {
    metadata(context, name, stack_labels(context))
}

/// The metadata of an object that belongs to a service.
pub(super) fn service_metadata(context: &Context, unit: &Unit, name: String) -> ObjectMeta {
    metadata(context, name, service_labels(context, unit))
}

/// The metadata of a workload or of an in-stack Service, with the labels that Compose puts onto the service instead
/// of onto its containers (`deploy.labels`).
pub(super) fn deployed_metadata(context: &Context, unit: &Unit, name: String) -> ObjectMeta {
    let mut metadata = service_metadata(context, unit, name);
    let Some(deploy) = &unit.service.deploy else { return metadata };
    let labels = metadata.labels.get_or_insert_default();
    let mut annotations = BTreeMap::new();
    for (key, value) in &deploy.labels {
        if !is_qualified_name(key) || is_ours(key) {
            continue;
        }
        // Kubernetes' labels are short words; a Compose label may be any text.
        let place = if is_label_value(value) { &mut *labels } else { &mut annotations };
        place.entry(key.clone()).or_insert_with(|| value.clone());
    }
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    metadata
}

/// The annotations of a pod: Compose's annotations and labels, whose values no Kubernetes label could hold.
pub(super) fn pod_annotations(unit: &Unit, notes: &mut Notes) -> Option<BTreeMap<String, String>> {
    let container = &unit.service.container;
    let mut annotations = BTreeMap::new();
    for (kind, entries) in [("labels", &container.labels), ("annotations", &container.annotations)] {
        for (key, value) in entries {
            if let Some(problem) = refused(key) {
                notes.ignored(format!("{}.{kind}.{key}", unit.path), problem);
            } else {
                annotations.insert(key.clone(), value.clone());
            }
        }
    }
    (!annotations.is_empty()).then_some(annotations)
}

/// Says which labels of the services' own are left out, once for each.
pub(super) fn note_deploy_labels(unit: &Unit, notes: &mut Notes) {
    if let Some(deploy) = &unit.service.deploy {
        note_refused(&format!("{}.deploy.labels", unit.path), &deploy.labels, notes);
    }
}

/// Says which of the labels at a path are left out.
pub(super) fn note_refused(path: &str, labels: &BTreeMap<String, String>, notes: &mut Notes) {
    for key in labels.keys() {
        if let Some(problem) = refused(key) {
            notes.ignored(format!("{path}.{key}"), problem);
        }
    }
}

/// The labels of a network, a config or a secret as annotations of the object that it becomes: their values may be any
/// text.
pub(super) fn annotations(labels: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let kept = labels.iter().filter(|(key, _)| refused(key).is_none());
    let annotations: BTreeMap<_, _> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    (!annotations.is_empty()).then_some(annotations)
}

/// Why a label of the file is not taken over; none when it is.
pub(super) fn refused(key: &str) -> Option<&'static str> {
    if is_ours(key) {
        Some("is left out, since the operator sets this key itself")
    } else if is_qualified_name(key) {
        None
    } else {
        Some("is left out, since it is no valid key of a Kubernetes annotation or label")
    }
}

/// Keys by which objects are found and pods selected, and pods join networks: no document may set them.
pub(super) fn is_ours(key: &str) -> bool {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    domain == names::GROUP
        || domain.ends_with(".compose-operator.dev")
        || [names::LABEL_MANAGED_BY, names::LABEL_PART_OF, names::LABEL_NAME].contains(&key)
}

/// Metadata with the stack as the owner: deleting it deletes the object.
fn metadata(context: &Context, name: String, labels: Labels) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(context.stack.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        labels: Some(labels),
        owner_references: owner(context).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// The stack as the owner of an object; offline there is none, for it has no uid.
pub(super) fn owner(context: &Context) -> Option<OwnerReference> {
    Some(OwnerReference {
        api_version: ComposeStack::api_version(&()).into_owned(),
        kind: ComposeStack::kind(&()).into_owned(),
        name: context.stack.name.clone(),
        uid: context.stack.uid.clone()?,
        controller: Some(true),
        block_owner_deletion: None,
    })
}
