//! How a wanted child and what is live stand to each other: pure.

use serde_json::Value;

use super::Owner;
use super::kind::Kind;
use super::live::{Observed, Seen};
use super::outcome::Action;
use super::quantity::bytes;
use super::readiness::Facts;
use super::record::Record;
use super::wanted::Wanted;
use crate::api::names::MANAGED_BY;

/// What is to be done about a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Same,
    /// It is not there.
    Create,
    /// It is ours and differs.
    Update { seen: Seen, action: Action },
    /// It is ours and has to be made anew.
    Replace { seen: Seen },
    /// Something has to happen first that is under way; whether it holds workloads back.
    Wait { what: String, holds: bool },
    /// It is ours, and what is wanted cannot be done.
    Refuse(String),
    /// It is somebody else's.
    Foreign(String),
}

/// Whether an object belongs to a stack: by ownerReference; a claim, which outlives its stack, by its labels.
pub(super) fn is_ours(owner: &Owner, kind: Kind, live: &Observed) -> bool {
    is_owned(owner, live)
        || kind == Kind::PersistentVolumeClaim && live.stack.as_ref().is_some_and(|stack| *stack == owner.name)
}

/// Whether an object goes with the stack.
pub(super) fn is_owned(owner: &Owner, live: &Observed) -> bool {
    live.owners.iter().any(|of| of.uid == owner.uid)
}

/// Compares.
pub(super) fn standing(owner: &Owner, wanted: &Wanted, live: Option<&Observed>, record: Option<&Record>) -> Standing {
    let Some(live) = live else {
        return if is_done(wanted, record) { Standing::Same } else { Standing::Create };
    };
    if !is_ours(owner, wanted.kind, live) {
        return stranger(owner, wanted, live);
    }
    if live.deleting {
        return Standing::Wait { what: format!("{} {} is being deleted", wanted.kind, wanted.name), holds: true };
    }
    let applied = live.applied.as_ref() == Some(&wanted.applied);
    let untouched = record.is_some_and(|record| record.applied == wanted.applied && record.owned == live.owned);
    if applied && untouched {
        return Standing::Same;
    }
    match (wanted.kind, &live.facts) {
        (Kind::Job, Facts::Job(job)) => {
            let known = live.applied.as_ref().or_else(|| record.map(|record| &record.applied));
            let same_definition = known.is_some_and(|known| known.template == wanted.applied.template);
            // Where it runs or gave up, and could not be changed, the record is of what it was left at.
            if same_definition && (job.complete || untouched) {
                return Standing::Same;
            }
            if !same_definition {
                return Standing::Replace { seen: live.seen() };
            }
        }
        // Taking `clusterIP: None` out of an apply is accepted, and nothing happens; putting it in is refused.
        (Kind::Service, Facts::Service(service)) => {
            let was_headless = service.cluster_ip.as_deref() == Some("None");
            let is_external = text(&wanted.object, "/spec/type") == Some("ExternalName");
            if was_headless != is_headless(&wanted.object) && !is_external && service.cluster_ip.is_some() {
                return Standing::Replace { seen: live.seen() };
            }
        }
        (Kind::PersistentVolumeClaim, Facts::Claim(claim)) => {
            let size = text(&wanted.object, "/spec/resources/requests/storage");
            if let (Some(size), Some(requested)) = (size, claim.requested.as_deref())
                && let (Some(wants), Some(has)) = (bytes(size), bytes(requested))
            {
                if wants < has {
                    return Standing::Refuse(format!(
                        "asks for {size} and has {requested}: a claim cannot shrink; ask for {requested} or more, or move the data to another volume"
                    ));
                }
                if wants > has && claim.phase.as_deref() != Some("Bound") {
                    // It may be the workload's pod that it waits for.
                    let what = format!(
                        "PersistentVolumeClaim {} grows from {requested} to {size} once it is bound",
                        wanted.name
                    );
                    return Standing::Wait { what, holds: false };
                }
            }
        }
        _ => {}
    }
    // A Secret that was announced, and whose pass did not come to tell that it is there, was not touched by anybody.
    let was_told = record.is_some_and(|record| *record != Record::default());
    let action = if applied && was_told { Action::Repaired } else { Action::Configured };
    Standing::Update { seen: live.seen(), action }
}

/// Whether the change would start new pods: only that is held back by gates.
pub(super) fn changes_pods(
    standing: &Standing,
    wanted: &Wanted,
    live: Option<&Observed>,
    record: Option<&Record>,
) -> bool {
    match standing {
        // A Job that is gone starts again from its beginning; of what keeps pods running, the same ran before.
        Standing::Create => {
            wanted.kind == Kind::Job
                || record.is_none_or(|record| {
                    record.applied.template.is_none() || record.applied.template != wanted.applied.template
                })
        }
        Standing::Replace { .. } => true,
        Standing::Update { .. } => {
            // When somebody removed the annotation, the inventory still knows.
            let known = live.and_then(|live| live.applied.as_ref()).or_else(|| record.map(|record| &record.applied));
            known.is_none_or(|known| known.template != wanted.applied.template)
        }
        Standing::Same | Standing::Wait { .. } | Standing::Refuse(_) | Standing::Foreign(_) => false,
    }
}

/// Whether a Job has succeeded with this definition before: cleaned up or not, it does not run again.
pub(super) fn is_done(wanted: &Wanted, record: Option<&Record>) -> bool {
    wanted.kind == Kind::Job
        && record.is_some_and(|record| record.done && record.applied.template == wanted.applied.template)
}

fn stranger(owner: &Owner, wanted: &Wanted, live: &Observed) -> Standing {
    // A stack of the same name was deleted: the garbage collector is about to take what it left.
    if live.owners.iter().any(|of| of.kind == *"ComposeStack" && of.name == owner.name) {
        let what =
            format!("{} {} of a deleted stack of the same name is still to be collected", wanted.kind, wanted.name);
        return Standing::Wait { what, holds: true };
    }
    let whose = match live.owners.first() {
        Some(of) => format!("belongs to {} {}", of.kind, of.name),
        None if live.stack.as_ref().is_some_and(|stack| *stack == owner.name) => {
            format!(
                "has the labels of {MANAGED_BY} and no owner, as when a stack was deleted and its objects were kept"
            )
        }
        None => "was not made by this stack".to_owned(),
    };
    Standing::Foreign(format!("{whose}; delete or rename it, or give the stack's own another name"))
}

fn is_headless(service: &Value) -> bool {
    text(service, "/spec/clusterIP") == Some("None")
}

fn text<'a>(object: &'a Value, path: &str) -> Option<&'a str> {
    object.pointer(path)?.as_str()
}

#[cfg(test)]
mod tests;
