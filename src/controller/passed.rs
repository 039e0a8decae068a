//! What a pass over a stack came to.

use std::time::Duration;

use tracing::Span;

use super::guard::Unfinished;
use super::memory::Owed;
use super::spans;
use crate::api::v1alpha1::{ImageStatus, Warning};
use crate::apply::{Category, Outcome};
use crate::compose::{Diagnostic, Diagnostics, Level};
use crate::source::SourceError;
use crate::translate::Note;

/// What a pass came to.
pub(super) enum Ended {
    Suspended,
    FieldNotSupported(Vec<String>),
    InputNotFound(Vec<String>),
    Forbidden(String),
    Failed(Failed),
    InvalidCompose(Diagnostics),
    Unsupported(Vec<Note>),
    PolicyViolation(Vec<String>),
    Applied(Box<Outcome>),
}

/// Something that is tried again.
pub(super) struct Failed {
    /// What kind of trouble it is.
    pub(super) category: &'static str,
    pub(super) message: String,
}

impl From<Unfinished> for Passed {
    fn from(unfinished: Unfinished) -> Self {
        Ended::Failed(Failed { category: unfinished.kind(), message: unfinished.to_string() }).into()
    }
}

impl Ended {
    /// What a pass is counted as.
    pub(super) fn result(&self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::InputNotFound(_) => "input_not_found",
            Self::FieldNotSupported(_) | Self::InvalidCompose(_) | Self::Unsupported(_) => "invalid",
            Self::PolicyViolation(_) | Self::Forbidden(_) => "forbidden",
            Self::Failed(_) => "failed",
            Self::Applied(outcome) if !outcome.conflicts.is_empty() => "conflict",
            Self::Applied(outcome) if !outcome.errors.is_empty() => "failed",
            Self::Applied(outcome) if !outcome.failed.is_empty() || !outcome.rolled_back.is_empty() => "unhealthy",
            Self::Applied(outcome) if !outcome.waiting.is_empty() => "waiting",
            Self::Applied(_) => "applied",
        }
    }

    /// What kinds of trouble there were that the operator tries again or that the API server refused, once for each object.
    pub(super) fn categories(&self) -> Vec<&'static str> {
        match self {
            Self::Failed(failed) => vec![failed.category],
            Self::Forbidden(_) => vec![Category::Forbidden.as_str()],
            Self::Applied(outcome) => outcome.errors.iter().map(|error| error.category.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the pass could not do what the stack says.
    pub(super) fn is_failure(&self) -> bool {
        match self {
            Self::Suspended => false,
            Self::Applied(outcome) => !outcome.conflicts.is_empty() || !outcome.errors.is_empty(),
            _ => true,
        }
    }

    /// Whether something went wrong that is tried again by itself.
    fn is_retried(&self) -> bool {
        match self {
            Self::InputNotFound(_) | Self::Failed(_) => true,
            Self::Applied(outcome) => outcome.is_retried(),
            _ => false,
        }
    }

    /// The same, come to in this step.
    pub(super) fn at(self, step: &Span) -> Self {
        if self.is_failure() {
            spans::failed(step, self.result());
        }
        self
    }
}

/// What a pass came to, and what it learned on the way.
pub(super) struct Passed {
    pub(super) revision: Option<String>,
    pub(super) warnings: Option<Vec<Warning>>,
    pub(super) images: Option<Vec<ImageStatus>>,
    /// In how long the tag of an image is to be looked up again.
    pub(super) look_up: Option<Duration>,
    pub(super) ended: Ended,
}

impl Passed {
    /// What is still owed after the pass. Images are not read again for what went wrong later: registries count.
    pub(super) fn leaves(&self, owed: Owed) -> Owed {
        let retried = self.ended.is_retried();
        Owed { verification: owed.verification && retried, images: owed.images && retried && self.images.is_none() }
    }
}

impl From<Ended> for Passed {
    fn from(ended: Ended) -> Self {
        Self { revision: None, warnings: None, images: None, look_up: None, ended }
    }
}

/// Inputs that are missing are waited for; others say what is wrong with them.
pub(super) fn not_gathered(error: &SourceError) -> Ended {
    match error {
        SourceError::NotFound(missing) => Ended::InputNotFound(missing.iter().map(ToString::to_string).collect()),
        SourceError::Forbidden { .. } => Ended::Forbidden(error.to_string()),
        SourceError::Invalid { field, message } => Ended::InvalidCompose(Diagnostics(vec![Diagnostic {
            level: Level::Error,
            class: None,
            path: field.clone(),
            position: None,
            reason: "InvalidInput",
            message: message.clone(),
        }])),
        SourceError::Api { source, .. } => {
            Ended::Failed(Failed { category: Category::Api.as_str(), message: format!("{error}: {source}") })
        }
    }
}

/// What the status warns of.
pub(super) fn warnings(loaded: &[Diagnostic], translated: &[Note]) -> Vec<Warning> {
    let loaded = loaded.iter().map(|diagnostic| Warning {
        path: diagnostic.path.clone(),
        level: "Warning".to_owned(),
        reason: diagnostic.reason.to_owned(),
        message: diagnostic.message.clone(),
    });
    let translated = translated.iter().map(|note| Warning {
        path: note.path.clone(),
        level: note.level.as_str().to_owned(),
        reason: note.reason.to_owned(),
        message: note.message.clone(),
    });
    loaded.chain(translated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{ApplyError, Category, Class, Kind};

    #[test]
    fn what_a_failed_pass_did_not_do_is_still_owed() {
        let applied = |class: Option<Class>| {
            let error = |class| ApplyError {
                kind: Kind::Service,
                name: "web".to_owned(),
                class,
                category: Category::Api,
                message: "no".to_owned(),
            };
            Ended::Applied(Box::new(Outcome { errors: class.map(error).into_iter().collect(), ..Outcome::default() }))
        };
        let nothing = Owed::default();
        for (ended, left) in [
            (Passed::from(Unfinished::Panicked).ended, Owed::ALL),
            (Ended::InputNotFound(vec![]), Owed::ALL),
            (applied(Some(Class::Transient)), Owed::ALL),
            (applied(Some(Class::Conflict)), Owed::ALL),
            (applied(Some(Class::Terminal)), nothing),
            (applied(None), nothing),
            (Ended::Unsupported(vec![]), nothing),
        ] {
            let mut passed = Passed::from(ended);
            assert_eq!((passed.leaves(Owed::ALL), passed.leaves(nothing)), (left, nothing));
            passed.images = Some(Vec::new());
            assert_eq!(passed.leaves(Owed::ALL), Owed { images: false, ..left });
        }
    }

    #[test]
    fn a_workload_that_gave_up_or_went_back_is_not_counted_as_applied() {
        let applied = |outcome: Outcome| Ended::Applied(Box::new(outcome)).result();
        let text = || vec!["web: gave up".to_owned()];
        assert_eq!(applied(Outcome::default()), "applied");
        assert_eq!(applied(Outcome { failed: text(), waiting: text(), ..Outcome::default() }), "unhealthy");
        assert_eq!(applied(Outcome { rolled_back: text(), ..Outcome::default() }), "unhealthy");
        assert_eq!(applied(Outcome { waiting: text(), ..Outcome::default() }), "waiting");
    }

    #[test]
    fn every_error_of_a_pass_has_a_category() {
        let error = |category| ApplyError {
            kind: Kind::Service,
            name: "web".to_owned(),
            class: Class::Terminal,
            category,
            message: String::new(),
        };
        let outcome = Outcome { errors: vec![error(Category::Invalid), error(Category::Prune)], ..Outcome::default() };
        assert_eq!(Ended::Applied(Box::new(outcome)).categories(), ["invalid", "prune"]);
        assert_eq!(Passed::from(Unfinished::Panicked).ended.categories(), ["panic"]);
        assert!(Ended::Suspended.categories().is_empty());
    }
}
