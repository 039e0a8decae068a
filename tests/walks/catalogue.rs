//! What a walk can come to: documents, with attributes taken out and fields of the spec changed.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compose_operator::api::v1alpha1::Unsupported;
use compose_operator::compose::{DocumentBody, project_to_json};
use compose_operator::translate::{ATTRIBUTES, Facts, PROJECT_DIRECTORY, attributes_used, external_name, translate};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::changes::{Change, changes};
use crate::golden_case::row::{promises, remove, steps};
use crate::golden_case::{Case, cases};

/// The project that fields of the spec are changed around.
pub const BASE: &str = include_str!("base.yaml");

/// Rows that no file can write: the loader fills them in.
pub const FILLED_IN: [&str; 1] = ["secrets.*.content"];

/// A document with the spec that goes with it.
pub struct Document {
    pub name: String,
    pub spec: Value,
    /// What has to be in the namespace for it, each as an object.
    pub inputs: Vec<Value>,
    /// The file without a row, for each row that can be taken out of it.
    pub without: BTreeMap<&'static str, String>,
    /// Whether the whole of it can be applied here, where no registry answers: some cases are about errors.
    pub applicable: bool,
}

/// All that walks go between.
pub struct Catalogue {
    pub documents: Vec<Document>,
    pub changes: Vec<Change>,
}

/// Where a walk is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which document.
    pub document: usize,
    /// The row that is taken out of it.
    pub without: Option<&'static str>,
    /// The changes, one of a group at most.
    pub changes: BTreeMap<&'static str, usize>,
}

impl Catalogue {
    pub fn read() -> Self {
        let base = Document {
            name: "base".to_owned(),
            spec: json!({"composeFile": BASE}),
            inputs: Vec::new(),
            without: BTreeMap::new(),
            applicable: true,
        };
        let documents = std::iter::once(base).chain(cases().iter().map(document)).collect();
        Self { documents, changes: changes() }
    }

    /// The spec of a place.
    pub fn spec(&self, place: &Place) -> Value {
        let document = &self.documents[place.document];
        let mut spec = document.spec.clone();
        if let Some(row) = place.without {
            spec["composeFile"] = json!(document.without[row]);
        }
        for change in place.changes.values() {
            merge(&mut spec, &self.changes[*change].patch);
        }
        spec
    }

    /// A place in words.
    pub fn describe(&self, place: &Place) -> String {
        let mut text = vec![self.documents[place.document].name.clone()];
        text.extend(place.without.map(|row| format!("without {row}")));
        text.extend(place.changes.values().map(|change| self.changes[*change].name.to_owned()));
        text.join(", ")
    }
}

/// A golden case as a document.
fn document(case: &Case) -> Document {
    let settings = &case.settings;
    let DocumentBody::Text(text) = &case.options.documents[0].body else { panic!("{} has no text", case.name) };
    // What is not honoured is no reason to stop here: the walk is about what is.
    let mut spec = json!({"composeFile": text, "unsupported": "Warn"});
    merge(&mut spec, &json!(settings.spec));
    let mut inputs = Vec::new();
    let (mut plain, mut binary, mut secret, mut items) = (Map::new(), Map::new(), Map::new(), Vec::new());
    for (path, file) in case.stack.files.under(PROJECT_DIRECTORY) {
        let path = path.to_owned();
        if file.secret {
            let key = format!("file-{}", items.len());
            items.push(json!({"key": key, "path": path}));
            secret.insert(key, json!(STANDARD.encode(&file.content)));
        } else if let Ok(text) = std::str::from_utf8(&file.content) {
            plain.insert(path, json!(text));
        } else {
            binary.insert(path, json!(STANDARD.encode(&file.content)));
        }
    }
    for (field, files) in [("files", plain), ("binaryFiles", binary)] {
        if !files.is_empty() {
            merge(&mut spec, &json!({field: files}));
        }
    }
    if !items.is_empty() {
        let name = format!("walk-files-{}", case.name);
        inputs.push(object("Secret", &name, &json!({"data": secret})));
        merge(&mut spec, &json!({"filesFrom": [{"secretRef": {"name": name, "items": items}}]}));
    }
    if !settings.secret_env.is_empty() {
        let name = format!("walk-env-{}", case.name);
        inputs.push(object("Secret", &name, &json!({"stringData": settings.secret_env})));
        merge(&mut spec, &json!({"envFrom": [{"secretRef": {"name": name}}]}));
    }
    for (key, secret) in case.project.secrets.iter().filter(|(_, secret)| secret.external) {
        let keys = settings.secret_keys.get(&secret.name).cloned().unwrap_or_else(|| vec![key.clone()]);
        let data: Map<String, Value> = keys.into_iter().map(|key| (key, json!("x"))).collect();
        inputs.push(object("Secret", &external_name(key, secret), &json!({"stringData": data})));
    }
    for (key, config) in case.project.configs.iter().filter(|(_, config)| config.external) {
        let named = config.extensions.get("x-kubernetes").and_then(|extension| extension["key"].as_str());
        let data = json!({named.unwrap_or(key): "x"});
        inputs.push(object("ConfigMap", &external_name(key, config), &json!({"data": data})));
    }
    for claim in case.plan(&case.project).claims.iter().filter(|claim| claim.object.is_none()) {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}});
        inputs.push(object("PersistentVolumeClaim", &claim.name, &json!({"spec": spec})));
    }
    let facts = Facts { images: BTreeMap::new(), ..case.facts.clone() };
    let whole = translate(&case.project, &case.stack, &facts, &crate::policy());
    let applicable = !whole.notes.iter().any(|note| note.level.stops(Unsupported::Warn));
    Document { name: case.name.clone(), spec, inputs, without: without(case, text), applicable }
}

/// The case's file without each of the rows that it uses.
fn without(case: &Case, text: &str) -> BTreeMap<&'static str, String> {
    let used: BTreeSet<&str> =
        attributes_used(&case.project).into_iter().filter_map(|(_, row)| row.map(|(row, _)| row)).collect();
    // As a number, an octal one would lose its zero.
    let octal = Regex::new(r"(mode: )(0[0-7]{3})\b").unwrap();
    let file: Value = serde_saphyr::from_str(&octal.replace_all(text, "$1\"$2\"")).unwrap();
    // What is written in a short form can be taken out of the long one.
    let long: Value = serde_json::from_str(&project_to_json(&case.project).unwrap()).unwrap();
    let mut without = BTreeMap::new();
    for (row, treatment) in ATTRIBUTES {
        if !promises(*treatment) {
            continue;
        }
        let mut short = file.clone();
        if remove(&mut short, &steps(row)) {
            without.insert(*row, short.to_string());
        } else if used.contains(row) {
            let mut long = long.clone();
            if remove(&mut long, &steps(row)) {
                without.insert(*row, long.to_string());
            }
        }
    }
    without
}

/// An object of the core's API.
pub fn object(kind: &str, name: &str, rest: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    merge(&mut object, rest);
    object
}

/// Lays a patch over a value: maps are merged, lists are joined, null takes away.
pub fn merge(value: &mut Value, patch: &Value) {
    match (value, patch) {
        (Value::Object(value), Value::Object(patch)) => {
            for (key, patch) in patch {
                if patch.is_null() {
                    value.remove(key);
                } else {
                    merge(value.entry(key.clone()).or_insert(Value::Null), patch);
                }
            }
        }
        (Value::Array(value), Value::Array(patch)) => value.extend(patch.iter().cloned()),
        (value, patch) => *value = patch.clone(),
    }
}
