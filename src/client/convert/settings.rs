//! `--set FIELD=VALUE`: fields of the spec, checked by the resource's own schema.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::Regex;
use serde_json::{Map, Value};

use super::super::ClientError;
use crate::api::definition;
use crate::api::v1alpha1::ComposeStackSpec;

/// What the command line gives in other ways.
const GIVEN_OTHERWISE: [&str; 8] =
    ["composeFile", "compose", "composeFrom", "overrides", "files", "binaryFiles", "env", "profiles"];

/// The fields as an object, each checked as the API server would.
pub(super) fn parse(settings: &[String]) -> Result<Map<String, Value>, ClientError> {
    // To make the schema takes longer than to convert a small project.
    if settings.is_empty() {
        return Ok(Map::new());
    }
    let definition = definition();
    let schema =
        definition.spec.versions.first().and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let spec = schema.and_then(|schema| schema.properties.as_ref()?.get("spec"));
    let mut object = Map::new();
    for setting in settings {
        let fail = |message: String| ClientError::Usage(format!("--set {setting}: {message}"));
        let (field, text) = setting
            .split_once('=')
            .ok_or_else(|| fail("expected FIELD=VALUE, such as publish.type=NodePort".to_owned()))?;
        let keys = keys(field);
        if let Some(given) = keys.first().filter(|key| GIVEN_OTHERWISE.contains(&key.as_str())) {
            return Err(fail(format!("{given} is what the project's files and options say")));
        }
        set(&mut object, &keys, text, spec).map_err(fail)?;
    }
    Ok(object)
}

/// The spec with these fields set.
pub(super) fn spec(object: &Map<String, Value>) -> Result<ComposeStackSpec, ClientError> {
    serde_json::from_value(Value::Object(object.clone())).map_err(|error| ClientError::Usage(format!("--set: {error}")))
}

/// `a.b` in its parts; a backslash keeps a dot that is part of a key.
fn keys(field: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            '.' => keys.push(String::new()),
            '\\' => keys.last_mut().map(|key| key.extend(chars.next())).unwrap_or_default(),
            c => keys.last_mut().map(|key| key.push(c)).unwrap_or_default(),
        }
    }
    keys
}

fn set(
    object: &mut Map<String, Value>,
    keys: &[String],
    text: &str,
    schema: Option<&JSONSchemaProps>,
) -> Result<(), String> {
    let Some((key, rest)) = keys.split_first() else { return Ok(()) };
    let schema = below(schema, key)?;
    if rest.is_empty() {
        let value = value(text, schema)?;
        check(&value, schema)?;
        object.insert(key.clone(), value);
        return Ok(());
    }
    let entry = object.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
    match entry {
        Value::Object(entries) => set(entries, rest, text, schema),
        _ => Err(format!("{key} was set to a value already")),
    }
}

/// The schema of a key; none where anything goes.
fn below<'a>(schema: Option<&'a JSONSchemaProps>, key: &str) -> Result<Option<&'a JSONSchemaProps>, String> {
    let Some(schema) = schema else { return Ok(None) };
    if let Some(properties) = &schema.properties {
        if let Some(found) = properties.get(key) {
            return Ok(Some(found));
        }
        let near = |name: &&String| strsim::osa_distance(name, key);
        let nearest = properties.keys().min_by_key(near).filter(|name| near(name) <= 3);
        let fields: Vec<&str> = properties.keys().map(String::as_str).collect();
        return Err(nearest.map_or_else(
            || format!("there is no field {key:?}; expected one of {}", fields.join(", ")),
            |near| format!("there is no field {key:?}; did you mean {near:?}?"),
        ));
    }
    match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => Ok(Some(values)),
        _ if schema.x_kubernetes_preserve_unknown_fields == Some(true) => Ok(None),
        _ => Err(format!("there is no field {key:?}: this one holds a value of its own")),
    }
}

/// Text where text is expected, so that `1.0` and `no` stay what they are; YAML for everything else.
fn value(text: &str, schema: Option<&JSONSchemaProps>) -> Result<Value, String> {
    if schema.is_some_and(|schema| schema.type_.as_deref() == Some("string")) {
        return Ok(Value::String(text.to_owned()));
    }
    serde_saphyr::from_str(text).map_err(|error| format!("is no YAML value: {error}"))
}

/// What the types of the resource do not check themselves.
fn check(value: &Value, schema: Option<&JSONSchemaProps>) -> Result<(), String> {
    let Some(schema) = schema else { return Ok(()) };
    let expected = schema.type_.as_deref().unwrap_or_default();
    let fits = match expected {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if !fits {
        return Err(format!("expected {}, found {value}", with_article(expected)));
    }
    if let (Value::String(text), Some(words)) = (value, &schema.enum_) {
        let words: Vec<&str> = words.iter().filter_map(|word| word.0.as_str()).collect();
        if !words.contains(&text.as_str()) {
            return Err(format!("{text:?} is none of {}", words.join(", ")));
        }
    }
    if let (Value::String(text), Some(pattern)) = (value, &schema.pattern)
        && Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        return Err(format!("{text:?} does not fit {pattern}"));
    }
    match value {
        Value::Array(items) => {
            let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items else { return Ok(()) };
            items.iter().try_for_each(|item| check(item, Some(schema)))
        }
        Value::Object(entries) => entries.iter().try_for_each(|(key, value)| {
            check(value, below(Some(schema), key)?).map_err(|message| format!("{key}: {message}"))
        }),
        _ => Ok(()),
    }
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::{AccessMode, PublishType};

    fn parsed(settings: &[&str]) -> Result<ComposeStackSpec, String> {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let set = parse(&settings).map_err(|error| error.to_string())?;
        spec(&set).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_have_the_types_of_the_resource() {
        let spec = parsed(&[
            "publish.type=NodePort",
            r"publish.annotations.example\.com/owner=no",
            "volumes.accessModes=[ReadWriteMany]",
            "volumes.size=10Gi",
            "liveness=true",
            "imagePullSecrets=[{name: registry}]",
            "networkPolicy.publishedFrom=[{ipBlock: {cidr: 10.0.0.0/8}}]",
            "resources.requestFromLimit=0.5",
            "serviceOverrides.web.spec.replicas=3",
        ])
        .unwrap();
        assert_eq!(spec.publish.kind, PublishType::NodePort);
        assert_eq!(spec.publish.annotations["example.com/owner"], "no");
        assert_eq!(spec.volumes.access_modes, [AccessMode::ReadWriteMany]);
        assert_eq!((spec.volumes.size.as_str(), spec.liveness), ("10Gi", true));
        assert_eq!(spec.image_pull_secrets[0].name, "registry");
        assert_eq!(spec.network_policy.published_from.len(), 1);
        assert_eq!(spec.resources.request_from_limit.as_deref(), Some("0.5"));
        assert_eq!(spec.service_overrides["web"]["spec"]["replicas"], 3);
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_would() {
        for (setting, words) in [
            ("publish", "expected FIELD=VALUE"),
            ("publish.typ=NodePort", "did you mean \"type\""),
            ("publish.type=Nodeport", "none of ClusterIP, NodePort"),
            ("volumes.size=10GB", "does not fit"),
            ("volumes.accessModes=[Often]", "none of ReadWriteOnce"),
            ("liveness=maybe", "expected a boolean"),
            ("liveness.x=1", "holds a value of its own"),
            ("networkPolicy.publishedFrom=[{ipBlok: {}}]", "did you mean \"ipBlock\""),
            ("composeFile=x", "what the project's files"),
        ] {
            let error = parsed(&[setting]).unwrap_err();
            assert!(error.contains(words), "{setting}: {error}");
        }
    }
}
