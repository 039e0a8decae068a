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

    /// Shows every stack as it arrived last.
    pub(super) fn each(&self, mut show: impl FnMut(&Root)) {
        for (_, store, _) in &self.0 {
            store.state().iter().for_each(|stack| show(stack));
        }
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

#[cfg(test)]
mod tests {
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    use super::*;

    /// A stack of three services as the API server gives it, once it is ready.
    fn stack(number: u32) -> Root {
        let namespace = format!("namespace-{number:05}");
        let hash =
            |of: &str| format!("{:016x}{:016x}", u64::from(number) * 0x9e37_79b9, of.len() as u64 * 0x7f4a_7c15_f39c);
        let child = |id: &str, template: bool| {
            let applied = if template { format!("{}.{}", hash(id), hash("template")) } else { hash(id) };
            json!({"id": format!("{namespace}_{id}"), "v": "v1", "hash": format!("{applied}/{}", hash("owned"))})
        };
        let service = |name: &str| {
            json!({
                "name": name, "kind": "Deployment", "image": format!("registry.example.com/shop/{name}:1.4"),
                "digest": format!("sha256:{}{}", hash(name), hash("digest")), "desired": 1, "ready": 1, "state": "Ready",
                "discovery": "VIP",
            })
        };
        let warning = |path: &str, bytes: usize| json!({"path": path, "level": "Approximated", "reason": "Differs", "message": "x".repeat(bytes)});
        let managed =
            json!({"f:spec": {"f:composeFile": {}}, "f:status": {"f:services": {"k:{\"name\":\"web\"}": {}}}});
        let stack: Value = json!({
            "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack",
            "metadata": {
                "name": "webshop", "namespace": namespace, "generation": 1, "resourceVersion": "1234567",
                "uid": format!("d8a81fc5-5136-4b9f-96b4-{number:012x}"), "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": managed}],
            },
            "spec": {
                "composeFile": "x".repeat(900), "interval": "1h", "progressDeadline": "10m", "prune": true,
                "publish": {"type": "ClusterIP"}, "networkPolicy": {"mode": "Enforce"},
                "volumes": {"accessModes": ["ReadWriteOnce"], "reclaim": "Retain", "size": "1Gi"},
            },
            "status": {
                "observedGeneration": 1, "revision": "51aa52435939cdec", "summary": "3/3", "warningCount": 2,
                "conditions": [{
                    "type": "Ready", "status": "True", "reason": "Succeeded", "message": "3/3 services ready",
                    "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z",
                }],
                "inventory": [
                    child("api__Service", false), child("api_apps_Deployment", true), child("cache__Service", false),
                    child("cache_apps_Deployment", true), child("web__Service", false), child("web_apps_Deployment", true),
                    child("web-published__Service", false), child("webshop-site-58d314dc9a__ConfigMap", false),
                    child("web-published_networking.k8s.io_NetworkPolicy", false),
                    child("webshop-default_networking.k8s.io_NetworkPolicy", false),
                ],
                "services": [service("api"), service("cache"), service("web")],
                "warnings": [warning("services", 180), warning("services.web.ports", 90)],
            },
        });
        let mut root: Root = serde_json::from_value(stack).unwrap();
        super::super::reduce(&mut root);
        root
    }

    /// What is kept is what an operator of thousands of stacks takes, so that more of it is to be seen.
    #[test]
    fn a_stack_takes_little_memory() {
        const STACKS: u32 = 20;
        let mut stacks = Stacks::default();
        let mut kept = stacks.begin(None);
        let taken = allocation_counter::measure(|| {
            kept.writer.apply_watcher_event(&Event::Init);
            for number in 0..STACKS {
                kept.writer.apply_watcher_event(&Event::InitApply(stack(number)));
            }
            kept.writer.apply_watcher_event(&Event::InitDone);
        });
        let bytes = taken.bytes_current / i64::from(STACKS);
        let allocations = taken.count_current / i64::from(STACKS);
        println!("{bytes} bytes a stack in {allocations} allocations");
        assert!((3000..7000).contains(&bytes), "{bytes} bytes a stack in {allocations} allocations");
    }
}
