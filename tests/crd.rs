//! The CustomResourceDefinition in `crds/` is the one that the code describes, and it reads well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use compose_operator::api;
use serde_json::Value;

#[test]
fn the_definition_in_the_tree_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/composestacks.yaml");
    let stored = std::fs::read_to_string(path).unwrap();
    assert!(stored == api::definition_yaml().unwrap(), "crds/composestacks.yaml is stale: run `make crds`");
}

#[test]
fn every_field_is_explained() {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut silent = Vec::new();
    for part in ["spec", "status"] {
        unexplained(&schema[part], part, &mut silent);
    }
    assert!(silent.is_empty(), "fields without a description: {silent:#?}");
}

fn unexplained(schema: &Value, path: &str, silent: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            silent.push(path.clone());
        }
        unexplained(property, &path, silent);
        unexplained(&property["items"], &path, silent);
    }
}
