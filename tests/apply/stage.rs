//! A namespace with a stack in it, and a stand-in for the kubelet: there are controllers, but no nodes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use compose_operator::api::names::{COMPONENT_SERVICE, FIELD_MANAGER, LABEL_COMPONENT, LABEL_SERVICE};
use compose_operator::api::v1alpha1::InventoryEntry;
use compose_operator::api::{ComposeStack, ComposeStackSpec};
use compose_operator::apply::{Action, Applier, HashKey, Kind, LiveStore, Outcome, Owner, Request, changes};
use compose_operator::translate::Plan;
use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, NamespaceResourceScope};
use kube::{Client, Config, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::util::MapRequestLayer;

use crate::harness::cluster;

async fn config(path: &Path, impersonate: Option<&str>) -> Config {
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.auth_info.impersonate = impersonate.map(str::to_owned);
    config
}

/// The requests that a client sent, as `PATCH configmaps/web`.
#[derive(Clone, Default)]
pub struct Log {
    requests: Arc<Mutex<Vec<String>>>,
    before_write: Arc<Mutex<Option<Surprise>>>,
}

/// Something that happens at the worst moment.
type Surprise = Box<dyn FnOnce() + Send>;

impl Log {
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    /// Does something just before the next write.
    pub fn before_write(&self, surprise: impl FnOnce() + Send + 'static) {
        *self.before_write.lock().unwrap() = Some(Box::new(surprise));
    }

    fn client(&self, config: Config) -> Client {
        let log = self.clone();
        let layer = MapRequestLayer::new(move |request: http::Request<Body>| {
            let path = request.uri().path();
            let place =
                path.split("/namespaces/").nth(1).and_then(|rest| rest.split_once('/')).map_or(path, |(_, it)| it);
            log.requests.lock().unwrap().push(format!("{} {place}", request.method()));
            let surprise = log.before_write.lock().unwrap().take_if(|_| request.method() != http::Method::GET);
            if let Some(surprise) = surprise {
                surprise();
            }
            request
        });
        ClientBuilder::try_from(config).unwrap().with_layer(&layer).build()
    }
}

pub struct Stage {
    /// The administrator's client.
    pub admin: Client,
    /// The operator's client, whose requests are logged.
    pub client: Client,
    pub log: Log,
    pub owner: Owner,
    pub live: Arc<LiveStore>,
    pub inventory: Vec<InventoryEntry>,
    /// Whether the next pass is told that all names were looked at before.
    pub looked: bool,
    /// Whether claims outlive the stack.
    pub retain: bool,
    /// The operator's client for what is not logged.
    unlogged: Client,
    watches: JoinHandle<()>,
}

impl Stage {
    /// A stack `shop` in a namespace of its own; nothing, loudly, when there is no API server.
    pub async fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let cluster = cluster()?;
        let admin = Client::try_from(config(&cluster.kubeconfig, None).await).unwrap();
        let namespace = format!("apply-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let log = Log::default();
        let client = log.client(config(&cluster.operator_kubeconfig, None).await);
        let unlogged = Client::try_from(config(&cluster.operator_kubeconfig, None).await).unwrap();
        create_namespace(&admin, &namespace).await;
        let spec: ComposeStackSpec = serde_json::from_value(json!({"composeFile": "services: {}"})).unwrap();
        let stack = ComposeStack::new("shop", spec);
        let stack = Api::namespaced(admin.clone(), &namespace).create(&PostParams::default(), &stack).await.unwrap();
        let owner = Owner { name: "shop".to_owned(), namespace, uid: stack.uid().unwrap() };
        let (live, watches) = watch(&unlogged, &owner.namespace).await;
        Some(Self {
            admin,
            client,
            log,
            owner,
            live,
            inventory: Vec::new(),
            looked: false,
            retain: true,
            unlogged,
            watches,
        })
    }

    /// A new operator that knows only what is in the status.
    pub async fn restart(&mut self) {
        self.watches.abort();
        (self.live, self.watches) = watch(&self.unlogged, &self.owner.namespace).await;
    }

    /// Stops hearing of the cluster.
    pub fn go_deaf(&self) {
        self.watches.abort();
    }

    /// Acts as somebody without rights.
    pub async fn act_as(&mut self, user: &str) {
        self.client = self.log.client(config(&cluster().unwrap().kubeconfig, Some(user)).await);
    }

    pub async fn pass(&mut self, plan: &Plan) -> Outcome {
        self.pass_with(plan, true, false).await
    }

    pub async fn pass_with(&mut self, plan: &Plan, prune: bool, verify: bool) -> Outcome {
        let (inventory, retain, looked) = (&self.inventory, self.retain, self.looked);
        let request = Request { plan, inventory, prune, retain, verify, looked };
        let outcome = Applier::new(&self.client, &self.live, &self.owner).apply(request).await;
        self.inventory.clone_from(&outcome.inventory);
        outcome
    }

    /// Passes until nothing is sent and nothing of what was sent is unheard of, then returns that last outcome with
    /// all changes of all passes.
    pub async fn settle(&mut self, plan: &Plan) -> Outcome {
        let mut all = Vec::new();
        let mut quiet = 0;
        let began = Instant::now();
        loop {
            let mut outcome = self.pass(plan).await;
            assert_eq!(outcome.errors, [], "while settling");
            quiet = if outcome.changes.is_empty() { quiet + 1 } else { 0 };
            all.append(&mut outcome.changes);
            if quiet > 3 {
                outcome.changes = all;
                return outcome;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "does not settle: {all:?} {outcome:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Passes until the outcome is as wanted.
    pub async fn until(&mut self, plan: &Plan, what: &str, wanted: impl Fn(&Outcome) -> bool) -> Outcome {
        let began = Instant::now();
        loop {
            let outcome = self.pass(plan).await;
            if wanted(&outcome) {
                return outcome;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "not seen: {what}: {outcome:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.admin.clone(), &self.owner.namespace)
    }

    pub async fn get<K>(&self, name: &str) -> Option<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        self.api::<K>().get_opt(name).await.unwrap()
    }

    /// The object as JSON.
    pub async fn json<K>(&self, name: &str) -> Value
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.admin.clone(), &self.owner.namespace, &ApiResource::erase::<K>(&()));
        serde_json::to_value(api.get(name).await.unwrap()).unwrap()
    }

    /// Something that creates an object from a thread of its own.
    pub fn creating<K>(&self, object: Value) -> impl FnOnce() + Send + 'static
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Serialize
            + Debug
            + Send
            + Sync
            + 'static,
    {
        let namespace = self.owner.namespace.clone();
        move || {
            apart(async move |client| {
                let object: K = serde_json::from_value(object).unwrap();
                Api::<K>::namespaced(client, &namespace).create(&PostParams::default(), &object).await.unwrap();
            });
        }
    }

    /// Something that changes an object from a thread of its own.
    pub fn patching<K>(&self, name: &str, patch: Value) -> impl FnOnce() + Send + 'static
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + 'static,
    {
        let (namespace, name) = (self.owner.namespace.clone(), name.to_owned());
        move || {
            apart(async move |client| {
                let api = Api::<K>::namespaced(client, &namespace);
                api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            });
        }
    }

    pub async fn create<K>(&self, object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.api::<K>().create(&PostParams::default(), &object).await.unwrap()
    }

    /// Changes an object as another person would, and waits until the operator has heard of it.
    pub async fn meddle<K>(&self, kind: compose_operator::apply::Kind, name: &str, patch: Value)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let parameters = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
        let changed = self.api::<K>().patch(name, &parameters, &Patch::Merge(patch)).await.unwrap();
        let version: u64 = changed.resource_version().unwrap().parse().unwrap();
        self.eventually("the change is heard of", async || {
            self.live
                .get(kind, &self.owner.namespace, name)
                .is_some_and(|live| live.version.text().parse::<u64>().unwrap() >= version)
        })
        .await;
    }

    pub async fn delete<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        self.api::<K>().delete(name, &DeleteParams::background()).await.unwrap();
    }

    pub async fn eventually(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let began = Instant::now();
        while !holds().await {
            assert!(began.elapsed() < Duration::from_secs(30), "does not come: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until no watch knows an object any more.
    pub async fn out_of_sight(&self, kind: Kind, name: &str) {
        let known = || self.live.get(kind, &self.owner.namespace, name);
        self.eventually(&format!("{kind} {name} is out of sight"), async || known().is_none()).await;
    }

    /// The pods of a service, the newest last.
    pub async fn pods(&self, service: &str) -> Vec<Pod> {
        let labels = format!("{LABEL_SERVICE}={service},{LABEL_COMPONENT}={COMPONENT_SERVICE}");
        let mut pods = self.api::<Pod>().list(&ListParams::default().labels(&labels)).await.unwrap().items;
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.clone());
        pods
    }

    /// What a kubelet would report: all pods of the service run and are ready.
    pub async fn run_pods(&self, service: &str) {
        let ready = json!({
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "containerStatuses": [{
                "name": "main", "ready": true, "started": true, "restartCount": 0, "image": "web:1",
                "imageID": "example.com/web@sha256:0123", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            }],
        });
        self.report_pods(service, None, ready).await;
    }

    /// Runs the pods of a rollout as they come, until the service is ready.
    pub async fn roll_out(&mut self, plan: &Plan, service: &str) {
        self.roll_out_as(plan, service, "Ready").await;
    }

    /// The same for a service that then is in this state.
    pub async fn roll_out_as(&mut self, plan: &Plan, service: &str, state: &str) {
        let began = Instant::now();
        loop {
            self.run_pods(service).await;
            let outcome = self.pass(plan).await;
            let status = outcome.services.iter().find(|status| status.name == service).unwrap();
            if status.state == state && status.ready == status.desired {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "does not roll out: {outcome:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same: all pods of the service have ended.
    pub async fn end_pods(&self, service: &str, exit_code: i32) {
        let ended = json!({
            "phase": if exit_code == 0 { "Succeeded" } else { "Failed" },
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "containerStatuses": [{
                "name": "main", "ready": false, "started": false, "restartCount": 0, "image": "web:1", "imageID": "",
                "state": {"terminated": {"exitCode": exit_code, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}},
            }],
        });
        self.report_pods(service, None, ended).await;
    }

    /// The same: the pods of an image have ended and are started again later.
    pub async fn fail_pods(&self, service: &str, image: &str) {
        let ended = json!({
            "exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z",
        });
        let failed = json!({
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "containerStatuses": [{
                "name": "main", "ready": false, "started": false, "restartCount": 1, "image": image, "imageID": "",
                "state": {"terminated": ended},
            }],
        });
        self.report_pods(service, Some(image), failed).await;
    }

    /// The same: the containers of the pods cannot be started without a Secret.
    pub async fn starve_pods(&self, service: &str, secret: &str) {
        let starved = json!({
            "phase": "Pending",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            "containerStatuses": [{
                "name": "main", "ready": false, "started": false, "restartCount": 0, "image": "web:1", "imageID": "",
                "state": {"waiting": {
                    "reason": "CreateContainerConfigError", "message": format!("secret \"{secret}\" not found"),
                }},
            }],
        });
        self.report_pods(service, None, starved).await;
    }

    async fn report_pods(&self, service: &str, image: Option<&str>, status: Value) {
        self.eventually("pods are created", async || !self.pods(service).await.is_empty()).await;
        for pod in self.pods(service).await {
            let is_of_image = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() == image;
            if pod.metadata.deletion_timestamp.is_none() && (image.is_none() || is_of_image(&pod)) {
                let patch = Patch::Merge(json!({ "status": status }));
                match self.api::<Pod>().patch_status(&pod.name_any(), &PatchParams::default(), &patch).await {
                    // A rollout takes pods away meanwhile.
                    Err(kube::Error::Api(status)) if status.is_not_found() => {}
                    result => drop(result.unwrap()),
                }
            }
        }
    }

    /// The operations that the operator's field manager is recorded with.
    pub fn operations(object: &Value) -> Vec<String> {
        let entries = object["metadata"]["managedFields"].as_array().unwrap();
        let ours = entries.iter().filter(|entry| entry["manager"] == FIELD_MANAGER);
        ours.map(|entry| entry["operation"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Stage {
    /// Leaves nothing behind, since the cluster may be somebody's.
    fn drop(&mut self) {
        let namespace = self.owner.namespace.clone();
        apart(async move |client| {
            let _ = Api::<Namespace>::all(client).delete(&namespace, &DeleteParams::background()).await;
        });
    }
}

/// Runs in a thread and a runtime of its own, so that the caller's may be blocked.
fn apart<F: Future<Output = ()>>(work: impl FnOnce(Client) -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = Client::try_from(config(&cluster().unwrap().kubeconfig, None).await).unwrap();
            work(client).await;
        });
    });
    thread.join().unwrap();
}

/// What was done, as `created ConfigMap shop-config`.
pub fn told(outcome: &Outcome) -> Vec<String> {
    outcome.changes.iter().map(|change| format!("{} {} {}", change.action.as_str(), change.kind, change.name)).collect()
}

pub fn count(outcome: &Outcome, action: Action) -> usize {
    outcome.changes.iter().filter(|change| change.action == action).count()
}

/// The states of the services.
pub fn states(outcome: &Outcome) -> BTreeMap<&str, &str> {
    outcome.services.iter().map(|service| (service.name.as_str(), service.state.as_str())).collect()
}

async fn watch(client: &Client, namespace: &str) -> (Arc<LiveStore>, JoinHandle<()>) {
    let live = LiveStore::new(HashKey::new(b"a key for tests"), &[]);
    let mut stacks = Box::pin(changes(client, &live, Some(namespace), &|_| {}));
    let watches = tokio::spawn(async move { while stacks.next().await.is_some() {} });
    live.synced().await;
    (live, watches)
}

async fn create_namespace(client: &Client, name: &str) {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    // Without it no pod is admitted.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    while accounts.get_opt("default").await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
