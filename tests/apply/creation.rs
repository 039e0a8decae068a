//! Creating, leaving alone, and repairing.

use compose_operator::api::names::LABEL_STACK;
use compose_operator::apply::{Action, Kind, Outcome};
use compose_operator::translate::Plan;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, Secret, Service,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::plans::{Make, of};
use crate::stage::{Stage, count, states, told};

fn everything(make: &Make<'_>) -> Plan {
    Plan {
        config_maps: vec![make.config_map("shop-config-1", "one")],
        secrets: vec![make.secret("shop-password-1")],
        claims: vec![make.claim("data", "1Gi")],
        network_policies: vec![make.network_policy("shop-default")],
        services: vec![make.service("web", false)],
        ..of([make.deployment("web", "web:1")])
    }
}

#[tokio::test]
async fn everything_is_created_in_order_with_one_write_each_and_then_left_alone() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let plan = everything(&Make(&owner));
    let outcome = stage.pass(&plan).await;
    assert_eq!(outcome.errors, []);
    assert_eq!(
        told(&outcome),
        [
            "created ConfigMap shop-config-1",
            "created Secret shop-password-1",
            "created PersistentVolumeClaim shop-data",
            "created NetworkPolicy shop-default",
            "created Service web",
            "created Deployment web",
        ]
    );
    let writes = stage.log.take().into_iter().filter(|request| !request.starts_with("GET")).count();
    assert_eq!(writes, 6);
    stage.settle(&plan).await;

    // Owned by Apply alone: only then does a field go when it leaves the plan.
    for object in [
        stage.json::<ConfigMap>("shop-config-1").await,
        stage.json::<Secret>("shop-password-1").await,
        stage.json::<PersistentVolumeClaim>("shop-data").await,
        stage.json::<NetworkPolicy>("shop-default").await,
        stage.json::<Service>("web").await,
        stage.json::<Deployment>("web").await,
    ] {
        assert_eq!(Stage::operations(&object), ["Apply"], "{object:#}");
    }

    stage.log.take();
    stage.pass(&plan).await;
    assert_eq!(stage.log.take(), [""; 0], "a stack that has converged costs no request");
    stage.restart().await;
    let outcome = stage.pass(&plan).await;
    assert_eq!(stage.log.take(), [""; 0], "nor does it when the operator starts anew");
    assert_eq!(outcome.volumes[0].claim, "shop-data");
    assert_eq!(states(&outcome)["web"], "Progressing");

    stage.run_pods("web").await;
    let outcome = stage.until(&plan, "web is ready", |outcome| states(outcome)["web"] == "Ready").await;
    assert_eq!(outcome.services[0].digest.as_deref(), Some("sha256:0123"));
    assert_eq!(stage.log.take(), [""; 0]);
}

#[tokio::test]
async fn a_lost_status_is_rebuilt_and_nothing_is_made_anew() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let plan = everything(&Make(&owner));
    let before = stage.settle(&plan).await.inventory;
    let versions = async |stage: &Stage| {
        let deployment = stage.json::<Deployment>("web").await;
        (deployment["metadata"]["uid"].clone(), deployment["metadata"]["generation"].clone())
    };
    let version = versions(&stage).await;
    stage.inventory.clear();
    stage.restart().await;
    let after = stage.settle(&plan).await.inventory;
    assert_eq!(before, after);
    assert_eq!(versions(&stage).await, version);
}

#[tokio::test]
async fn a_secret_is_read_only_to_verify_it() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = Plan { secrets: vec![make.secret("shop-password-1")], ..Plan::default() };
    stage.settle(&plan).await;
    stage.delete::<Secret>("shop-password-1").await;
    stage.log.take();
    assert_eq!(stage.pass(&plan).await.changes, []);
    assert_eq!(stage.log.take(), [""; 0]);
    let outcome = stage.pass_with(&plan, true, true).await;
    assert_eq!(told(&outcome), ["created Secret shop-password-1"]);
}

#[tokio::test]
async fn a_secret_that_a_pod_cannot_start_without_is_made_again() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let from = [json!({"secretRef": {"name": "shop-password-1"}})];
    let plan =
        Plan { secrets: vec![make.secret("shop-password-1")], ..of([make.deployment_with("web", "web:1", 1, &from)]) };
    stage.settle(&plan).await;
    stage.roll_out(&plan, "web").await;
    stage.delete::<Secret>("shop-password-1").await;
    stage.log.take();
    assert_eq!((stage.pass(&plan).await.changes, stage.log.take()), (vec![], vec![]), "no pod asks for it");
    stage.starve_pods("web", "shop-password-1").await;
    let outcome = stage.until(&plan, "the Secret is missed", |outcome| !outcome.changes.is_empty()).await;
    assert_eq!(told(&outcome), ["created Secret shop-password-1"]);
    assert!(outcome.again.is_some(), "it is looked at again while the pod does not start");
    stage.roll_out(&plan, "web").await;
    assert_eq!(stage.pass(&plan).await.again, None);
}

/// Nothing tells that a Secret is gone, so that one that left the plan is looked for once, and then is known to be.
#[tokio::test]
async fn a_secret_that_somebody_deleted_leaves_the_inventory() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let plan = Plan { secrets: vec![Make(&owner).secret("shop-password-1")], ..Plan::default() };
    stage.settle(&plan).await;
    stage.delete::<Secret>("shop-password-1").await;
    assert_eq!(stage.pass(&Plan::default()).await.inventory.len(), 1, "at rest it is believed");
    stage.pass_with(&Plan::default(), true, true).await;
    assert_eq!(stage.pass(&Plan::default()).await.inventory, []);
}

#[tokio::test]
async fn what_others_change_of_ours_is_repaired_and_what_is_theirs_is_left() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let mut plan = Plan { services: vec![make.service("web", false)], ..of([make.deployment("web", "web:1")]) };
    stage.settle(&plan).await;

    // Theirs: a field that the plan does not have, as `kubectl rollout restart` writes it.
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    stage.meddle::<Deployment>(Kind::Deployment, "web", restart).await;
    stage.meddle::<Service>(Kind::Service, "web", json!({"metadata": {"annotations": {"theirs": "yes"}}})).await;
    stage.log.take();
    assert_eq!(stage.pass(&plan).await.changes, []);
    assert_eq!(stage.log.take(), [""; 0]);

    // Ours: a value, a label that is removed, and an item of a list.
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "evil:1"}]}}}});
    stage.meddle::<Deployment>(Kind::Deployment, "web", image).await;
    stage.meddle::<Service>(Kind::Service, "web", json!({"spec": {"selector": {LABEL_STACK: null}}})).await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["repaired Service web", "repaired Deployment web"]);
    let deployment = stage.json::<Deployment>("web").await;
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "web:1");
    assert_eq!(deployment["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"], "now");
    assert_eq!(stage.json::<Service>("web").await["spec"]["selector"][LABEL_STACK], "shop");

    // Also when it happened while the operator was away.
    stage.meddle::<Deployment>(Kind::Deployment, "web", json!({"spec": {"replicas": 5}})).await;
    stage.restart().await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["repaired Deployment web"]);

    // A replica count that the plan leaves to an autoscaler is not ours.
    let mut deployment = make.deployment("web", "web:1");
    if let compose_operator::translate::WorkloadObject::Deployment(object) = &mut deployment.object {
        object.spec.as_mut().unwrap().replicas = None;
    }
    plan.workloads = vec![deployment];
    assert_eq!(told(&stage.settle(&plan).await), ["configured Deployment web"]);
    stage.meddle::<Deployment>(Kind::Deployment, "web", json!({"spec": {"replicas": 3}})).await;
    assert_eq!(stage.settle(&plan).await.changes, []);
    assert_eq!(stage.json::<Deployment>("web").await["spec"]["replicas"], 3);
}

#[tokio::test]
async fn a_field_that_leaves_the_plan_leaves_the_object() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let mut service: Service = make.service("web", false);
    service.metadata.annotations = Some([("old".to_owned(), "yes".to_owned())].into());
    let mut plan = Plan { services: vec![service], ..Plan::default() };
    stage.settle(&plan).await;
    assert_eq!(stage.json::<Service>("web").await["metadata"]["annotations"]["old"], "yes");
    plan.services = vec![make.service("web", false)];
    stage.settle(&plan).await;
    assert!(stage.json::<Service>("web").await["metadata"]["annotations"].get("old").is_none());
}

#[tokio::test]
async fn a_service_that_becomes_headless_or_ceases_to_be_is_made_anew() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |headless| Plan { services: vec![make.service("web", headless)], ..Plan::default() };
    let address = async |stage: &Stage| stage.json::<Service>("web").await["spec"]["clusterIP"].clone();
    stage.settle(&plan(false)).await;
    assert_ne!(address(&stage).await, "None");
    for headless in [true, false] {
        let outcome = stage.settle(&plan(headless)).await;
        assert_eq!(count(&outcome, Action::Replaced), 1, "{outcome:?}");
        assert_eq!(address(&stage).await == "None", headless);
    }
    stage.log.take();
    assert_eq!(stage.pass(&plan(false)).await.changes, []);
    assert_eq!(stage.log.take(), [""; 0]);
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_does_not_stop_the_rest_of_its_tier() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let bad: Service = crate::plans::object(json!({
        "metadata": make.metadata("bad"), "spec": {"ports": [{"port": 99999, "protocol": "TCP"}]},
    }));
    let plan = Plan { services: vec![bad, make.service("web", false)], ..of([make.deployment("web", "web:1")]) };
    let outcome = stage.pass(&plan).await;
    assert_eq!(told(&outcome), ["created Service web"]);
    let [error] = &outcome.errors[..] else { panic!("{:?}", outcome.errors) };
    assert_eq!(error.class, compose_operator::apply::Class::Terminal);
    assert!(error.to_string().starts_with("Service bad: "), "{error}");
    assert!(error.message.contains("spec.ports[0].port"), "{error}");
    assert_eq!(states(&outcome)["web"], "Waiting");
    assert_eq!(outcome.services[0].message.as_deref(), Some("held back, for Service bad could not be applied"));
}

/// What it told before may be long past: an API server is back, and the watch of one kind is not.
#[tokio::test]
async fn what_a_broken_watch_told_is_asked_for() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let plan = everything(&Make(&owner));
    stage.settle(&plan).await;
    stage.go_deaf();
    let services = stage.live.feed(Kind::Service, Some(&owner.namespace));
    services.broke();
    stage.log.take();
    assert_eq!(stage.pass(&plan).await.changes, []);
    assert_eq!(stage.log.take(), ["GET services/web"]);
    stage.delete::<Service>("web").await;
    assert_eq!(told(&stage.pass(&plan).await), ["created Service web"]);
    assert!(stage.get::<Service>("web").await.is_some());
}

#[tokio::test]
async fn claims_grow_and_never_shrink() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = |size: &str| Plan { claims: vec![make.claim("data", size)], ..Plan::default() };
    stage.settle(&plan("2Gi")).await;
    let uid = stage.json::<PersistentVolumeClaim>("shop-data").await["metadata"]["uid"].clone();

    // A claim that is not bound cannot grow either; whoever binds it may be the pod that it would hold up.
    let outcome = stage.pass(&plan("3Gi")).await;
    assert_eq!((outcome.changes.len(), outcome.errors.len()), (0, 0));
    assert_eq!(outcome.waiting, ["PersistentVolumeClaim shop-data grows from 2Gi to 3Gi once it is bound"]);

    let outcome = stage.pass(&plan("1Gi")).await;
    assert_eq!(outcome.changes, []);
    assert!(outcome.errors[0].message.contains("cannot shrink"), "{:?}", outcome.errors);

    for change in [
        |spec: &mut PersistentVolumeClaimSpec| spec.access_modes = Some(vec!["ReadWriteMany".to_owned()]),
        |spec: &mut PersistentVolumeClaimSpec| spec.storage_class_name = Some("another".to_owned()),
    ] {
        let mut other = make.claim("data", "2Gi");
        change(other.object.as_mut().unwrap().spec.as_mut().unwrap());
        let outcome = stage.pass(&Plan { claims: vec![other], ..Plan::default() }).await;
        assert_eq!(outcome.errors[0].category, compose_operator::apply::Category::Immutable);
        let message = &outcome.errors[0].message;
        assert!(message.contains("give the volume another `name`") && message.contains("is immutable"), "{message}");
        assert_eq!(stage.json::<PersistentVolumeClaim>("shop-data").await["metadata"]["uid"], uid);
    }
}

#[tokio::test]
async fn a_bound_claim_grows() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let class = json!({
        "metadata": {"name": "grows"}, "provisioner": "compose-operator.dev/none", "allowVolumeExpansion": true,
    });
    let classes: Api<StorageClass> = Api::all(stage.admin.clone());
    let class: StorageClass = crate::plans::object(class);
    classes.patch("grows", &PatchParams::apply("tests").force(), &Patch::Apply(&class)).await.unwrap();
    let volumes: Api<PersistentVolume> = Api::all(stage.admin.clone());
    let volume: PersistentVolume = crate::plans::object(json!({
        "metadata": {"name": owner.namespace},
        "spec": {
            "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "grows",
            "claimRef": {"namespace": owner.namespace, "name": "shop-data"},
            "hostPath": {"path": "/nowhere"},
        },
    }));
    volumes.create(&PostParams::default(), &volume).await.unwrap();

    let plan = |size: &str| Plan { claims: vec![make.claim("data", size)], ..Plan::default() };
    let phase = |outcome: &Outcome| outcome.volumes[0].phase.clone();
    stage.until(&plan("1Gi"), "it is bound", |outcome| phase(outcome).as_deref() == Some("Bound")).await;
    let outcome = stage.settle(&plan("2Gi")).await;
    assert_eq!(told(&outcome), ["configured PersistentVolumeClaim shop-data"]);
    let claim = stage.json::<PersistentVolumeClaim>("shop-data").await;
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");
    volumes.delete(&owner.namespace, &DeleteParams::background()).await.unwrap();
}
