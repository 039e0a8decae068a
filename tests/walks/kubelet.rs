//! The kubelet's part, where there are no nodes: pods become ready, and those of Jobs succeed.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// Long ago, so that what is ready counts as available at once.
const SINCE: &str = "2020-01-01T00:00:00Z";

/// Plays it in some namespaces, for ever.
pub async fn play(client: Client, namespaces: Vec<String>) {
    loop {
        for namespace in &namespaces {
            let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
            let Ok(list) = pods.list(&ListParams::default().fields("status.phase=Pending")).await else { continue };
            for pod in list.items.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
                // One that is gone by now needs no status.
                let patch = Patch::Merge(json!({"status": status(pod)}));
                let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

fn status(pod: &Pod) -> Value {
    let succeeds = pod.owner_references().iter().any(|owner| owner.kind == "Job");
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let statuses: Vec<Value> = containers
        .map(|container| {
            let image = container.image.as_deref().unwrap_or_default();
            let state = if succeeds {
                json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": SINCE, "finishedAt": SINCE}})
            } else {
                json!({"running": {"startedAt": SINCE}})
            };
            json!({
                "name": container.name, "image": image, "imageID": format!("{image}@sha256:0"), "ready": !succeeds,
                "started": !succeeds, "restartCount": 0, "state": state,
            })
        })
        .collect();
    let ready = if succeeds { "False" } else { "True" };
    let condition = |kind, status| json!({"type": kind, "status": status, "lastTransitionTime": SINCE});
    json!({
        "phase": if succeeds { "Succeeded" } else { "Running" },
        "startTime": SINCE,
        "conditions": [
            condition("PodScheduled", "True"), condition("Initialized", "True"), condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": statuses,
    })
}
