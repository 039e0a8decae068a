//! The election: of several operators, one acts for each shard of the stacks.
//!
//! A shard's Lease is taken by compare-and-swap. A process takes over when the Lease has not changed for its whole duration by
//! its own clock, and a holder stops by its own clock well before that. Whoever holds two shards more than another gives
//! one up when it is asked to. Operators that divide the stacks into different numbers of shards never act side by side: each
//! looks at all Leases after it took one, so that of two at least one sees the other.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, Config};

use super::context::Context;
use super::leases::{self, LEASE, Seen, Step, View, claim, freed, renewed, wanted_by};
use super::shards::Shards;
use super::term::Term;
use crate::api::names::ANNOTATION_WANTED_BY;

/// How often Leases are renewed, or looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// How soon one who took or gives up a shard looks again.
const SOON: Duration = Duration::from_millis(250);
/// How long one step of requests may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no election.
#[derive(Debug, thiserror::Error)]
pub enum ElectionError {
    /// There is no client for the Leases.
    #[error("cannot make a client for the Lease")]
    Client(#[source] Box<kube::Error>),
    /// The system has no source of randomness.
    #[error("cannot draw a random identity: {0}")]
    Random(#[from] getrandom::Error),
    /// The operator may not use the Leases.
    #[error(
        "cannot use Lease {LEASE:?} in namespace {namespace:?}: allow get, list, create and update on Leases there"
    )]
    Forbidden {
        /// The operator's namespace.
        namespace: String,
        /// What the client says.
        #[source]
        source: Box<kube::Error>,
    },
    /// Another operator may act now.
    #[error("the lease was lost: another operator leads, or the API server could not be reached")]
    Lost,
}

/// The process as one that takes part.
pub(super) struct Election {
    leases: Api<Lease>,
    namespace: String,
    identity: String,
    /// A number of its own, so that not all begin with the same shard.
    start: u16,
}

/// The Leases that are held, as they were answered last, by their shards.
type Held = BTreeMap<u16, Lease>;

impl Election {
    /// This process, with a client of its own, whose requests wait for none of the others and are sent once: what is
    /// repeated for minutes would hold up a renewal for as long.
    ///
    /// # Errors
    /// When there is no client or no randomness.
    pub(super) fn new(config: &Config, namespace: &str) -> Result<Self, ElectionError> {
        let client = Client::try_from(config.clone()).map_err(|error| ElectionError::Client(error.into()))?;
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "operator".to_owned());
        Ok(Self {
            leases: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            // A restarted process is another holder: it knows nothing of what the former one had under way.
            identity: format!("{host}_{:016x}", u64::from_be_bytes(bytes)),
            start: u16::from(bytes[0]),
        })
    }

    /// Takes shards, keeps them, and gives them up to others, until one is lost: what the process knows of it may be old,
    /// and nothing tells what it had under way.
    ///
    /// # Errors
    /// Always, in the end.
    pub(super) async fn run(&self, context: &Context) -> Result<Infallible, ElectionError> {
        let shards = &context.shards;
        let (mut held, mut seen, mut told) = (Held::new(), Seen::default(), None);
        tracing::info!(identity = self.identity, "waiting to be the leader");
        loop {
            let began = Instant::now();
            self.renew(shards, &mut held).await?;
            self.hand_over(shards, &mut held).await;
            let mut wait = if held.len() == usize::from(shards.open()) { PERIOD } else { SOON };
            if held.len() < usize::from(shards.count()) && !shards.is_closing() {
                match timed(TIMEOUT, self.take(shards, &held, &mut seen, &mut told)).await {
                    Ok(Some((shard, lease, asked))) => {
                        held.insert(shard, lease);
                        if let Some(taken) = shards.get(shard) {
                            taken.term.extend(asked);
                            taken.set_open(true);
                        }
                        tracing::info!(shard, of = shards.count(), "leading");
                        context.stacks.wake(|stack| shards.number(stack) == shard);
                        wait = SOON;
                    }
                    Ok(None) => {}
                    Err(kube::Error::Api(status)) if status.is_forbidden() => {
                        let source = Box::new(kube::Error::Api(status));
                        return Err(ElectionError::Forbidden { namespace: self.namespace.clone(), source });
                    }
                    Err(error) => tracing::warn!(%error, "cannot read or take a lease; trying again"),
                }
            }
            context.metrics.leads(shards.open());
            let shortest = held.keys().filter_map(|shard| shards.get(*shard)).map(|shard| shard.term.left()).min();
            let wait = wait.saturating_sub(began.elapsed());
            tokio::time::sleep(shortest.map_or(wait, |left| wait.min(left))).await;
        }
    }

    /// Renews what is held.
    async fn renew(&self, shards: &Shards, held: &mut Held) -> Result<(), ElectionError> {
        let renewals = held.iter().filter_map(|(shard, lease)| {
            let term = &shards.get(*shard)?.term;
            Some(async move { (*shard, self.renew_one(term, lease).await) })
        });
        for (shard, lease) in join_all(renewals).await {
            held.insert(shard, lease.ok_or(ElectionError::Lost)?);
        }
        Ok(())
    }

    /// Renews a Lease, and returns it as it is now; nothing when the term is over.
    async fn renew_one(&self, term: &Term, lease: &Lease) -> Option<Lease> {
        if !term.is_held() {
            return None;
        }
        let name = lease.metadata.name.as_deref().unwrap_or(LEASE);
        let (asked, limit) = (Instant::now(), TIMEOUT.min(term.left()));
        let lost = match timed(limit, self.leases.replace(name, &PostParams::default(), &renewed(lease))).await {
            Ok(renewed) => {
                term.extend(asked);
                return Some(renewed);
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                // An answer that got lost makes our own renewal look like somebody else's, and others may ask for it.
                match timed(limit, self.leases.get(name)).await {
                    Ok(current) if self.is_ours(&current) => return Some(current),
                    Ok(_) => true,
                    Err(error) => {
                        tracing::warn!(%error, "cannot read the lease; trying again");
                        false
                    }
                }
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => true,
            Err(error) => {
                tracing::warn!(%error, "cannot renew the lease; trying again");
                false
            }
        };
        if lost {
            term.end();
            return None;
        }
        Some(lease.clone())
    }

    /// Gives up shards that others ask for, as soon as nothing is under way for them. The last one is kept.
    async fn hand_over(&self, shards: &Shards, held: &mut Held) {
        let mut given = Vec::new();
        for (number, lease) in held.iter_mut() {
            let Some(shard) = shards.get(*number) else { continue };
            if let Some(by) = wanted_by(lease) {
                if shard.is_open() && shards.open() > 1 {
                    tracing::info!(shard = number, to = by, "handing over");
                    shard.set_open(false);
                } else if shard.is_open() {
                    // Gone with the next renewal: whoever asks for it has seen more shards here than there are.
                    lease.metadata.annotations.iter_mut().for_each(|all| drop(all.remove(ANNOTATION_WANTED_BY)));
                }
            }
            if !shard.is_open() && shard.is_idle() {
                shard.term.end();
                given.push(*number);
            }
        }
        for number in given {
            if let Some(lease) = held.remove(&number) {
                self.free(&lease).await;
            }
        }
    }

    /// Takes a free shard, or asks for one.
    async fn take(
        &self,
        shards: &Shards,
        held: &Held,
        seen: &mut Seen,
        told: &mut Option<(String, u16)>,
    ) -> Result<Option<(u16, Lease, Instant)>, kube::Error> {
        let count = shards.count();
        let mut view = self.look(seen, count).await?;
        match view.step(count, &self.identity, self.start, |shard| held.contains_key(&shard)) {
            Step::Rest => Ok(None),
            Step::Wait(holder, shards) => {
                let other = Some((holder, shards));
                if *told != other {
                    tracing::info!(?other, count, "waiting for operators with another number of shards to end");
                    *told = other;
                }
                Ok(None)
            }
            Step::Ask(shard) => {
                let Some(mut lease) = view.standings.remove(&shard).map(|standing| standing.lease) else {
                    return Ok(None);
                };
                let annotations = lease.metadata.annotations.get_or_insert_default();
                annotations.insert(ANNOTATION_WANTED_BY.to_owned(), self.identity.clone());
                self.swap(&lease).await?;
                Ok(None)
            }
            Step::Take(shard) => {
                let asked = Instant::now();
                let read = view.standings.remove(&shard).map(|standing| standing.lease);
                let is_new = read.is_none();
                let claim = claim(shard, read, &self.identity, count);
                let taken = if is_new { self.create(&claim).await? } else { self.swap(&claim).await? };
                let Some(lease) = taken else { return Ok(None) };
                // Whoever divides the stacks in another way, and took a Lease meanwhile, is seen now, or sees this one.
                if self.look(seen, count).await?.divided(count).is_some() {
                    self.free(&lease).await;
                    return Ok(None);
                }
                Ok(Some((shard, lease, asked)))
            }
        }
    }

    async fn look(&self, seen: &mut Seen, count: u16) -> Result<View, kube::Error> {
        let list = self.leases.list(&ListParams::default()).await?;
        Ok(seen.look(list.items, count, Instant::now()))
    }

    /// Creates a Lease; nothing when somebody was faster.
    async fn create(&self, lease: &Lease) -> Result<Option<Lease>, kube::Error> {
        match self.leases.create(&PostParams::default(), lease).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
            created => created.map(Some),
        }
    }

    /// Changes a Lease; nothing when somebody was faster.
    async fn swap(&self, lease: &Lease) -> Result<Option<Lease>, kube::Error> {
        let name = lease.metadata.name.as_deref().unwrap_or(LEASE);
        match self.leases.replace(name, &PostParams::default(), lease).await {
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(None),
            swapped => swapped.map(Some),
        }
    }

    /// Gives a Lease up, so that its next holder need not wait.
    async fn free(&self, lease: &Lease) {
        match timed(TIMEOUT, self.swap(&freed(lease))).await {
            Ok(_) => tracing::info!(name = lease.metadata.name, "the lease is free"),
            Err(error) => tracing::warn!(%error, "cannot free the lease: its next holder waits for its end"),
        }
    }

    /// Gives all Leases up. To be called when nothing is under way any more.
    pub(super) async fn release(&self, shards: &Shards) {
        let held: Vec<u16> = shards.iter().filter(|(_, it)| it.term.is_held()).map(|(number, _)| number).collect();
        for number in &held {
            shards.iter().filter(|(shard, _)| shard == number).for_each(|(_, shard)| shard.term.end());
        }
        let releases = held.into_iter().map(|number| async move {
            match timed(TIMEOUT, self.leases.get(&leases::name(number))).await {
                Ok(lease) if self.is_ours(&lease) => self.free(&lease).await,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "cannot free the lease: its next holder waits for its end"),
            }
        });
        join_all(releases).await;
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        leases::holder(lease) == Some(&self.identity)
    }
}

/// Requests that end in time: no answer at all is an error as well.
async fn timed<T>(limit: Duration, requests: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    tokio::time::timeout(limit, requests).await.unwrap_or_else(|late| Err(kube::Error::Service(late.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::leases::DURATION;
    use crate::controller::term::DEADLINE;

    #[test]
    fn a_holder_stops_before_another_begins() {
        assert!(DEADLINE + TIMEOUT < DURATION);
    }
}
