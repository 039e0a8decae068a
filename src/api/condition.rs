//! Conditions of a stack, by kstatus: `Ready` is always there; `Reconciling` and `Stalled` are there only while they
//! hold, and never both. Argo CD, Flux and `kubectl wait` read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

/// The type of the condition that says whether the stack runs as its document says.
pub const READY: &str = "Ready";
/// The type of the condition that says that the operator is at work.
pub const RECONCILING: &str = "Reconciling";
/// The type of the condition that says that a person has to act.
pub const STALLED: &str = "Stalled";

/// A message may hold 32 KiB (`meta/v1 Condition`).
const MESSAGE_BYTES: usize = 32 * 1024;

/// Why a condition has its status: the closed set that alerts and people may match against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Everything runs as the document says.
    Succeeded,
    /// Objects are being applied, or pods are starting.
    Progressing,
    /// The same, after something went wrong.
    ProgressingWithRetry,
    /// A service waits for another, by `depends_on`.
    DependencyNotReady,
    /// A workload gave up, or did not get ready in time.
    HealthCheckFailed,
    /// The API server could not be reached, or refused for the moment.
    ApplyFailed,
    /// An object that left the stack could not be deleted.
    PruneFailed,
    /// A ConfigMap or a Secret that the stack refers to is not there.
    InputNotFound,
    /// The Compose document has errors.
    InvalidCompose,
    /// The document asks for what cannot be honoured, and `spec.unsupported` is Fail.
    Unsupported,
    /// The operator's administrator does not allow what the document asks for.
    PolicyViolation,
    /// The stack sets a field of its spec that this version does not honour.
    FieldNotSupported,
    /// Somebody else holds the name of an object.
    NameConflict,
    /// The API server refuses an object.
    InvalidObject,
    /// An immutable field would have to change.
    ImmutableField,
    /// The stack's identity lacks a right.
    Forbidden,
    /// `spec.suspend` is set.
    Suspended,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::Succeeded,
        Self::Progressing,
        Self::ProgressingWithRetry,
        Self::DependencyNotReady,
        Self::HealthCheckFailed,
        Self::ApplyFailed,
        Self::PruneFailed,
        Self::InputNotFound,
        Self::InvalidCompose,
        Self::Unsupported,
        Self::PolicyViolation,
        Self::FieldNotSupported,
        Self::NameConflict,
        Self::InvalidObject,
        Self::ImmutableField,
        Self::Forbidden,
        Self::Suspended,
    ];

    /// The word in the condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::ProgressingWithRetry => "ProgressingWithRetry",
            Self::DependencyNotReady => "DependencyNotReady",
            Self::HealthCheckFailed => "HealthCheckFailed",
            Self::ApplyFailed => "ApplyFailed",
            Self::PruneFailed => "PruneFailed",
            Self::InputNotFound => "InputNotFound",
            Self::InvalidCompose => "InvalidCompose",
            Self::Unsupported => "Unsupported",
            Self::PolicyViolation => "PolicyViolation",
            Self::FieldNotSupported => "FieldNotSupported",
            Self::NameConflict => "NameConflict",
            Self::InvalidObject => "InvalidObject",
            Self::ImmutableField => "ImmutableField",
            Self::Forbidden => "Forbidden",
            Self::Suspended => "Suspended",
        }
    }
}

/// What a pass came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Everything runs as the document says.
    Ready,
    /// It is under way.
    Working,
    /// All was applied, and the result is bad; it may get better by itself.
    Degraded,
    /// Something went wrong that is tried again.
    Retrying,
    /// A person has to act.
    Stalled,
    /// Nothing is done, by request.
    Suspended,
}

/// The conditions of a stack with the generation that they speak of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
    /// `status.observedGeneration`.
    pub observed_generation: Option<i64>,
}

impl Conditions {
    /// The conditions after a pass over this generation.
    #[must_use]
    pub fn next(&self, generation: i64, verdict: Verdict, reason: Reason, message: &str, now: Timestamp) -> Self {
        let message = bounded(message);
        let message = message.as_str();
        let retry = Reason::ProgressingWithRetry;
        let set = |kind, status, reason| self.condition(kind, status, reason, message, generation, now);
        let (conditions, observed_generation) = match verdict {
            Verdict::Ready => (vec![set(READY, "True", reason)], Some(generation)),
            Verdict::Working => (
                vec![set(READY, "Unknown", reason), set(RECONCILING, "True", Reason::Progressing)],
                self.observed_generation,
            ),
            Verdict::Degraded => (vec![set(READY, "False", reason), set(RECONCILING, "True", retry)], Some(generation)),
            Verdict::Retrying => {
                (vec![set(READY, "False", reason), set(RECONCILING, "True", retry)], self.observed_generation)
            }
            Verdict::Stalled => (vec![set(READY, "False", reason), set(STALLED, "True", reason)], Some(generation)),
            Verdict::Suspended => return self.suspended(generation, message, now),
        };
        Self { conditions, observed_generation }
    }

    /// A suspended stack keeps what was known of it, about the generation that it was known of. What was under way
    /// is not any more, so it is not ready.
    fn suspended(&self, generation: i64, message: &str, now: Timestamp) -> Self {
        let was_ready = self.get(READY).is_some_and(|ready| ready.status == "True");
        let (status, about) = match self.observed_generation {
            Some(observed) if was_ready => ("True", observed),
            _ => ("False", generation),
        };
        let ready = self.condition(READY, status, Reason::Suspended, message, about, now);
        Self { conditions: vec![ready], observed_generation: self.observed_generation }
    }

    /// The condition of a type.
    pub fn get(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind)
    }

    fn condition(
        &self,
        kind: &str,
        status: &str,
        reason: Reason,
        message: &str,
        generation: i64,
        now: Timestamp,
    ) -> Condition {
        let since = self.get(kind).filter(|old| old.status == status).map(|old| old.last_transition_time.clone());
        Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            observed_generation: Some(generation),
            last_transition_time: since.unwrap_or(Time(now)),
        }
    }
}

/// Cuts a message at a line, so that no line is half told, and says how many are missing.
fn bounded(message: &str) -> String {
    const ROOM: usize = MESSAGE_BYTES - 64;
    if message.len() <= MESSAGE_BYTES {
        return message.to_owned();
    }
    let cut = message.floor_char_boundary(ROOM);
    let kept = message[..cut].rfind('\n').map_or(&message[..cut], |line| &message[..line]);
    let missing = message[kept.len()..].trim_start_matches('\n').lines().count();
    format!("{kept}\n… and {missing} more lines")
}
