//! Updates that fail.

use std::time::{Duration, Instant};

use compose_operator::api::names::ANNOTATION_ROLLED_BACK;
use compose_operator::apply::{Kind, Outcome};
use compose_operator::translate::{GateCondition, OnFailure, Pace, Plan, Rollout, Workload, WorkloadObject};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::plans::{Make, after, of};
use crate::stage::{Stage, states, told};

/// A workload whose updates are watched, one pod at a time.
fn watched(mut workload: Workload, on_failure: OnFailure) -> Workload {
    let one = || Some(IntOrString::Int(1));
    let back = Pace { max_surge: IntOrString::Int(0), max_unavailable: IntOrString::Int(1), min_ready_seconds: None };
    workload.rollout =
        Some(Rollout { on_failure, max_failure_ratio: 0.0, monitor_seconds: 5, deadline_seconds: 600, back });
    match &mut workload.object {
        WorkloadObject::Deployment(deployment) => {
            let strategy = deployment.spec.as_mut().unwrap().strategy.get_or_insert_default();
            let rolling = strategy.rolling_update.get_or_insert_default();
            (rolling.max_surge, rolling.max_unavailable) = (Some(IntOrString::Int(0)), one());
        }
        WorkloadObject::StatefulSet(stateful_set) => {
            stateful_set.spec.as_mut().unwrap().pod_management_policy = Some("Parallel".to_owned());
        }
        other => panic!("{other:?}"),
    }
    workload
}

/// The service `web`, of an image and a configuration of this number.
fn numbered(make: &Make<'_>, number: u32, replicas: i32, on_failure: OnFailure) -> Plan {
    let (config, password) = (format!("shop-config-{number}"), format!("shop-password-{number}"));
    let from = [json!({"configMapRef": {"name": config}}), json!({"secretRef": {"name": password}})];
    let web = make.deployment_with("web", &format!("web:{number}"), replicas, &from);
    Plan {
        config_maps: vec![make.config_map(&config, &config)],
        secrets: vec![make.secret(&password)],
        ..of([watched(web, on_failure)])
    }
}

fn image(object: &Value) -> &str {
    object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap()
}

fn message(outcome: &Outcome) -> &str {
    outcome.services.iter().find(|service| service.name == "web").unwrap().message.as_deref().unwrap_or_default()
}

/// The pods of `web` that are not on their way out, as `image name`.
async fn pods(stage: &Stage) -> Vec<String> {
    let live = stage.pods("web").await.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let image = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap();
    live.map(|pod| format!("{} {}", image(&pod), pod.name_any())).collect()
}

/// Waits until there are so many pods of `web`, all of this image.
async fn only(stage: &Stage, image: &str, count: usize) {
    let prefix = format!("{image} ");
    let began = Instant::now();
    loop {
        let pods = pods(stage).await;
        if pods.len() == count && pods.iter().all(|pod| pod.starts_with(&prefix)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{pods:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Lets the pods of an image fail as they come, until the outcome is as wanted.
async fn failing(stage: &mut Stage, plan: &Plan, image: &str, wanted: impl Fn(&Outcome) -> bool) -> Outcome {
    for _ in 0..100 {
        stage.fail_pods("web", image).await;
        let outcome = stage.pass(plan).await;
        assert_eq!(outcome.errors, []);
        if wanted(&outcome) {
            return outcome;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not seen: {:#?} {:?}", stage.pass(plan).await, pods(stage).await);
}

fn is(state: &str) -> impl Fn(&Outcome) -> bool {
    move |outcome| states(outcome)["web"] == state
}

#[tokio::test]
async fn a_failed_update_goes_back_once_and_stays_there() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |number| numbered(&make, number, 2, OnFailure::Rollback);
    stage.settle(&plan(1)).await;
    stage.roll_out(&plan(1), "web").await;
    let before = pods(&stage).await;

    let two = plan(2);
    stage.settle(&two).await;
    stage.until(&two, "the update", is("Progressing")).await;
    let outcome = failing(&mut stage, &two, "web:2", is("RolledBack")).await;
    assert_eq!(told(&outcome), ["reverted Deployment web"]);
    let first: String = message(&outcome).to_owned();
    assert!(first.starts_with("rolled back to revision web-"), "{first}");
    assert!(
        first.ends_with("failed: container main exited with code 1") && first.contains(": 1 of 2 pods of"),
        "{first}"
    );
    assert_eq!(outcome.rolled_back, [format!("web: {first}")]);
    // A pod of the failed update counts for as long as it is there.
    only(&stage, "web:1", 2).await;
    stage.roll_out_as(&two, "web", "RolledBack").await;
    let outcome = stage.settle(&two).await;
    assert_eq!((message(&outcome), outcome.services[0].ready), (first.as_str(), 2));
    let deployment = stage.json::<Deployment>("web").await;
    assert_eq!(image(&deployment), "web:1");
    let now = pods(&stage).await;
    assert_eq!(now.iter().filter(|pod| before.contains(pod)).count(), 1, "the pod that was not replaced: {now:?}");
    assert!(now.iter().all(|pod| pod.starts_with("web:1 ")), "{now:?}");
    for number in [1, 2] {
        assert!(stage.get::<ConfigMap>(&format!("shop-config-{number}")).await.is_some());
    }
    let replica_sets = stage.api::<ReplicaSet>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(replica_sets.len(), 2, "the old one is used again");
    let kept = serde_json::to_string(&replica_sets).unwrap();
    assert!(!kept.contains("hunter2") && !kept.contains("aHVudGVyMg=="), "{kept}");

    // At rest, with what is known and with nothing of it.
    stage.log.take();
    stage.pass(&two).await;
    assert_eq!(stage.log.take(), ["GET replicasets"]);
    stage.restart().await;
    assert_eq!(told(&stage.settle(&two).await), [""; 0]);
    stage.inventory.clear();
    stage.restart().await;
    let outcome = stage.settle(&two).await;
    assert_eq!((states(&outcome)["web"], message(&outcome)), ("RolledBack", first.as_str()));
    assert_eq!(image(&stage.json::<Deployment>("web").await), "web:1");

    // What is back is repaired and scaled.
    stage.meddle::<Deployment>(Kind::Deployment, "web", json!({"spec": {"replicas": 0}})).await;
    assert_eq!(told(&stage.settle(&two).await), ["repaired Deployment web"]);
    stage.roll_out_as(&two, "web", "RolledBack").await;

    // Another template is tried, and one that failed again once somebody asks for it.
    let three = plan(3);
    stage.settle(&three).await;
    stage.roll_out(&three, "web").await;
    let deployment = stage.json::<Deployment>("web").await;
    assert_eq!(image(&deployment), "web:3");
    assert_eq!(deployment["metadata"]["annotations"][ANNOTATION_ROLLED_BACK], Value::Null);
    let four = plan(4);
    stage.settle(&four).await;
    failing(&mut stage, &four, "web:4", is("RolledBack")).await;
    assert_eq!(image(&stage.json::<Deployment>("web").await), "web:3");
    stage.roll_out_as(&four, "web", "RolledBack").await;
    let asked = json!({"metadata": {"annotations": {ANNOTATION_ROLLED_BACK: null}}});
    stage.meddle::<Deployment>(Kind::Deployment, "web", asked).await;
    stage.settle(&four).await;
    assert_eq!(image(&stage.json::<Deployment>("web").await), "web:4");
    stage.roll_out(&four, "web").await;
}

#[tokio::test]
async fn a_stateful_set_goes_back_and_its_failed_pod_goes() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |image: &str| of([watched(make.stateful_set("web", image), OnFailure::Rollback)]);
    stage.settle(&plan("web:1")).await;
    stage.roll_out(&plan("web:1"), "web").await;
    let two = plan("web:2");
    stage.settle(&two).await;
    let outcome = failing(&mut stage, &two, "web:2", is("RolledBack")).await;
    assert!(message(&outcome).contains(": 1 of 1 pods of revision web-"), "{}", message(&outcome));
    stage.roll_out_as(&two, "web", "RolledBack").await;
    assert_eq!(image(&stage.json::<StatefulSet>("web").await), "web:1");
    assert_eq!(pods(&stage).await, ["web:1 web-0"]);
    let revisions = stage.api::<ControllerRevision>().list(&ListParams::default()).await.unwrap().items;
    assert_eq!(revisions.len(), 2);
    stage.log.take();
    stage.pass(&two).await;
    assert_eq!(stage.log.take(), ["GET controllerrevisions"]);
    stage.restart().await;
    assert_eq!(told(&stage.settle(&two).await), [""; 0]);
    stage.settle(&plan("web:3")).await;
    stage.roll_out(&plan("web:3"), "web").await;
}

#[tokio::test]
async fn a_first_version_has_nothing_to_go_back_to() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let plan = numbered(&Make(&owner), 1, 1, OnFailure::Rollback);
    stage.settle(&plan).await;
    stage.fail_pods("web", "web:1").await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(states(&outcome)["web"], "Progressing");
    assert_eq!(message(&outcome), "container main exited with code 1");
}

#[tokio::test]
async fn no_gate_holds_back_what_ran_before() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |image: &str| {
        let web = watched(make.deployment("web", image), OnFailure::Rollback);
        of([make.stateful_set("db", "db:1"), after(web, "db", GateCondition::Ready)])
    };
    stage.settle(&plan("web:1")).await;
    stage.roll_out(&plan("web:1"), "db").await;
    stage.settle(&plan("web:1")).await;
    stage.roll_out(&plan("web:1"), "web").await;
    stage.settle(&plan("web:2")).await;
    stage.end_pods("db", 1).await;
    stage.until(&plan("web:2"), "db is not ready", |outcome| states(outcome)["db"] == "Progressing").await;
    failing(&mut stage, &plan("web:2"), "web:2", is("RolledBack")).await;
    assert_eq!(image(&stage.json::<Deployment>("web").await), "web:1");
}

#[tokio::test]
async fn a_stopped_update_keeps_its_old_pods_going_until_it_goes_on() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |number| numbered(&make, number, 3, OnFailure::Pause);
    stage.settle(&plan(1)).await;
    stage.roll_out(&plan(1), "web").await;
    let two = plan(2);
    stage.settle(&two).await;
    let outcome = failing(&mut stage, &two, "web:2", is("Failed")).await;
    assert!(message(&outcome).starts_with("update stopped: 1 of 3 pods of revision web-"), "{}", message(&outcome));
    assert_eq!(outcome.failed.len(), 1);

    // An old pod that is lost comes back, with the configuration that it had.
    let lost = pods(&stage).await.into_iter().find(|pod| pod.starts_with("web:1 ")).unwrap();
    stage.delete::<Pod>(lost.split_once(' ').unwrap().1).await;
    stage
        .eventually("another old pod", async || {
            let now = pods(&stage).await;
            !now.contains(&lost) && now.iter().filter(|pod| pod.starts_with("web:1 ")).count() == 2
        })
        .await;
    assert_eq!(told(&stage.settle(&two).await), [""; 0]);
    assert!(stage.get::<ConfigMap>("shop-config-1").await.is_some());
    assert_eq!(pods(&stage).await.iter().filter(|pod| pod.starts_with("web:2 ")).count(), 1);

    // The pod gets well, and so does the update.
    stage.roll_out(&two, "web").await;
    assert!(pods(&stage).await.iter().all(|pod| pod.starts_with("web:2 ")));
}

#[tokio::test]
async fn an_update_goes_on_beside_failed_pods_where_it_may() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |number| numbered(&make, number, 3, OnFailure::Continue);
    stage.settle(&plan(1)).await;
    stage.roll_out(&plan(1), "web").await;
    let two = plan(2);
    stage.settle(&two).await;
    for replaced in 1..=3 {
        let mut steps = 0;
        while pods(&stage).await.iter().filter(|pod| pod.starts_with("web:2 ")).count() < replaced {
            stage.pass(&two).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            steps += 1;
            assert!(steps < 100, "{replaced}: {:?}", pods(&stage).await);
        }
        stage.fail_pods("web", "web:2").await;
    }
    let outcome = stage.settle(&two).await;
    assert_eq!(states(&outcome)["web"], "Progressing");
    let unavailable = async |stage: &Stage| {
        stage.json::<Deployment>("web").await["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"].clone()
    };
    assert_eq!(unavailable(&stage).await, 4);
    // Once it is through, pods are replaced one at a time again.
    stage.roll_out(&two, "web").await;
    stage.settle(&two).await;
    assert_eq!(unavailable(&stage).await, 1);
}
