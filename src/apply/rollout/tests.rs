use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::pod::Ended;
use super::*;
use crate::api::names::COMPONENT_SERVICE;
use crate::translate::Pace;

const NOW: i64 = 1_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn rollout(on_failure: OnFailure, max_failure_ratio: f32) -> Rollout {
    let back =
        Pace { max_surge: IntOrString::Int(0), max_unavailable: IntOrString::Int(2), min_ready_seconds: Some(3) };
    Rollout { on_failure, max_failure_ratio, monitor_seconds: 5, deadline_seconds: 600, back }
}

/// A pod that has been ready for a minute.
fn pod(revision: &str) -> PodFacts {
    PodFacts {
        component: Some(COMPONENT_SERVICE.to_owned()),
        created: Some(at(NOW - 60)),
        started: true,
        ready: true,
        since: Some(at(NOW - 60)),
        revision: Some(revision.to_owned()),
        ended: None,
        stuck: false,
        lost: false,
        digest: None,
        problem: None,
    }
}

fn ended(revision: &str, after: i64) -> PodFacts {
    let what = "container web exited with code 1".to_owned();
    PodFacts { ready: false, ended: Some(Ended { after, what }), ..pod(revision) }
}

fn replicas(desired: i32) -> Replicas {
    Replicas { desired, ready: 0, updated: 1, seen: true, progress: Progress::Under("0/1 updated".to_owned()) }
}

fn revision(number: i64, label: &str) -> Revision {
    Revision { number, name: format!("web-{label}"), label: label.to_owned(), template: json!({ "of": label }) }
}

fn course(rollout: &Rollout, replicas: &Replicas, pods: &[PodFacts]) -> Course {
    let pods: Vec<_> = pods.iter().collect();
    let trial = Trial::of(rollout, replicas, &pods, "old", at(NOW));
    if trial.may_have_failed() {
        trial.course(rollout, &[revision(1, "older"), revision(2, "old"), revision(3, "new")], "old", "t2")
    } else {
        Course::default()
    }
}

fn on(beside: usize, stopped: Option<&str>) -> Course {
    Course::On { beside, stopped: stopped.map(str::to_owned) }
}

#[test]
fn one_failed_pod_is_too_many_unless_the_file_tolerates_it() {
    let pods = [pod("old"), pod("old"), pod("new"), ended("new", 1)];
    let why = "1 of 4 pods of revision web-new failed: container web exited with code 1";
    let rolled_back = RolledBack {
        template: "t2".to_owned(),
        to: "old".to_owned(),
        message: format!("rolled back to revision web-old: {why}"),
    };
    let back = Course::Back { template: json!({"of": "old"}), rolled_back };
    assert_eq!(course(&rollout(OnFailure::Rollback, 0.0), &replicas(4), &pods), back);
    assert_eq!(course(&rollout(OnFailure::Rollback, 0.2), &replicas(4), &pods), back);
    assert_eq!(course(&rollout(OnFailure::Rollback, 0.25), &replicas(4), &pods), on(1, None));
    let stopped = format!("update stopped: {why}");
    assert_eq!(course(&rollout(OnFailure::Pause, 0.0), &replicas(4), &pods), on(0, Some(&stopped)));
    assert_eq!(course(&rollout(OnFailure::Pause, 0.25), &replicas(4), &pods), on(1, None));
    assert_eq!(course(&rollout(OnFailure::Continue, 0.0), &replicas(4), &pods), on(1, None));
}

#[test]
fn only_pods_of_the_revision_on_trial_count() {
    for pods in [[ended("old", 1)], [ended("older", 1)], [pod("new")]] {
        assert_eq!(course(&rollout(OnFailure::Rollback, 0.0), &replicas(1), &pods), Course::default(), "{pods:?}");
    }
    // Nothing is on trial when the good revision is the current one.
    let pods = [ended("older", 1)];
    let one = replicas(1);
    let trial = Trial::of(&rollout(OnFailure::Rollback, 0.0), &one, &[&pods[0]], "old", at(NOW));
    let revisions = [revision(1, "older"), revision(2, "old")];
    assert_eq!(trial.course(&rollout(OnFailure::Rollback, 0.0), &revisions, "old", "t"), Course::default());
}

#[test]
fn a_revision_that_is_gone_cannot_come_back() {
    let pods = [ended("new", 1)];
    let rollback = rollout(OnFailure::Rollback, 0.0);
    let one = replicas(1);
    let trial = Trial::of(&rollback, &one, &[&pods[0]], "old", at(NOW));
    let stopped = "update stopped, for revision old is not kept any more: 1 of 1 pods of revision web-new failed: container web exited with code 1";
    assert_eq!(trial.course(&rollback, &[revision(3, "new")], "old", "t2"), on(0, Some(stopped)));
}

#[test]
fn a_workload_that_gave_up_has_failed_without_a_pod() {
    let gave_up = Replicas { progress: Progress::Failed("timed out progressing".to_owned()), ..replicas(2) };
    let rollback = rollout(OnFailure::Rollback, 0.5);
    let Course::Back { rolled_back, .. } = course(&rollback, &gave_up, &[pod("old")]) else { panic!("not back") };
    assert_eq!(rolled_back.message, "rolled back to revision web-old: revision web-new failed: timed out progressing");
    assert_eq!(course(&rollout(OnFailure::Continue, 0.0), &gave_up, &[pod("old")]), Course::default());
}

#[test]
fn what_a_pod_fails_of() {
    let rollout = rollout(OnFailure::Rollback, 0.0);
    let of = |pod: &PodFacts| failure(pod, &rollout, at(NOW));
    let problem = Some("ImagePullBackOff: image x of container web cannot be pulled".to_owned());
    let unready = |seconds: i64| {
        let since = Some(at(NOW - seconds));
        PodFacts { ready: false, created: since, since, ..pod("new") }
    };
    let stuck = |seconds| PodFacts { stuck: true, problem: problem.clone(), ..unready(seconds) };
    assert_eq!(of(&pod("new")), None);
    assert!(of(&ended("new", 5)).is_some());
    assert_eq!(of(&ended("new", 6)), None, "it ran for longer than it is watched");
    assert_eq!(of(&PodFacts { lost: true, ..ended("new", 1) }), None, "its node is to blame");
    assert_eq!(of(&stuck(9)), None);
    assert_eq!(of(&stuck(10)), problem);
    assert_eq!(of(&unready(599)), None);
    assert_eq!(of(&unready(600)).as_deref(), Some("not ready for 600 s"));
    let started = PodFacts { ended: Some(Ended { after: 1, what: "it ended".to_owned() }), ..pod("new") };
    assert!(of(&started).is_some(), "it ended once, and is ready now");
}

#[test]
fn what_comes_with_time_is_looked_for_in_time() {
    let rollback = rollout(OnFailure::Rollback, 0.0);
    let again = |pod: PodFacts| {
        let one = replicas(1);
        let trial = Trial::of(&rollback, &one, &[&pod], "old", at(NOW));
        trial.again.map(|again| again.as_secs())
    };
    let unready = |seconds| PodFacts { ready: false, since: Some(at(NOW - seconds)), ..pod("new") };
    assert_eq!(again(pod("new")), None);
    assert_eq!(again(unready(1)), Some(599));
    assert_eq!(again(PodFacts { stuck: true, created: Some(at(NOW - 4)), ..unready(4) }), Some(6));
    assert_eq!(again(PodFacts { since: Some(at(NOW - 2)), ready: true, ..ended("new", 1) }), Some(3));
    assert_eq!(again(PodFacts { ready: false, ..pod("old") }), None);
}

#[test]
fn a_revision_is_good_once_all_of_its_pods_are_there_and_ready() {
    let current = |desired| Replicas { progress: Progress::Current, ..replicas(desired) };
    let (new, old) = (pod("new"), pod("old"));
    assert_eq!(settled(&current(2), &[&new, &new]).as_deref(), Some("new"));
    assert_eq!(settled(&current(2), &[&new]), None);
    assert_eq!(settled(&current(2), &[&new, &old]), None);
    assert_eq!(settled(&replicas(2), &[&new, &new]), None);
    assert_eq!(settled(&current(1), &[&PodFacts { ready: false, ..new.clone() }]), None);
    assert_eq!(settled(&current(0), &[]), None);
}

fn wanted(kind: Kind, spec: &Value) -> Wanted {
    let object = json!({"metadata": {"name": "web", "annotations": {"kept": "yes"}}, "spec": spec});
    let plain = Wanted { kind, name: "web".to_owned(), object, applied: super::super::record::Applied::default() };
    plain.changed(&HashKey::new(b"key"), |_| {})
}

#[test]
fn the_way_back_changes_the_template_and_the_pace_alone() {
    let key = HashKey::new(b"key");
    let spec = json!({
        "replicas": 3, "minReadySeconds": 30, "template": {"of": "new"},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
    });
    let wanted = wanted(Kind::Deployment, &spec);
    let rolled_back = RolledBack { template: "t2".into(), to: "old".into(), message: "why".into() };
    let back = wanted.back(&key, &rollout(OnFailure::Rollback, 0.0), &json!({"of": "old"}), &rolled_back);
    assert_eq!(
        back.object["spec"],
        json!({
            "replicas": 3, "minReadySeconds": 3, "template": {"of": "old"},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 2}},
        })
    );
    let annotations = &back.object["metadata"]["annotations"];
    assert_eq!(annotations["kept"], "yes");
    let written: RolledBack = serde_json::from_str(annotations[ANNOTATION_ROLLED_BACK].as_str().unwrap()).unwrap();
    assert_eq!(written, rolled_back);
    assert_ne!(back.applied.template, wanted.applied.template);
    assert_eq!(back.changed(&key, |_| {}).applied, back.applied, "what is hashed is not part of the hash");
}

#[test]
fn room_beside_failed_pods_is_no_change_of_the_template() {
    let key = HashKey::new(b"key");
    let beside = |kind, field: &str, bounds: Value| {
        let wanted = wanted(kind, &json!({"template": {"of": "new"}, field: {"rollingUpdate": bounds}}));
        let beside = wanted.beside(&key, 2);
        assert_eq!(beside.applied.template, wanted.applied.template);
        beside.object["spec"][field]["rollingUpdate"]["maxUnavailable"].clone()
    };
    let bounds = |surge: i32, unavailable: Value| json!({"maxSurge": surge, "maxUnavailable": unavailable});
    assert_eq!(beside(Kind::Deployment, "strategy", bounds(0, json!(1))), 3);
    assert_eq!(beside(Kind::Deployment, "strategy", bounds(1, json!(0))), 2);
    assert_eq!(beside(Kind::Deployment, "strategy", bounds(0, json!("100%"))), "100%");
    assert_eq!(beside(Kind::DaemonSet, "updateStrategy", bounds(0, json!(1))), 3);
    assert_eq!(beside(Kind::DaemonSet, "updateStrategy", bounds(1, json!(0))), 0);
    let stateful_set = wanted(Kind::StatefulSet, &json!({"template": {}}));
    assert_eq!(stateful_set.beside(&key, 2).applied, stateful_set.applied);
}
