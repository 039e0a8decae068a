//! Every kind of child, from its creation to its end, with the rights of `deploy/` alone.

use compose_operator::apply::Kind;
use compose_operator::translate::{Plan, http_route_api, network_attachment_api};
use kube::core::ApiResource;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::harness::cluster;
use crate::plans::{Make, object, of};
use crate::stage::{Stage, told};

const VERSION: &str = "example.com/version";

#[tokio::test]
async fn every_kind_is_created_changed_and_pruned() {
    let Some(cluster) = cluster() else { return };
    cluster.install_optional_apis();
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Pod);
    let every = |action: &str| -> Vec<String> {
        let mut every: Vec<String> = kinds.clone().map(|kind| format!("{action} {kind}")).collect();
        every.sort();
        every
    };
    let done = |outcome: &compose_operator::apply::Outcome| -> Vec<String> {
        let mut done: Vec<String> =
            told(outcome).iter().map(|told| told.rsplit_once(' ').unwrap().0.to_owned()).collect();
        done.sort();
        done.dedup();
        done
    };
    let outcome = stage.settle(&full(&make, "1")).await;
    assert_eq!(done(&outcome), every("created"));
    let outcome = stage.settle(&full(&make, "2")).await;
    assert_eq!(done(&outcome), every("configured"));
    let mut outcome = stage.settle(&Plan::default()).await;
    // What may still be in use is looked after when the stack is verified.
    outcome.changes.extend(stage.pass_with(&Plan::default(), true, true).await.changes);
    let mut all_but_data = every("pruned");
    all_but_data.retain(|done| done != "pruned PersistentVolumeClaim");
    assert_eq!(done(&outcome), all_but_data);
}

/// A child of each kind, without pods, and with a version in its annotations.
fn full(make: &Make, version: &str) -> Plan {
    let child = |name: &str, spec: Value| {
        let mut metadata = make.metadata(name);
        metadata["annotations"] = json!({ VERSION: version });
        json!({"metadata": metadata, "spec": spec})
    };
    let untyped = |api: ApiResource, name: &str, spec: Value| {
        let mut child = child(name, spec);
        child["apiVersion"] = json!(api.api_version);
        child["kind"] = json!(api.kind);
        object(child)
    };
    let mut claim = make.claim("data", "1Gi");
    claim.object = claim.object.map(|claim| marked(&claim, version));
    let mut plan = Plan {
        config_maps: vec![marked(&make.config_map::<Value>("config", "x"), version)],
        secrets: vec![marked(&make.secret::<Value>("secret"), version)],
        claims: vec![claim],
        network_policies: vec![object(child("policy", json!({"podSelector": {}})))],
        network_attachments: vec![untyped(network_attachment_api(), "lan", json!({"config": "{}"}))],
        services: vec![marked(&make.service::<Value>("web", false), version)],
        ingresses: vec![object(child(
            "web",
            json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}),
        ))],
        http_routes: vec![untyped(http_route_api(), "web", json!({"hostnames": ["example.com"]}))],
        autoscalers: vec![object(child(
            "web",
            json!({"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}),
        ))],
        ..of([
            make.deployment_with("web", "web:1", 0, &[]),
            make.stateful_set("db", "db:1"),
            make.daemon_set("agent", "agent:1"),
            make.job("migrate", "web:1", &[]),
            make.cron_job("backup", "web:1"),
        ])
    };
    for workload in &mut plan.workloads {
        mark(&mut workload.object, version);
    }
    plan
}

fn mark(workload: &mut compose_operator::translate::WorkloadObject, version: &str) {
    use compose_operator::translate::WorkloadObject as Object;
    match workload {
        Object::Deployment(it) => *it = marked(it, version),
        Object::StatefulSet(it) => *it = marked(it, version),
        Object::DaemonSet(it) => *it = marked(it, version),
        Object::Job(it) => *it = marked(it, version),
        Object::CronJob(it) => *it = marked(it, version),
    }
}

fn marked<F: serde::Serialize, T: DeserializeOwned>(child: &F, version: &str) -> T {
    let mut child = serde_json::to_value(child).unwrap();
    child["metadata"]["annotations"] = json!({ VERSION: version });
    object(child)
}
