//! How long a process may act: by its own clock, and never longer than since it last asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kube::Client;

/// How long a process acts after the last renewal of its Lease that succeeded.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

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
    pub(super) fn none() -> Self {
        Self(Arc::new(Held { start: Instant::now(), until: AtomicU64::new(0) }))
    }

    /// Whether this process may act now.
    pub(super) fn is_held(&self) -> bool {
        self.left() > Duration::ZERO
    }

    /// For how long it still may.
    pub(super) fn left(&self) -> Duration {
        let until = Duration::from_micros(self.0.until.load(Ordering::SeqCst));
        until.saturating_sub(self.0.start.elapsed())
    }

    /// The Lease was taken or renewed by a request that was sent after this moment. So a slow answer shortens the term, and
    /// never lengthens it.
    pub(super) fn extend(&self, asked: Instant) {
        let until = asked.saturating_duration_since(self.0.start) + DEADLINE;
        self.0.until.store(u64::try_from(until.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Nothing may be done from now on.
    pub(super) fn end(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }
}

/// A client that sends nothing but reads once the term is over.
pub(super) fn fenced(client: Client, term: Term, namespace: &str) -> Client {
    let fenced = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (client, term) = (client.clone(), term.clone());
        async move {
            if !request.method().is_safe() && !term.is_held() {
                return Err(kube::Error::Service("this operator is not the one that acts any more".into()));
            }
            client.send(request).await
        }
    });
    Client::new(fenced, namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
