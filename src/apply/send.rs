//! The requests. Each one says which object it is about, so that an object that somebody else made or replaced under
//! a name is never changed and never deleted.

use std::sync::Arc;

use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::Owner;
use super::error::Failure;
use super::kind::Kind;
use super::live::{LiveStore, Observed, Seen, observe};
use super::readiness::Facts;
use super::standing::{is_ours, is_owned};
use super::wanted::Wanted;
use crate::api::names::FIELD_MANAGER;

/// A version that no object has: etcd counts from 1, and the first object is written later than that. An apply that
/// names it finds no object and creates one, or finds one and fails with 409; so creation needs no second request to
/// be safe, and unlike after a POST all fields are owned by the operation Apply, which alone can let go of them.
const NO_VERSION: &str = "1";

/// How often an object is looked at again that others write to meanwhile: the cluster's own controllers write the status
/// of what they run several times within moments.
pub(super) const LOOKS: usize = 5;

/// Sends requests as the stack's identity and remembers the answers.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub client: &'a Client,
    pub live: &'a LiveStore,
    pub owner: &'a Owner,
}

impl Sender<'_> {
    /// Reads an object that the store does not know.
    pub async fn read(&self, kind: Kind, name: &str) -> Result<Option<Arc<Observed>>, Failure> {
        let object = self.api(kind).get_opt(name).await.map_err(|error| Failure::of(kind, &error))?;
        if object.is_none() {
            self.live.found_none(kind, &self.owner.namespace, name);
        }
        Ok(object.map(|object| self.remember(kind, &object)))
    }

    /// Creates a child; fails with [`Failure::Conflict`] when the name is taken.
    pub async fn create(&self, wanted: &Wanted, cluster_ip: Option<&str>) -> Result<Arc<Observed>, Failure> {
        let mut object = wanted.object.clone();
        set(&mut object, "metadata", "resourceVersion", NO_VERSION);
        if let Some(cluster_ip) = cluster_ip {
            set(&mut object, "spec", "clusterIP", cluster_ip);
        }
        match self.apply(wanted, &object).await {
            // An object that is not there is created, so what is not there is the namespace.
            Err(Failure::NotFound) => Err(Failure::Terminating),
            result => result,
        }
    }

    /// Changes a child; fails with [`Failure::Conflict`] when it is gone, another, or was changed meanwhile.
    pub async fn update(&self, wanted: &Wanted, seen: &Seen) -> Result<Arc<Observed>, Failure> {
        let mut object = wanted.object.clone();
        set(&mut object, "metadata", "uid", &seen.uid.text());
        set(&mut object, "metadata", "resourceVersion", &seen.version.text());
        // The API server keeps the policy of a Service that no longer asks for one: it has to be told.
        let has_addresses = wanted.object.pointer("/spec/type").is_none_or(|kind| kind != "ExternalName");
        if has_addresses && wanted.object.pointer("/spec/ipFamilyPolicy").is_none() && self.is_dual_stack(wanted) {
            set(&mut object, "spec", "ipFamilyPolicy", "SingleStack");
        }
        self.apply(wanted, &object).await
    }

    /// Whether the live Service has asked for addresses of both versions of IP.
    fn is_dual_stack(&self, wanted: &Wanted) -> bool {
        let live = self.live.get(wanted.kind, &self.owner.namespace, &wanted.name);
        live.is_some_and(|live| matches!(&live.facts, Facts::Service(service) if service.dual_stack))
    }

    /// Deletes an object of the stack and says whether it is gone already; fails with [`Failure::Conflict`] when it is
    /// another by now, is to be kept, or does not come to rest.
    pub async fn delete(&self, kind: Kind, name: &str, seen: &Seen, how: PropagationPolicy) -> Result<bool, Failure> {
        let mut seen = seen.clone();
        for _ in 0..LOOKS {
            match self.delete_seen(kind, name, &seen, how.clone()).await {
                Err(Failure::Conflict) => match self.read(kind, name).await? {
                    None => return Ok(true),
                    Some(live) if live.uid == seen.uid && is_ours(self.owner, kind, &live) && !live.kept => {
                        seen = live.seen();
                    }
                    Some(_) => return Err(Failure::Conflict),
                },
                result => return result,
            }
        }
        Err(Failure::Conflict)
    }

    /// The same for one state of the object; fails with [`Failure::Conflict`] when it was changed meanwhile.
    async fn delete_seen(&self, kind: Kind, name: &str, seen: &Seen, how: PropagationPolicy) -> Result<bool, Failure> {
        let uid = &seen.uid;
        let parameters = DeleteParams {
            propagation_policy: Some(how),
            preconditions: Some(Preconditions {
                uid: Some(seen.uid.to_string()),
                resource_version: Some(seen.version.to_string()),
            }),
            ..DeleteParams::default()
        };
        match self.api(kind).delete(name, &parameters).await.map_err(|error| Failure::of(kind, &error)) {
            // With finalizers it stays until they are through; else the answer is its last state.
            Ok(answer) => {
                let left = answer.left().filter(|object| object.metadata.finalizers.iter().flatten().next().is_some());
                match &left {
                    Some(object) => drop(self.remember(kind, object)),
                    None => drop(self.live.remove(kind, &self.owner.namespace, name, uid)),
                }
                Ok(left.is_none())
            }
            Err(Failure::NotFound) => {
                self.live.remove(kind, &self.owner.namespace, name, uid);
                Ok(true)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Takes the stack's ownership off a claim, and nothing else: a patch that had the rest of it would set what others may
    /// have changed of a claim that is no longer in the plan. Says whether there was something to take.
    pub async fn disown(&self, name: &str) -> Result<bool, Failure> {
        let kind = Kind::PersistentVolumeClaim;
        let mut live = self.live.get(kind, &self.owner.namespace, name);
        for _ in 0..LOOKS {
            let Some(owned) = live.filter(|live| is_owned(self.owner, live) && !live.deleting) else {
                return Ok(false);
            };
            let change = Patch::Strategic(json!({"metadata": {
                "uid": owned.uid.text(),
                "resourceVersion": owned.version.text(),
                "ownerReferences": [{"$patch": "delete", "uid": self.owner.uid}],
            }}));
            let by = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
            match self.api(kind).patch(name, &by, &change).await.map_err(|error| Failure::of(kind, &error)) {
                Ok(object) => {
                    self.remember(kind, &object);
                    return Ok(true);
                }
                Err(Failure::NotFound) => return Ok(false),
                Err(Failure::Conflict) => live = self.read(kind, name).await?,
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Conflict)
    }

    /// The untyped API of a kind in the stack's namespace.
    pub fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.owner.namespace, &kind.resource())
    }

    async fn apply(&self, wanted: &Wanted, object: &Value) -> Result<Arc<Observed>, Failure> {
        // The fields of a child are ours alone, so conflicts with other managers are taken for drift.
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let answer = self.api(wanted.kind).patch(&wanted.name, &parameters, &Patch::Apply(object)).await;
        let object = answer.map_err(|error| Failure::of(wanted.kind, &error))?;
        Ok(self.remember(wanted.kind, &object))
    }

    /// Objects without our labels are in no watch, claims aside: nothing would tell that they are gone.
    fn remember(&self, kind: Kind, object: &DynamicObject) -> Arc<Observed> {
        let observed = Arc::new(observe(self.live.key(), kind, object));
        if observed.stack.is_some() || kind == Kind::PersistentVolumeClaim {
            self.live.keep(kind, object, Arc::clone(&observed));
        }
        observed
    }
}

fn set(object: &mut Value, part: &str, field: &str, value: &str) {
    if let Some(part) = object.get_mut(part).and_then(Value::as_object_mut) {
        part.insert(field.to_owned(), Value::String(value.to_owned()));
    }
}
