//! The CustomResourceDefinitions and the reference in the tree are what the code describes, and it reads well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use compose_operator::api;
use serde_json::Value;

#[test]
fn the_definitions_in_the_tree_are_current() {
    // Helm reads nothing outside of the chart.
    for path in ["crds/composestacks.yaml", "charts/compose-operator/files/composestacks.yaml"] {
        let stored = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        assert!(stored == api::definition_yaml().unwrap(), "{path} is stale: run `make crds`");
    }
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

/// The page of the reference, made from the definition.
fn reference() -> String {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let version = &definition["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut page = format!(
        "<!-- Generated from src/api/v1alpha1.rs by `make crds`; do not edit. -->\n# ComposeStack\n\n{}\n\nAPI group `{}`, \
         version `{}`, short name `{}`, category `{}`. `kubectl explain composestack.spec` shows the same.\n",
        text(&schema["description"]),
        text(&definition["spec"]["group"]),
        text(&version["name"]),
        text(&definition["spec"]["names"]["shortNames"][0]),
        text(&definition["spec"]["names"]["categories"][0]),
    );
    for part in ["spec", "status"] {
        let schema = &schema["properties"][part];
        write!(
            page,
            "\n## {part}\n\n{}\n\n| field | type | default | what it is |\n| --- | --- | --- | --- |\n",
            text(&schema["description"])
        )
        .unwrap();
        rows(schema, "", &mut page);
    }
    page +=
        "\n## Rules\n\nThe API server refuses a stack that breaks one of these.\n\n| where | rule |\n| --- | --- |\n";
    rules(schema, "", &mut page);
    page
}

fn rows(schema: &Value, path: &str, page: &mut String) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let default = match &field["default"] {
            Value::Null if required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            default => format!("`{default}`"),
        };
        let description = field["description"].as_str().unwrap_or_default().replace('|', "\\|");
        writeln!(page, "| `{path}` | {} | {default} | {description} |", kind(field)).unwrap();
        rows(field, &path, page);
        rows(&field["items"], &format!("{path}[]"), page);
        rows(&field["additionalProperties"], &format!("{path}.*"), page);
    }
}

fn kind(field: &Value) -> String {
    let plain = |field: &Value| match field["enum"].as_array() {
        Some(values) => {
            let values: Vec<String> = values
                .iter()
                .filter(|value| !value.is_null())
                .map(|value| format!("`{}`", value.as_str().unwrap()))
                .collect();
            values.join(", ")
        }
        None => field["type"].as_str().unwrap_or("any").to_owned(),
    };
    match field["type"].as_str() {
        Some("array") => format!("list of {}", plain(&field["items"])),
        Some("object") if field["additionalProperties"].is_object() => {
            format!("map to {}", plain(&field["additionalProperties"]))
        }
        _ => plain(field),
    }
}

fn rules(schema: &Value, path: &str, page: &mut String) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().or_else(|| rule["rule"].as_str()).unwrap_or_default();
        let at = if path.is_empty() { "the stack" } else { path };
        writeln!(page, "| `{at}` | {message} |").unwrap();
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        rules(field, &path, page);
        rules(&field["items"], &format!("{path}[]"), page);
    }
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, reference()).unwrap();
    } else {
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == reference(), "docs/reference.md is stale: run `make crds`");
    }
}

/// A cheap watch over what `make chart-test` holds in full.
#[test]
fn the_rights_of_the_base_are_the_charts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rights = |path: &str| -> BTreeSet<String> {
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        let says = |line: &&str| !line.starts_with('#') && !line.starts_with("{{");
        let what = |rule: &str| -> String {
            let lines = rule.lines().map(str::trim).take_while(|line| !line.starts_with("verbs:"));
            lines.filter(says).collect()
        };
        // Rules of an admission policy have no verbs.
        text.split("- apiGroups: ").skip(1).filter(|rule| rule.contains("verbs:")).map(what).collect()
    };
    let chart: BTreeSet<String> = ["_rules.tpl", "rbac.yaml", "user-roles.yaml"]
        .iter()
        .flat_map(|name| rights(&format!("charts/compose-operator/templates/{name}")))
        .collect();
    let base = rights("deploy/operator.yaml");
    assert!(base.len() > 5);
    let alien: Vec<&String> = base.difference(&chart).collect();
    assert!(
        alien.is_empty(),
        "deploy/operator.yaml is made from the chart: change the rights in charts/compose-operator/templates/_rules.tpl, \
         then `make generate`. Only in the former: {alien:#?}"
    );
}
