use serde_json::json;

use super::super::hash::HashKey;
use super::super::live::OwnerRef;
use super::super::readiness::{ClaimFacts, JobFacts, ServiceFacts};
use super::super::record::Applied;
use super::*;

fn seen() -> Seen {
    Seen { uid: "live".into(), version: "1".into() }
}

fn owner() -> Owner {
    Owner { name: "shop".to_owned(), namespace: "default".to_owned(), uid: "u1".to_owned() }
}

fn wanted(kind: Kind, object: Value) -> Wanted {
    let applied = Applied::of(&HashKey::new(b"key"), kind, &object, &std::collections::BTreeMap::new());
    Wanted { kind, name: "web".to_owned(), object, applied }
}

fn workload(replicas: i32, image: &str) -> Wanted {
    wanted(Kind::Deployment, json!({"spec": {"replicas": replicas, "template": {"image": image}}}))
}

fn job(image: &str) -> Wanted {
    wanted(Kind::Job, json!({"spec": {"template": {"image": image}}}))
}

fn owner_ref(kind: &str, uid: &str) -> OwnerRef {
    OwnerRef { kind: kind.into(), name: "shop".into(), uid: uid.into() }
}

/// A live object of ours on which this was applied.
fn live(of: &Wanted, facts: Facts) -> Observed {
    Observed {
        uid: "live".into(),
        version: "1".into(),
        owners: [owner_ref("ComposeStack", "u1")].into(),
        stack: Some("shop".into()),
        service: None,
        applied: Some(of.applied.clone()),
        owned: "owned".into(),
        deleting: false,
        kept: false,
        rolled_back: None,
        facts,
    }
}

fn record(of: &Wanted) -> Record {
    Record { applied: of.applied.clone(), owned: "owned".into(), ..Record::default() }
}

fn judged(wanted: &Wanted, live: &Observed, record: &Record) -> (Standing, bool) {
    let standing = standing(&owner(), wanted, Some(live), Some(record));
    let pods = changes_pods(&standing, wanted, Some(live), Some(record));
    (standing, pods)
}

fn update(action: Action) -> Standing {
    Standing::Update { seen: seen(), action }
}

#[test]
fn only_a_difference_is_sent_and_only_new_pods_wait() {
    let one = workload(1, "web:1");
    let there = live(&one, Facts::Nothing);
    assert_eq!(judged(&one, &there, &record(&one)), (Standing::Same, false));
    let drifted = Observed { owned: "drifted".into(), ..there.clone() };
    assert_eq!(judged(&one, &drifted, &record(&one)), (update(Action::Repaired), false));
    assert_eq!(judged(&workload(2, "web:1"), &there, &record(&one)), (update(Action::Configured), false));
    assert_eq!(judged(&workload(1, "web:2"), &there, &record(&one)), (update(Action::Configured), true));
    let stripped = Observed { applied: None, owned: "drifted".into(), ..there.clone() };
    assert_eq!(judged(&one, &stripped, &record(&one)), (update(Action::Configured), false), "the inventory knows");
    let lost = standing(&owner(), &one, Some(&there), None);
    assert_eq!(lost, update(Action::Configured));
    assert!(!changes_pods(&lost, &one, Some(&there), None));
    let absent = standing(&owner(), &one, None, Some(&record(&one)));
    assert_eq!(absent, Standing::Create);
    assert!(changes_pods(&absent, &one, None, None));
    assert!(!changes_pods(&absent, &one, None, Some(&record(&one))), "it ran before");
    assert!(changes_pods(&absent, &workload(1, "web:2"), None, Some(&record(&one))));
    assert!(changes_pods(&absent, &one, None, Some(&Record::default())), "nothing is known of what ran");
    assert!(changes_pods(&absent, &job("web:1"), None, Some(&record(&job("web:1")))), "it would run again");
    let leaving = Observed { deleting: true, ..there };
    assert!(matches!(judged(&one, &leaving, &record(&one)).0, Standing::Wait { holds: true, .. }));
}

#[test]
fn ours_is_what_names_our_uid_and_a_claim_what_has_our_labels() {
    let one = workload(1, "web:1");
    let unowned = Observed { owners: [].into(), ..live(&one, Facts::Nothing) };
    assert!(matches!(judged(&one, &unowned, &record(&one)).0, Standing::Foreign(_)));
    assert!(is_ours(&owner(), Kind::PersistentVolumeClaim, &unowned));
    let elsewhere = Observed { stack: Some("blog".into()), ..unowned.clone() };
    assert!(!is_ours(&owner(), Kind::PersistentVolumeClaim, &elsewhere));
    let former = |kind: &str| Observed { owners: [owner_ref(kind, "u0")].into(), ..unowned.clone() };
    assert!(matches!(judged(&one, &former("ComposeStack"), &record(&one)).0, Standing::Wait { holds: true, .. }));
    let Standing::Foreign(reason) = judged(&one, &former("Deployment"), &record(&one)).0 else { panic!() };
    assert!(reason.starts_with("belongs to Deployment shop; "), "{reason}");
}

#[test]
fn a_job_runs_once_per_definition() {
    let facts = |complete| Facts::Job(JobFacts { desired: 1, ready: 0, complete, failed: None });
    let (one, two) = (job("web:1"), job("web:2"));
    assert_eq!(judged(&two, &live(&one, facts(true)), &record(&one)), (Standing::Replace { seen: seen() }, true));
    // The same definition with another label.
    let relabelled = Wanted { applied: Applied { whole: "other".into(), ..one.applied.clone() }, ..one.clone() };
    assert_eq!(judged(&relabelled, &live(&one, facts(true)), &record(&one)).0, Standing::Same);
    assert_eq!(judged(&relabelled, &live(&one, facts(false)), &record(&one)).0, update(Action::Configured));
    // It could not be changed, and was left.
    let left = record(&relabelled);
    assert_eq!(judged(&relabelled, &live(&one, facts(false)), &left).0, Standing::Same);
    assert_eq!(judged(&two, &live(&one, facts(false)), &left).0, Standing::Replace { seen: seen() });
    let done = Record { done: true, ..record(&one) };
    assert_eq!(standing(&owner(), &relabelled, None, Some(&done)), Standing::Same);
    assert_eq!(standing(&owner(), &two, None, Some(&done)), Standing::Create);
    assert_eq!(standing(&owner(), &one, None, Some(&record(&one))), Standing::Create);
}

#[test]
fn headless_is_for_ever() {
    let service = |spec| wanted(Kind::Service, json!({"spec": spec}));
    let (vip, headless) = (service(json!({})), service(json!({"clusterIP": "None"})));
    let external = service(json!({"type": "ExternalName"}));
    let at = |of: &Wanted, address: &str| {
        let facts = ServiceFacts { cluster_ip: Some(address.to_owned()), ..ServiceFacts::default() };
        live(of, Facts::Service(facts))
    };
    let replace = Standing::Replace { seen: seen() };
    assert_eq!(judged(&headless, &at(&vip, "10.0.0.1"), &record(&vip)).0, replace);
    assert_eq!(judged(&vip, &at(&headless, "None"), &record(&headless)).0, replace);
    assert_eq!(judged(&external, &at(&headless, "None"), &record(&headless)).0, update(Action::Configured));
    let labelled = wanted(Kind::Service, json!({"metadata": {}, "spec": {}}));
    assert_eq!(judged(&labelled, &at(&vip, "10.0.0.1"), &record(&vip)).0, update(Action::Configured));
}

#[test]
fn claims_grow_when_they_are_bound_and_never_shrink() {
    let claim = |size: &str| {
        wanted(Kind::PersistentVolumeClaim, json!({"spec": {"resources": {"requests": {"storage": size}}}}))
    };
    let one = claim("1Gi");
    let at = |phase: &str| {
        let (phase, requested) = (Some(phase.to_owned()), Some("1Gi".to_owned()));
        live(&one, Facts::Claim(Box::new(ClaimFacts { phase, requested, ..ClaimFacts::default() })))
    };
    assert_eq!(judged(&claim("2Gi"), &at("Bound"), &record(&one)).0, update(Action::Configured));
    assert!(matches!(judged(&claim("2Gi"), &at("Pending"), &record(&one)).0, Standing::Wait { holds: false, .. }));
    assert!(matches!(judged(&claim("1Mi"), &at("Bound"), &record(&one)).0, Standing::Refuse(_)));
    assert_eq!(judged(&claim("1024Mi"), &at("Bound"), &record(&one)).0, update(Action::Configured));
}
