//! Which claims were filled with what an image has.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;
use super::live::LiveStore;
use super::readiness::Facts;
use crate::api::names::SEEDED;
use crate::translate::Seed;

/// The claims of a namespace, by name. One that names a Job is filled as soon as that succeeded.
pub fn claims(live: &LiveStore, namespace: &str) -> BTreeMap<String, Seed> {
    let seed = |mark: Option<&str>| match mark {
        None => Seed::Unmarked,
        Some(SEEDED) => Seed::Done,
        Some(job) => match live.get(Kind::Job, namespace, job).as_ref().map(|job| &job.facts) {
            Some(Facts::Job(job)) if job.complete => Seed::Done,
            _ => Seed::Pending,
        },
    };
    live.of_kind(namespace, Kind::PersistentVolumeClaim)
        .into_iter()
        .filter_map(|(name, claim)| match &claim.facts {
            Facts::Claim(facts) => Some((name, seed(facts.seed.as_deref()))),
            _ => None,
        })
        .collect()
}

/// The claims of a namespace that pods of several nodes may mount.
pub fn shared_claims(live: &LiveStore, namespace: &str) -> BTreeSet<String> {
    let claims = live.of_kind(namespace, Kind::PersistentVolumeClaim).into_iter();
    let shared = claims.filter(|(_, claim)| matches!(&claim.facts, Facts::Claim(facts) if facts.shared));
    shared.map(|(name, _)| name).collect()
}
