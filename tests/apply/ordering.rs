//! What comes after what.

use compose_operator::apply::{Action, Kind};
use compose_operator::translate::{GateCondition, Plan};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::plans::{Make, after, of};
use crate::stage::{Stage, count, states, told};

#[tokio::test]
async fn gates_hold_back_new_pods_and_neither_repairs_nor_scaling() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let web =
        |image: &str, replicas| after(make.deployment_with("web", image, replicas, &[]), "db", GateCondition::Ready);
    let plan = of([make.stateful_set("db", "db:1"), web("web:1", 1)]);
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["created StatefulSet db"]);
    assert_eq!(outcome.waiting, ["web waits for db: service_healthy, 0/1 ready"]);
    assert_eq!(outcome.services[1].waiting_for, ["db: service_healthy"]);
    assert_eq!(states(&outcome)["web"], "Waiting");

    stage.run_pods("db").await;
    stage.until(&plan, "web is created", |outcome| count(outcome, Action::Created) == 1).await;
    stage.run_pods("web").await;
    stage.until(&plan, "web is ready", |outcome| states(outcome)["web"] == "Ready").await;

    // The dependency fails. What runs is repaired and scaled, but no new template starts.
    stage.end_pods("db", 1).await;
    stage.until(&plan, "db is not ready", |outcome| states(outcome)["db"] == "Progressing").await;
    stage.meddle::<Deployment>(Kind::Deployment, "web", json!({"spec": {"replicas": 0}})).await;
    assert_eq!(told(&stage.settle(&plan).await), ["repaired Deployment web"]);
    for looked in [false, true] {
        stage.looked = looked;
        stage.delete::<Deployment>("web").await;
        stage.out_of_sight(Kind::Deployment, "web").await;
        assert_eq!(told(&stage.settle(&plan).await), ["created Deployment web"]);
    }
    stage.looked = false;
    let plan = of([make.stateful_set("db", "db:1"), web("web:1", 2)]);
    assert_eq!(told(&stage.settle(&plan).await), ["configured Deployment web"]);
    let plan = of([make.stateful_set("db", "db:1"), web("web:2", 2)]);
    let outcome = stage.settle(&plan).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.waiting, ["web waits for db: service_healthy, 0/1 ready"]);

    // Nor does it when it is to start for the lack of the old one.
    stage.delete::<Deployment>("web").await;
    stage.out_of_sight(Kind::Deployment, "web").await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.waiting, ["web waits for db: service_healthy, 0/1 ready"]);
}

#[tokio::test]
async fn a_change_of_both_goes_through_the_dependency_first() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |version| {
        let web = make.deployment("web", &format!("web:{version}"));
        of([make.stateful_set("db", &format!("db:{version}")), after(web, "db", GateCondition::Started)])
    };
    stage.settle(&plan(1)).await;
    stage.run_pods("db").await;
    stage.until(&plan(1), "web is created", |outcome| count(outcome, Action::Created) == 1).await;
    let outcome = stage.pass(&plan(2)).await;
    assert_eq!(told(&outcome), ["configured StatefulSet db"]);
    assert_eq!(outcome.waiting, ["web waits for db: service_started, not started"]);
    let template = "db:2";
    stage
        .eventually("the new pod of db", async || {
            stage
                .pods("db")
                .await
                .iter()
                .any(|pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some(template))
        })
        .await;
    assert_eq!(stage.pass(&plan(2)).await.changes, []);
    stage.run_pods("db").await;
    let outcome = stage.until(&plan(2), "web is changed", |outcome| !outcome.changes.is_empty()).await;
    assert_eq!(told(&outcome), ["configured Deployment web"]);
}

#[tokio::test]
async fn a_failed_job_blocks_what_needs_it() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let mut optional = after(make.deployment("optional", "web:1"), "migrate", GateCondition::Complete);
    optional.gates[0].required = false;
    let web = after(make.deployment("web", "web:1"), "migrate", GateCondition::Complete);
    let plan = of([make.job("migrate", "web:1", &[]), web, optional]);
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["created Job migrate"]);
    assert_eq!(outcome.waiting[0], "web waits for migrate: service_completed_successfully, not started");
    stage.end_pods("migrate", 3).await;
    let outcome = stage.until(&plan, "failure", |outcome| states(outcome)["migrate"] == "Failed").await;
    assert_eq!(states(&outcome)["web"], "Failed");
    assert!(outcome.failed[0].starts_with("migrate: BackoffLimitExceeded"), "{:?}", outcome.failed);
    assert!(outcome.failed[1].starts_with("web: not started, for migrate failed: Backoff"), "{:?}", outcome.failed);
    stage.settle(&plan).await;
    assert!(stage.get::<Deployment>("web").await.is_none());
    assert!(stage.get::<Deployment>("optional").await.is_some());
}

#[tokio::test]
async fn a_service_of_another_kind_starts_once_the_former_pods_are_gone() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    stage.settle(&of([make.deployment("db", "db:1")])).await;
    stage.eventually("a pod", async || !stage.pods("db").await.is_empty()).await;
    let old = stage.pods("db").await.remove(0).name_any();
    let hold = |finalizers| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let pods = stage.api::<Pod>();
    pods.patch(&old, &PatchParams::default(), &hold(Some(["compose-operator.dev/test"]))).await.unwrap();

    let plan = of([make.stateful_set("db", "db:1")]);
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["replaced Deployment db"]);
    assert_eq!(outcome.waiting, ["db waits for its former Deployment to be gone"]);
    assert!(stage.get::<StatefulSet>("db").await.is_none());
    pods.patch(&old, &PatchParams::default(), &hold(None)).await.unwrap();
    let outcome = stage.until(&plan, "the new one", |outcome| count(outcome, Action::Created) == 1).await;
    assert_eq!(told(&outcome), ["created StatefulSet db"]);
    assert!(stage.get::<Deployment>("db").await.is_none());
    let inventory: Vec<_> = stage.settle(&plan).await.inventory.into_iter().map(|entry| entry.id).collect();
    assert_eq!(inventory, [format!("{}_db_apps_StatefulSet", owner.namespace)]);
}

#[tokio::test]
async fn a_former_kind_runs_on_while_the_new_one_has_to_wait() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    stage.settle(&of([make.deployment("web", "web:1")])).await;
    let web = after(make.stateful_set("web", "web:1"), "db", GateCondition::Ready);
    let plan: Plan = of([make.stateful_set("db", "db:1"), web]);
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["created StatefulSet db"]);
    assert!(stage.get::<Deployment>("web").await.is_some());
}
