//! The stacks as the watches have brought them, and the queues by which they come to be reconciled.

use std::sync::Arc;

use futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use kube::ResourceExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};

use super::Root;

/// The stores and queues of all scopes: a namespace each, or one of all.
#[derive(Default)]
pub(super) struct Stacks(Vec<(Option<String>, Store<Root>, Queue)>);

/// The way into a scope's queue.
pub(super) type Queue = UnboundedSender<ObjectRef<Root>>;

/// What a scope's stacks are written to, and what its queue yields.
pub(super) struct Kept {
    pub(super) store: Store<Root>,
    pub(super) writer: Writer<Root>,
    pub(super) queue: Queue,
    pub(super) queued: UnboundedReceiver<ObjectRef<Root>>,
}

impl Stacks {
    /// Begins to keep the stacks of a scope, and returns where they are written and read.
    pub(super) fn begin(&mut self, namespace: Option<&str>) -> Kept {
        let (store, writer) = reflector::store();
        let (queue, queued) = mpsc::unbounded();
        self.0.push((namespace.map(str::to_owned), store.clone(), queue.clone()));
        Kept { store, writer, queue, queued }
    }

    /// A stack as it arrived last.
    pub(super) fn get(&self, stack: &impl ResourceExt) -> Option<Arc<Root>> {
        let namespace = stack.namespace();
        let holds = |scope: &Option<String>| scope.is_none() || *scope == namespace;
        let (_, store, _) = self.0.iter().find(|(scope, ..)| holds(scope))?;
        store.get(&ObjectRef::new(&stack.name_any()).within(&namespace.unwrap_or_default()))
    }

    /// Lets these stacks be reconciled.
    pub(super) fn wake(&self, which: impl Fn(&Root) -> bool) {
        for (_, store, queue) in &self.0 {
            for stack in store.state().iter().filter(|stack| which(stack)) {
                // The queue is gone only when the operator ends.
                let _ = queue.unbounded_send(ObjectRef::from_obj(stack.as_ref()));
            }
        }
    }
}
