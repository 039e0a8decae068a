//! The status after a pass: pure.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::api::v1alpha1::{ComposeStackStatus, Warning};
use crate::apply::Outcome;
use crate::compose::Diagnostics;
use crate::translate::Note;

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

/// The status after a pass.
pub fn next(old: Option<&ComposeStackStatus>, pass: &Pass<'_>, now: Timestamp) -> ComposeStackStatus {
    let _ = (pass, now);
    old.cloned().unwrap_or_default()
}
