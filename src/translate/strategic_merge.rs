//! Kubernetes' strategic merge of partial objects: maps merge, lists merge by the keys of their items, null removes.

use serde_json::{Map, Value};

/// The key of what is to happen instead of merging: `delete`, or `replace`.
pub(super) const DIRECTIVE: &str = "$patch";

/// The keys by which the items of a list are told apart, by the list's field (Kubernetes' API, `patchMergeKey`). A
/// list without a key is one value.
const LIST_KEYS: [(&str, &[&str]); 14] = [
    ("claims", &["name"]),
    ("containers", &["name"]),
    ("env", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("hostAliases", &["ip"]),
    ("imagePullSecrets", &["name"]),
    ("initContainers", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("resourceClaims", &["name"]),
    ("schedulingGates", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
    ("volumes", &["name"]),
];

/// The value with a patch merged onto it.
pub(super) fn merge(base: Value, patch: &Value) -> Value {
    merge_field(base, patch, "")
}

fn merge_field(base: Value, patch: &Value, field: &str) -> Value {
    match patch {
        Value::Object(patch) => {
            let base = match base {
                Value::Object(base) if directive(patch) != Some("replace") => base,
                _ => Map::new(),
            };
            Value::Object(merge_maps(base, patch, field))
        }
        Value::Array(patch) => {
            let base = match (keys_of(field), base) {
                (Some(_), Value::Array(base)) => base,
                _ => Vec::new(),
            };
            Value::Array(merge_lists(base, patch, field))
        }
        scalar => scalar.clone(),
    }
}

fn merge_maps(mut base: Map<String, Value>, patch: &Map<String, Value>, field: &str) -> Map<String, Value> {
    // A source of a volume, and a strategy, goes when another one comes (`patchStrategy: retainKeys`).
    if matches!(field, "strategy" | "volumes[]") {
        base.retain(|key, _| patch.contains_key(key));
    }
    for (key, value) in patch.iter().filter(|(key, _)| *key != DIRECTIVE) {
        let old = base.remove(key).unwrap_or_default();
        let is_gone = value.is_null() || value.as_object().and_then(directive) == Some("delete");
        if !is_gone {
            base.insert(key.clone(), merge_field(old, value, key));
        }
    }
    base
}

fn merge_lists(mut base: Vec<Value>, patch: &[Value], field: &str) -> Vec<Value> {
    let items = format!("{field}[]");
    if patch.iter().any(|item| is_only_directive(item, "replace")) {
        base.clear();
    }
    for item in patch.iter().filter(|item| !is_only_directive(item, "replace")) {
        let place = base.iter().position(|other| is_same(other, item, field));
        match (place, item.as_object().and_then(directive)) {
            (Some(place), Some("delete")) => {
                base.remove(place);
            }
            (None, Some("delete")) => {}
            (Some(place), _) => {
                let old = base[place].take();
                base[place] = merge_field(old, item, &items);
            }
            (None, _) => base.push(merge_field(Value::Null, item, &items)),
        }
    }
    base
}

fn is_same(a: &Value, b: &Value, field: &str) -> bool {
    keys_of(field).is_some_and(|keys| keys.iter().all(|key| key_value(a, key) == key_value(b, key)))
}

/// The value of a key; a port without a protocol is one of TCP.
fn key_value<'a>(item: &'a Value, key: &str) -> Option<&'a Value> {
    let value = item.get(key);
    if key == "protocol" { value.filter(|protocol| *protocol != "TCP") } else { value }
}

fn keys_of(field: &str) -> Option<&'static [&'static str]> {
    LIST_KEYS.iter().find(|(name, _)| *name == field).map(|(_, keys)| *keys)
}

fn directive(map: &Map<String, Value>) -> Option<&str> {
    map.get(DIRECTIVE)?.as_str()
}

fn is_only_directive(item: &Value, wanted: &str) -> bool {
    item.as_object().is_some_and(|map| map.len() == 1 && directive(map) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_merge_and_null_removes() {
        let base = json!({"a": {"b": 1, "c": 2}, "d": 3});
        assert_eq!(merge(base.clone(), &json!({"a": {"b": null, "x": 1}})), json!({"a": {"c": 2, "x": 1}, "d": 3}));
        assert_eq!(merge(base.clone(), &json!({"a": {"$patch": "delete"}})), json!({"d": 3}));
        assert_eq!(
            merge(base, &json!({"a": {"$patch": "replace", "n": {"o": null}}})),
            json!({"a": {"n": {}}, "d": 3})
        );
    }

    #[test]
    fn items_are_told_apart_by_their_keys() {
        let base = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["a", "b"]});
        let patch = json!({"env": [{"name": "B", "$patch": "delete"}, {"name": "C", "value": "3"}, {"name": "A", "value": "x"}], "args": ["c"]});
        let merged = json!({"env": [{"name": "A", "value": "x"}, {"name": "C", "value": "3"}], "args": ["c"]});
        assert_eq!(merge(base, &patch), merged);
        let base =
            json!({"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}]});
        let patch = json!({"ports": [{"containerPort": 53, "name": "dns"}]});
        assert_eq!(merge(base, &patch)["ports"][1], json!({"containerPort": 53, "protocol": "TCP", "name": "dns"}));
    }

    #[test]
    fn a_list_is_replaced_on_request() {
        let base = json!({"volumeMounts": [{"mountPath": "/a", "name": "a"}]});
        let patch = json!({"volumeMounts": [{"$patch": "replace"}, {"mountPath": "/b", "name": "b"}]});
        assert_eq!(merge(base, &patch), json!({"volumeMounts": [{"mountPath": "/b", "name": "b"}]}));
    }

    #[test]
    fn one_source_and_one_strategy_replace_another() {
        let base = json!({
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}},
            "volumes": [{"name": "data", "emptyDir": {"medium": "Memory"}}]
        });
        let patch =
            json!({"strategy": {"type": "Recreate"}, "volumes": [{"name": "data", "hostPath": {"path": "/d"}}]});
        let merged =
            json!({"strategy": {"type": "Recreate"}, "volumes": [{"name": "data", "hostPath": {"path": "/d"}}]});
        assert_eq!(merge(base, &patch), merged);
    }
}
