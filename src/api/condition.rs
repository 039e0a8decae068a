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
    /// An update failed, and the service runs as it did before.
    RolledBack,
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
    pub const ALL: [Self; 18] = [
        Self::Succeeded,
        Self::Progressing,
        Self::ProgressingWithRetry,
        Self::DependencyNotReady,
        Self::HealthCheckFailed,
        Self::RolledBack,
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
            Self::RolledBack => "RolledBack",
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdicts() -> impl Strategy<Value = Verdict> {
        prop::sample::select(vec![
            Verdict::Ready,
            Verdict::Working,
            Verdict::Degraded,
            Verdict::Retrying,
            Verdict::Stalled,
            Verdict::Suspended,
        ])
    }

    /// Flux's conformance checks (fluxcd/pkg runtime/conditions/check) and kstatus.
    fn check(before: &Conditions, after: &Conditions, generation: i64) {
        let holds = |kind| after.get(kind).is_some_and(|condition| condition.status == "True");
        let ready = after.get(READY).expect("Ready is always there");
        for condition in &after.conditions {
            assert!([READY, RECONCILING, STALLED].contains(&condition.type_.as_str()));
            assert_eq!(after.conditions.iter().filter(|other| other.type_ == condition.type_).count(), 1);
            assert!(condition.type_ == READY || condition.status == "True", "abnormal-true: {condition:?}");
            assert!(condition.observed_generation.is_some_and(|observed| observed <= generation));
            assert!(condition.message.len() <= 32 * 1024);
            if let Some(old) = before.get(&condition.type_).filter(|old| old.status == condition.status) {
                assert_eq!(old.last_transition_time, condition.last_transition_time);
            }
        }
        assert!(!(holds(RECONCILING) && holds(STALLED)));
        assert!(after.observed_generation.is_none_or(|observed| observed <= generation));
        assert!(after.observed_generation >= before.observed_generation);
        if ready.status == "True" {
            assert!(!holds(RECONCILING) && !holds(STALLED));
            assert_eq!(ready.observed_generation, after.observed_generation);
        }
        if ready.status == "Unknown" {
            assert!(holds(RECONCILING));
        }
        if holds(STALLED) {
            assert_eq!(ready.status, "False");
            assert_eq!(after.observed_generation, Some(generation));
        }
    }

    proptest! {
        #[test]
        fn no_history_breaks_kstatus(
            history in prop::collection::vec(
                (verdicts(), prop::sample::select(Reason::ALL.to_vec()), 0_i64..2, 0_i64..100, ".{0,20}"),
                1..40,
            ),
        ) {
            let (mut conditions, mut generation, mut second) = (Conditions::default(), 1, 0);
            for (verdict, reason, edits, seconds, message) in history {
                generation += edits;
                second += seconds;
                let now = Timestamp::from_second(second).unwrap();
                let next = conditions.next(generation, verdict, reason, &message, now);
                check(&conditions, &next, generation);
                let again = next.next(generation, verdict, reason, &message, Timestamp::from_second(second + 5).unwrap());
                prop_assert_eq!(&again, &next, "the same outcome is no change");
                conditions = next;
            }
        }

        #[test]
        fn messages_fit_and_keep_whole_lines(
            lines in prop::collection::vec((prop::sample::select(vec!["a", "ß", "☃"]), 1..3000_usize), 1..60),
        ) {
            let lines: Vec<String> = lines.into_iter().map(|(letter, times)| letter.repeat(times)).collect();
            let message = bounded(&lines.join("\n"));
            prop_assert!(message.len() <= 32 * 1024);
            let kept = message.lines().filter(|line| !line.starts_with('…')).count();
            prop_assert!(message.lines().take(kept).eq(lines.iter().take(kept)));
            if kept < lines.len() {
                let missing = format!("… and {} more lines", lines.len() - kept);
                prop_assert_eq!(message.lines().last(), Some(missing.as_str()));
            }
        }
    }

    #[test]
    fn a_suspended_stack_keeps_what_was_known_of_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ready = Conditions::default().next(1, Verdict::Ready, Reason::Succeeded, "3/3", at(1));
        let suspended = ready.next(2, Verdict::Suspended, Reason::Suspended, "suspended", at(2));
        assert_eq!(suspended.get(READY).unwrap().status, "True");
        assert_eq!(suspended.observed_generation, Some(1));
        let working = ready.next(2, Verdict::Working, Reason::Progressing, "2/3", at(2));
        let suspended = working.next(3, Verdict::Suspended, Reason::Suspended, "suspended", at(3));
        assert_eq!(suspended.get(READY).unwrap().status, "False");
    }

    #[test]
    fn reasons_are_words() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str(), format!("{reason:?}"));
        }
    }
}
