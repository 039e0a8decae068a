//! What the trace of a reconciliation consists of.
//!
//! Names and numbers of a stack may be in it, and what its status says; nothing of its documents, files and variables.

use kube::ResourceExt;
use tracing::Span;
use tracing::field::Empty;

use super::reconcile::ReconcileError;
use crate::api::ComposeStackStatus;
use crate::api::condition::{READY, STALLED};
use crate::api::names::TRACE_TARGET;

/// A step of a reconciliation, by its name. It ends where its span is dropped.
macro_rules! step {
    ($name:literal) => {
        tracing::info_span!(
            target: $crate::api::names::TRACE_TARGET,
            $name,
            otel.status_code = tracing::field::Empty,
            error.r#type = tracing::field::Empty,
        )
    };
}
pub(super) use step;

/// One reconciliation of a stack: the root of a trace.
pub(super) fn reconciliation(stack: &impl ResourceExt) -> Span {
    tracing::info_span!(
        target: TRACE_TARGET,
        "reconcile",
        k8s.namespace.name = stack.namespace(),
        compose_operator.stack.name = stack.name_any(),
        compose_operator.stack.uid = stack.uid(),
        compose_operator.stack.generation = stack.meta().generation,
        compose_operator.stack.revision = Empty,
        compose_operator.result = Empty,
        otel.status_code = Empty,
        otel.status_description = Empty,
        error.r#type = Empty,
    )
}

/// What a reconciliation came to. One that left the stack short of what it says is an error, with the reason and the
/// message of its status.
pub(super) fn ended(
    span: &Span,
    result: &'static str,
    is_failure: bool,
    revision: Option<&str>,
    next: &ComposeStackStatus,
) {
    span.record("compose_operator.result", result);
    span.record("compose_operator.stack.revision", revision);
    let condition = |kind: &str| next.conditions.iter().find(|condition| condition.type_ == kind);
    let is_stalled = condition(STALLED).is_some_and(|stalled| stalled.status == "True");
    if let Some(ready) = condition(READY).filter(|_| is_failure || is_stalled) {
        span.record("otel.status_description", &ready.message);
        span.record("error.type", &ready.reason);
    }
}

/// A step that could not be done, and the kind of what is wrong.
pub(super) fn failed(span: &Span, kind: &'static str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", kind);
}

/// A reconciliation that could not tell its result.
pub(super) fn untold(span: &Span, error: &ReconcileError) {
    failed(span, error.kind());
    span.record("otel.status_description", tracing::field::display(error));
}
