//! What a server-side apply empties or sets to null is as good as left out.

use serde_json::{Value, json};

use crate::harness::{Namespace, Operator, cluster, wait_for};

fn apply(namespace: &Namespace, further: &Value) -> Result<(), String> {
    let mut spec = json!({"composeFile": "services: {web: {image: nginx}}"});
    spec.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    let metadata = json!({"name": "app", "namespace": namespace.name});
    let stack = json!({
        "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": metadata, "spec": spec,
    });
    let output = cluster().unwrap().kubectl_with(&["apply", "--server-side", "-f", "-"], &stack.to_string());
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// The reason of the stack's state, once the operator has read what it is now.
fn reason(namespace: &Namespace) -> String {
    wait_for("the stack to be read", 20, || {
        let stack = namespace.get("composestack", "app")?;
        let ready = stack["status"]["conditions"].as_array()?.iter().find(|it| it["type"] == "Ready")?;
        let is_read = ready["observedGeneration"] == stack["metadata"]["generation"];
        is_read.then(|| ready["reason"].as_str().unwrap().to_owned())
    })
}

#[test]
fn what_an_apply_empties_is_empty() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("nulls");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let filled = json!({
        "files": {"a": "x"}, "binaryFiles": {"b": "eA=="}, "env": {"A": "b"},
        "serviceOverrides": {"web": {"metadata": {"labels": {"team": "shop"}}}}, "profiles": ["p"],
        "overrides": [{"services": {"web": {"tty": true}}}], "envFrom": [], "imagePullSecrets": [{"name": "pull"}],
        "volumes": {"size": "2Gi"}, "publish": {"annotations": {"a": "b"}, "host": "example.com"},
        "resources": {"defaultRequests": {"cpu": "1m"}, "requestFromLimit": "0.5"},
        "networkPolicy": {"publishedFrom": [{"podSelector": {"matchLabels": {"a": "b"}}}]},
        "serviceAccountName": "none", "interval": "2h", "unsupported": "Warn",
    });
    namespace.ok(&["create", "serviceaccount", "none"]);
    let mut refused = Vec::new();
    for (field, full) in filled.as_object().unwrap() {
        for emptied in [json!({}), json!({(field): null}), json!({(field): emptied(full)})] {
            apply(&namespace, &json!({(field): full})).unwrap_or_else(|error| panic!("{field}: {error}"));
            refused.extend(apply(&namespace, &emptied).err().map(|error| format!("{emptied} after {full}: {error}")));
        }
    }
    for field in ["compose", "composeFrom"] {
        refused.extend(apply(&namespace, &json!({(field): null})).err().map(|error| format!("{field}: {error}")));
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    apply(&namespace, &filled).unwrap();
    assert_eq!(reason(&namespace), "Forbidden", "its account has no rights");
    let nulls: serde_json::Map<String, Value> =
        filled.as_object().unwrap().keys().map(|field| (field.clone(), Value::Null)).collect();
    apply(&namespace, &nulls.into()).unwrap();
    assert_eq!(reason(&namespace), "Progressing");
}

/// The same without what it holds; what holds nothing stays as it is.
fn emptied(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let inner = fields.iter().filter(|(_, field)| field.is_object());
            inner.map(|(name, _)| (name.clone(), json!({}))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(_) => json!([]),
        other => other.clone(),
    }
}
