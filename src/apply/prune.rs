//! Deleting what left the stack. Claims hold data and are never deleted here.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ApiResource, ListParams, PropagationPolicy};
use kube::core::DynamicObject;
use serde_json::Value;

use super::error::{ApplyError, Category, Failure};
use super::kind::Kind;
use super::live::Observed;
use super::outcome::{Action, Change};
use super::send::Sender;
use super::standing::is_ours;
use crate::api::names::LABEL_STACK;

/// What pruning came to.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    pub changes: Vec<Change>,
    /// What is still there and ours: it returns to the inventory.
    pub survivors: BTreeSet<(Kind, String)>,
    pub errors: Vec<ApplyError>,
}

impl Sender<'_> {
    /// Deletes the surplus, in the reverse of the order in which it was applied. `settled` says that nothing was sent
    /// in this pass, so that what was still in use before is so now, and is not asked for again.
    pub async fn prune(&self, surplus: BTreeSet<(Kind, String)>, settled: bool) -> Pruned {
        let mut pruned = Pruned::default();
        let mut used = None;
        for (kind, name) in surplus.into_iter().rev() {
            match self.prune_one(kind, &name, settled, &mut used).await {
                Ok(Fate::Gone) => {}
                Ok(Fate::Deleted { at_once }) => {
                    pruned.changes.push(Change { kind, name: name.clone(), action: Action::Pruned });
                    if !at_once {
                        pruned.survivors.insert((kind, name));
                    }
                }
                Ok(Fate::Survives) => {
                    pruned.survivors.insert((kind, name));
                }
                Err(failure) => {
                    if let Some(mut error) = failure.on(kind, &name) {
                        if error.category == Category::Api {
                            error.category = Category::Prune;
                        }
                        pruned.errors.push(error);
                    }
                    pruned.survivors.insert((kind, name));
                }
            }
        }
        pruned
    }

    async fn prune_one(
        &self,
        kind: Kind,
        name: &str,
        settled: bool,
        used: &mut Option<BTreeSet<String>>,
    ) -> Result<Fate, Failure> {
        let generated = matches!(kind, Kind::ConfigMap | Kind::Secret);
        if generated && settled {
            return Ok(Fate::Survives);
        }
        let Some(live) = self.look_again(kind, name).await? else { return Ok(Fate::Gone) };
        if !is_ours(self.owner, kind, &live) {
            return Ok(Fate::Gone);
        }
        if kind == Kind::PersistentVolumeClaim || live.kept || live.deleting {
            return Ok(Fate::Survives);
        }
        if generated {
            // Old ReplicaSets and pods still start with it, and a rollback does.
            let used = match used {
                Some(used) => used,
                None => used.insert(self.used_strings().await?),
            };
            if used.contains(name) {
                return Ok(Fate::Survives);
            }
        }
        let at_once = self.delete(kind, name, &live.seen(), PropagationPolicy::Background).await?;
        Ok(Fate::Deleted { at_once })
    }

    async fn look_again(&self, kind: Kind, name: &str) -> Result<Option<Arc<Observed>>, Failure> {
        if self.live.watches(kind) {
            Ok(self.live.get(kind, &self.owner.namespace, name))
        } else {
            self.read(kind, name).await
        }
    }

    /// Every text in the pod templates that the cluster may still start pods from. Names of generated objects end in a
    /// hash, so that a text that equals one is one.
    async fn used_strings(&self) -> Result<BTreeSet<String>, Failure> {
        let mut used = BTreeSet::new();
        let resources = [
            ApiResource::erase::<ReplicaSet>(&()),
            ApiResource::erase::<ControllerRevision>(&()),
            // Between two pods of a run, nothing else names what the next one starts with.
            ApiResource::erase::<Job>(&()),
            ApiResource::erase::<Pod>(&()),
        ];
        for resource in resources {
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.owner.namespace, &resource);
            let ours = ListParams::default().labels(&format!("{LABEL_STACK}={}", self.owner.name));
            let objects = api.list(&ours).await.map_err(|error| Failure::of(Kind::ConfigMap, &error))?;
            for object in objects {
                collect(&object.data, &mut used);
            }
        }
        Ok(used)
    }
}

enum Fate {
    /// It is not there, or not ours.
    Gone,
    Deleted {
        at_once: bool,
    },
    Survives,
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
