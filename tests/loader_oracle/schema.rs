//! The schema of Compose files as the reference implementation has it: every path that a document may have, and the
//! forms that its value may take.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The kinds of values that YAML tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    Null,
    Bool,
    Int,
    Float,
    Str,
    List,
    Map,
}

/// A path: keys, `*` for a key that the user chooses, `[]` for an item of a list, `x-` for an extension.
pub type Path = Vec<String>;

/// What a value may be.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    pub forms: BTreeSet<Form>,
    /// Keys that the schema names.
    pub keys: BTreeMap<String, Self>,
    /// The value of keys that the user chooses.
    pub entries: Option<Box<Self>>,
    /// Whether keys that begin with `x-` are taken.
    pub extensions: bool,
    pub items: Option<Box<Self>>,
    pub required: BTreeSet<String>,
    /// The words that a text is one of.
    pub words: Vec<String>,
    /// Whether a list may not repeat an item.
    pub unique: bool,
    pub least: Option<i64>,
    pub most: Option<i64>,
}

impl Shape {
    /// Reads the schema.
    pub fn read(schema: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(schema, schema);
        shape
    }

    fn add(&mut self, node: &Value, root: &Value) {
        if let Some(reference) = node["$ref"].as_str() {
            let name = reference.strip_prefix("#/$defs/").expect("a reference within the schema");
            self.add(&root["$defs"][name], root);
        }
        for group in ["allOf", "oneOf"] {
            for part in node[group].as_array().into_iter().flatten() {
                self.add(part, root);
            }
        }
        let types: Vec<&str> = match &node["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        for name in types {
            self.forms.extend(match name {
                "null" => vec![Form::Null],
                "boolean" => vec![Form::Bool],
                "integer" => vec![Form::Int],
                "number" => vec![Form::Int, Form::Float],
                "string" => vec![Form::Str],
                "array" => vec![Form::List],
                "object" => vec![Form::Map],
                other => panic!("the schema has a type {other}"),
            });
        }
        for (key, value) in node["properties"].as_object().into_iter().flatten() {
            self.keys.entry(key.clone()).or_default().add(value, root);
        }
        for (pattern, value) in node["patternProperties"].as_object().into_iter().flatten() {
            if pattern == "^x-" {
                self.extensions = true;
            } else {
                self.entries.get_or_insert_default().add(value, root);
            }
        }
        if node["items"].is_object() {
            self.items.get_or_insert_default().add(&node["items"], root);
        }
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        self.required.extend(texts(&node["required"]));
        self.words.extend(texts(&node["enum"]));
        self.unique |= node["uniqueItems"] == Value::Bool(true);
        self.least = self.least.or_else(|| node["minimum"].as_i64());
        self.most = self.most.or_else(|| node["maximum"].as_i64());
    }

    /// Every path below with its forms.
    pub fn paths(&self) -> BTreeMap<Path, BTreeSet<Form>> {
        let mut paths = BTreeMap::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths.remove(&Vec::new());
        paths
    }

    fn collect(&self, path: &mut Path, paths: &mut BTreeMap<Path, BTreeSet<Form>>) {
        paths.entry(path.clone()).or_default().extend(&self.forms);
        let named = self.keys.iter().map(|(key, shape)| (key.as_str(), shape));
        let entries = self.entries.iter().map(|shape| ("*", &**shape));
        let items = self.items.iter().map(|shape| ("[]", &**shape));
        for (key, shape) in named.chain(entries).chain(items) {
            path.push(key.to_owned());
            shape.collect(path, paths);
            path.pop();
        }
        // One definition allows them for what is no mapping.
        if self.extensions && self.forms.contains(&Form::Map) {
            path.push("x-".to_owned());
            paths.entry(path.clone()).or_default().extend([Form::Str, Form::Map]);
            path.pop();
        }
    }
}
