//! What namespaces ask of their pods.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use tokio::sync::Mutex;

use crate::api::names::LABEL_POD_SECURITY;
use crate::api::v1alpha1::SecurityLevel;

/// How long an answer is good for: namespaces hardly ever change their level, and a stack that it stops comes back at
/// its interval.
const FRESH: Duration = Duration::from_mins(1);
/// How many namespaces one answer of a list brings.
const PAGE: u32 = 500;

/// The Pod Security levels of namespaces, asked for once in a while and not for every stack.
#[derive(Debug)]
pub struct Namespaces {
    /// Whether all may be listed; else each is asked for.
    all: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    listed: Option<Instant>,
    /// Whether the last list was answered.
    complete: bool,
    levels: BTreeMap<String, (Instant, SecurityLevel)>,
}

impl Namespaces {
    /// `all` says that the operator watches all namespaces, and so has the right to list them.
    pub fn new(all: bool) -> Self {
        Self { all, known: Mutex::default() }
    }

    /// The level that a namespace enforces; [`SecurityLevel::Unset`] when it enforces none, and when it cannot be
    /// asked: then its pods tell.
    pub async fn pod_security(&self, client: &Client, namespace: &str) -> SecurityLevel {
        // Held while somebody asks: the others have the answer then.
        let mut known = self.known.lock().await;
        let now = Instant::now();
        let is_fresh = |asked: Instant| now.duration_since(asked) < FRESH;
        let api: Api<Namespace> = Api::all(client.clone());
        if self.all && !known.listed.is_some_and(is_fresh) {
            known.listed = Some(now);
            let answer = list(&api).await;
            known.complete = answer.is_ok();
            match answer {
                Ok(levels) => {
                    known.levels = levels.into_iter().map(|(name, level)| (name, (now, level))).collect();
                }
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "cannot list the namespaces"),
            }
        }
        let last = known.levels.get(namespace).copied();
        // One that is not in the list is younger than that.
        if let Some((asked, level)) = last
            && (known.complete || is_fresh(asked))
        {
            return level;
        }
        let level = match api.get_metadata(namespace).await {
            Ok(object) => enforced(object.labels()),
            Err(error) => {
                tracing::debug!(namespace, error = &error as &dyn std::error::Error, "cannot read the namespace");
                last.map_or(SecurityLevel::Unset, |(_, level)| level)
            }
        };
        known.levels.insert(namespace.to_owned(), (now, level));
        level
    }
}

async fn list(api: &Api<Namespace>) -> Result<Vec<(String, SecurityLevel)>, kube::Error> {
    let mut levels = Vec::new();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = api.list_metadata(&page).await?;
        levels.extend(list.items.iter().map(|object| (object.name_any(), enforced(object.labels()))));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(levels),
        }
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
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    /// An API server that has two namespaces and counts what it is asked.
    fn server() -> (Client, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let namespace = |name: &str, labels: serde_json::Value| json!({"metadata": {"name": name, "labels": labels}});
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let path = request.uri().path().to_owned();
            log.lock().unwrap().push(path.clone());
            let body = match path.as_str() {
                "/api/v1/namespaces" => json!({"metadata": {}, "items": [
                    namespace("shut", json!({LABEL_POD_SECURITY: "restricted"})), namespace("open", json!({})),
                ]}),
                _ => namespace("young", json!({LABEL_POD_SECURITY: "baseline"})),
            };
            let body = kube::client::Body::from(body.to_string().into_bytes());
            async move { Ok::<_, std::io::Error>(http::Response::new(body)) }
        });
        (Client::new(service, "default"), asked)
    }

    #[tokio::test]
    async fn all_namespaces_are_listed_once_and_young_ones_asked_for() {
        let (client, asked) = server();
        let namespaces = Namespaces::new(true);
        for (name, level) in [
            ("shut", SecurityLevel::Restricted),
            ("open", SecurityLevel::Unset),
            ("young", SecurityLevel::Baseline),
            ("young", SecurityLevel::Baseline),
        ] {
            assert_eq!(namespaces.pod_security(&client, name).await, level, "{name}");
        }
        assert_eq!(*asked.lock().unwrap(), ["/api/v1/namespaces", "/api/v1/namespaces/young"]);
    }

    #[tokio::test]
    async fn without_the_right_to_list_each_is_asked_for_once() {
        let (client, asked) = server();
        let namespaces = Namespaces::new(false);
        for _ in 0..2 {
            assert_eq!(namespaces.pod_security(&client, "young").await, SecurityLevel::Baseline);
        }
        assert_eq!(*asked.lock().unwrap(), ["/api/v1/namespaces/young"]);
    }

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
