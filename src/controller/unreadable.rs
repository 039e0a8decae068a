//! Stacks that this version of the operator cannot read: an older or a newer one wrote the definition.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Client, Resource, ResourceExt};
use serde_json::{Value, json};

use super::Root;
use crate::api::ComposeStack;
use crate::api::condition::{Conditions, Reason, Verdict};
use crate::api::names::STATUS_FIELD_MANAGER;

/// Says in the status of a stack that it cannot be read, and why; and nothing when it is said already. What else the
/// status holds stays: the objects in it still run.
///
/// # Errors
/// When the API server does not give the stack or does not take the status.
pub(super) async fn tell(client: &Client, root: &Root, why: &str) -> Result<(), kube::Error> {
    let namespace = root.namespace().unwrap_or_default();
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &namespace, &ApiResource::erase::<ComposeStack>(&()));
    // By a list of one, which needs no right that the watch does not need.
    let one = ListParams::default().fields(&format!("metadata.name={}", root.name_any()));
    let Some(stack) = api.list(&one).await?.items.into_iter().next() else { return Ok(()) };
    let Some(status) = next(&stack, why, Timestamp::now()) else { return Ok(()) };
    let body = json!({
        "apiVersion": ComposeStack::api_version(&()),
        "kind": ComposeStack::kind(&()),
        "metadata": {"resourceVersion": stack.metadata.resource_version},
        "status": status,
    });
    let parameters = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    match api.patch_status(&root.name_any(), &parameters, &Patch::Apply(body)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        written => written.map(drop),
    }
}

/// The status that says so, unless the stack has it.
fn next(stack: &DynamicObject, why: &str, now: Timestamp) -> Option<Value> {
    let old = stack.data.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    let before = Conditions {
        conditions: serde_json::from_value::<Vec<Condition>>(old["conditions"].clone()).unwrap_or_default(),
        observed_generation: old["observedGeneration"].as_i64(),
    };
    let generation = stack.metadata.generation.unwrap_or_default();
    let message = format!(
        "this version of the operator cannot read the stack: {why}; change the field, or install the operator that the \
         definition of ComposeStacks is of"
    );
    let after = before.next(generation, Verdict::Stalled, Reason::InvalidObject, &message, whole_seconds(now));
    if after == before {
        return None;
    }
    let mut status = old;
    status["conditions"] = json!(after.conditions);
    status["observedGeneration"] = json!(after.observed_generation);
    Some(status)
}

/// The API server keeps whole seconds.
fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Method, Request, Response};
    use http_body_util::BodyExt as _;
    use kube::client::Body;

    use super::*;

    fn stack() -> Value {
        json!({
            "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack",
            "metadata": {"name": "app", "namespace": "shop", "generation": 3, "resourceVersion": "7"},
            "spec": {"composeFile": "services: {}", "unsupported": "Perhaps"},
            "status": {
                "observedGeneration": 2, "summary": "1/1",
                "inventory": [{"id": "shop_web_apps_Deployment", "v": "v1"}],
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "Succeeded", "message": "1/1 services ready",
                    "observedGeneration": 2, "lastTransitionTime": "2026-01-01T00:00:00Z",
                }],
            },
        })
    }

    #[tokio::test]
    async fn it_is_said_once_and_nothing_else_of_the_status_is_lost() {
        let stored = Arc::new(Mutex::new((stack(), 0)));
        let server = {
            let stored = Arc::clone(&stored);
            tower::service_fn(move |request: Request<Body>| {
                let stored = Arc::clone(&stored);
                async move {
                    let writes = request.method() == Method::PATCH;
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let mut stored = stored.lock().unwrap();
                    let answer = if writes {
                        let sent: Value = serde_json::from_slice(&body).unwrap();
                        assert_eq!(sent["metadata"], json!({"resourceVersion": "7"}));
                        stored.0["status"] = sent["status"].clone();
                        stored.1 += 1;
                        stored.0.clone()
                    } else {
                        json!({"kind": "ComposeStackList", "apiVersion": "compose-operator.dev/v1alpha1", "metadata": {}, "items": [stored.0]})
                    };
                    Response::builder().body(Body::from(serde_json::to_vec(&answer).unwrap()))
                }
            })
        };
        let client = Client::new(server, "default");
        let root: Root = serde_json::from_value(stack()).unwrap();
        let why = root.0.as_ref().unwrap_err().error.clone();
        tell(&client, &root, &why).await.unwrap();
        tell(&client, &root, &why).await.unwrap();
        let (stored, writes) = stored.lock().unwrap().clone();
        assert_eq!(writes, 1);
        let status = &stored["status"];
        assert_eq!((&status["inventory"], &status["summary"]), (&stack()["status"]["inventory"], &json!("1/1")));
        assert_eq!(status["observedGeneration"], 3);
        let conditions = status["conditions"].as_array().unwrap();
        let short: Vec<_> = conditions.iter().map(|it| (&it["type"], &it["status"], &it["reason"])).collect();
        let (no, yes, reason) = (json!("False"), json!("True"), json!("InvalidObject"));
        assert_eq!(short, [(&json!("Ready"), &no, &reason), (&json!("Stalled"), &yes, &reason)]);
        assert!(conditions[0]["message"].as_str().unwrap().contains("Perhaps"), "{conditions:?}");
    }
}
