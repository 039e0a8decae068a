//! Claims that stacks use and do not own.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The claims of external volumes, by namespace, each with the stack that uses it: of all claims without our labels, only
/// these are kept.
#[derive(Debug, Default)]
pub(super) struct Externals(Mutex<HashMap<String, BTreeSet<(String, String)>>>);

impl Externals {
    /// Notes which claims a stack uses from now on. To be said before they are read: a change between the two then brings
    /// the stack back.
    pub(super) fn set(&self, namespace: &str, stack: &str, claims: &BTreeSet<&str>) {
        let mut all = self.lock();
        if claims.is_empty() && !all.contains_key(namespace) {
            return;
        }
        let known = all.entry(namespace.to_owned()).or_default();
        known.retain(|(claim, of)| of != stack || claims.contains(claim.as_str()));
        known.extend(claims.iter().map(|claim| ((*claim).to_owned(), stack.to_owned())));
        if known.is_empty() {
            all.remove(namespace);
        }
    }

    /// The stacks that use a claim.
    pub(super) fn users(&self, namespace: &str, claim: &str) -> Vec<String> {
        let all = self.lock();
        let known = all.get(namespace).into_iter().flatten();
        known.filter(|(of, _)| of == claim).map(|(_, stack)| stack.clone()).collect()
    }

    // A poisoned lock is taken over: entries are inserted and removed whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, BTreeSet<(String, String)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_has_users_until_they_use_another() {
        let externals = Externals::default();
        externals.set("shop", "blog", &BTreeSet::from(["data", "logs"]));
        externals.set("shop", "wiki", &BTreeSet::from(["data"]));
        externals.set("shop", "none", &BTreeSet::new());
        assert_eq!(externals.users("shop", "data"), ["blog", "wiki"]);
        assert!(externals.users("other", "data").is_empty());
        externals.set("shop", "blog", &BTreeSet::from(["logs"]));
        assert_eq!((externals.users("shop", "data").len(), externals.users("shop", "logs").len()), (1, 1));
        for stack in ["blog", "wiki"] {
            externals.set("shop", stack, &BTreeSet::new());
        }
        assert!(externals.lock().is_empty());
    }
}
