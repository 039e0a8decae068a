//! The watches that keep the [`LiveStore`] up to date.

use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt};
use kube::Client;
use kube::api::Api;
use kube::core::DynamicObject;
use kube::runtime::{WatchStreamExt, watcher};

use super::kind::Kind;
use super::live::{LiveStore, StackRef};

/// How many objects one answer of a list brings. An answer is in memory as a whole until its objects are reduced, so that
/// this bounds what a large cluster costs in passing.
const PAGE: u32 = 50;

/// Watches the children and pods of all stacks, in all namespaces or in one, and yields the stacks that a change
/// matters to. An object is reduced as it arrives; none is kept. `failed` is told of each interruption.
pub fn changes<F: Fn(Kind) + Clone + Send + 'static>(
    client: &Client,
    live: &Arc<LiveStore>,
    namespace: Option<&str>,
    failed: &F,
) -> impl Stream<Item = StackRef> + Send + use<F> {
    let kinds: Vec<_> = live.watched().map(|kind| one(client, live, kind, namespace, failed.clone()).boxed()).collect();
    stream::select_all(kinds)
}

fn one<F: Fn(Kind) + Send + 'static>(
    client: &Client,
    live: &Arc<LiveStore>,
    kind: Kind,
    namespace: Option<&str>,
    failed: F,
) -> impl Stream<Item = StackRef> + Send + use<F> {
    let resource = kind.resource();
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let mut feed = live.feed(kind, namespace);
    let all = watcher::Config::default().page_size(PAGE);
    let config = match kind.selector() {
        Some(selector) => all.labels(&selector),
        None => all,
    };
    watcher(api, config)
        .default_backoff()
        .filter_map(move |event| {
            let stacks = match event {
                Ok(event) => feed.take(event),
                Err(error) => {
                    // The watcher goes on by itself; what it missed comes with its next list.
                    tracing::warn!(%kind, %error, "watch failed");
                    failed(kind);
                    feed.broke();
                    Vec::new()
                }
            };
            std::future::ready((!stacks.is_empty()).then(|| stream::iter(stacks)))
        })
        .flatten()
}
