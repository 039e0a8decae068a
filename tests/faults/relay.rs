//! The events of watches on their way to the operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use futures::StreamExt;
use futures::channel::mpsc;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::watch;

use crate::proxy::{Plan, Trouble, stack_of};

/// How long news is held back.
pub const HELD: Duration = Duration::from_secs(4);

/// What can become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It and all after it come four seconds late.
    Held,
    /// It does not come.
    Unseen,
    /// The connection breaks before it.
    Cut,
    /// Instead of it, the API server says that it no longer knows what was since (410).
    Gone,
    /// It and all that is behind it in its watch come a second late.
    Slow,
}

/// Which event of which stack takes a turn, and how many there were.
#[derive(Default)]
pub struct News {
    pub turns: Mutex<BTreeMap<String, (usize, Turn)>>,
    counts: Mutex<BTreeMap<String, usize>>,
    held: Mutex<BTreeMap<String, Instant>>,
    /// What happened, with the version of the object that the event was about.
    fired: Mutex<Vec<(Turn, u64)>>,
    /// Whoever watches is to list anew.
    forgotten: watch::Sender<()>,
}

impl News {
    /// How many events of a stack there were.
    pub fn events(&self, stack: &str) -> usize {
        self.counts.lock().unwrap().get(stack).copied().unwrap_or_default()
    }

    pub fn fired(&self) -> Vec<(Turn, u64)> {
        self.fired.lock().unwrap().clone()
    }

    /// Ends all watches, as an API server does that no longer knows what was since.
    pub fn forget(&self) {
        self.forgotten.send_replace(());
    }

    /// Holds no news back any longer.
    pub fn release(&self) {
        self.held.lock().unwrap().clear();
    }

    fn is_held(&self, stack: &str) -> bool {
        self.held.lock().unwrap().get(stack).is_some_and(|until| Instant::now() < *until)
    }

    /// Counts an event, and says what is to become of it. A turn is taken once.
    fn next(&self, stack: &str, event: &str) -> Option<Turn> {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(stack.to_owned()).or_default();
        *count += 1;
        let mut turns = self.turns.lock().unwrap();
        let (_, turn) = *turns.get(stack).filter(|(at, _)| at == count)?;
        turns.remove(stack);
        let event: Value = serde_json::from_str(event).unwrap();
        let version = event["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        self.fired.lock().unwrap().push((turn, version));
        if turn == Turn::Held {
            self.held.lock().unwrap().insert(stack.to_owned(), Instant::now() + HELD);
        }
        Some(turn)
    }
}

/// Passes the events of a watch on, each when it is its turn.
pub fn relay(plan: Arc<Plan>, events: kube::client::Body) -> Body {
    let (to, from) = mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    tokio::spawn(pass_on(plan, events, to));
    Body::from_stream(from)
}

async fn pass_on(
    plan: Arc<Plan>,
    events: kube::client::Body,
    to: mpsc::UnboundedSender<Result<Bytes, std::io::Error>>,
) {
    let mut chunks = events.into_data_stream();
    let mut forgotten = plan.news.forgotten.subscribe();
    let mut trouble = plan.trouble.subscribe();
    let mut begun = Vec::new();
    let mut held: Vec<(String, Bytes)> = Vec::new();
    // The other side is gone when its operator is.
    let send = |line: Bytes| to.unbounded_send(Ok(line)).is_ok();
    while !to.is_closed() {
        tokio::select! {
            chunk = chunks.next() => {
                let Some(Ok(chunk)) = chunk else { break };
                begun.extend_from_slice(&chunk);
            }
            Ok(trouble) = trouble.wait_for(|it| matches!(it, Some(Trouble::Gone | Trouble::Forgetful))) => {
                let end = match *trouble {
                    Some(Trouble::Forgetful) => Ok(gone()),
                    _ => Err(std::io::Error::other("gone")),
                };
                let _ = to.unbounded_send(end);
                return;
            }
            _ = forgotten.changed() => {
                send(gone());
                return;
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        let (still, free) = held.into_iter().partition(|(stack, _)| plan.news.is_held(stack));
        held = still;
        for (_, line) in free {
            send(line);
        }
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = begun.drain(..=end).collect();
            let text = String::from_utf8(line).unwrap();
            let Some(stack) = stack_of(&text) else {
                // A bookmark would say that what is held back was seen.
                if held.is_empty() {
                    send(text.into());
                }
                continue;
            };
            match plan.news.next(&stack, &text) {
                Some(Turn::Unseen) => continue,
                Some(Turn::Cut) => {
                    let _ = to.unbounded_send(Err(std::io::Error::other("cut")));
                    return;
                }
                Some(Turn::Gone) => {
                    send(gone());
                    return;
                }
                Some(Turn::Slow) => tokio::time::sleep(Duration::from_secs(1)).await,
                Some(Turn::Held) | None => {}
            }
            if plan.news.is_held(&stack) {
                held.push((stack, text.into()));
            } else {
                send(text.into());
            }
        }
    }
    for (_, line) in held {
        send(line);
    }
}

fn gone() -> Bytes {
    let status = serde_json::json!({"type": "ERROR", "object": {
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": "injected", "reason": "Expired", "code": 410,
    }});
    format!("{status}\n").into()
}
