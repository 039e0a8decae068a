//! The table of attributes as a JSON schema, for editors.

use serde_json::{Map, Value, json};

use super::{BOOLEAN, INTEGER, Keys, Kinds, NULL, NUMBER, Object, STRING, Shape, resources};

/// Names of resources.
const NAMES: &str = "^[a-zA-Z0-9._-]+$";

/// A variable, after any doubled dollar signs, which stand for plain ones.
const VARIABLE: &str = "^([^$]|\\$\\$)*\\$[{_a-zA-Z]";

/// The schema of a Compose document (JSON Schema, draft 7, which editors know).
pub(in super::super) fn document() -> Value {
    let mut schema = object(&resources::DOCUMENT);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("Compose document");
    schema["description"] =
        json!("A Compose file, as the Compose Specification and compose-go v2.16.2 define it, before interpolation.");
    schema
}

/// A value that a variable may stand for: interpolation comes before the check.
fn or_variable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "pattern": VARIABLE }] })
}

fn value(shape: &Shape) -> Value {
    match shape {
        Shape::Any => json!({}),
        Shape::Scalar(kinds) => scalar(*kinds, &Map::new()),
        Shape::Bounded(kinds, least, most) => {
            let mut bounds = Map::from_iter([("minimum".to_owned(), json!(least))]);
            if *most != i64::MAX {
                bounds.insert("maximum".to_owned(), json!(most));
            }
            scalar(*kinds, &bounds)
        }
        Shape::Word(words) => or_variable(&json!({ "enum": words })),
        Shape::Text(_, words, pattern) => {
            or_variable(&json!({ "type": "string", "pattern": pattern, "description": words }))
        }
        Shape::List(item) => json!({ "type": "array", "items": value(item) }),
        Shape::Set(item) => json!({ "type": "array", "items": value(item), "uniqueItems": true }),
        Shape::Entries(entry, keys) => entries(entry, *keys),
        Shape::Object(definition) => object(definition),
        Shape::Either(shapes) => {
            let shapes: Vec<Value> = shapes.iter().map(value).collect();
            json!({ "anyOf": shapes })
        }
    }
}

fn scalar(kinds: Kinds, bounds: &Map<String, Value>) -> Value {
    let has = |kind: Kinds| kinds.0 & kind.0 == kind.0;
    let mut types = Vec::new();
    for (kind, name) in [(STRING, "string"), (BOOLEAN, "boolean"), (NULL, "null")] {
        if has(kind) {
            types.push(name);
        }
    }
    if has(NUMBER) {
        types.push("number");
    } else if has(INTEGER) {
        types.push("integer");
    }
    let mut schema = json!({ "type": if types.len() == 1 { json!(types[0]) } else { json!(types) } });
    for (bound, limit) in bounds {
        schema[bound] = limit.clone();
    }
    if has(STRING) || types == ["null"] { schema } else { or_variable(&schema) }
}

fn entries(entry: &Shape, keys: Keys) -> Value {
    let entry = value(entry);
    match keys {
        Keys::Any if entry == json!({}) => json!({ "type": "object" }),
        Keys::Any => {
            json!({ "type": "object", "propertyNames": { "minLength": 1 }, "additionalProperties": entry })
        }
        Keys::Names => {
            json!({ "type": "object", "patternProperties": { NAMES: entry }, "additionalProperties": false })
        }
        Keys::LooseNames => json!({ "type": "object", "patternProperties": { NAMES: entry } }),
        Keys::LowerCase => json!({ "type": "object", "patternProperties": { "^[a-z]+$": entry } }),
    }
}

fn object(definition: &Object) -> Value {
    let attributes = definition.attributes.iter().copied().flatten();
    let properties: Map<String, Value> = attributes.map(|(name, shape)| ((*name).to_owned(), value(shape))).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if definition.extensions {
        schema["patternProperties"] = json!({ "^x-": {} });
    }
    if !definition.open {
        schema["additionalProperties"] = json!(false);
    }
    if !definition.required.is_empty() {
        schema["required"] = json!(definition.required);
    }
    if !definition.any_of.is_empty() {
        let any: Vec<Value> = definition.any_of.iter().map(|name| json!({ "required": [name] })).collect();
        schema["anyOf"] = json!(any);
    }
    schema
}
