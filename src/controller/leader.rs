//! Leader election: of several operators, one acts.
//!
//! A Lease (<https://kubernetes.io/docs/concepts/architecture/leases/>) is taken by compare-and-swap. Clocks of
//! different machines are never compared: a candidate takes over when the Lease has not changed for its whole duration
//! by the candidate's own clock, and the leader stops by its own clock well before that. What decides is the moment
//! before a renewal was sent, so that a slow answer shortens the leader's time and never lengthens it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, Config};

/// The name of the Lease, in the operator's own namespace.
pub const LEASE: &str = "compose-operator";
/// How long others leave a Lease alone that does not change.
const DURATION: Duration = Duration::from_secs(15);
/// How long a leader acts after the last renewal that succeeded.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often the Lease is renewed, or looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no election.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// There is no client for the Lease.
    #[error("cannot make a client for the Lease")]
    Client(#[source] Box<kube::Error>),
    /// The system has no source of randomness.
    #[error("cannot draw a random identity: {0}")]
    Random(#[from] getrandom::Error),
    /// The operator may not use the Lease.
    #[error("cannot use Lease {LEASE:?} in namespace {namespace:?}: allow get, create and update on it")]
    Forbidden {
        /// The operator's namespace.
        namespace: String,
        /// What the client says.
        #[source]
        source: Box<kube::Error>,
    },
}

/// How long this process may act. Asked before every write.
#[derive(Clone, Debug)]
pub(super) struct Term(Arc<Held>);

#[derive(Debug)]
struct Held {
    start: Instant,
    /// Microseconds after the start; zero when the Lease is not held.
    until: AtomicU64,
}

impl Term {
    /// Not held yet.
    fn none() -> Self {
        Self(Arc::new(Held { start: Instant::now(), until: AtomicU64::new(0) }))
    }

    /// Whether this process may act now.
    pub(super) fn is_held(&self) -> bool {
        self.left() > Duration::ZERO
    }

    fn left(&self) -> Duration {
        let until = Duration::from_micros(self.0.until.load(Ordering::SeqCst));
        until.saturating_sub(self.0.start.elapsed())
    }

    fn extend(&self, asked: Instant) {
        let until = asked.saturating_duration_since(self.0.start) + DEADLINE;
        self.0.until.store(u64::try_from(until.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    fn end(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }
}

/// A candidate, and then perhaps the leader.
pub(super) struct Candidate {
    leases: Api<Lease>,
    namespace: String,
    identity: String,
    term: Term,
}

/// The Lease as it was seen last, and since when it has been like that.
struct Seen {
    version: Option<String>,
    since: Instant,
}

impl Candidate {
    /// A candidate of this process, with a client of its own: the general one repeats requests for minutes, and would
    /// hold up a renewal for as long.
    ///
    /// # Errors
    /// When there is no client or no randomness.
    pub(super) fn new(config: &Config, namespace: &str) -> Result<Self, LeaderError> {
        let mut config = config.clone();
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| LeaderError::Client(error.into()))?;
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "operator".to_owned());
        Ok(Self {
            leases: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            // A restarted process is another holder: it knows nothing of what the former one had under way.
            identity: format!("{host}_{:016x}", u64::from_be_bytes(bytes)),
            term: Term::none(),
        })
    }

    /// What tells how long this process may act.
    pub(super) fn term(&self) -> Term {
        self.term.clone()
    }

    /// Waits until the Lease is held, and returns it.
    ///
    /// # Errors
    /// When the operator may not use it; everything else is tried again.
    pub(super) async fn acquire(&self) -> Result<Lease, LeaderError> {
        let mut seen = Seen { version: None, since: Instant::now() };
        tracing::info!(identity = self.identity, "waiting to be the leader");
        loop {
            let asked = Instant::now();
            match timed(self.attempt(&mut seen)).await {
                Ok(Some(lease)) => {
                    self.term.extend(asked);
                    tracing::info!("leading");
                    return Ok(lease);
                }
                Ok(None) => {}
                Err(kube::Error::Api(status)) if status.is_forbidden() => {
                    let source = Box::new(kube::Error::Api(status));
                    return Err(LeaderError::Forbidden { namespace: self.namespace.clone(), source });
                }
                Err(error) => tracing::warn!(%error, "cannot read or take the lease; trying again"),
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// One attempt to take the Lease; nothing when somebody else holds it.
    async fn attempt(&self, seen: &mut Seen) -> Result<Option<Lease>, kube::Error> {
        let taken = match self.leases.get_opt(LEASE).await? {
            None => self.leases.create(&PostParams::default(), &self.claim(None)).await,
            Some(lease) => {
                if seen.version != lease.metadata.resource_version {
                    *seen = Seen { version: lease.metadata.resource_version.clone(), since: Instant::now() };
                }
                if !is_free(&lease, seen.since.elapsed()) {
                    return Ok(None);
                }
                self.leases.replace(LEASE, &PostParams::default(), &self.claim(Some(lease))).await
            }
        };
        match taken {
            // Another candidate was faster.
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
            taken => taken.map(Some),
        }
    }

    /// The Lease as this candidate's, in place of one that was read, whose version makes it a compare-and-swap.
    fn claim(&self, read: Option<Lease>) -> Lease {
        let now = Some(MicroTime(Timestamp::now()));
        let transitions = read.as_ref().and_then(|lease| lease.spec.as_ref()?.lease_transitions);
        let metadata = read.map_or_else(
            || ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() },
            |lease| lease.metadata,
        );
        Lease {
            metadata,
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: now.clone(),
                renew_time: now,
                lease_transitions: Some(transitions.map_or(0, |count| count.saturating_add(1))),
                ..LeaseSpec::default()
            }),
        }
    }

    /// Renews the Lease until that has failed for too long, or somebody else has it; the term is over then.
    pub(super) async fn keep(&self, mut lease: Lease) {
        while self.term.is_held() {
            tokio::time::sleep(PERIOD.min(self.term.left())).await;
            if !self.term.is_held() {
                break;
            }
            if let Some(spec) = &mut lease.spec {
                spec.renew_time = Some(MicroTime(Timestamp::now()));
            }
            let asked = Instant::now();
            match timed(self.leases.replace(LEASE, &PostParams::default(), &lease)).await {
                Ok(renewed) => {
                    self.term.extend(asked);
                    lease = renewed;
                }
                Err(kube::Error::Api(status)) if status.is_conflict() => {
                    // An answer that got lost makes our own renewal look like somebody else's.
                    match timed(self.leases.get(LEASE)).await {
                        Ok(current) if self.is_ours(&current) => lease = current,
                        Ok(_) => break,
                        Err(error) => tracing::warn!(%error, "cannot read the lease; trying again"),
                    }
                }
                Err(kube::Error::Api(status)) if status.is_not_found() => break,
                Err(error) => tracing::warn!(%error, "cannot renew the lease; trying again"),
            }
        }
        self.term.end();
    }

    /// Gives the Lease up, so that the next leader need not wait. To be called when nothing is under way any more.
    pub(super) async fn release(&self) {
        self.term.end();
        let released = timed(async {
            let lease = self.leases.get(LEASE).await?;
            if !self.is_ours(&lease) {
                return Ok(());
            }
            let mut free = lease;
            if let Some(spec) = &mut free.spec {
                spec.holder_identity = None;
                spec.renew_time = Some(MicroTime(Timestamp::now()));
            }
            self.leases.replace(LEASE, &PostParams::default(), &free).await.map(drop)
        });
        match released.await {
            Ok(()) => tracing::info!("the lease is free"),
            Err(error) => tracing::warn!(%error, "cannot free the lease: the next leader waits for its end"),
        }
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(&self.identity)
    }
}

/// Whether a Lease may be taken that has not changed for this long.
fn is_free(lease: &Lease, unchanged: Duration) -> bool {
    let Some(spec) = &lease.spec else { return true };
    if spec.holder_identity.as_deref().unwrap_or_default().is_empty() {
        return true;
    }
    let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    unchanged >= duration.map_or(DURATION, Duration::from_secs)
}

/// A request that ends in time: no answer at all is an error as well.
async fn timed<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    tokio::time::timeout(TIMEOUT, request).await.unwrap_or_else(|late| Err(kube::Error::Service(late.into())))
}

/// A client that sends nothing but reads once the term is over.
pub(super) fn fenced(client: Client, term: Term, namespace: &str) -> Client {
    let fenced = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (client, term) = (client.clone(), term.clone());
        async move {
            if !request.method().is_safe() && !term.is_held() {
                return Err(kube::Error::Service("this operator is not the leader any more".into()));
            }
            client.send(request).await
        }
    });
    Client::new(fenced, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>, seconds: Option<i32>) -> Lease {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: seconds,
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn a_lease_is_free_without_a_holder_or_when_it_has_not_changed_for_its_duration() {
        assert!(is_free(&Lease::default(), Duration::ZERO));
        assert!(is_free(&lease(None, Some(15)), Duration::ZERO));
        assert!(is_free(&lease(Some(""), Some(15)), Duration::ZERO));
        assert!(!is_free(&lease(Some("a"), Some(30)), Duration::from_secs(29)));
        assert!(is_free(&lease(Some("a"), Some(30)), Duration::from_secs(30)));
        assert!(!is_free(&lease(Some("a"), None), DURATION / 2));
    }

    #[test]
    fn a_term_counts_from_the_moment_before_the_request() {
        let now = Instant::now();
        let start = now.checked_sub(DEADLINE * 2).unwrap();
        let term = Term(Arc::new(Held { start, until: AtomicU64::new(0) }));
        assert!(!term.is_held());
        term.extend(now);
        assert!(term.is_held() && term.left() <= DEADLINE);
        term.extend(now.checked_sub(DEADLINE).unwrap());
        assert!(!term.is_held(), "a renewal whose answer took too long is of no use");
        term.extend(now);
        term.end();
        assert!(!term.is_held());
        assert!(DEADLINE + TIMEOUT < DURATION, "the leader has to stop before another begins");
    }
}
