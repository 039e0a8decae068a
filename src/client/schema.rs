//! `kubectl compose schema`.

use clap::{Args, ValueEnum};
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::ClientError;
use crate::api::v1alpha1::ComposeStack;
use crate::compose::document_schema;

#[derive(Args, Debug)]
pub(super) struct SchemaArgs {
    /// What the schema is of
    #[arg(value_enum, default_value_t = Kind::Compose)]
    kind: Kind,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    /// A Compose file
    Compose,
    /// A manifest of a ComposeStack
    Composestack,
}

pub(super) fn schema(args: &SchemaArgs) -> Result<(), ClientError> {
    let schema = match args.kind {
        Kind::Compose => document_schema(),
        Kind::Composestack => stack()?,
    };
    super::print(&format!("{schema:#}\n"))
}

/// The schema of the resource, with that of Compose documents where it holds one.
fn stack() -> Result<Value, ClientError> {
    let definition =
        serde_json::to_value(ComposeStack::crd()).map_err(|error| ClientError::Output(error.to_string()))?;
    let mut schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    plain(&mut schema);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("ComposeStack");
    schema["required"] = json!(["apiVersion", "kind", "metadata", "spec"]);
    let group = &definition["spec"]["group"];
    let version = &definition["spec"]["versions"][0]["name"];
    let version = format!("{}/{}", group.as_str().unwrap_or_default(), version.as_str().unwrap_or_default());
    schema["properties"]["apiVersion"] = json!({ "const": version });
    schema["properties"]["kind"] = json!({ "const": definition["spec"]["names"]["kind"] });
    schema["properties"]["metadata"] = json!({ "type": "object", "required": ["name"] });
    let mut document = document_schema();
    if let Some(document) = document.as_object_mut() {
        document.remove("$schema");
    }
    schema["definitions"] = json!({ "compose": document });
    let spec = &mut schema["properties"]["spec"]["properties"];
    let description = spec["compose"]["description"].take();
    spec["compose"] =
        json!({ "description": description, "anyOf": [{ "$ref": "#/definitions/compose" }, { "type": "null" }] });
    Ok(schema)
}

/// What only OpenAPI knows in the words of JSON Schema, where null is a type.
fn plain(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(map) => {
            if map.remove("nullable") == Some(Value::Bool(true))
                && let Some(kind) = map.get("type").filter(|kind| kind.is_string()).cloned()
            {
                map.insert("type".to_owned(), json!([kind, "null"]));
                if let Some(words) = map.get_mut("enum").and_then(Value::as_array_mut) {
                    words.push(Value::Null);
                }
            }
            // What the API server would drop, and kubectl refuses, is unknown to an editor too.
            let open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
            if !open && map.get("properties").is_some_and(Value::is_object) && !map.contains_key("additionalProperties")
            {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            map.retain(|key, _| !key.starts_with("x-kubernetes-"));
            // Widths of integers are no formats of JSON Schema.
            if map.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("int")) {
                map.remove("format");
            }
            map.values_mut().for_each(plain);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_a_stack_holds_that_of_its_document() {
        let schema = stack().unwrap();
        assert_eq!(schema["properties"]["apiVersion"]["const"], "compose-operator.dev/v1alpha1");
        assert_eq!(schema["properties"]["kind"]["const"], "ComposeStack");
        let spec = &schema["properties"]["spec"]["properties"];
        assert_eq!(spec["compose"]["anyOf"][0]["$ref"], "#/definitions/compose");
        assert!(spec["compose"]["description"].is_string());
        assert!(spec["composeFile"].is_object());
        assert!(schema["definitions"]["compose"]["properties"]["services"].is_object());
        let text = schema.to_string();
        assert!(!text.contains("\"nullable\"") && !text.contains("\"x-kubernetes-"), "{text}");
    }

    #[test]
    fn stacks_are_told_from_what_is_none() {
        let validator = jsonschema::draft7::new(&stack().unwrap()).unwrap();
        let manifest = |spec: Value| {
            json!({ "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": { "name": "shop" },
                "spec": spec })
        };
        let image = |image: Value| json!({ "compose": { "services": { "web": { "image": image } } } });
        assert!(validator.is_valid(&manifest(json!({ "composeFile": "services: {}" }))));
        assert!(validator.is_valid(&manifest(json!({ "composeFile": "services: {}", "compose": null }))));
        assert!(validator.is_valid(&manifest(image(json!("nginx")))));
        assert!(!validator.is_valid(&manifest(image(json!(1)))), "the document is checked too");
        assert!(!validator.is_valid(&manifest(json!({ "composeFil": "services: {}" }))), "unknown field");
        assert!(!validator.is_valid(&manifest(json!({ "publish": { "type": "Cluster" } }))), "none of the words");
        let mut other = manifest(json!({}));
        other["kind"] = json!("Deployment");
        assert!(!validator.is_valid(&other));
    }
}
