//! What is known of the cluster: every child and pod, reduced on arrival to the few facts that decisions need, so
//! that a stack that has converged costs no request and a thousand stacks little memory.

mod broken;
mod external;
mod gone;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use kube::ResourceExt;
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use tokio::sync::watch;

use self::broken::Broken;
use self::external::Externals;
use self::gone::Gone;
use super::hash::HashKey;
use super::kind::Kind;
use super::owned::owned_hash;
use super::packed::Packed;
use super::readiness::Facts;
use super::record::{Applied, RolledBack};
use super::reports::Reports;
use crate::api::names::{
    ANNOTATION_APPLIED_HASH, ANNOTATION_PRUNE, ANNOTATION_ROLLED_BACK, LABEL_MANAGED_BY, LABEL_SERVICE, LABEL_STACK,
    MANAGED_BY, PRUNE_DISABLED,
};

/// A live object, reduced.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Its uid.
    pub uid: Packed,
    /// Its version.
    pub version: Packed,
    /// Those that it belongs to.
    pub owners: Box<[OwnerRef]>,
    /// The stack that its labels name, if they also name this operator.
    pub stack: Option<Packed>,
    /// The Compose service that its labels name.
    pub service: Option<Packed>,
    /// What was applied, from our annotation.
    pub applied: Option<Applied>,
    /// The hash of the fields that are ours and of their values.
    pub owned: Packed,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether an annotation keeps it from being pruned.
    pub kept: bool,
    /// The update that it went back from, from our annotation.
    pub rolled_back: Option<Box<RolledBack>>,
    /// What it tells about the state of the stack.
    pub facts: Facts,
}

/// The state of an object that a decision was made on. A request that names it changes nothing when somebody else was
/// faster: a request that is late by minutes, of a process that was paused, may not undo what its successor did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The object's uid.
    pub uid: Packed,
    /// Its version.
    pub version: Packed,
}

impl Observed {
    /// The state that was observed.
    pub(super) fn seen(&self) -> Seen {
        Seen { uid: self.uid.clone(), version: self.version.clone() }
    }

    /// Whether another version of the object says nothing new.
    fn tells_the_same_as(&self, other: &Self) -> bool {
        let Self { uid, version: _, owners, stack, service, applied, owned, deleting, kept, rolled_back, facts } = self;
        *uid == other.uid
            && *owners == other.owners
            && *stack == other.stack
            && *service == other.service
            && *applied == other.applied
            && *owned == other.owned
            && *deleting == other.deleting
            && *kept == other.kept
            && *rolled_back == other.rolled_back
            && *facts == other.facts
    }
}

/// An entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerRef {
    /// The owner's kind.
    pub kind: Packed,
    /// The owner's name.
    pub name: Packed,
    /// The owner's uid.
    pub uid: Packed,
}

/// A stack whose children changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

type Objects = BTreeMap<(Kind, Packed), Arc<Observed>>;

/// The live objects of all stacks.
#[derive(Debug)]
pub struct LiveStore {
    key: HashKey,
    watched: HashSet<Kind>,
    namespaces: RwLock<HashMap<String, Objects>>,
    gone: Gone,
    broken: Broken,
    externals: Externals,
    reports: Reports,
    unsynced: watch::Sender<usize>,
}

impl LiveStore {
    /// An empty store. Some kinds are watched only if they are `also` named: watching Secrets takes the right to read
    /// them all, so it is the administrator's choice, and not every cluster serves [`Kind::OPTIONAL`]. Unwatched,
    /// objects are read one by one, and only when a pass asks to verify them.
    pub fn new(key: HashKey, also: &[Kind]) -> Arc<Self> {
        let always = |kind: &Kind| *kind != Kind::Secret && !Kind::OPTIONAL.contains(kind);
        let watched = Kind::ALL.into_iter().filter(|kind| always(kind) || also.contains(kind)).collect();
        let unsynced = watch::Sender::new(0);
        Arc::new(Self {
            key,
            watched,
            namespaces: RwLock::default(),
            gone: Gone::default(),
            broken: Broken::default(),
            externals: Externals::default(),
            reports: Reports::default(),
            unsynced,
        })
    }

    /// The key of the hashes.
    pub fn key(&self) -> &HashKey {
        &self.key
    }

    /// What is known of the vulnerabilities of images.
    pub(super) fn reports(&self) -> &Reports {
        &self.reports
    }

    /// The kinds that are watched.
    pub fn watched(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.watches(*kind))
    }

    /// Whether a kind is watched.
    pub fn watches(&self, kind: Kind) -> bool {
        self.watched.contains(&kind)
    }

    /// Whether a watch tells how the objects of a kind are now. One that broke tells nothing until it is mended, and what it
    /// told before may be long past.
    pub(super) fn is_told(&self, kind: Kind, namespace: &str) -> bool {
        self.watches(kind) && !self.broken.tells_of(kind, namespace)
    }

    /// Waits until every feed has had its first list: before that, all objects look absent.
    pub async fn synced(&self) {
        // The sender lives as long as the store, so this ends with zero.
        let _ = self.unsynced.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Begins to take the events of a watch; of all namespaces, or of one.
    pub fn feed(self: &Arc<Self>, kind: Kind, namespace: Option<&str>) -> Feed {
        self.unsynced.send_modify(|count| *count += 1);
        Feed { live: self.clone(), kind, namespace: namespace.map(str::to_owned), listed: None, synced: false }
    }

    /// A live object.
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Observed>> {
        self.read(|namespaces| namespaces.get(namespace)?.get(&(kind, name.into())).cloned())
    }

    /// The objects of a kind, by name.
    pub(super) fn of_kind(&self, namespace: &str, kind: Kind) -> Vec<(String, Arc<Observed>)> {
        self.read(|namespaces| {
            let objects = namespaces.get(namespace).into_iter().flatten();
            objects
                .filter(|((of, _), _)| *of == kind)
                .map(|((_, name), observed)| (name.to_string(), observed.clone()))
                .collect()
        })
    }

    /// The objects of a stack, by its label.
    pub fn of_stack(&self, namespace: &str, stack: &str) -> Vec<(Kind, String, Arc<Observed>)> {
        self.read(|namespaces| {
            let objects = namespaces.get(namespace).into_iter().flatten();
            objects
                .filter(|(_, observed)| observed.stack.as_ref().is_some_and(|of| of == stack))
                .map(|((kind, name), observed)| (*kind, name.to_string(), observed.clone()))
                .collect()
        })
    }

    /// Notes which claims a stack uses from now on that are not its own: what happens to them brings it back.
    pub(super) fn uses(&self, namespace: &str, stack: &str, claims: &BTreeSet<&str>) {
        self.externals.set(namespace, stack, claims);
    }

    /// Forgets what a stack that is gone used, and what it had that no watch tells of.
    pub fn forget(&self, namespace: &str, stack: &str) {
        self.externals.set(namespace, stack, &BTreeSet::new());
        self.drop_unwatched(namespace, |_, _, observed| observed.stack.as_ref().is_some_and(|of| of == stack));
    }

    /// Forgets an object that was read and is not there, unless a watch tells of it: that knows when.
    pub(super) fn found_none(&self, kind: Kind, namespace: &str, name: &str) {
        self.drop_unwatched(namespace, |of, named, _| of == kind && *named == *name);
    }

    fn drop_unwatched(&self, namespace: &str, is_gone: impl Fn(Kind, &Packed, &Observed) -> bool) {
        self.write(|namespaces| {
            let Some(objects) = namespaces.get_mut(namespace) else { return };
            objects.retain(|(kind, name), observed| self.watches(*kind) || !is_gone(*kind, name, observed));
            if objects.is_empty() {
                namespaces.remove(namespace);
            }
        });
    }

    /// The stacks that use an object that is not their own.
    fn users(&self, kind: Kind, namespace: &str, name: &str) -> Vec<StackRef> {
        if kind != Kind::PersistentVolumeClaim {
            return Vec::new();
        }
        let users = self.externals.users(namespace, name).into_iter();
        users.map(|name| StackRef { namespace: namespace.to_owned(), name }).collect()
    }

    /// Remembers an object that the API server answered with.
    #[cfg(test)]
    pub(super) fn put(&self, kind: Kind, object: &DynamicObject) -> Arc<Observed> {
        let observed = Arc::new(observe(&self.key, kind, object));
        self.keep(kind, object, Arc::clone(&observed));
        observed
    }

    /// Forgets an object that is gone, unless another took its name meanwhile.
    pub(super) fn remove(&self, kind: Kind, namespace: &str, name: &str, uid: &Packed) -> Option<Arc<Observed>> {
        self.write(|namespaces| {
            let objects = namespaces.get_mut(namespace)?;
            let entry = (kind, name.into());
            if objects.get(&entry)?.uid != *uid {
                return None;
            }
            let removed = objects.remove(&entry);
            if objects.is_empty() {
                namespaces.remove(namespace);
            }
            removed
        })
    }

    /// Takes an object in, unless what is known of it is newer: the answer to an own write comes before the event of
    /// an older one. Returns what changed hands: the stacks that see a difference.
    pub(super) fn keep(&self, kind: Kind, object: &DynamicObject, observed: Arc<Observed>) -> Vec<StackRef> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        self.write(|namespaces| {
            if self.gone.is_past(&observed.uid, &observed.version) {
                return Vec::new();
            }
            let objects = namespaces.entry(namespace.clone()).or_default();
            let users = self.users(kind, &namespace, &name);
            let entry = (kind, name.into());
            let old = objects.get(&entry);
            if old.is_some_and(|old| is_older(&observed.version.text(), &old.version.text())) {
                return Vec::new();
            }
            let same = old.is_some_and(|old| old.tells_the_same_as(&observed));
            let stacks = if same {
                Vec::new()
            } else {
                let mut stacks = stacks(&namespace, old.map(Arc::as_ref).into_iter().chain([observed.as_ref()]));
                stacks.extend(users);
                stacks
            };
            objects.insert(entry, observed);
            stacks
        })
    }

    // A poisoned lock is taken over: each change of the map is one insertion or removal, so it is never half done.
    fn read<T>(&self, look: impl FnOnce(&HashMap<String, Objects>) -> T) -> T {
        look(&self.namespaces.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut HashMap<String, Objects>) -> T) -> T {
        change(&mut self.namespaces.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The way of one watch into the store.
#[derive(Debug)]
pub struct Feed {
    live: Arc<LiveStore>,
    kind: Kind,
    namespace: Option<String>,
    /// During a list: what was there when it began, with versions, but for what it has brought so far.
    listed: Option<HashMap<(String, String), Packed>>,
    synced: bool,
}

impl Feed {
    /// Takes an event in and returns the stacks that it matters to.
    pub fn take(&mut self, event: Event<DynamicObject>) -> Vec<StackRef> {
        match event {
            Event::Init => {
                self.listed = Some(self.known());
                Vec::new()
            }
            Event::InitApply(object) => {
                let place = (object.namespace().unwrap_or_default(), object.name_any());
                if let Some(listed) = &mut self.listed {
                    listed.remove(&place);
                }
                self.insert(&object)
            }
            Event::InitDone => {
                let stacks = self.forget_unlisted();
                self.live.broken.mend(self.kind, self.namespace.as_deref());
                if !self.synced {
                    self.synced = true;
                    self.live.unsynced.send_modify(|count| *count -= 1);
                }
                stacks
            }
            Event::Apply(object) => self.insert(&object),
            Event::Delete(object) => {
                let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
                let uid = Packed::from(object.uid().unwrap_or_default());
                // Pods are known by their events alone, which come in order.
                if self.kind != Kind::Pod {
                    self.live.gone.add(uid.clone(), object.resource_version().unwrap_or_default().into());
                }
                self.remove(&namespace, &name, &uid)
            }
        }
    }

    /// Notes that its watch has failed.
    pub fn broke(&self) {
        self.live.broken.add(self.kind, self.namespace.as_deref());
    }

    fn insert(&self, object: &DynamicObject) -> Vec<StackRef> {
        let observed = Arc::new(observe(&self.live.key, self.kind, object));
        // Claims are watched without a selector, for those of external volumes have no label of ours.
        if self.kind == Kind::PersistentVolumeClaim && observed.stack.is_none() {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            let is_known = self.live.get(self.kind, &namespace, &name).is_some();
            if !is_known && self.live.users(self.kind, &namespace, &name).is_empty() {
                return Vec::new();
            }
        }
        self.live.keep(self.kind, object, observed)
    }

    fn remove(&self, namespace: &str, name: &str, uid: &Packed) -> Vec<StackRef> {
        let removed = self.live.remove(self.kind, namespace, name, uid);
        let mut stacks = stacks(namespace, removed.as_deref());
        if removed.is_some() {
            stacks.extend(self.live.users(self.kind, namespace, name));
        }
        stacks
    }

    fn known(&self) -> HashMap<(String, String), Packed> {
        self.live.read(|namespaces| {
            let scope = |namespace: &str| self.namespace.as_deref().is_none_or(|only| only == namespace);
            namespaces
                .iter()
                .filter(|(namespace, _)| scope(namespace))
                .flat_map(|(namespace, objects)| {
                    objects
                        .iter()
                        .filter(|((kind, _), _)| *kind == self.kind)
                        .map(|((_, name), observed)| ((namespace.clone(), name.to_string()), observed.version.clone()))
                })
                .collect()
        })
    }

    /// What a list did not bring is gone, but for what was written since it began.
    fn forget_unlisted(&mut self) -> Vec<StackRef> {
        let mut touched = Vec::new();
        for ((namespace, name), version) in self.listed.take().unwrap_or_default() {
            if let Some(known) = self.live.get(self.kind, &namespace, &name)
                && known.version == version
            {
                touched.extend(self.remove(&namespace, &name, &known.uid));
            }
        }
        touched
    }
}

/// Reduces an object.
pub(super) fn observe(key: &HashKey, kind: Kind, object: &DynamicObject) -> Observed {
    let labels = object.labels();
    let annotations = object.annotations();
    let managed = kind == Kind::Pod || labels.get(LABEL_MANAGED_BY).is_some_and(|by| by == MANAGED_BY);
    Observed {
        uid: object.uid().unwrap_or_default().into(),
        version: object.resource_version().unwrap_or_default().into(),
        owners: object
            .owner_references()
            .iter()
            .map(|owner| OwnerRef {
                kind: owner.kind.as_str().into(),
                name: owner.name.as_str().into(),
                uid: owner.uid.as_str().into(),
            })
            .collect(),
        stack: labels.get(LABEL_STACK).filter(|_| managed).map(|stack| stack.as_str().into()),
        service: labels.get(LABEL_SERVICE).map(|service| service.as_str().into()),
        applied: annotations.get(ANNOTATION_APPLIED_HASH).map(|text| Applied::parse(text)),
        // Pods are the cluster's own; nobody asks what of them is ours.
        owned: if kind == Kind::Pod { Packed::default() } else { owned_hash(key, object).into() },
        deleting: object.metadata.deletion_timestamp.is_some(),
        rolled_back: annotations
            .get(ANNOTATION_ROLLED_BACK)
            .and_then(|text| serde_json::from_str(text).ok())
            .map(Box::new),
        kept: annotations.get(ANNOTATION_PRUNE).is_some_and(|prune| prune == PRUNE_DISABLED),
        facts: Facts::of(kind, object),
    }
}

fn stacks<'a>(namespace: &str, observed: impl IntoIterator<Item = &'a Observed>) -> Vec<StackRef> {
    let mut names: Vec<&Packed> = observed.into_iter().filter_map(|observed| observed.stack.as_ref()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| StackRef { namespace: namespace.to_owned(), name: name.to_string() }).collect()
}

/// Whether the first version of an object is older. Kubernetes promises since 1.35 that versions of one resource are
/// numbers that grow; what is no number is taken for newer.
pub fn is_older(version: &str, than: &str) -> bool {
    matches!((version.parse::<u128>(), than.parse::<u128>()), (Ok(version), Ok(than)) if version < than)
}

#[cfg(test)]
mod footprint;
#[cfg(test)]
mod tests;
