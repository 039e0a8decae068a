//! What namespaces ask of their pods.

use std::collections::BTreeMap;
use std::sync::Arc;
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
/// How many namespaces are asked for one by one until all are listed.
const SINGLY: usize = 20;
/// How many namespaces one answer of a list brings.
const PAGE: u32 = 500;

/// The Pod Security levels of namespaces, asked for once in a while and not for every stack.
#[derive(Debug)]
pub struct Namespaces {
    /// Whether all may be listed; else each is asked for.
    all: bool,
    fresh: Duration,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// Whether there was a list.
    begun: bool,
    /// Whether there is one under way.
    listing: bool,
    /// How many were asked for one by one since the last list.
    singly: usize,
    /// When each was asked for, and what it answered.
    levels: BTreeMap<String, (Instant, SecurityLevel)>,
}

impl Known {
    /// Takes in the answer to a list that was asked for at a time. Those that were asked for since know better.
    fn take(&mut self, began: Instant, answer: Result<Vec<(String, SecurityLevel)>, kube::Error>) {
        self.singly = 0;
        match answer {
            Ok(levels) => {
                self.levels.retain(|_, (asked, _)| *asked > began);
                for (name, level) in levels {
                    self.levels.entry(name).or_insert((began, level));
                }
            }
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "cannot list the namespaces"),
        }
    }
}

impl Namespaces {
    /// `all` says that the operator watches all namespaces, and so has the right to list them.
    pub fn new(all: bool) -> Self {
        Self { all, fresh: FRESH, known: Arc::default() }
    }

    /// The level that a namespace enforces; [`SecurityLevel::Unset`] when it enforces none, and when it cannot be
    /// asked: then its pods tell.
    pub async fn pod_security(&self, client: &Client, namespace: &str) -> SecurityLevel {
        let api: Api<Namespace> = Api::all(client.clone());
        let last = {
            let mut known = self.known.lock().await;
            if self.all && !known.begun {
                // When the operator begins, all stacks come at once, and wait for one answer.
                known.begun = true;
                let began = Instant::now();
                let answer = list(&api).await;
                known.take(began, answer);
            }
            let last = known.levels.get(namespace).copied();
            if let Some((asked, level)) = last
                && asked.elapsed() < self.fresh
            {
                return level;
            }
            known.singly += 1;
            if self.all && known.singly > SINGLY && !known.listing {
                known.listing = true;
                self.list_again(api.clone());
            }
            last
        };
        // A stack that comes alone waits for its own namespace, and not for a list of thousands.
        let asked = Instant::now();
        let level = match api.get_metadata(namespace).await {
            Ok(object) => enforced(object.labels()),
            Err(error) => {
                tracing::debug!(namespace, error = &error as &dyn std::error::Error, "cannot read the namespace");
                last.map_or(SecurityLevel::Unset, |(_, level)| level)
            }
        };
        self.known.lock().await.levels.insert(namespace.to_owned(), (asked, level));
        level
    }

    /// Lists all namespaces beside what goes on.
    fn list_again(&self, api: Api<Namespace>) {
        let known = Arc::clone(&self.known);
        tokio::spawn(async move {
            let began = Instant::now();
            let answer = list(&api).await;
            let mut known = known.lock().await;
            known.listing = false;
            known.take(began, answer);
        });
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
    use serde_json::json;

    use super::*;

    type Asked = Arc<std::sync::Mutex<Vec<String>>>;

    /// An API server that has two namespaces and counts what it is asked.
    fn server() -> (Client, Asked) {
        let asked = Asked::default();
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

    #[tokio::test]
    async fn old_answers_are_asked_for_one_by_one_and_a_list_follows_when_they_are_many() {
        let (client, asked) = server();
        let namespaces = Namespaces { fresh: Duration::ZERO, ..Namespaces::new(true) };
        let lists = || asked.lock().unwrap().iter().filter(|path| *path == "/api/v1/namespaces").count();
        for _ in 0..SINGLY {
            assert_eq!(namespaces.pod_security(&client, "young").await, SecurityLevel::Baseline);
        }
        assert_eq!((lists(), asked.lock().unwrap().len()), (1, 1 + SINGLY));
        namespaces.pod_security(&client, "young").await;
        while lists() < 2 || namespaces.known.lock().await.listing {
            tokio::task::yield_now().await;
        }
        let known = namespaces.known.lock().await;
        assert_eq!((known.singly, known.levels["shut"].1), (0, SecurityLevel::Restricted));
    }

    #[test]
    fn what_was_asked_for_since_a_list_began_is_known_better() {
        let began = Instant::now();
        let mut known = Known::default();
        let later = began + Duration::from_millis(1);
        for (name, asked) in [("gone", began), ("young", later), ("changed", later), ("old", began)] {
            known.levels.insert(name.to_owned(), (asked, SecurityLevel::Baseline));
        }
        let listed = ["changed", "old"].map(|name| (name.to_owned(), SecurityLevel::Restricted));
        known.take(began, Ok(listed.into()));
        let levels: Vec<_> = known.levels.iter().map(|(name, (_, level))| (name.as_str(), *level)).collect();
        let [baseline, restricted] = [SecurityLevel::Baseline, SecurityLevel::Restricted];
        assert_eq!(levels, [("changed", baseline), ("old", restricted), ("young", baseline)]);
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
