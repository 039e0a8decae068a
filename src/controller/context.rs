//! What every reconciliation shares.

use std::sync::Arc;

use kube::Client;
use tokio::sync::Semaphore;

use super::args::RunArgs;
use super::census::Census;
use super::events::Published;
use super::memory::Memory;
use super::metrics::Metrics;
use super::retry::Retries;
use super::shards::Shards;
use super::stacks::Stacks;
use crate::apply::LiveStore;
use crate::policy::Policy;
use crate::source::{Namespaces, References, Registry};

/// What every reconciliation shares.
pub(super) struct Context {
    /// For what is read. What is written is written by the client of the stack's shard.
    pub(super) client: Client,
    pub(super) shards: Shards,
    /// Whoever reconciles takes one. Each watched namespace has a queue of its own, so that theirs do not bound them all.
    pub(super) places: Semaphore,
    pub(super) live: Arc<LiveStore>,
    pub(super) stacks: Stacks,
    /// Which inputs stacks read.
    pub(super) references: Arc<References>,
    pub(super) hash_key: Vec<u8>,
    pub(super) policy: Policy,
    pub(super) registry: Registry,
    pub(super) namespaces: Namespaces,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: Published,
    pub(super) retries: Retries,
    pub(super) memory: Memory,
    pub(super) args: RunArgs,
}

impl Context {
    /// The stacks that this process acts for.
    pub(super) fn census(&self) -> Census {
        let mut census = Census::default();
        self.stacks.each(|root| {
            if self.shards.of(root).is_open() {
                census.add(root);
            }
        });
        census
    }

    #[allow(clippy::too_many_arguments, reason = "each is something else that is shared")]
    pub(super) fn new(
        client: Client,
        shards: Shards,
        live: Arc<LiveStore>,
        references: Arc<References>,
        hash_key: Vec<u8>,
        metrics: Arc<Metrics>,
        args: RunArgs,
        stacks: Stacks,
    ) -> Self {
        Self {
            events: Published::default(),
            policy: Policy { operator_image: args.operator_image.clone(), ..args.policy.clone() },
            registry: Registry::default(),
            namespaces: Namespaces::new(args.watch_namespaces.is_empty()),
            retries: Retries::default(),
            memory: Memory::default(),
            places: Semaphore::new(args.concurrency.into()),
            client,
            shards,
            live,
            stacks,
            references,
            hash_key,
            metrics,
            args,
        }
    }
}
