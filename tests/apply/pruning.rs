//! What leaves the plan leaves the cluster, with exceptions.

use compose_operator::api::names::{ANNOTATION_PRUNE, LABEL_STACK, PRUNE_DISABLED};
use compose_operator::apply::Kind;
use compose_operator::translate::Plan;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service};
use kube::api::ListParams;
use serde_json::json;

use crate::plans::{Make, of};
use crate::stage::{Stage, told};

#[tokio::test]
async fn what_leaves_the_plan_is_deleted_but_for_data_and_what_is_kept() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let mut full = Plan {
        claims: vec![make.claim("data", "1Gi")],
        services: vec![make.service("web", false), make.service("kept", false), make.service("old", false)],
        ..of([make.deployment("web", "web:1"), make.deployment("old", "old:1")])
    };
    stage.settle(&full).await;
    let keep = json!({"metadata": {"annotations": {ANNOTATION_PRUNE: PRUNE_DISABLED}}});
    stage.meddle::<Service>(Kind::Service, "kept", keep).await;
    full.claims.clear();
    full.services.truncate(1);
    full.workloads.truncate(1);

    let outcome = stage.pass_with(&full, false, false).await;
    assert_eq!(outcome.changes, [], "spec.prune is false");
    let outcome = stage.settle(&full).await;
    assert_eq!(told(&outcome), ["pruned Deployment old", "pruned Service old"]);
    assert_eq!(outcome.left_claims, ["shop-data"]);
    assert!(stage.get::<Deployment>("old").await.is_none());
    assert!(stage.get::<Service>("kept").await.is_some());
    assert!(stage.get::<PersistentVolumeClaim>("shop-data").await.is_some());
    let left: Vec<_> = outcome.inventory.iter().filter(|entry| entry.id.contains("kept")).collect();
    assert_eq!(left.len(), 1, "what is kept stays in the inventory");
    stage.log.take();
    stage.pass(&full).await;
    assert_eq!(stage.log.take(), [""; 0], "survivors cost no request");
}

/// Whoever asks that claims be kept means the old ones too.
#[tokio::test]
async fn a_claim_that_left_the_plan_goes_with_the_stack_until_claims_are_to_be_kept() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let mut claim = make.claim("data", "1Gi");
    let object = claim.object.as_mut().unwrap();
    object.metadata.owner_references = Some(vec![crate::plans::object(make.owner_reference())]);
    let with = Plan { claims: vec![claim], ..Plan::default() };
    stage.retain = false;
    stage.settle(&with).await;
    let outcome = stage.settle(&Plan::default()).await;
    assert_eq!((outcome.changes, outcome.left_claims), (vec![], vec![]));
    assert_eq!(outcome.owned_claims, ["shop-data"]);

    let other: ConfigMap = stage.create(json!({"metadata": {"name": "other"}})).await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": other.metadata.uid});
    let both = json!({"metadata": {"ownerReferences": [make.owner_reference(), theirs]}});
    stage.meddle::<PersistentVolumeClaim>(Kind::PersistentVolumeClaim, "shop-data", both).await;
    stage.retain = true;
    stage.log.take();
    let outcome = stage.pass_with(&Plan::default(), false, false).await;
    assert_eq!(told(&outcome), ["configured PersistentVolumeClaim shop-data"]);
    assert_eq!(stage.log.take(), ["PATCH persistentvolumeclaims/shop-data"]);
    assert_eq!((outcome.left_claims, outcome.owned_claims), (vec!["shop-data".to_owned()], vec![]));
    let kept = stage.json::<PersistentVolumeClaim>("shop-data").await;
    let owners = kept["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!(owners.iter().map(|owner| &owner["kind"]).collect::<Vec<_>>(), ["ConfigMap"]);
    assert_eq!(kept["metadata"]["labels"], serde_json::to_value(&with.claims[0].object).unwrap()["metadata"]["labels"]);
    stage.pass(&Plan::default()).await;
    assert_eq!(stage.log.take(), [""; 0], "it is done once");

    // Back in the plan, it is the stack's as before.
    stage.retain = false;
    assert_eq!(told(&stage.settle(&with).await), ["repaired PersistentVolumeClaim shop-data"]);
    let again = stage.json::<PersistentVolumeClaim>("shop-data").await;
    assert_eq!(again["metadata"]["ownerReferences"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_lost_inventory_hides_nothing_from_pruning() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    stage.settle(&Plan { services: vec![make.service("old", false)], ..Plan::default() }).await;
    stage.inventory.clear();
    stage.restart().await;
    assert_eq!(told(&stage.settle(&Plan::default()).await), ["pruned Service old"]);
}

#[tokio::test]
async fn nothing_is_pruned_while_something_is_wrong() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    stage.settle(&Plan { services: vec![make.service("old", false)], ..Plan::default() }).await;
    let _: ConfigMap = stage.create(json!({"metadata": {"name": "shop-config-1"}})).await;
    let plan = Plan { config_maps: vec![make.config_map("shop-config-1", "one")], ..Plan::default() };
    let outcome = stage.pass(&plan).await;
    assert_eq!(outcome.conflicts.len(), 1);
    assert!(stage.get::<Service>("old").await.is_some());
    assert_eq!(outcome.inventory.len(), 1, "it is not forgotten either");
    stage.delete::<ConfigMap>("shop-config-1").await;
    assert_eq!(told(&stage.settle(&plan).await), ["created ConfigMap shop-config-1", "pruned Service old"]);
}

/// A run of a CronJob has no pod when one failed and the next is not made yet.
#[tokio::test]
async fn configuration_stays_while_a_run_without_a_pod_may_start_with_it() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let old = Plan {
        config_maps: vec![make.config_map("shop-config-1", "one")],
        secrets: vec![make.secret("shop-password-1")],
        ..Plan::default()
    };
    stage.settle(&old).await;
    let from = json!([{"configMapRef": {"name": "shop-config-1"}}, {"secretRef": {"name": "shop-password-1"}}]);
    let container = json!({"name": "main", "image": "web:1", "envFrom": from});
    let _: Job = stage
        .create(json!({
            "metadata": {"name": "report-1", "labels": {LABEL_STACK: owner.name}},
            "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
        }))
        .await;
    stage.pass_with(&Plan::default(), true, true).await;
    let there = async |stage: &Stage| {
        let config = stage.get::<ConfigMap>("shop-config-1").await.is_some();
        (config, stage.get::<Secret>("shop-password-1").await.is_some())
    };
    assert_eq!(there(&stage).await, (true, true));
    stage.delete::<Job>("report-1").await;
    stage.eventually("the run is gone", async || stage.get::<Job>("report-1").await.is_none()).await;
    stage.pass_with(&Plan::default(), true, true).await;
    assert_eq!(there(&stage).await, (false, false));
}

#[tokio::test]
async fn configuration_stays_while_a_revision_may_start_with_it() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |number: u32| {
        let (config, password) = (format!("shop-config-{number}"), format!("shop-password-{number}"));
        let from = [json!({"configMapRef": {"name": config}}), json!({"secretRef": {"name": password}})];
        Plan {
            config_maps: vec![make.config_map(&config, &config)],
            secrets: vec![make.secret(&password)],
            ..of([make.deployment_with("web", "web:1", 1, &from)])
        }
    };
    let live = async |stage: &Stage| {
        let mut names = Vec::new();
        for number in 1..=4 {
            if stage.get::<ConfigMap>(&format!("shop-config-{number}")).await.is_some() {
                assert!(stage.get::<Secret>(&format!("shop-password-{number}")).await.is_some());
                names.push(number);
            }
        }
        names
    };
    for number in 1..=3 {
        stage.settle(&plan(number)).await;
        stage.roll_out(&plan(number), "web").await;
    }
    // The Deployment keeps one old ReplicaSet, so that one may still be rolled back to.
    stage
        .eventually("old ReplicaSets go", async || {
            stage.api::<ReplicaSet>().list(&ListParams::default()).await.unwrap().items.len() == 2
        })
        .await;
    stage.log.take();
    stage.pass(&plan(3)).await;
    assert_eq!(stage.log.take(), [""; 0], "what is still used is not asked for at rest");
    stage.pass_with(&plan(3), true, true).await;
    assert_eq!(live(&stage).await, [2, 3]);
}
