//! A real API server, the real operator against it, and kubectl as its users run it.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod inside;
mod not_run;
pub mod page;
pub mod registry;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use not_run::not_run;
use serde_json::Value;

/// Where the definition of HTTPRoutes comes from: a Go module, as does the cluster itself.
const GATEWAY_API: &str = "sigs.k8s.io/gateway-api@v1.6.3";

/// A cluster that the environment names.
pub struct Cluster {
    pub kubeconfig: PathBuf,
    /// The kubeconfig that the operator runs with: a user of its own, with the rights of `deploy/`.
    pub operator_kubeconfig: PathBuf,
    /// The API server's audit log, where the harness started it.
    pub audit_log: Option<PathBuf>,
}

/// The cluster to test on, with the resource and the operator's rights. Without one, says so and returns nothing.
pub fn cluster() -> Option<&'static Cluster> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let cluster = bare_cluster()?;
    INSTALLED.get_or_init(|| cluster.install());
    Some(cluster)
}

/// The cluster to test on as it is. Without one, says so and returns nothing.
pub fn bare_cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        // KUBECONFIG alone is not enough: it may name a cluster that is not meant for tests.
        let (Some(_), Some(kubeconfig)) = (variable("COMPOSE_OPERATOR_CLUSTER"), variable("KUBECONFIG")) else {
            return None;
        };
        Some(Cluster {
            operator_kubeconfig: variable("COMPOSE_OPERATOR_OPERATOR_KUBECONFIG").unwrap_or_else(|| kubeconfig.clone()),
            audit_log: variable("COMPOSE_OPERATOR_AUDIT_LOG"),
            kubeconfig,
        })
    });
    if cluster.is_none() {
        not_run("no cluster was started for this test; `make test` starts one");
    }
    cluster.as_ref()
}

impl Cluster {
    /// Runs kubectl as the cluster's administrator.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        self.kubectl_with(args, "")
    }

    /// Runs kubectl with text on its standard input.
    pub fn kubectl_with(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new("kubectl")
            .env("KUBECONFIG", &self.kubeconfig)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl has to be on PATH");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs kubectl, which has to succeed, and returns what it prints.
    pub fn ok(&self, args: &[&str]) -> String {
        self.ok_with(args, "")
    }

    /// Installs the definitions of the APIs that not every cluster has: HTTPRoutes as the Gateway API publishes them, and
    /// NetworkAttachmentDefinitions as Multus describes them.
    pub fn install_optional_apis(&self) {
        let output = Command::new("go").args(["mod", "download", "-json", GATEWAY_API]).output().unwrap();
        let module: Value = serde_json::from_slice(&output.stdout).unwrap();
        let directory = module["Dir"].as_str().unwrap_or_else(|| panic!("no {GATEWAY_API}: {module}"));
        let routes = format!("{directory}/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml");
        self.ok(&["apply", "--server-side", "-f", &routes]);
        self.ok_with(&["apply", "--server-side", "-f", "-"], &read("tests/cluster/manifests/network-attachments.yaml"));
        for name in ["httproutes.gateway.networking.k8s.io", "network-attachment-definitions.k8s.cni.cncf.io"] {
            self.established(name);
        }
    }

    /// Waits until a resource is served. To `kubectl wait`, a definition that has no conditions yet is an error.
    fn established(&self, name: &str) {
        let definition = format!("crd/{name}");
        let args = ["wait", "--for=condition=Established", &definition, "--timeout=5s"];
        wait_for(name, 30, || self.kubectl(&args).status.success().then_some(()));
    }

    /// The same with text on its standard input.
    pub fn ok_with(&self, args: &[&str], input: &str) -> String {
        let output = self.kubectl_with(args, input);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// An object as JSON; nothing when it is not there.
    pub fn get(&self, namespace: &str, kind: &str, name: &str) -> Option<Value> {
        let text = self.ok(&["get", "-n", namespace, kind, name, "--ignore-not-found", "-o", "json"]);
        (!text.trim().is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// The items of a list as JSON.
    pub fn list(&self, namespace: &str, kind: &str, selector: &str) -> Vec<Value> {
        let text = self.ok(&["get", "-n", namespace, kind, "-l", selector, "-o", "json"]);
        let list: Value = serde_json::from_str(&text).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Installs the resource and the operator's rights, as its users do.
    fn install(&self) {
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
        let manifests = self.ok(&["kustomize", base.to_str().unwrap()]);
        let all_but_the_operator: Vec<&str> =
            manifests.split("\n---\n").filter(|document| !document.contains("kind: Deployment\n")).collect();
        self.ok_with(&["apply", "--server-side", "-f", "-"], &all_but_the_operator.join("\n---\n"));
        self.established("composestacks.compose-operator.dev");
        // The tests run the operator outside of the cluster, as a user with just these rights.
        self.ok_with(
            &["apply", "--server-side", "-f", "-"],
            r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",
                "metadata":{"name":"compose-operator-test"},
                "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"compose-operator"},
                "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"compose-operator"}]}"#,
        );
        self.ok_with(
            &["apply", "--server-side", "-f", "-"],
            r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding",
                "metadata":{"name":"compose-operator-test","namespace":"compose-operator"},
                "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"compose-operator-installation"},
                "subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"compose-operator"}]}"#,
        );
    }

    /// The writes of the operator's user that the audit log has had since a mark, leases aside, dry runs counted:
    /// `verb uri`.
    pub fn operator_writes_since(&self, mark: u64) -> Vec<String> {
        self.operator_write_events_since(mark)
            .iter()
            .map(|event| {
                format!(
                    "{} {} {}",
                    event["verb"].as_str().unwrap_or_default(),
                    event["requestURI"].as_str().unwrap_or_default(),
                    event["responseStatus"]["code"]
                )
            })
            .collect()
    }

    /// The same as the audit log tells them.
    pub fn operator_write_events_since(&self, mark: u64) -> Vec<Value> {
        let Some(path) = &self.audit_log else { return Vec::new() };
        let mut file = File::open(path).unwrap();
        file.seek(SeekFrom::Start(mark)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| event["user"]["username"] == "compose-operator")
            .filter(|event| {
                ["create", "update", "patch", "delete", "deletecollection"]
                    .contains(&event["verb"].as_str().unwrap_or_default())
            })
            .filter(|event| event["objectRef"]["resource"] != "leases")
            .collect()
    }

    /// The end of the audit log now.
    pub fn audit_mark(&self) -> u64 {
        self.audit_log.as_ref().map_or(0, |path| std::fs::metadata(path).unwrap().len())
    }

    /// A namespace of the test's own, deleted at its end.
    pub fn namespace(&'static self, purpose: &str) -> Namespace {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{purpose}-{}-{count}", std::process::id());
        self.ok(&["create", "namespace", &name]);
        Namespace { cluster: self, name }
    }
}

/// A namespace that goes with the test.
pub struct Namespace {
    cluster: &'static Cluster,
    pub name: String,
}

impl Namespace {
    pub fn kubectl(&self, args: &[&str]) -> Output {
        self.cluster.kubectl(&[&["-n", &self.name], args].concat())
    }

    pub fn ok(&self, args: &[&str]) -> String {
        self.cluster.ok(&[&["-n", &self.name], args].concat())
    }

    pub fn apply(&self, manifest: &str) -> String {
        self.cluster.ok_with(&["-n", &self.name, "apply", "-f", "-"], manifest)
    }

    pub fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.cluster.get(&self.name, kind, name)
    }

    pub fn list(&self, kind: &str, selector: &str) -> Vec<Value> {
        self.cluster.list(&self.name, kind, selector)
    }

    /// A condition of a stack: its status, reason and message.
    pub fn condition(&self, stack: &str, kind: &str) -> Option<(String, String, String)> {
        let stack = self.get("composestack", stack)?;
        let condition =
            stack["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)?.clone();
        let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Waits until a condition of a stack has a status for the current generation, and returns reason and message.
    pub fn wait_condition(&self, stack: &str, kind: &str, status: &str, seconds: u64) -> (String, String) {
        let mut last = None;
        wait_for(&format!("{kind}={status} of {stack}"), seconds, || {
            let object = self.get("composestack", stack)?;
            let condition = object["status"]["conditions"]
                .as_array()
                .and_then(|conditions| conditions.iter().find(|condition| condition["type"] == kind).cloned());
            last.clone_from(&condition);
            let condition = condition?;
            let current = condition["observedGeneration"] == object["metadata"]["generation"];
            let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
            (current && condition["status"] == status).then(|| (text("reason"), text("message")))
        })
    }

    /// Waits until a stack is ready.
    pub fn wait_ready(&self, stack: &str, seconds: u64) {
        self.wait_condition(stack, "Ready", "True", seconds);
    }

    /// The names of all objects that the operator made for a stack, as `kind/name`.
    pub fn children(&self, stack: &str) -> BTreeSet<String> {
        let kinds = "deployments,statefulsets,daemonsets,jobs,cronjobs,services,configmaps,secrets,networkpolicies,pvc";
        self.list(kinds, &format!("compose-operator.dev/stack={stack}"))
            .iter()
            .map(|object| {
                format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
            })
            .collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let state = self.kubectl(&["get", "composestacks,all,pvc,events", "-o", "wide"]);
            eprintln!("{}", String::from_utf8_lossy(&state.stdout));
            let stacks = self.kubectl(&["get", "composestacks", "-o", "yaml"]);
            eprintln!("{}", String::from_utf8_lossy(&stacks.stdout));
        }
        self.cluster.kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}

/// The operator as a process of its own.
pub struct Operator {
    child: Child,
    pub address: String,
    /// What it calls itself in events and Leases, as a pod does by its name.
    pub name: String,
    log: PathBuf,
}

impl Operator {
    /// Starts the operator for some namespaces and waits until it is ready.
    pub fn start(cluster: &Cluster, namespaces: &[&Namespace], args: &[&str]) -> Self {
        Self::start_with(&cluster.operator_kubeconfig, namespaces, args)
    }

    /// The same with a way of its own to the API server.
    pub fn start_with(kubeconfig: &Path, namespaces: &[&Namespace], args: &[&str]) -> Self {
        Self::try_start(kubeconfig, namespaces, args).unwrap_or_else(|log| panic!("the operator ended:\n{log}"))
    }

    /// The same with further variables of its environment.
    pub fn start_in(environment: &[(&str, &str)], cluster: &Cluster, namespaces: &[&Namespace], args: &[&str]) -> Self {
        Self::try_start_in(environment, &cluster.operator_kubeconfig, namespaces, args)
            .unwrap_or_else(|log| panic!("the operator ended:\n{log}"))
    }

    /// The same; the log of an operator that ends before it is ready.
    pub fn try_start(kubeconfig: &Path, namespaces: &[&Namespace], args: &[&str]) -> Result<Self, String> {
        Self::try_start_in(&[], kubeconfig, namespaces, args)
    }

    fn try_start_in(
        environment: &[(&str, &str)],
        kubeconfig: &Path,
        namespaces: &[&Namespace],
        args: &[&str],
    ) -> Result<Self, String> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let names: Vec<&str> = namespaces.iter().map(|namespace| namespace.name.as_str()).collect();
        let name = format!("operator-{port}");
        let log = std::env::temp_dir().join(format!("compose-operator-{port}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_compose-operator"))
            .env("KUBECONFIG", kubeconfig)
            .env("COMPOSE_OPERATOR_IMAGE_CONFIGS", "off")
            .env("HOSTNAME", &name)
            .envs(environment.iter().copied())
            .args(["run", "--listen", &address, "--namespace", "compose-operator"])
            .args(["--watch-namespaces", &names.join(",")])
            .args(args)
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut operator = Self { child, address, name, log };
        wait_for("the operator to be ready", 30, || {
            if let Some(status) = operator.child.try_wait().unwrap() {
                return Some(Err(format!("{status}: {}", operator.log())));
            }
            operator.get("/readyz").filter(|answer| answer.starts_with("HTTP/1.1 200")).map(|_| Ok(()))
        })
        .map(|()| operator)
    }

    /// Asks the operator's own server.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// What the operator logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The names of the operator's threads, as far as the system keeps them.
    pub fn threads(&self) -> BTreeSet<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap().trim().to_owned())
            .collect()
    }

    /// Pauses the operator, or lets it go on.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until the operator ends by itself, and returns whether it called that a success.
    pub fn wait(&mut self, seconds: u64) -> bool {
        wait_for("the operator to end", seconds, || self.child.try_wait().unwrap()).success()
    }

    /// Kills the operator as a failing node would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the operator to end, and returns how long it took and whether it succeeded.
    pub fn terminate(&mut self) -> (Duration, bool) {
        let start = Instant::now();
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let status = wait_for("the operator to end", 60, || self.child.try_wait().unwrap());
        (start.elapsed(), status.success())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the operator's log:\n{}", self.log());
        } else {
            let _ = std::fs::remove_file(&self.log);
        }
    }
}

/// Asks again and again until there is an answer.
pub fn wait_for<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {seconds} s for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The text of a file of the package.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}
