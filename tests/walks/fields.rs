//! Every field that a spec can have, by the schema that the API server holds.

use std::collections::BTreeSet;

use compose_operator::api::ComposeStack;
use kube::CustomResourceExt;
use serde_json::Value;

/// The paths of all fields without fields of their own, such as `composeFrom[].secretKeyRef.key`; where there are few
/// values, with each, such as `security=Restricted`.
pub fn all() -> BTreeSet<String> {
    let definition = serde_json::to_value(ComposeStack::crd()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut paths = BTreeSet::new();
    collect(String::new(), schema, &mut paths);
    assert!(paths.len() > 60, "{paths:?}");
    paths
}

fn collect(path: String, schema: &Value, paths: &mut BTreeSet<String>) {
    let below = if path.is_empty() { String::new() } else { format!("{path}.") };
    if let Some(fields) = schema["properties"].as_object() {
        fields.iter().for_each(|(name, schema)| collect(format!("{below}{name}"), schema, paths));
    } else if schema["additionalProperties"].is_object() {
        collect(format!("{below}*"), &schema["additionalProperties"], paths);
    } else if schema["items"].is_object() {
        collect(format!("{path}[]"), &schema["items"], paths);
    } else if let Some(values) = schema["enum"].as_array() {
        paths.extend(values.iter().filter_map(Value::as_str).map(|value| format!("{path}={value}")));
    } else {
        paths.insert(path);
    }
}

/// The fields among these that a spec sets.
pub fn set_by(spec: &Value, all: &BTreeSet<String>) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    find(String::new(), spec, all, &mut paths);
    paths
}

fn find(path: String, value: &Value, all: &BTreeSet<String>, paths: &mut BTreeSet<String>) {
    if all.contains(&path) {
        paths.insert(path);
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                find(below(name), value, all, paths);
                find(below("*"), value, all, paths);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(format!("{path}[]"), item, all, paths)),
        Value::String(word) => {
            let path = format!("{path}={word}");
            if all.contains(&path) {
                paths.insert(path);
            }
        }
        _ => {}
    }
}
