use super::*;
use crate::api::condition::{RECONCILING, STALLED};
use crate::api::v1alpha1::InventoryEntry;
use crate::apply::{Conflict, Kind};
use crate::compose::{Diagnostic, Level};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pass(finding: Finding<'_>) -> Pass<'_> {
    Pass {
        generation: 2,
        requested_at: None,
        revision: Some("r2"),
        progress_deadline: Duration::from_mins(10),
        warnings: None,
        images: None,
        finding,
    }
}

fn service(name: &str, state: &str) -> ServiceStatus {
    ServiceStatus { name: name.to_owned(), state: state.to_owned(), desired: 1, ..ServiceStatus::default() }
}

fn outcome(services: Vec<ServiceStatus>) -> Outcome {
    Outcome { services, inventory: vec![InventoryEntry::default()], ..Outcome::default() }
}

/// `Ready`, its reason, and the other condition if there is one.
fn short(status: &ComposeStackStatus) -> (String, String, Option<String>) {
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY).unwrap();
    let other = status.conditions.iter().find(|condition| condition.type_ != READY);
    (ready.status.clone(), ready.reason.clone(), other.map(|other| other.type_.clone()))
}

fn message(status: &ComposeStackStatus) -> &str {
    &status.conditions.iter().find(|condition| condition.type_ == READY).unwrap().message
}

fn ready() -> ComposeStackStatus {
    let outcome = outcome(vec![service("web", "Ready"), service("migrate", "Completed")]);
    next(None, &pass(Finding::Applied(&outcome)), at(0))
}

fn word(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_stack_whose_services_all_run_is_ready() {
    let status = ready();
    assert_eq!(short(&status), (word("True"), word("Succeeded"), None));
    assert_eq!((status.summary.as_deref(), status.revision.as_deref()), (Some("2/2"), Some("r2")));
    assert_eq!(status.observed_generation, Some(2));
}

#[test]
fn a_document_with_errors_leaves_what_is_known_of_what_runs() {
    let errors = ["services.web.image", "services.db.ports[0]"].map(|path| Diagnostic {
        level: Level::Error,
        class: None,
        path: path.to_owned(),
        position: None,
        reason: "Wrong",
        message: "wrong".to_owned(),
    });
    let old = ready();
    let errors = Diagnostics(errors.to_vec());
    let failed = Pass { generation: 3, revision: Some("r3"), ..pass(Finding::InvalidCompose(&errors)) };
    let status = next(Some(&old), &failed, at(1));
    assert_eq!(short(&status), (word("False"), word("InvalidCompose"), Some(word(STALLED))));
    assert_eq!(message(&status), "services.web.image: wrong\nservices.db.ports[0]: wrong");
    assert_eq!((&status.services, &status.inventory), (&old.services, &old.inventory));
    assert_eq!(status.revision, old.revision, "the revision is that of what runs");
    assert_eq!(status.observed_generation, Some(3));
}

#[test]
fn each_finding_has_its_conditions() {
    let lines = [word("spec.build: not honoured")];
    let note = |level| Note { path: word("services.web.build"), level, reason: "Build", message: word("no registry") };
    let conflict = Outcome {
        conflicts: vec![Conflict { kind: Kind::Service, name: word("web"), reason: word("was not made by us") }],
        ..outcome(vec![service("web", "Pending")])
    };
    let error = |class, category| Outcome {
        errors: vec![ApplyError { kind: Kind::Service, name: word("web"), class, category, message: word("no") }],
        ..outcome(vec![service("web", "Ready")])
    };
    let failed = Outcome { failed: vec![word("web: gave up")], ..outcome(vec![service("web", "Failed")]) };
    let back = Outcome { rolled_back: vec![word("web: back")], ..outcome(vec![service("web", "RolledBack")]) };
    let mut waits = service("web", "Waiting");
    waits.waiting_for = vec![word("db: service_healthy")];
    let waiting = Outcome { waiting: vec![word("web waits for db")], ..outcome(vec![waits]) };
    let working = outcome(vec![service("web", "Progressing")]);
    let forbidden = error(Class::Terminal, Category::Forbidden);
    let invalid = error(Class::Terminal, Category::Invalid);
    let immutable = error(Class::Terminal, Category::Immutable);
    let transient = error(Class::Transient, Category::Api);
    let beaten = error(Class::Conflict, Category::Api);
    let unpruned = error(Class::Transient, Category::Prune);
    let (rejected, fatal) = ([note(NoteLevel::Rejected)], [note(NoteLevel::Error)]);
    for (finding, status, reason, other) in [
        (Finding::Unsupported(&rejected), "False", "Unsupported", Some(STALLED)),
        (Finding::Unsupported(&fatal), "False", "InvalidCompose", Some(STALLED)),
        (Finding::PolicyViolation(&lines), "False", "PolicyViolation", Some(STALLED)),
        (Finding::FieldNotSupported(&lines), "False", "FieldNotSupported", Some(STALLED)),
        (Finding::InputNotFound(&lines), "False", "InputNotFound", Some(RECONCILING)),
        (Finding::Forbidden("cannot get secrets"), "False", "Forbidden", Some(STALLED)),
        (Finding::Failed("timeout"), "False", "ApplyFailed", Some(RECONCILING)),
        (Finding::Suspended, "False", "Suspended", None),
        (Finding::Applied(&conflict), "False", "NameConflict", Some(STALLED)),
        (Finding::Applied(&forbidden), "False", "Forbidden", Some(STALLED)),
        (Finding::Applied(&invalid), "False", "InvalidObject", Some(STALLED)),
        (Finding::Applied(&immutable), "False", "ImmutableField", Some(STALLED)),
        (Finding::Applied(&transient), "False", "ApplyFailed", Some(RECONCILING)),
        (Finding::Applied(&beaten), "Unknown", "Progressing", Some(RECONCILING)),
        (Finding::Applied(&unpruned), "False", "PruneFailed", Some(RECONCILING)),
        (Finding::Applied(&failed), "False", "HealthCheckFailed", Some(RECONCILING)),
        (Finding::Applied(&back), "False", "RolledBack", Some(STALLED)),
        (Finding::Applied(&waiting), "Unknown", "DependencyNotReady", Some(RECONCILING)),
        (Finding::Applied(&working), "Unknown", "Progressing", Some(RECONCILING)),
    ] {
        let got = next(None, &pass(finding), at(0));
        assert_eq!(short(&got), (word(status), word(reason), other.map(word)), "{finding:?}");
        assert!(!message(&got).is_empty());
    }
}

#[test]
fn what_a_person_has_to_mend_is_told_before_what_mends_itself() {
    let error = |class, category, text: &str| ApplyError {
        kind: Kind::Service,
        name: word("web"),
        class,
        category,
        message: word(text),
    };
    let outcome = Outcome {
        errors: vec![
            error(Class::Terminal, Category::Forbidden, "cannot patch"),
            error(Class::Transient, Category::Prune, "timeout"),
        ],
        ..Outcome::default()
    };
    let status = next(None, &pass(Finding::Applied(&outcome)), at(0));
    assert_eq!(short(&status), (word("False"), word("Forbidden"), Some(word(STALLED))));
    assert_eq!(message(&status), "Service web: cannot patch\nService web: timeout");
}

#[test]
fn a_rollout_that_takes_too_long_is_unhealthy_until_it_is_done() {
    let working = outcome(vec![service("web", "Progressing")]);
    let begun = next(Some(&ready()), &pass(Finding::Applied(&working)), at(100));
    let before = next(Some(&begun), &pass(Finding::Applied(&working)), at(699));
    assert_eq!(short(&before), (word("Unknown"), word("Progressing"), Some(word(RECONCILING))));
    assert_eq!(before, begun, "time alone changes nothing");
    let late = next(Some(&before), &pass(Finding::Applied(&working)), at(700));
    assert_eq!(short(&late), (word("False"), word("HealthCheckFailed"), Some(word(RECONCILING))));
    assert_eq!(message(&late), "not ready within 10m:\nweb: 0/1 ready");
    assert_eq!(next(Some(&late), &pass(Finding::Applied(&working)), at(800)), late);
    let edited = Pass { generation: 3, ..pass(Finding::Applied(&working)) };
    assert_eq!(short(&next(Some(&late), &edited, at(900))).0, "Unknown", "an edit has its own time");
    let done = outcome(vec![service("web", "Ready")]);
    assert_eq!(short(&next(Some(&late), &pass(Finding::Applied(&done)), at(900))).0, "True");
}

/// `Ready` was Unknown before the edit and is so after it, so that its transition time tells nothing of the edit.
#[test]
fn an_edit_of_what_is_under_way_has_a_deadline_of_its_own() {
    let working = outcome(vec![service("web", "Progressing")]);
    let edited = Pass { generation: 3, ..pass(Finding::Applied(&working)) };
    let first = next(Some(&ready()), &pass(Finding::Applied(&working)), at(100));
    let begun = next(Some(&first), &edited, at(690));
    assert_eq!(begun.conditions[0].last_transition_time, first.conditions[0].last_transition_time);
    assert_eq!(until_late(&begun, edited.progress_deadline, at(700)), Some(Duration::from_secs(590)));
    let before = next(Some(&begun), &edited, at(1289));
    assert_eq!(before, begun, "time alone changes nothing");
    let late = next(Some(&before), &edited, at(1290));
    assert_eq!(short(&late), (word("False"), word("HealthCheckFailed"), Some(word(RECONCILING))));
    assert_eq!((late.progressing_since, ready().progressing_since), (None, None));
    // What an earlier version began goes on.
    let of_before = ComposeStackStatus { progressing_since: None, ..first };
    assert_eq!(short(&next(Some(&of_before), &pass(Finding::Applied(&working)), at(700))).0, "False");
}

#[test]
fn what_is_under_way_is_looked_at_again_at_its_deadline() {
    let until = |status: &ComposeStackStatus, second| until_late(status, Duration::from_mins(10), at(second));
    let working = outcome(vec![service("web", "Progressing")]);
    let begun = next(Some(&ready()), &pass(Finding::Applied(&working)), at(100));
    assert_eq!(until(&begun, 100), Some(Duration::from_mins(10)));
    assert_eq!(until(&begun, 640), Some(Duration::from_mins(1)));
    assert_eq!(until(&begun, 800), Some(Duration::ZERO));
    assert_eq!(until(&begun, 40), Some(Duration::from_mins(10)), "a clock that goes back lengthens nothing");
    assert_eq!(until(&ready(), 100), None);
    let late = next(Some(&begun), &pass(Finding::Applied(&working)), at(700));
    assert_eq!(until(&late, 700), None, "it was told");
}

#[test]
fn warnings_are_capped_and_counted_and_stay_while_nothing_new_is_known() {
    let many: Vec<Warning> =
        (0..250).map(|number| Warning { path: format!("services.s{number}"), ..Warning::default() }).collect();
    let done = outcome(vec![]);
    let with = |warnings| Pass { warnings, ..pass(Finding::Applied(&done)) };
    let status = next(None, &with(Some(&many)), at(0));
    assert_eq!((status.warnings.len(), status.warning_count), (100, Some(250)));
    let kept = next(Some(&status), &pass(Finding::Failed("timeout")), at(1));
    assert_eq!((kept.warnings.len(), kept.warning_count), (100, Some(250)));
    let cleared = next(Some(&status), &with(Some(&[])), at(1));
    assert_eq!((cleared.warnings.len(), cleared.warning_count), (0, None));
}

#[test]
fn a_claim_that_left_the_document_is_told() {
    let left =
        Outcome { left_claims: vec![word("shop-data")], owned_claims: vec![word("shop-logs")], ..outcome(vec![]) };
    let status = next(None, &Pass { warnings: Some(&[]), ..pass(Finding::Applied(&left)) }, at(0));
    assert_eq!(status.warning_count, Some(2));
    let [data, logs] = &status.warnings[..] else { panic!("{:?}", status.warnings) };
    assert!(data.message.starts_with("PersistentVolumeClaim shop-data ") && data.message.contains("delete it when"));
    assert!(logs.message.starts_with("PersistentVolumeClaim shop-logs ") && logs.message.contains("deleted with it"));
    assert_eq!(short(&status).0, "True");
}

#[test]
fn a_request_is_handled_whatever_comes_of_it_but_not_while_suspended() {
    let with = |finding| Pass { requested_at: Some("t1"), ..pass(finding) };
    let failed = next(None, &with(Finding::Failed("timeout")), at(0));
    assert_eq!(failed.last_handled_reconcile_at.as_deref(), Some("t1"));
    assert_eq!(next(None, &with(Finding::Suspended), at(0)).last_handled_reconcile_at, None);
    let later = next(Some(&failed), &pass(Finding::Failed("timeout")), at(0));
    assert_eq!(later.last_handled_reconcile_at.as_deref(), Some("t1"));
}

#[test]
fn a_namespace_that_goes_away_leaves_the_status_alone() {
    let gone = Outcome { terminating: true, ..Outcome::default() };
    assert_eq!(next(Some(&ready()), &pass(Finding::Applied(&gone)), at(9)), ready());
}
