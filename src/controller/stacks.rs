//! The stacks as the watches have brought them.

use std::sync::Arc;

use kube::ResourceExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};

use super::Root;

/// The stores of all scopes: a namespace each, or one of all.
#[derive(Default)]
pub(super) struct Stacks(Vec<(Option<String>, Store<Root>)>);

impl Stacks {
    /// Begins to keep the stacks of a scope, and returns where they are written and read.
    pub(super) fn begin(&mut self, namespace: Option<&str>) -> (Store<Root>, Writer<Root>) {
        let (store, writer) = reflector::store();
        self.0.push((namespace.map(str::to_owned), store.clone()));
        (store, writer)
    }

    /// A stack as it arrived last.
    pub(super) fn get(&self, stack: &impl ResourceExt) -> Option<Arc<Root>> {
        let namespace = stack.namespace();
        let holds = |scope: &Option<String>| scope.is_none() || *scope == namespace;
        let (_, store) = self.0.iter().find(|(scope, _)| holds(scope))?;
        store.get(&ObjectRef::new(&stack.name_any()).within(&namespace.unwrap_or_default()))
    }
}
