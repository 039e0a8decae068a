//! What the operator owns of a live object, as one hash.
//!
//! Server-side apply records in `metadata.managedFields` which fields each manager set. Hashing the paths that are
//! ours with the values that they have now tells drift from what others may do: a field of ours that somebody
//! changed has another value, one that somebody took over or removed is no longer listed, and a replica count that
//! an autoscaler owns was never listed at all.

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use super::hash::{HashKey, Hasher};
use crate::api::names::FIELD_MANAGER;

/// The hash of the fields that the operator owns and of their values.
pub(super) fn owned_hash(key: &HashKey, object: &DynamicObject) -> String {
    let mut hasher = key.begin();
    // That part of the metadata that can be applied.
    let metadata = json!({
        "labels": object.metadata.labels,
        "annotations": object.metadata.annotations,
        "ownerReferences": object.metadata.owner_references,
        "finalizers": object.metadata.finalizers,
    });
    for fields in ours(object) {
        walk(&mut hasher, fields, &|step| match step {
            "f:metadata" => Some(&metadata),
            step => follow(&object.data, step),
        });
    }
    hasher.finish()
}

/// Whether the operator owns a field of the object: `/f:spec/f:replicas`.
pub(super) fn owns(object: &DynamicObject, path: &str) -> bool {
    ours(object).any(|fields| fields.pointer(path).is_some())
}

/// The trees of the fields that the operator owns.
fn ours(object: &DynamicObject) -> impl Iterator<Item = &Value> {
    let entries = object.metadata.managed_fields.iter().flatten().filter(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    entries.filter_map(|entry| entry.fields_v1.as_ref()).map(|fields| &fields.0)
}

/// Follows a FieldsV1 tree: `f:<field>`, `k:<keys of a list item>`, `v:<item of a set>`, `i:<index>`, and `.` for the
/// parent itself.
fn walk<'a>(hasher: &mut Hasher, owned: &Value, live: &dyn Fn(&str) -> Option<&'a Value>) {
    let mut steps: Vec<_> = owned.as_object().into_iter().flatten().collect();
    steps.sort_by_key(|(step, _)| *step);
    for (step, below) in steps {
        hasher.text(step);
        if step == "." {
            continue;
        }
        match live(step) {
            None => hasher.absent(),
            Some(live) if below.as_object().is_none_or(Map::is_empty) => hasher.value(live),
            Some(live) => walk(hasher, below, &|step| follow(live, step)),
        }
    }
}

fn follow<'a>(live: &'a Value, step: &str) -> Option<&'a Value> {
    let (kind, rest) = step.split_once(':')?;
    match kind {
        "f" => live.get(rest),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            live.as_array()?.iter().find(|item| keys.iter().all(|(name, value)| item.get(name) == Some(value)))
        }
        "v" => {
            let value: Value = serde_json::from_str(rest).ok()?;
            live.as_array()?.iter().find(|item| **item == value)
        }
        "i" => live.get(rest.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
