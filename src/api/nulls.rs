//! Nulls in objects: one writer's null is as good as nothing to another, and may be lost or added on the way.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads null as the empty value: a server-side apply that empties a map leaves null in its place.
pub(super) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a map in which null stands for what is not there: in place of the map, and of a value.
pub(super) fn null_as_absent<'de, D>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error>
where
    D: Deserializer<'de>,
{
    let map: BTreeMap<String, Value> = null_as_empty(deserializer)?;
    Ok(map.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// A value without the null-valued keys of all its objects.
pub(crate) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, field)| !field.is_null())
            .map(|(name, field)| (name.clone(), without_nulls(field)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
