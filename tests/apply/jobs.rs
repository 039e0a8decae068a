//! Jobs run once per definition.

use compose_operator::apply::{Action, Kind};
use compose_operator::translate::Plan;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::plans::{Make, of};
use crate::stage::{Stage, count, states, told};

#[tokio::test]
async fn a_changed_job_is_made_anew_once_the_pods_of_the_old_one_are_gone() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    stage.settle(&of([make.job("migrate", "web:1", &[])])).await;
    stage.eventually("its pod is created", async || !stage.pods("migrate").await.is_empty()).await;
    let old = stage.pods("migrate").await.remove(0).name_any();
    let hold = |finalizers| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    let pods = stage.api::<Pod>();
    pods.patch(&old, &PatchParams::default(), &hold(Some(["compose-operator.dev/test"]))).await.unwrap();

    let plan = of([make.job("migrate", "web:2", &[])]);
    let outcome = stage.pass(&plan).await;
    assert_eq!(told(&outcome), ["replaced Job migrate"]);
    let outcome = stage.until(&plan, "it waits", |outcome| !outcome.waiting.is_empty()).await;
    assert_eq!(outcome.waiting, ["Job migrate is being deleted"]);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(stage.json::<Job>("migrate").await["spec"]["template"]["spec"]["containers"][0]["image"], "web:1");
    pods.patch(&old, &PatchParams::default(), &hold(None)).await.unwrap();
    stage.until(&plan, "the new Job", |outcome| count(outcome, Action::Created) == 1).await;
    assert_eq!(stage.json::<Job>("migrate").await["spec"]["template"]["spec"]["containers"][0]["image"], "web:2");
}

#[tokio::test]
async fn a_job_that_runs_or_failed_is_not_made_anew_for_a_rotated_secret() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let with = |secret: &str| Plan {
        secrets: vec![make.secret(secret)],
        ..of([make.job("migrate", "web:1", &[json!({"secretRef": {"name": secret}})])])
    };
    stage.settle(&with("shop-password-1111")).await;
    stage.eventually("its pod is created", async || !stage.pods("migrate").await.is_empty()).await;
    let uid = stage.json::<Job>("migrate").await["metadata"]["uid"].clone();
    let is_left = async |stage: &mut Stage, secret: &str| {
        let plan = with(secret);
        let told = told(&stage.settle(&plan).await);
        assert_eq!(told[0], format!("created Secret {secret}"));
        assert!(told.iter().all(|change| change.contains(" Secret ")), "{told:?}");
        assert_eq!(stage.json::<Job>("migrate").await["metadata"]["uid"], uid);
        stage.log.take();
        stage.pass(&plan).await;
        assert_eq!(stage.log.take(), [""; 0], "it is not tried again at rest");
    };
    is_left(&mut stage, "shop-password-2222").await;
    // Its next pod would start with the old one.
    stage.delete::<Pod>(&stage.pods("migrate").await[0].name_any()).await;
    stage.pass_with(&with("shop-password-2222"), true, true).await;
    assert!(stage.get::<Secret>("shop-password-1111").await.is_some());

    stage.eventually("another pod", async || !stage.pods("migrate").await.is_empty()).await;
    stage.end_pods("migrate", 3).await;
    let plan = with("shop-password-2222");
    stage.until(&plan, "failure", |outcome| states(outcome)["migrate"] == "Failed").await;
    is_left(&mut stage, "shop-password-3333").await;
    // Another definition runs.
    let plan = of([make.job("migrate", "web:2", &[])]);
    stage.until(&plan, "the new Job", |outcome| count(outcome, Action::Created) == 1).await;
    assert_ne!(stage.json::<Job>("migrate").await["metadata"]["uid"], uid);
}

#[tokio::test]
async fn a_job_that_succeeded_does_not_run_again() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let with = |secret: &str| Plan {
        secrets: vec![make.secret(secret)],
        ..of([make.job("migrate", "web:1", &[json!({"secretRef": {"name": secret}})])])
    };
    let plan = with("shop-password-1111");
    stage.settle(&plan).await;
    stage.end_pods("migrate", 0).await;
    stage.until(&plan, "completion", |outcome| states(outcome)["migrate"] == "Completed").await;
    let uid = stage.json::<Job>("migrate").await["metadata"]["uid"].clone();

    // A rotated Secret is no new definition.
    let plan = with("shop-password-2222");
    let outcome = stage.settle(&plan).await;
    assert_eq!(states(&outcome)["migrate"], "Completed");
    assert_eq!(stage.json::<Job>("migrate").await["metadata"]["uid"], uid);

    // Cleaned up, it is remembered, also by a new operator.
    stage.delete::<Job>("migrate").await;
    stage.out_of_sight(Kind::Job, "migrate").await;
    stage.restart().await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(states(&outcome)["migrate"], "Completed");
    assert!(stage.get::<Job>("migrate").await.is_none());

    // A new definition runs.
    let next = of([make.job("migrate", "web:2", &[])]);
    let outcome = stage.settle(&next).await;
    assert!(told(&outcome).contains(&"created Job migrate".to_owned()), "{:?}", told(&outcome));

    // So it is where its watch broke before it could tell that the Job is gone.
    stage.end_pods("migrate", 0).await;
    stage.until(&next, "completion", |outcome| states(outcome)["migrate"] == "Completed").await;
    stage.go_deaf();
    stage.delete::<Job>("migrate").await;
    let is_gone = async || stage.get::<Job>("migrate").await.is_none();
    stage.eventually("the Job is gone", is_gone).await;
    stage.live.feed(Kind::Job, Some(&owner.namespace)).broke();
    let outcome = stage.pass(&next).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(states(&outcome)["migrate"], "Completed");
}
