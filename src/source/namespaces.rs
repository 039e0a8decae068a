//! What namespaces ask of their pods.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};

use crate::api::names::LABEL_POD_SECURITY;
use crate::api::v1alpha1::SecurityLevel;

/// How long an answer is good for: namespaces hardly ever change their level, and a stack that it stops comes back at
/// its interval.
const FRESH: Duration = Duration::from_mins(1);

/// The Pod Security levels of namespaces, each asked for once in a while and not for every stack.
#[derive(Debug, Default)]
pub struct Namespaces(Mutex<BTreeMap<String, (Instant, SecurityLevel)>>);

impl Namespaces {
    /// The level that a namespace enforces; [`SecurityLevel::Unset`] when it enforces none, and when it cannot be
    /// asked: then its pods tell.
    pub async fn pod_security(&self, client: &Client, namespace: &str) -> SecurityLevel {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(namespace).copied();
        if let Some((asked, level)) = known
            && asked.elapsed() < FRESH
        {
            return level;
        }
        let level = match Api::<Namespace>::all(client.clone()).get_metadata(namespace).await {
            Ok(object) => enforced(object.labels()),
            Err(error) => {
                tracing::debug!(namespace, error = &error as &dyn std::error::Error, "cannot read the namespace");
                known.map_or(SecurityLevel::Unset, |(_, level)| level)
            }
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Namespaces that are gone leave with those that nobody asked for lately.
        all.retain(|_, (asked, _)| asked.elapsed() < FRESH);
        all.insert(namespace.to_owned(), (Instant::now(), level));
        level
    }
}

fn enforced(labels: &BTreeMap<String, String>) -> SecurityLevel {
    match labels.get(LABEL_POD_SECURITY).map(String::as_str) {
        Some("restricted") => SecurityLevel::Restricted,
        Some("baseline") => SecurityLevel::Baseline,
        _ => SecurityLevel::Unset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_from_the_label() {
        for (value, level) in [
            (Some("restricted"), SecurityLevel::Restricted),
            (Some("baseline"), SecurityLevel::Baseline),
            (Some("privileged"), SecurityLevel::Unset),
            (None, SecurityLevel::Unset),
        ] {
            let labels = value.map(|value| (LABEL_POD_SECURITY.to_owned(), value.to_owned())).into_iter().collect();
            assert_eq!(enforced(&labels), level, "{value:?}");
        }
    }
}
