//! Which stacks read which ConfigMaps and Secrets, and the watch that brings a stack back when one of them changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::api::names::{LABEL_MANAGED_BY, MANAGED_BY};

/// What stacks refer to, from their last pass on. Nothing of the objects themselves is kept.
#[derive(Debug, Default)]
pub struct References(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    /// The stacks of a namespace that read an object.
    stacks: BTreeMap<Object, BTreeSet<String>>,
    /// The objects that a stack, by namespace and name, reads.
    objects: BTreeMap<(String, String), BTreeSet<Object>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    kind: &'static str,
    namespace: String,
    name: String,
}

impl References {
    /// Notes that a stack is about to read an object. To be said before it is read: a change between the two then
    /// brings the stack back.
    pub(super) fn add(&self, namespace: &str, stack: &str, kind: &'static str, name: &str) {
        let object = Object { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        let mut index = self.lock();
        let Index { stacks, objects } = &mut *index;
        stacks.entry(object.clone()).or_default().insert(stack.to_owned());
        objects.entry((namespace.to_owned(), stack.to_owned())).or_default().insert(object);
    }

    /// Forgets what a stack no longer reads.
    pub(super) fn keep(&self, namespace: &str, stack: &str, read: &BTreeSet<(&'static str, String)>) {
        self.retain(namespace, stack, |object| read.contains(&(object.kind, object.name.clone())));
    }

    /// Forgets a stack that is gone.
    pub fn forget(&self, namespace: &str, stack: &str) {
        self.retain(namespace, stack, |_| false);
    }

    fn retain(&self, namespace: &str, stack: &str, keep: impl Fn(&Object) -> bool) {
        let key = (namespace.to_owned(), stack.to_owned());
        let mut index = self.lock();
        let Some(objects) = index.objects.remove(&key) else { return };
        let (kept, gone): (BTreeSet<Object>, BTreeSet<Object>) = objects.into_iter().partition(keep);
        for object in gone {
            if let Some(stacks) = index.stacks.get_mut(&object) {
                stacks.remove(stack);
                if stacks.is_empty() {
                    index.stacks.remove(&object);
                }
            }
        }
        if !kept.is_empty() {
            index.objects.insert(key, kept);
        }
    }

    fn readers(&self, kind: &'static str, namespace: &str, name: &str) -> Vec<(String, String)> {
        let object = Object { kind, namespace: namespace.to_owned(), name: name.to_owned() };
        let index = self.lock();
        index.stacks.get(&object).into_iter().flatten().map(|stack| (namespace.to_owned(), stack.clone())).collect()
    }

    // A poisoned lock is taken over: entries are changed whole.
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the metadata of ConfigMaps, in all namespaces or in one, of Secrets too where asked for, and yields the
/// stacks, by namespace and name, that read one that changed. `failed` is told of each interruption.
pub fn input_changes<F: Fn(&'static str) + Clone + Send + 'static>(
    client: &Client,
    references: &Arc<References>,
    namespace: Option<&str>,
    secrets: bool,
    failed: &F,
) -> impl Stream<Item = (String, String)> + Send + use<F> {
    let config_maps = one::<ConfigMap, F>("ConfigMap", client, references, namespace, failed.clone()).boxed();
    let secrets = secrets.then(|| one::<Secret, F>("Secret", client, references, namespace, failed.clone()).boxed());
    futures::stream::select_all(std::iter::once(config_maps).chain(secrets))
}

fn one<K, F: Fn(&'static str) + Send + 'static>(
    kind: &'static str,
    client: &Client,
    references: &Arc<References>,
    namespace: Option<&str>,
    failed: F,
) -> impl Stream<Item = (String, String)> + Send + use<K, F>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let api: Api<PartialObjectMeta<K>> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let references = Arc::clone(references);
    // What the operator generated itself is nobody's input.
    let others = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}!={MANAGED_BY}"));
    watcher(api, others)
        .default_backoff()
        .touched_objects()
        .filter_map(move |object| {
            let stacks = match object {
                Ok(object) => references.readers(kind, &object.namespace().unwrap_or_default(), &object.name_any()),
                Err(error) => {
                    // The watcher goes on by itself; what it missed comes with its next list.
                    tracing::warn!(kind, %error, "watch of inputs failed");
                    failed(kind);
                    Vec::new()
                }
            };
            std::future::ready((!stacks.is_empty()).then(|| futures::stream::iter(stacks)))
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_found_by_what_it_reads_until_it_no_longer_does() {
        let references = References::default();
        references.add("prod", "shop", "ConfigMap", "env");
        references.add("prod", "shop", "Secret", "env");
        references.add("prod", "blog", "ConfigMap", "env");
        let readers = |kind| references.readers(kind, "prod", "env").into_iter().map(|(_, stack)| stack).collect();
        let both: Vec<String> = readers("ConfigMap");
        assert_eq!(both, ["blog", "shop"]);
        assert!(references.readers("ConfigMap", "test", "env").is_empty());

        references.keep("prod", "shop", &BTreeSet::from([("Secret", "env".to_owned())]));
        let one: Vec<String> = readers("ConfigMap");
        assert_eq!(one, ["blog"]);
        let one: Vec<String> = readers("Secret");
        assert_eq!(one, ["shop"]);

        references.forget("prod", "shop");
        references.forget("prod", "blog");
        assert!(references.lock().stacks.is_empty() && references.lock().objects.is_empty());
    }
}
