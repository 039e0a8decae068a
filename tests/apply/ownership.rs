//! What belongs to somebody else is neither changed nor deleted.

use compose_operator::api::names::{LABEL_MANAGED_BY, LABEL_STACK, MANAGED_BY};
use compose_operator::apply::{Category, Class, Kind};
use compose_operator::translate::{Claim, Plan};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Service};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::plans::{Make, of};
use crate::stage::{Stage, states, told};

#[tokio::test]
async fn a_name_that_somebody_else_has_stops_the_stack_before_anything_is_sent() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let other: ConfigMap = stage.create(json!({"metadata": {"name": "other"}})).await;
    let belongs = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": other.metadata.uid}]);
    let service = json!({"ports": [{"port": 1, "protocol": "TCP"}]});
    let _: Service = stage.create(json!({"metadata": {"name": "unowned"}, "spec": service})).await;
    let _: Service =
        stage.create(json!({"metadata": {"name": "owned", "ownerReferences": belongs}, "spec": service})).await;
    // Labels alone make no object ours: anybody can write them.
    let labels = json!({LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: "shop"});
    let _: Service = stage.create(json!({"metadata": {"name": "labelled", "labels": labels}, "spec": service})).await;
    let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let _: PersistentVolumeClaim = stage.create(json!({"metadata": {"name": "shop-data"}, "spec": claim})).await;

    let plan = Plan {
        config_maps: vec![make.config_map("shop-config-1", "one")],
        claims: vec![make.claim("data", "1Gi")],
        services: ["unowned", "owned", "labelled", "free"].map(|name| make.service(name, false)).into(),
        ..of([make.deployment("web", "web:1")])
    };
    for _ in 0..2 {
        let outcome = stage.pass(&plan).await;
        assert_eq!(outcome.changes, []);
        let conflicts: Vec<String> = outcome.conflicts.iter().map(ToString::to_string).collect();
        assert_eq!(conflicts.len(), 4, "{conflicts:#?}");
        assert!(conflicts[0].starts_with("PersistentVolumeClaim shop-data was not made by this stack; "));
        assert!(conflicts[1].starts_with("Service unowned was not made by this stack; "), "{conflicts:#?}");
        assert!(conflicts[2].starts_with("Service owned belongs to ConfigMap other; "), "{conflicts:#?}");
        assert!(conflicts[3].starts_with("Service labelled has the labels of compose-operator and no owner"));
        assert_eq!(states(&outcome)["web"], "Pending");
    }
    assert!(stage.log.take().iter().all(|request| request.starts_with("GET")));
    assert_eq!(stage.json::<Service>("unowned").await["spec"]["ports"][0]["port"], 1);

    // Gone, and all goes ahead.
    for name in ["unowned", "owned", "labelled"] {
        stage.delete::<Service>(name).await;
    }
    stage.delete::<PersistentVolumeClaim>("shop-data").await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(outcome.conflicts, []);
    assert_eq!(outcome.changes.len(), 7);
}

#[tokio::test]
async fn the_claim_of_a_former_stack_of_the_same_name_is_taken_up_again() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let former = compose_operator::apply::Owner { uid: "former".to_owned(), ..owner.clone() };
    let plan = |owner| Plan { claims: vec![Make(owner).claim("data", "1Gi")], ..Plan::default() };
    stage.owner = former.clone();
    stage.settle(&plan(&former)).await;
    stage.owner = owner.clone();
    stage.inventory.clear();
    let outcome = stage.settle(&plan(&owner)).await;
    assert_eq!(outcome.conflicts, []);
    assert_eq!(outcome.volumes[0].claim, "shop-data");
}

#[tokio::test]
async fn an_external_claim_is_waited_for_and_never_written() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let external = Claim { volume: "data".to_owned(), name: "theirs".to_owned(), object: None };
    let plan = Plan { claims: vec![external], ..of([make.deployment("web", "web:1")]) };
    let outcome = stage.pass(&plan).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.waiting[0], "PersistentVolumeClaim theirs of external volume data does not exist; create it");
    assert_eq!(states(&outcome)["web"], "Waiting");

    let spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let _: PersistentVolumeClaim = stage.create(json!({"metadata": {"name": "theirs"}, "spec": spec})).await;
    let outcome = stage.settle(&plan).await;
    assert_eq!(told(&outcome), ["created Deployment web"]);
    assert_eq!(outcome.volumes[0].phase.as_deref(), Some("Pending"));
    stage.log.take();
    stage.pass(&plan).await;
    assert_eq!(stage.log.take(), [""; 0]);
    let theirs = stage.json::<PersistentVolumeClaim>("theirs").await;
    assert_eq!(Stage::operations(&theirs), [""; 0]);
}

/// What the operator knows may be old: somebody replaced an object, or was faster to take a name.
#[tokio::test]
async fn an_object_that_was_replaced_behind_our_back_is_not_taken_over() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = Plan { services: vec![make.service("web", false)], ..Plan::default() };
    stage.settle(&plan).await;
    stage.go_deaf();
    stage.delete::<Service>("web").await;
    let service = json!({"ports": [{"port": 1, "protocol": "TCP"}]});
    let _: Service = stage.create(json!({"metadata": {"name": "web"}, "spec": service})).await;

    let mut service: Service = make.service("web", false);
    service.metadata.annotations = Some([("new".to_owned(), "yes".to_owned())].into());
    let outcome = stage.pass(&Plan { services: vec![service], ..Plan::default() }).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.conflicts.len(), 1, "{:?}", outcome.errors);
    let theirs = stage.json::<Service>("web").await;
    assert_eq!(theirs["spec"]["ports"][0]["port"], 1);
    assert_eq!(Stage::operations(&theirs), [""; 0]);

    // Nor is it pruned.
    let outcome = stage.pass(&Plan::default()).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(stage.json::<Service>("web").await["metadata"]["uid"], theirs["metadata"]["uid"]);
}

#[tokio::test]
async fn a_name_that_is_taken_between_look_and_write_is_not_taken_over() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = Plan { services: vec![make.service("web", false)], ..of([make.deployment("app", "web:1")]) };
    let theirs = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 1, "protocol": "TCP"}]}});
    stage.log.before_write(stage.creating::<Service>(theirs));
    let outcome = stage.pass(&plan).await;
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.conflicts.len(), 1, "{outcome:?}");
    assert_eq!(states(&outcome)["app"], "Waiting");
    let theirs = stage.json::<Service>("web").await;
    assert_eq!(theirs["spec"]["ports"][0]["port"], 1);
    assert_eq!(Stage::operations(&theirs), [""; 0]);
}

/// What is on its way when another begins to act names the state that it was decided upon, which is no more.
#[tokio::test]
async fn an_update_of_an_object_that_changed_between_look_and_write_changes_nothing() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    stage.settle(&of([make.deployment("web", "web:1")])).await;
    let given_away = json!({"metadata": {"ownerReferences": null}, "spec": {"paused": true}});
    stage.log.take();
    stage.log.before_write(stage.patching::<Deployment>("web", given_away));
    let outcome = stage.pass(&of([make.deployment("web", "web:2")])).await;
    assert_eq!(stage.log.take(), ["PATCH deployments/web", "GET deployments/web"], "refused, and looked at again");
    assert_eq!(outcome.changes, []);
    assert_eq!(outcome.conflicts.len(), 1, "{outcome:?}");
    let theirs = stage.json::<Deployment>("web").await;
    assert_eq!(theirs["spec"]["template"]["spec"]["containers"][0]["image"], "web:1");
    assert_eq!((&theirs["spec"]["paused"], &theirs["metadata"]["ownerReferences"]), (&json!(true), &json!(null)));
}

#[tokio::test]
async fn what_is_missing_to_the_identity_is_named() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = of([make.deployment("web", "web:1")]);
    stage.act_as("nobody-in-particular").await;
    let outcome = stage.pass(&plan).await;
    let [error] = &outcome.errors[..] else { panic!("{outcome:?}") };
    assert_eq!((error.class, error.category), (Class::Terminal, Category::Forbidden));
    assert!(error.message.contains("cannot get resource \"deployments\""), "{error}");
}

#[tokio::test]
async fn a_namespace_that_goes_away_is_left_in_peace() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let finalizers = json!(["compose-operator.dev/test"]);
    let _: ConfigMap = stage.create(json!({"metadata": {"name": "stays", "finalizers": finalizers}})).await;
    let namespaces: Api<Namespace> = Api::all(stage.admin.clone());
    namespaces.delete(&owner.namespace, &DeleteParams::default()).await.unwrap();
    let outcome = stage.pass(&of([make.deployment("web", "web:1")])).await;
    assert!(outcome.terminating, "{outcome:?}");
    assert_eq!((outcome.errors.len(), outcome.changes.len()), (0, 0));
    assert!(stage.get::<Deployment>("web").await.is_none());
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    stage.api::<ConfigMap>().patch("stays", &PatchParams::default(), &free).await.unwrap();
}

/// A plan whose names were all looked at is not looked at again: creating tells who has a name.
#[tokio::test]
async fn what_went_is_made_with_one_request_and_a_name_that_was_taken_meanwhile_is_seen() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = Plan { services: vec![make.service("web", false)], ..of([make.deployment("web", "web:1")]) };
    stage.settle(&plan).await;
    stage.looked = true;

    stage.delete::<Service>("web").await;
    stage.out_of_sight(Kind::Service, "web").await;
    stage.log.take();
    let outcome = stage.pass(&plan).await;
    assert_eq!(told(&outcome), ["created Service web"]);
    assert_eq!(stage.log.take().len(), 1);

    stage.delete::<Service>("web").await;
    stage.out_of_sight(Kind::Service, "web").await;
    let _: Service = stage.create(json!({"metadata": {"name": "web"}, "spec": {"ports": [{"port": 9999}]}})).await;
    let outcome = stage.pass(&plan).await;
    assert_eq!(outcome.conflicts.len(), 1, "{outcome:?}");
    assert_eq!(stage.json::<Service>("web").await["spec"]["ports"][0]["port"], 9999);
}

/// An object that lost its labels is in no watch; creating it fails, and then it is looked at.
#[tokio::test]
async fn an_object_that_lost_its_labels_is_found_when_it_is_to_be_made() {
    let Some(mut stage) = Stage::new().await else { return };
    let owner = stage.owner.clone();
    let make = Make(&owner);
    let plan = Plan { services: vec![make.service("web", false)], ..of([make.deployment("web", "web:1")]) };
    stage.settle(&plan).await;
    stage.looked = true;
    let unlabelled = json!({"metadata": {"labels": null}});
    stage.api::<Service>().patch("web", &PatchParams::default(), &Patch::Merge(unlabelled)).await.unwrap();
    stage.out_of_sight(Kind::Service, "web").await;
    let outcome = stage.pass(&plan).await;
    assert_eq!(told(&outcome), ["repaired Service web"], "{outcome:?}");
    assert_eq!(stage.pass(&plan).await.changes, []);
}
