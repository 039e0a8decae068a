//! Calls that fail, and an operator that is killed, at every point of a stack's life: what was begun is brought to its
//! end, once, and the status never says that it is there before it is (docs/reliability.md).
//!
//! Between the operator and the real API server is a proxy that knows of which stack each request is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use harness::{Cluster, Namespace, Operator, cluster};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

/// What can become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// The API server answers with this and does nothing.
    Status(u16),
    /// It does not arrive, and the connection breaks.
    Lost,
    /// It is carried out, and the connection breaks before the answer is through.
    Unanswered,
    /// It takes two seconds.
    Slow,
    /// The operator is killed before it is sent.
    KilledBefore,
    /// The operator is killed after it was carried out.
    KilledAfter,
}

const FAULTS: [Fault; 7] = [
    Fault::Status(409),
    Fault::Status(410),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Lost,
    Fault::Unanswered,
    Fault::Slow,
];

/// Which request of which stack fails, and how many there were.
#[derive(Default)]
struct Plan {
    faults: Mutex<BTreeMap<String, (usize, Fault)>>,
    counts: Mutex<BTreeMap<String, usize>>,
    fired: Mutex<Vec<Fault>>,
}

impl Plan {
    /// Counts a request, and says what is to become of it. A fault happens once.
    fn next(&self, stack: &str) -> Option<Fault> {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(stack.to_owned()).or_default();
        *count += 1;
        let mut faults = self.faults.lock().unwrap();
        let (_, fault) = *faults.get(stack).filter(|(at, _)| at == count)?;
        faults.remove(stack);
        Some(fault)
    }

    fn calls(&self, stack: &str) -> usize {
        self.counts.lock().unwrap().get(stack).copied().unwrap_or_default()
    }

    fn fired(&self) -> Vec<Fault> {
        self.fired.lock().unwrap().clone()
    }
}

/// The proxy: it ends with its test.
struct Proxy {
    plan: Arc<Plan>,
    kubeconfig: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    fn before(cluster: &Cluster) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let plan = Arc::new(Plan::default());
        let text = std::fs::read_to_string(&cluster.operator_kubeconfig).unwrap();
        let address: SocketAddr = runtime.block_on(async {
            let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            // What the API server answers is for the operator to judge.
            config.default_retry = false;
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = Client::try_from(config).unwrap();
            let router = Router::new().fallback(pass).with_state((client, Arc::clone(&plan)));
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        let server = text.lines().find_map(|line| line.trim().strip_prefix("server: ")).unwrap().to_owned();
        let kubeconfig = std::env::temp_dir().join(format!("faults-{}.kubeconfig", address.port()));
        std::fs::write(&kubeconfig, text.replace(&server, &format!("http://{address}"))).unwrap();
        Self { plan, kubeconfig, _runtime: runtime }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

async fn pass(State((client, plan)): State<(Client, Arc<Plan>)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let place = parts.uri.path_and_query().unwrap().as_str().to_owned();
    let stack = stack_of(&place).or_else(|| stack_of(&String::from_utf8_lossy(&body)));
    let fault = stack.filter(|_| !place.contains("watch=true")).and_then(|stack| plan.next(&stack));
    let fire = |fault| plan.fired.lock().unwrap().push(fault);
    match fault {
        Some(fault @ Fault::Status(code)) => {
            fire(fault);
            return refusal(code);
        }
        Some(Fault::Lost) => {
            fire(Fault::Lost);
            return broken();
        }
        Some(Fault::KilledBefore) => {
            fire(Fault::KilledBefore);
            return std::future::pending().await;
        }
        Some(Fault::Slow) => {
            fire(Fault::Slow);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        Some(Fault::Unanswered | Fault::KilledAfter) | None => {}
    }
    let mut forwarded = http::Request::builder().method(parts.method).uri(place);
    for (name, value) in &parts.headers {
        // The connection, the encoding and the identity are those of this client.
        if ![header::HOST, header::AUTHORIZATION, header::ACCEPT_ENCODING, header::CONNECTION].contains(name) {
            forwarded = forwarded.header(name, value);
        }
    }
    let forwarded = forwarded.body(kube::client::Body::from(body.to_vec())).unwrap();
    let Ok(answer) = client.send(forwarded).await else { return broken() };
    match fault {
        Some(Fault::Unanswered) => {
            fire(Fault::Unanswered);
            broken()
        }
        Some(Fault::KilledAfter) => {
            fire(Fault::KilledAfter);
            std::future::pending().await
        }
        _ => answer.map(Body::new),
    }
}

/// The stack that a request names: all that belongs to one begins with its name, such as `f0012x`.
fn stack_of(text: &str) -> Option<String> {
    let found = text.match_indices('f').find(|(at, _)| {
        let name = text.as_bytes().get(*at..*at + 6);
        name.is_some_and(|name| name[1..5].iter().all(u8::is_ascii_digit) && name[5] == b'x')
    });
    found.map(|(at, _)| text[at..at + 6].to_owned())
}

fn refusal(code: u16) -> Response {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": "injected", "reason": reason, "code": code,
    });
    (
        StatusCode::from_u16(code).unwrap(),
        [(header::RETRY_AFTER, "1"), (header::CONTENT_TYPE, "application/json")],
        status.to_string(),
    )
        .into_response()
}

/// An answer that ends before its end.
fn broken() -> Response {
    let cut = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    ([(header::CONTENT_LENGTH, "1000")], Body::from_stream(cut)).into_response()
}

fn name(number: usize) -> String {
    format!("f{number:04}x")
}

/// A stack without pods, so that it can be ready without nodes: a volume, a configuration, a Secret, and a service that
/// leaves it with the second version.
fn stack(name: &str, version: u32) -> Value {
    let leaves =
        if version == 1 { format!("  {name}old: {{image: old, deploy: {{replicas: 0}}}}\n") } else { String::new() };
    let compose = format!(
        "services:\n{leaves}  {name}db: {{image: \"db:{version}\", volumes: [\"data:/data\"], deploy: {{replicas: 0}}}}\n  \
         {name}web: {{image: \"web:{version}\", configs: [site], secrets: [key], deploy: {{replicas: 0}}}}\n\
         volumes: {{data: {{}}}}\nconfigs: {{site: {{content: \"version {version}\"}}}}\n\
         secrets: {{key: {{environment: KEY}}}}\n"
    );
    json!({
        "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": {"name": name},
        "spec": {"composeFile": compose, "env": {"KEY": format!("key {version}")}},
    })
}

fn apply(namespace: &Namespace, cluster: &Cluster, stacks: &[String], version: u32) {
    let stacks: Vec<Value> = stacks.iter().map(|name| stack(name, version)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": stacks});
    cluster.ok_with(&["-n", &namespace.name, "apply", "--server-side", "-f", "-"], &list.to_string());
}

/// Waits until all stacks say that they are ready, and meanwhile asks whether those that say so are: whether they have
/// the objects that are expected and their workloads the version.
fn converge(
    namespace: &Namespace,
    stacks: &[String],
    (version, expected): (u32, &[String]),
    seconds: u64,
    meanwhile: &mut dyn FnMut(),
) {
    let began = Instant::now();
    let wanted: BTreeSet<&str> = stacks.iter().map(String::as_str).collect();
    loop {
        meanwhile();
        let text = namespace.ok(&["get", "composestacks", "-o", "json"]);
        let list: Value = serde_json::from_str(&text).unwrap();
        let mut ready = BTreeSet::new();
        for stack in list["items"].as_array().unwrap() {
            let conditions = stack["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let is_ready = conditions.iter().any(|it| {
                it["type"] == "Ready"
                    && it["status"] == "True"
                    && it["observedGeneration"] == stack["metadata"]["generation"]
            });
            let name = stack["metadata"]["name"].as_str().unwrap();
            if is_ready && wanted.contains(name) {
                ready.insert(name.to_owned());
            }
        }
        // Asked after the statuses: what they say has to be there by now.
        let children = children(namespace);
        for stack in &ready {
            let (objects, _) = &children[stack];
            let mut missing = expected.to_vec();
            for object in objects {
                if let Some(at) = missing.iter().position(|it| it == object) {
                    missing.swap_remove(at);
                }
            }
            let workload = |kind: &str, service: &str| format!("{kind}/{service} {service}:{version}");
            for workload in [workload("Deployment", "web"), workload("StatefulSet", "db")] {
                if !objects.contains(&workload) {
                    missing.push(workload);
                }
            }
            assert!(missing.is_empty(), "{stack} says that it is ready without {missing:?}");
        }
        if ready.len() == wanted.len() {
            return;
        }
        if began.elapsed() >= Duration::from_secs(seconds) {
            let stuck: Vec<_> = wanted.iter().filter(|name| !ready.contains(**name)).collect();
            panic!("stuck after {seconds} s: {stuck:?}\n{text}");
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// What there is of each stack, with what its names have of their own taken out, and the uids of what may not be made
/// anew.
fn children(namespace: &Namespace) -> BTreeMap<String, (Vec<String>, BTreeSet<String>)> {
    let kinds = "deployments,statefulsets,replicasets,services,configmaps,secrets,networkpolicies,pvc";
    let mut children: BTreeMap<String, (Vec<String>, BTreeSet<String>)> = BTreeMap::new();
    for child in namespace.list(kinds, "compose-operator.dev/stack") {
        let text = |path: &str| child.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let stack = child["metadata"]["labels"]["compose-operator.dev/stack"].as_str().unwrap().to_owned();
        let (kind, name) = (text("/kind"), text("/metadata/name").replace(&stack, ""));
        let hashed = matches!(kind.as_str(), "ConfigMap" | "Secret" | "ReplicaSet");
        let name = if hashed { name.rsplit_once('-').unwrap().0.to_owned() } else { name };
        let image = text("/spec/template/spec/containers/0/image");
        let (objects, uids) = children.entry(stack).or_default();
        objects.push(format!("{kind}/{name} {image}"));
        objects.sort();
        if matches!(kind.as_str(), "Deployment" | "StatefulSet" | "PersistentVolumeClaim") && name != "old" {
            uids.insert(text("/metadata/uid"));
        }
    }
    children
}

/// Compares every stack with one that had no fault.
fn compare(namespace: &Namespace, first: &BTreeMap<String, (Vec<String>, BTreeSet<String>)>, stacks: &[String]) {
    let now = children(namespace);
    let (expected, _) = &now[&name(0)];
    assert!(expected.len() > 8, "{expected:?}");
    for stack in stacks {
        let (objects, uids) = &now[stack];
        assert_eq!(objects, expected, "lost or twice in {stack}");
        assert_eq!(uids, &first[stack].1, "made anew in {stack}");
    }
}

/// Nothing is sent any more.
fn stays(cluster: &Cluster, namespace: &Namespace) {
    std::thread::sleep(Duration::from_secs(2));
    let mark = cluster.audit_mark();
    std::thread::sleep(Duration::from_secs(3));
    let writes = cluster.operator_writes_since(mark);
    let writes: Vec<_> = writes.iter().filter(|write| write.contains(&namespace.name)).collect();
    assert!(writes.is_empty(), "it does not come to rest: {writes:#?}");
}

/// Every call, or each of so many where time is short.
fn stride(short: usize) -> usize {
    if std::env::var_os("FAULTS").is_some_and(|it| it == "all") { 1 } else { short }
}

/// How many calls the stack without faults took, and what there was of it with each version.
fn reference(cluster: &Cluster, namespace: &Namespace, plan: &Plan) -> (usize, [Vec<String>; 2]) {
    let names = [name(0)];
    let objects = [1, 2].map(|version| {
        apply(namespace, cluster, &names, version);
        converge(namespace, &names, (version, &[]), 30, &mut || ());
        let (mut objects, _) = children(namespace).remove(&names[0]).unwrap();
        // The cluster's own controllers make and remove these in their own time.
        objects.retain(|object| !object.starts_with("ReplicaSet/"));
        objects
    });
    (plan.calls(&names[0]), objects)
}

#[test]
fn a_call_that_fails_is_made_good_whichever_it_is() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("faults");
    let proxy = Proxy::before(cluster);
    let _operator = Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let (calls, [one, two]) = reference(cluster, &namespace, &proxy.plan);
    let mut names = Vec::new();
    for fault in FAULTS {
        for at in (1..=calls).step_by(stride(5)) {
            let name = name(names.len() + 1);
            proxy.plan.faults.lock().unwrap().insert(name.clone(), (at, fault));
            names.push(name);
        }
    }
    apply(&namespace, cluster, &names, 1);
    converge(&namespace, &names, (1, &one), 120, &mut || ());
    let first = children(&namespace);
    apply(&namespace, cluster, &names, 2);
    converge(&namespace, &names, (2, &two), 120, &mut || ());
    compare(&namespace, &first, &names);
    stays(cluster, &namespace);
    let fired = proxy.plan.fired();
    for fault in FAULTS {
        let count = fired.iter().filter(|it| **it == fault).count();
        assert!(2 * count > calls / stride(5), "{fault:?} happened {count} times at {calls} calls");
    }
    println!(
        "{} faults in {} stacks at {calls} calls: 0 lost, 0 twice, 0 stuck, 0 untrue statuses",
        fired.len(),
        names.len()
    );
}

#[test]
fn an_operator_that_is_killed_at_a_call_goes_on_with_it() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("kills");
    let proxy = Proxy::before(cluster);
    let start = || Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let mut operator = start();
    let (calls, [one, two]) = reference(cluster, &namespace, &proxy.plan);
    let mut names = Vec::new();
    let mut first = BTreeMap::new();
    let mut kills = 0;
    // Whoever waits for the answer to the call is killed, and another begins.
    let mut kill = || {
        if proxy.plan.fired().len() > kills {
            kills += 1;
            operator.kill();
            operator = start();
        }
    };
    for at in (1..=calls).step_by(stride(12)) {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let stack = [name(names.len() + 1)];
            proxy.plan.faults.lock().unwrap().insert(stack[0].clone(), (at, fault));
            apply(&namespace, cluster, &stack, 1);
            converge(&namespace, &stack, (1, &one), 60, &mut kill);
            first.extend(children(&namespace).into_iter().filter(|(name, _)| *name == stack[0]));
            apply(&namespace, cluster, &stack, 2);
            converge(&namespace, &stack, (2, &two), 60, &mut kill);
            proxy.plan.faults.lock().unwrap().clear();
            kill();
            names.extend(stack);
        }
    }
    compare(&namespace, &first, &names);
    stays(cluster, &namespace);
    assert!(2 * kills > names.len(), "{kills} kills in {} stacks", names.len());
    println!("{kills} kills in {} stacks at {calls} calls: 0 lost, 0 twice, 0 stuck, 0 untrue statuses", names.len());
}
