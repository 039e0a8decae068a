//! The status after a pass: pure.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::condition::{Conditions, READY, Reason, Verdict};
use crate::api::v1alpha1::{ComposeStackStatus, ImageStatus, ServiceStatus, Warning};
use crate::apply::{ApplyError, Category, Class, Outcome};
use crate::compose::Diagnostics;
use crate::translate::{Note, NoteLevel};

/// How many warnings the status holds; the count tells of the rest.
const WARNINGS: usize = 100;

/// What is to be known of a claim that left the document.
const KEPT: &str = "it keeps its data, so delete it when nobody needs them";
/// The same where it belongs to the stack still.
const OWNED: &str = "it keeps its data until the stack is deleted, and is deleted with it; set spec.volumes.reclaim to Retain to keep it";

/// The pass that is reported.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// The stack's generation.
    pub generation: i64,
    /// The value of the annotation that asked for the pass, if one did.
    pub requested_at: Option<&'a str>,
    /// The keyed hash of all inputs, when they could be read.
    pub revision: Option<&'a str>,
    /// How long a rollout may take before the stack is called unhealthy.
    pub progress_deadline: Duration,
    /// What is not honoured to the letter; none when the pass did not get that far, and the old warnings stay.
    pub warnings: Option<&'a [Warning]>,
    /// What is known of images; none when the pass did not get that far, and the old ones stay.
    pub images: Option<&'a [ImageStatus]>,
    /// What the pass came to.
    pub finding: Finding<'a>,
}

/// What a pass came to.
#[derive(Clone, Copy, Debug)]
pub enum Finding<'a> {
    /// The document has errors.
    InvalidCompose(&'a Diagnostics),
    /// The plan has notes that `spec.unsupported: Fail` does not let pass, or errors.
    Unsupported(&'a [Note]),
    /// The administrator's policy forbids something; each line with its path.
    PolicyViolation(&'a [String]),
    /// The spec sets fields that are not honoured; each line with its path.
    FieldNotSupported(&'a [String]),
    /// ConfigMaps, Secrets or keys that the stack refers to are not there.
    InputNotFound(&'a [String]),
    /// Inputs may not be read; the message names verb and resource.
    Forbidden(&'a str),
    /// Something went wrong before anything was applied, and it is tried again.
    Failed(&'a str),
    /// `spec.suspend` is set.
    Suspended,
    /// The plan was applied, as far as it went.
    Applied(&'a Outcome),
}

/// The status after a pass. What a pass did not find out stays as it was: a stack whose new document has errors still
/// runs the old one.
pub fn next(old: Option<&ComposeStackStatus>, pass: &Pass<'_>, now: Timestamp) -> ComposeStackStatus {
    let mut status = old.cloned().unwrap_or_default();
    if let Finding::Applied(Outcome { terminating: true, .. }) = pass.finding {
        return status;
    }
    // The API server keeps whole seconds; with more, the status would never equal what was read back.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let since = under_way(&status).filter(|_| is_about(&status, pass.generation));
    let conditions = Conditions {
        conditions: std::mem::take(&mut status.conditions),
        observed_generation: status.observed_generation,
    };
    if let Some(warnings) = pass.warnings {
        let left: Vec<Warning> = match pass.finding {
            Finding::Applied(outcome) => {
                let kept = outcome.left_claims.iter().map(|claim| left(claim, KEPT));
                kept.chain(outcome.owned_claims.iter().map(|claim| left(claim, OWNED))).collect()
            }
            _ => Vec::new(),
        };
        status.warnings = warnings.iter().chain(&left).take(WARNINGS).cloned().collect();
        let count = warnings.len() + left.len();
        status.warning_count = i64::try_from(count).ok().filter(|count| *count > 0);
    }
    if let Some(images) = pass.images {
        images.clone_into(&mut status.images);
    }
    if let Finding::Applied(outcome) = pass.finding {
        outcome.services.clone_into(&mut status.services);
        outcome.volumes.clone_into(&mut status.volumes);
        outcome.inventory.clone_into(&mut status.inventory);
        status.summary = Some(summary(&outcome.services));
        status.revision = pass.revision.map(str::to_owned).or(status.revision);
    }
    // A request counts as handled by whatever the pass came to, or a stack with an error would never be done with it.
    // A suspended stack does not act upon it.
    if !matches!(pass.finding, Finding::Suspended) {
        status.last_handled_reconcile_at = pass.requested_at.map(str::to_owned).or(status.last_handled_reconcile_at);
    }
    let (verdict, reason, message) = judge(pass, &conditions, since, now);
    status.progressing_since = (verdict == Verdict::Working).then(|| Time(since.unwrap_or(now)));
    let conditions = conditions.next(pass.generation, verdict, reason, &message, now);
    status.conditions = conditions.conditions;
    status.observed_generation = conditions.observed_generation;
    status
}

/// The document no longer has the volume, so there is no path of an attribute to name.
fn left(claim: &str, what: &str) -> Warning {
    Warning {
        path: "volumes".to_owned(),
        level: "Warning".to_owned(),
        reason: "VolumeLeft".to_owned(),
        message: format!("PersistentVolumeClaim {claim} is of a volume that is no longer in the document; {what}"),
    }
}

fn judge(pass: &Pass<'_>, old: &Conditions, since: Option<Timestamp>, now: Timestamp) -> (Verdict, Reason, String) {
    match pass.finding {
        Finding::InvalidCompose(diagnostics) => (Verdict::Stalled, Reason::InvalidCompose, diagnostics.to_string()),
        Finding::Unsupported(notes) => {
            // What fails whatever `spec.unsupported` says is not to be cured by it.
            let fatal = notes.iter().any(|note| note.level == NoteLevel::Error);
            let reason = if fatal { Reason::InvalidCompose } else { Reason::Unsupported };
            let lines = notes.iter().map(|note| format!("{}: {}", note.path, note.message));
            (Verdict::Stalled, reason, lines.collect::<Vec<_>>().join("\n"))
        }
        Finding::PolicyViolation(lines) => (Verdict::Stalled, Reason::PolicyViolation, lines.join("\n")),
        Finding::FieldNotSupported(lines) => (Verdict::Stalled, Reason::FieldNotSupported, lines.join("\n")),
        Finding::InputNotFound(lines) => (Verdict::Retrying, Reason::InputNotFound, lines.join("\n")),
        Finding::Forbidden(message) => (Verdict::Stalled, Reason::Forbidden, message.to_owned()),
        Finding::Failed(message) => (Verdict::Retrying, Reason::ApplyFailed, message.to_owned()),
        Finding::Suspended => (
            Verdict::Suspended,
            Reason::Suspended,
            "suspended: nothing is applied until spec.suspend is false".to_owned(),
        ),
        Finding::Applied(outcome) => applied(outcome, pass, old, since, now),
    }
}

fn applied(
    outcome: &Outcome,
    pass: &Pass<'_>,
    old: &Conditions,
    since: Option<Timestamp>,
    now: Timestamp,
) -> (Verdict, Reason, String) {
    if !outcome.conflicts.is_empty() {
        return (Verdict::Stalled, Reason::NameConflict, lines(&outcome.conflicts));
    }
    // Somebody else wrote at the same moment: the next pass sees what they wrote.
    if !outcome.errors.is_empty() && outcome.errors.iter().all(|error| error.class == Class::Conflict) {
        return (Verdict::Working, Reason::Progressing, lines(&outcome.errors));
    }
    if let Some((verdict, reason)) = outcome.errors.iter().map(trouble).max() {
        return (verdict.0, reason, lines(&outcome.errors));
    }
    // It stays so until the file changes.
    if !outcome.rolled_back.is_empty() {
        let all = [outcome.rolled_back.as_slice(), &outcome.failed].concat();
        return (Verdict::Stalled, Reason::RolledBack, all.join("\n"));
    }
    if !outcome.failed.is_empty() {
        return (Verdict::Degraded, Reason::HealthCheckFailed, outcome.failed.join("\n"));
    }
    let under_way =
        outcome.services.iter().filter(|service| matches!(service.state.as_str(), "Pending" | "Progressing"));
    let under_way = under_way.map(|service| match &service.message {
        Some(message) => format!("{}: {message}", service.name),
        None => format!("{}: {}/{} ready", service.name, service.ready, service.desired),
    });
    let missing: Vec<String> = outcome.waiting.iter().cloned().chain(under_way).collect();
    if missing.is_empty() {
        let summary = summary(&outcome.services);
        return (Verdict::Ready, Reason::Succeeded, format!("{summary} services ready"));
    }
    if is_late(pass, old, since, now) {
        let message = format!("not ready within {}:\n{}", seconds(pass.progress_deadline), missing.join("\n"));
        return (Verdict::Degraded, Reason::HealthCheckFailed, message);
    }
    let waits = outcome.services.iter().any(|service| !service.waiting_for.is_empty());
    let reason = if waits { Reason::DependencyNotReady } else { Reason::Progressing };
    (Verdict::Working, reason, missing.join("\n"))
}

/// How bad an error is, worst last: what only a person can mend is told before what mends itself.
fn trouble(error: &ApplyError) -> (Rank, Reason) {
    let reason = match error.category {
        Category::Forbidden => Reason::Forbidden,
        Category::Invalid => Reason::InvalidObject,
        Category::Immutable => Reason::ImmutableField,
        Category::Prune => Reason::PruneFailed,
        Category::Api => Reason::ApplyFailed,
    };
    let verdict = match error.class {
        Class::Transient | Class::Conflict => Verdict::Retrying,
        Class::Terminal => Verdict::Stalled,
    };
    (Rank(verdict), reason)
}

#[derive(PartialEq, Eq)]
struct Rank(Verdict);

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0 == Verdict::Stalled).cmp(&(other.0 == Verdict::Stalled))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether this generation has been under way for longer than the deadline, or was found so before.
fn is_late(pass: &Pass<'_>, old: &Conditions, since: Option<Timestamp>, now: Timestamp) -> bool {
    let known = old.get(READY).is_some_and(|ready| {
        let same = ready.observed_generation == Some(pass.generation);
        same && ready.status == "False" && ready.reason == Reason::HealthCheckFailed.as_str()
    });
    known || since.is_some_and(|since| passed(since, now).is_some_and(|passed| passed >= pass.progress_deadline))
}

/// In how long a stack that is under way is to be called unhealthy: nothing happens that would bring it back.
pub fn until_late(status: &ComposeStackStatus, deadline: Duration, now: Timestamp) -> Option<Duration> {
    Some(deadline.saturating_sub(passed(under_way(status)?, now).unwrap_or_default()))
}

/// Since when the stack has been under way, if it is. A status of an earlier version tells no more than since when `Ready`
/// has been Unknown, which an edit does not change.
fn under_way(status: &ComposeStackStatus) -> Option<Timestamp> {
    let ready = status.conditions.iter().find(|it| it.type_ == READY && it.status == "Unknown")?;
    Some(status.progressing_since.as_ref().unwrap_or(&ready.last_transition_time).0)
}

/// Whether `Ready` speaks of this generation.
fn is_about(status: &ComposeStackStatus, generation: i64) -> bool {
    status.conditions.iter().any(|it| it.type_ == READY && it.observed_generation == Some(generation))
}

fn passed(since: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(since)).ok()
}

fn summary(services: &[ServiceStatus]) -> String {
    let ready = services.iter().filter(|service| matches!(service.state.as_str(), "Ready" | "Completed")).count();
    format!("{ready}/{}", services.len())
}

fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds > 0 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
