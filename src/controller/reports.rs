//! The watch of Trivy Operator's reports, which begins when their API is there and ends when it is gone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::StreamExt;
use kube::core::ApiResource;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, sleep_until};

use crate::apply::{LiveStore, ReportFeed, StackRef, VulnerabilityReport};
use crate::source::is_served;

/// How often a cluster without the API is asked for it.
const LOOK: Duration = Duration::from_secs(30);
/// How long changes are gathered: a scan of a stack brings a report for each of its containers, and one write of the
/// status is to tell of all.
const GATHER: Duration = Duration::from_secs(5);
/// How many reports one answer of a list brings: with all vulnerabilities in them, they are large.
const PAGE: u32 = 20;

/// Watches the reports of all namespaces, or of one, for ever. `changed` is told of the stacks that a change matters to,
/// and `failed` of each interruption.
pub(super) async fn watch(
    client: Client,
    live: Arc<LiveStore>,
    namespace: Option<String>,
    changed: impl Fn(StackRef),
    failed: impl Fn(&'static str),
) {
    // Only the reports of stacks' own workloads are kept, and those have to be known for that.
    live.synced().await;
    let resource = ApiResource::erase::<VulnerabilityReport>(&());
    loop {
        match is_served(&client, &resource).await {
            Ok(true) => follow(&client, &live, namespace.as_deref(), &changed, &failed).await,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "cannot ask for the API of vulnerability reports"),
        }
        sleep(LOOK).await;
    }
}

/// Follows the reports until their API is gone.
async fn follow(
    client: &Client,
    live: &LiveStore,
    namespace: Option<&str>,
    changed: &impl Fn(StackRef),
    failed: &impl Fn(&'static str),
) {
    let api: Api<VulnerabilityReport> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut events = watcher(api, watcher::Config::default().page_size(PAGE)).default_backoff().boxed();
    let mut feed = ReportFeed::new(live, namespace);
    let (mut gathered, mut due) = (BTreeSet::new(), Instant::now());
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_until(due), if !gathered.is_empty() => {
                std::mem::take(&mut gathered).into_iter().for_each(changed);
                continue;
            }
        };
        let stacks = match event {
            Some(Ok(event)) => feed.take(event),
            Some(Err(error)) if is_gone(&error) => break,
            Some(Err(error)) => {
                tracing::warn!(%error, "watch of vulnerability reports failed");
                failed("VulnerabilityReport");
                continue;
            }
            None => break,
        };
        if gathered.is_empty() {
            due = Instant::now() + GATHER;
        }
        gathered.extend(stacks);
    }
    gathered.into_iter().chain(feed.end()).collect::<BTreeSet<_>>().into_iter().for_each(changed);
}

fn is_gone(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}
