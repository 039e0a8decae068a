//! What a spec is to come to, by the operator's own functions, asked apart from it.

use std::collections::BTreeMap;

use compose_operator::apply::{HashKey, Kind, LiveStore, Owner, addresses, claims};
use compose_operator::compose::load;
use compose_operator::policy::{FORBIDDEN, Policy};
use compose_operator::source::{self, Reader, References, SourceError};
use compose_operator::translate::{Child, Note, NoteLevel, Stack, has_host_names, not_honoured, translate};
use kube::api::{Patch, PatchParams};
use kube::core::DynamicObject;
use kube::runtime::watcher::Event;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::observed::{Observed, id, normal};

/// What a stack is to come to.
pub enum Judgement {
    /// Nothing is done, and the status has this reason and speaks of all of this.
    Refused { reason: &'static str, says: Vec<String> },
    /// It cannot be done beside what is there, and the status speaks of all of this.
    Held { says: Vec<String> },
    /// These objects.
    Declared(Declared),
}

/// What a stack declares.
pub struct Declared {
    /// By kind and name: as they are declared, and as the API server completes them.
    pub objects: BTreeMap<String, (Value, Value)>,
    /// What they depend on beside the spec: how names were resolved before, which stays so, and the addresses that the
    /// cluster gave.
    pub given: Value,
}

/// Knows what the operator knows.
pub struct Judge {
    pub client: Client,
    hash_key: Vec<u8>,
    policy: Policy,
    /// A namespace in which there is nothing.
    empty: String,
    completed: Mutex<BTreeMap<String, Value>>,
}

impl Judge {
    pub fn new(client: Client, hash_key: Vec<u8>, policy: Policy, empty: String) -> Self {
        Self { client, hash_key, policy, empty, completed: Mutex::default() }
    }

    pub async fn judge(&self, observed: &Observed) -> Judgement {
        let stack = &observed.stack;
        let refused = |reason, says| Judgement::Refused { reason, says };
        if stack.spec.suspend {
            return refused("Suspended", Vec::new());
        }
        let fields = not_honoured(&stack.spec);
        if !fields.is_empty() {
            return refused("FieldNotSupported", fields);
        }
        if stack.spec.service_account_name.as_deref() == Some("walk-nobody") {
            return refused("Forbidden", vec!["walk-nobody".to_owned()]);
        }
        let references = References::default();
        let reader = Reader::new(&self.client, stack, &references);
        let inputs = match source::gather(&reader, stack).await {
            Ok(inputs) => inputs,
            Err(error) => {
                let reason = if matches!(error, SourceError::NotFound(_)) { "InputNotFound" } else { "InvalidCompose" };
                return refused(reason, vec![error.to_string()]);
            }
        };
        let project = match load(&inputs.files, &inputs.options) {
            Ok(project) => project,
            Err(errors) => return refused("InvalidCompose", vec![errors.to_string()]),
        };
        let mut facts = source::facts(&reader, stack, &project, &self.hash_key, None, &[]).await.unwrap();
        facts.cluster_domain = Some("cluster.local".to_owned());
        facts.operator_image.clone_from(&self.policy.operator_image);
        let namespace = stack.namespace().unwrap();
        let live = live(observed);
        facts.claims = claims(&live, &namespace);
        if has_host_names(&project) {
            let (name, namespace) = (stack.name_any(), namespace.clone());
            facts.addresses = Some(addresses(&live, &Owner { name, namespace, uid: stack.uid().unwrap() }));
        }
        let settings = Stack {
            name: stack.name_any(),
            namespace,
            uid: stack.uid(),
            spec: stack.spec.clone(),
            files: inputs.files,
            environment: inputs.options.environment,
            hash_key: self.hash_key.clone(),
        };
        let plan = translate(&project, &settings, &facts, &self.policy);
        let stopping: Vec<&Note> = plan.notes.iter().filter(|note| note.level.stops(stack.spec.unsupported)).collect();
        if !stopping.is_empty() {
            let forbidden = stopping.iter().all(|note| note.reason == FORBIDDEN);
            let fatal = stopping.iter().any(|note| note.level == NoteLevel::Error);
            let reason = match (forbidden, fatal) {
                (true, _) => "PolicyViolation",
                (_, true) => "InvalidCompose",
                _ => "Unsupported",
            };
            return refused(reason, stopping.iter().map(|note| format!("{}: {}", note.path, note.message)).collect());
        }
        let children: Vec<Child> = plan.children().map(Result::unwrap).collect();
        let strangers = self.strangers(&children, observed).await;
        if !strangers.is_empty() {
            return refused("NameConflict", strangers);
        }
        let held = self.held(&children, observed).await;
        if !held.is_empty() {
            return Judgement::Held { says: held };
        }
        let mut objects = BTreeMap::new();
        for child in children {
            match self.complete(&child).await {
                Ok(completed) => {
                    objects.insert(id(&child.resource.kind, &child.name), (child.object, completed));
                }
                Err(_) => return Judgement::Held { says: vec![child.name] },
            }
        }
        Judgement::Declared(Declared { objects, given: json!([facts.discovery, facts.addresses]) })
    }

    /// The names that objects of others have.
    async fn strangers(&self, children: &[Child], observed: &Observed) -> Vec<String> {
        let mut strangers = Vec::new();
        for child in
            children.iter().filter(|child| !observed.objects.contains_key(&id(&child.resource.kind, &child.name)))
        {
            let namespace = observed.stack.namespace().unwrap();
            let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, &child.resource);
            if api.get_opt(&child.name).await.unwrap().is_some() {
                strangers.push(child.name.clone());
            }
        }
        strangers
    }

    /// The claims that are there and cannot become what is declared.
    async fn held(&self, children: &[Child], observed: &Observed) -> Vec<String> {
        let mut held = Vec::new();
        for child in children.iter().filter(|child| child.resource.kind == Kind::PersistentVolumeClaim.as_str()) {
            let Some(live) = observed.objects.get(&id(&child.resource.kind, &child.name)) else { continue };
            let size = |object: &Value| object["spec"]["resources"]["requests"]["storage"].clone();
            let (wanted, has) = (self.complete(child).await.map_or(Value::Null, |object| size(&object)), size(live));
            if wanted != has || !self.accepts(child, &observed.stack.namespace().unwrap()).await {
                held.push(child.name.clone());
            }
        }
        held
    }

    async fn accepts(&self, child: &Child, namespace: &str) -> bool {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &child.resource);
        api.patch(&child.name, &dry_run(), &Patch::Apply(&child.object)).await.is_ok()
    }

    /// An object as the API server would keep it if there were nothing of it yet.
    async fn complete(&self, child: &Child) -> Result<Value, String> {
        let key = child.object.to_string();
        if let Some(completed) = self.completed.lock().await.get(&key) {
            return Ok(completed.clone());
        }
        let mut object = child.object.clone();
        object["metadata"]["namespace"] = json!(self.empty);
        // Another may have the number now that this one will have.
        let mut numbers = Vec::new();
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            numbers.push(port.as_object_mut().and_then(|port| port.remove("nodePort")));
        }
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.empty, &child.resource);
        let completed = api.patch(&child.name, &dry_run(), &Patch::Apply(&object)).await;
        let completed = completed.map_err(|error| error.to_string())?;
        let mut completed = normal(&serde_json::to_value(completed).unwrap());
        for (index, number) in numbers.into_iter().enumerate() {
            let port = completed.pointer_mut(&format!("/spec/ports/{index}")).and_then(Value::as_object_mut).unwrap();
            port.remove("nodePort");
            port.extend(number.map(|number| ("nodePort".to_owned(), number)));
        }
        self.completed.lock().await.insert(key, completed.clone());
        Ok(completed)
    }
}

fn dry_run() -> PatchParams {
    PatchParams {
        dry_run: true,
        force: true,
        field_manager: Some("compose-operator".to_owned()),
        field_validation: None,
    }
}

/// What the operator's watches have told it.
fn live(observed: &Observed) -> std::sync::Arc<LiveStore> {
    let live = LiveStore::new(HashKey::new(b"walk"), &[]);
    for kind in [Kind::PersistentVolumeClaim, Kind::Job, Kind::Service] {
        let mut feed = live.feed(kind, None);
        feed.take(Event::Init);
        for object in observed.objects.values().filter(|object| object["kind"] == kind.as_str()) {
            feed.take(Event::InitApply(serde_json::from_value(object.clone()).unwrap()));
        }
        feed.take(Event::InitDone);
    }
    live
}
