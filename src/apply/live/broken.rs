//! Watches that broke lately.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::apply::kind::Kind;

/// A broken watch is tried again within a minute: whatever has not failed for as long, and some time for its answer, goes on.
const LATELY: Duration = Duration::from_secs(90);

/// The watches that broke, and have brought no list since.
#[derive(Debug, Default)]
pub(super) struct Broken(Mutex<Vec<Break>>);

#[derive(Debug)]
struct Break {
    kind: Kind,
    /// All when absent.
    namespace: Option<String>,
    at: Instant,
}

impl Broken {
    pub(super) fn add(&self, kind: Kind, namespace: Option<&str>) {
        self.mend(kind, namespace);
        self.lock().push(Break { kind, namespace: namespace.map(str::to_owned), at: Instant::now() });
    }

    pub(super) fn mend(&self, kind: Kind, namespace: Option<&str>) {
        self.lock().retain(|it| it.kind != kind || it.namespace.as_deref() != namespace);
    }

    /// Whether what is known of a kind in a namespace may be long past.
    pub(super) fn tells_of(&self, kind: Kind, namespace: &str) -> bool {
        self.lock().iter().any(|it| {
            it.kind == kind && it.namespace.as_deref().is_none_or(|only| only == namespace) && it.at.elapsed() < LATELY
        })
    }

    // A poisoned lock is taken over: entries are replaced whole.
    fn lock(&self) -> MutexGuard<'_, Vec<Break>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
