//! Events: what happened to a stack, for `kubectl describe`. Published on a change only, and never with a value.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource as _;
use kube::runtime::events::{Event, EventType};

use super::context::Context;
use crate::api::condition::READY;
use crate::api::v1alpha1::{ComposeStack, ComposeStackStatus};
use crate::apply::Change;

/// A note may hold a kilobyte (`events.k8s.io/v1 Event`).
const NOTE_BYTES: usize = 1000;

/// Publishes what was sent, if anything was.
pub(super) async fn applied(context: &Context, stack: &ComposeStack, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    publish(context, stack, EventType::Normal, "Applied", "Apply", &lines.join(", ")).await;
}

/// Publishes the turn of a stack, if it took one.
pub(super) async fn turned(context: &Context, stack: &ComposeStack, next: &ComposeStackStatus) {
    let ready = |status: &ComposeStackStatus| -> Option<Condition> {
        status.conditions.iter().find(|condition| condition.type_ == READY).cloned()
    };
    let before = stack.status.as_ref().and_then(ready);
    let Some(now) = ready(next) else { return };
    if before.is_some_and(|before| before.status == now.status && before.reason == now.reason) {
        return;
    }
    let kind = if now.status == "False" && now.reason != "Suspended" { EventType::Warning } else { EventType::Normal };
    publish(context, stack, kind, &now.reason, "Reconcile", &now.message).await;
}

async fn publish(context: &Context, stack: &ComposeStack, kind: EventType, reason: &str, action: &str, note: &str) {
    let event = Event {
        type_: kind,
        reason: reason.to_owned(),
        note: Some(bounded(note)),
        action: action.to_owned(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &stack.object_ref(&())).await {
        tracing::debug!(%error, "event not published");
    }
}

fn bounded(note: &str) -> String {
    if note.len() <= NOTE_BYTES {
        return note.to_owned();
    }
    format!("{}…", &note[..note.floor_char_boundary(NOTE_BYTES - '…'.len_utf8())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        let long = bounded(&"ü".repeat(800));
        assert!(long.len() <= NOTE_BYTES && long.ends_with('…'));
    }
}
