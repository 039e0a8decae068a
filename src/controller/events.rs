//! Events: what happened to a stack, for `kubectl describe`. Published on a change only, and never with a value.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;

use super::context::Context;
use crate::api::condition::READY;
use crate::api::names::FIELD_MANAGER;
use crate::api::v1alpha1::{ComposeStack, ComposeStackStatus};
use crate::apply::Change;

/// A note may hold a kilobyte (`events.k8s.io/v1 Event`).
const NOTE_BYTES: usize = 1000;
/// How long an event that is said again is the same event.
const LATELY: Duration = Duration::from_mins(6);
/// How many events are remembered at most.
const REMEMBERED: usize = 1000;
/// How long publishing one may take: the status is what counts, and it comes after.
const TIME: Duration = Duration::from_secs(5);
const NORMAL: &str = "Normal";
const WARNING: &str = "Warning";

/// Publishes what was sent, if anything was.
pub(super) async fn applied(client: &Client, context: &Context, stack: &ComposeStack, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    publish(client, &context.events, stack, NORMAL, "Applied", "Apply", &lines.join(", ")).await;
}

/// Publishes the turn of a stack, if it took one.
pub(super) async fn turned(client: &Client, context: &Context, stack: &ComposeStack, next: &ComposeStackStatus) {
    let ready = |status: &ComposeStackStatus| -> Option<Condition> {
        status.conditions.iter().find(|condition| condition.type_ == READY).cloned()
    };
    let before = stack.status.as_ref().and_then(ready);
    let Some(now) = ready(next) else { return };
    // What is under way is told by what was applied; which step it has come to is in the status.
    if before
        .is_some_and(|before| before.status == now.status && (now.status == "Unknown" || before.reason == now.reason))
    {
        return;
    }
    let kind = if now.status == "False" && now.reason != "Suspended" { WARNING } else { NORMAL };
    publish(client, &context.events, stack, kind, &now.reason, "Reconcile", &now.message).await;
}

/// The events that were published lately, by what they say: those that are said again are counted. The library's own
/// recorder keeps all events of six minutes and walks them each time, and takes events with other notes for the same.
#[derive(Debug, Default)]
pub(super) struct Published(Mutex<HashMap<u64, Said>>);

#[derive(Debug)]
struct Said {
    name: String,
    count: i32,
    at: Instant,
}

impl Published {
    /// The name of the event that says this already, with how often it was said by now.
    fn again(&self, what: u64) -> Option<(String, i32)> {
        let mut published = self.lock();
        let said = published.get_mut(&what).filter(|said| said.at.elapsed() < LATELY)?;
        said.count += 1;
        said.at = Instant::now();
        Some((said.name.clone(), said.count))
    }

    /// The event is not there any more, so it cannot be said again.
    fn forget(&self, what: u64) {
        self.lock().remove(&what);
    }

    fn said(&self, what: u64, name: String) {
        let mut published = self.lock();
        if published.len() >= REMEMBERED {
            published.retain(|_, said| said.at.elapsed() < LATELY);
        }
        // In a storm of events, none is a repetition that anybody would miss.
        if published.len() >= REMEMBERED {
            published.clear();
        }
        published.insert(what, Said { name, count: 1, at: Instant::now() });
    }

    // A poisoned lock is taken over: entries are replaced whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Said>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn publish(
    client: &Client,
    published: &Published,
    stack: &ComposeStack,
    kind: &str,
    reason: &str,
    action: &str,
    note: &str,
) {
    let mut hasher = DefaultHasher::new();
    (stack.uid(), kind, reason, action, note).hash(&mut hasher);
    let what = hasher.finish();
    let api: Api<Event> = Api::namespaced(client.clone(), &stack.namespace().unwrap_or_default());
    let now = MicroTime(Timestamp::now());
    let result = if let Some((name, count)) = published.again(what) {
        let series = EventSeries { count, last_observed_time: now };
        let (parameters, patch) = (PatchParams::default(), Patch::Merge(json!({"series": series})));
        let result = timed(api.patch(&name, &parameters, &patch)).await;
        if matches!(&result, Err(kube::Error::Api(status)) if status.is_not_found()) {
            published.forget(what);
        }
        result
    } else {
        let name = format!("{}.{:x}", stack.name_any(), now.0.as_nanosecond());
        let event = Event {
            metadata: ObjectMeta { name: Some(name.clone()), namespace: stack.namespace(), ..ObjectMeta::default() },
            type_: Some(kind.to_owned()),
            reason: Some(reason.to_owned()),
            action: Some(action.to_owned()),
            note: Some(bounded(note)),
            regarding: Some(stack.object_ref(&())),
            event_time: Some(now),
            reporting_controller: Some(FIELD_MANAGER.to_owned()),
            reporting_instance: Some(std::env::var("HOSTNAME").unwrap_or_else(|_| FIELD_MANAGER.to_owned())),
            ..Event::default()
        };
        let result = timed(api.create(&PostParams::default(), &event)).await;
        if result.is_ok() {
            published.said(what, name);
        }
        result
    };
    if let Err(error) = result {
        tracing::debug!(%error, "event not published");
    }
}

/// A request that ends in time: no answer at all is an error as well.
async fn timed<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    tokio::time::timeout(TIME, request).await.unwrap_or_else(|late| Err(kube::Error::Service(late.into())))
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
    fn what_is_said_again_is_counted_and_a_storm_is_forgotten() {
        let published = Published::default();
        assert_eq!(published.again(1), None);
        published.said(1, "one".to_owned());
        assert_eq!(published.again(1), Some(("one".to_owned(), 2)));
        assert_eq!(published.again(1), Some(("one".to_owned(), 3)));
        for what in 2..=REMEMBERED as u64 {
            published.said(what, String::new());
        }
        assert_eq!(published.lock().len(), REMEMBERED);
        published.said(0, "next".to_owned());
        assert_eq!(published.lock().len(), 1);
        assert_eq!(published.again(1), None);
    }

    #[tokio::test]
    async fn an_event_that_was_not_created_is_created_the_next_time() {
        use std::sync::{Arc, Mutex};

        use http::{Request, Response};
        use kube::client::Body;

        // Refused, created, said again, gone, created again.
        let answers = [500, 201, 200, 404, 201];
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = {
            let asked = Arc::clone(&asked);
            tower::service_fn(move |request: Request<Body>| {
                let mut asked = asked.lock().unwrap();
                let code = answers[asked.len()];
                asked.push(request.method().to_string());
                let body = if code < 300 {
                    json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}})
                } else {
                    json!({"kind": "Status", "status": "Failure", "code": code, "reason": if code == 404 { "NotFound" } else { "" }})
                };
                let body = Body::from(serde_json::to_vec(&body).unwrap());
                std::future::ready(Response::builder().status(code).body(body))
            })
        };
        let (client, published) = (Client::new(server, "default"), Published::default());
        let stack = ComposeStack::new("app", crate::api::ComposeStackSpec::default());
        for _ in answers {
            publish(&client, &published, &stack, WARNING, "InvalidCompose", "Reconcile", "it has an error").await;
        }
        assert_eq!(*asked.lock().unwrap(), ["POST", "POST", "PATCH", "PATCH", "POST"]);
    }

    #[test]
    fn long_notes_are_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        let long = bounded(&"ü".repeat(800));
        assert!(long.len() <= NOTE_BYTES && long.ends_with('…'));
    }
}
