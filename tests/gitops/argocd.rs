//! Argo CD as processes of this machine: its application controller and its repo server, with the Redis between them.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Cluster, not_run, wait_for};

/// The namespace of its settings and Applications.
pub const NAMESPACE: &str = "argocd";

/// The programs, as `hack/argocd-e2e` names them.
struct Programs {
    argocd: PathBuf,
    /// The directory of Argo CD's own definitions.
    crds: PathBuf,
    helm: PathBuf,
    kustomize: PathBuf,
}

impl Programs {
    /// Without them, says so and returns nothing.
    fn from_environment() -> Option<Self> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let programs = (|| {
            Some(Self {
                argocd: variable("ARGOCD")?,
                crds: variable("ARGOCD_CRDS")?,
                helm: variable("HELM")?,
                kustomize: variable("KUSTOMIZE")?,
            })
        })();
        if programs.is_none() {
            not_run("ARGOCD, ARGOCD_CRDS, HELM and KUSTOMIZE name no programs; `make argocd-e2e` builds them");
        }
        programs
    }
}

/// A running Argo CD, stopped at the end of the test.
pub struct ArgoCd {
    cluster: &'static Cluster,
    children: Vec<(&'static str, Child)>,
    /// Its logs, and the repositories that it reads.
    pub directory: PathBuf,
}

impl ArgoCd {
    /// Installs Argo CD's definitions and settings, with the health check of our chart among them, and starts it.
    pub fn start(cluster: &'static Cluster) -> Option<Self> {
        let programs = Programs::from_environment()?;
        if std::env::var("COMPOSE_OPERATOR_CLUSTER_MODE").as_deref() != Ok("node") {
            not_run("stacks become healthy on a node only, and this cluster has none of ours");
            return None;
        }
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gitops");
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join("repo-server")).unwrap();
        install(cluster, &programs);

        let mut argocd = Self { cluster, children: Vec::new(), directory };
        let [redis, repo_server, metrics, more_metrics] = free_ports();
        let mut command = Command::new("redis-server");
        argocd.spawn("redis", command.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(redis.to_string()));
        let path = std::env::var_os("PATH").unwrap();
        let tools = [&programs.helm, &programs.kustomize].map(|program| program.parent().unwrap().to_owned());
        let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&path))).unwrap();
        let mut command = Command::new(&programs.argocd);
        command
            .env("PATH", path)
            .env("TMPDIR", argocd.directory.join("repo-server"))
            .env("ARGOCD_GPG_ENABLED", "false")
            .args([
                "argocd-repo-server",
                "--logformat",
                "text",
                "--disable-tls",
                "--address",
                "127.0.0.1",
                "--metrics-address",
                "127.0.0.1",
            ])
            .args(["--port", &repo_server.to_string(), "--metrics-port", &metrics.to_string()])
            .args(["--redis", &format!("127.0.0.1:{redis}")]);
        argocd.spawn("repo-server", &mut command);
        let mut command = Command::new(&programs.argocd);
        command
            .env("ARGOCD_GPG_ENABLED", "false")
            .args(["argocd-application-controller", "--logformat", "text", "--repo-server-plaintext"])
            .args(["--repo-server", &format!("127.0.0.1:{repo_server}"), "--redis", &format!("127.0.0.1:{redis}")])
            .args(["--metrics-port", &more_metrics.to_string(), "--namespace", NAMESPACE, "--kubeconfig"])
            .arg(&cluster.kubeconfig);
        argocd.spawn("application-controller", &mut command);
        wait_for("Argo CD's repo server", 60, || {
            argocd.alive();
            TcpStream::connect(("127.0.0.1", repo_server)).ok()
        });
        Some(argocd)
    }

    fn spawn(&mut self, name: &'static str, command: &mut Command) {
        let log = File::create(self.directory.join(format!("{name}.log"))).unwrap();
        let child = command
            // The group goes with the process: the repo server runs git, Helm and kustomize.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        self.children.push((name, child));
    }

    /// Fails when one of its processes has ended.
    pub fn alive(&mut self) {
        for (name, child) in &mut self.children {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("Argo CD's {name} ended with {status}");
            }
        }
    }

    /// Makes an Application of a directory of a repository that keeps a namespace as the directory says.
    pub fn application(&self, name: &str, repository: &str, path: &str, namespace: &str) {
        let application = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
            },
            "spec": {
                "project": "default",
                "source": {"repoURL": repository, "path": path, "targetRevision": "main"},
                "destination": {"name": "under-test", "namespace": namespace},
                "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
            },
        });
        self.cluster.ok_with(&["apply", "-f", "-"], &application.to_string());
    }

    /// Sets a value of an Application's chart.
    pub fn set_parameter(&self, name: &str, parameter: &str, value: &str) {
        let helm = json!({"parameters": [{"name": parameter, "value": value}]});
        let patch = json!({"spec": {"source": {"helm": helm}}}).to_string();
        self.cluster.ok(&[
            "-n",
            NAMESPACE,
            "patch",
            "applications.argoproj.io",
            name,
            "--type=merge",
            "--patch",
            &patch,
        ]);
    }

    /// An Application as it is.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.cluster.get(NAMESPACE, "applications.argoproj.io", name)
    }

    /// Makes Argo CD look at the repository now, as the hook of a git server does.
    pub fn refresh(&self, name: &str) {
        self.cluster.ok(&[
            "-n",
            NAMESPACE,
            "annotate",
            "--overwrite",
            "applications.argoproj.io",
            name,
            "argocd.argoproj.io/refresh=normal",
        ]);
    }

    /// Waits until an Application is as its repository's commit says and has this health.
    pub fn wait(&mut self, name: &str, commit: &str, health: &str, seconds: u64) {
        wait_for(&format!("{name} to be synced and {health}"), seconds, || {
            self.alive();
            let status = self.get(name)?["status"].take();
            let there = status["sync"]["status"] == "Synced"
                && status["sync"]["revision"] == commit
                && status["health"]["status"] == health;
            there.then_some(())
        });
    }
}

impl Drop for ArgoCd {
    fn drop(&mut self) {
        for (_, child) in self.children.iter_mut().rev() {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let applications =
                self.cluster.kubectl(&["-n", NAMESPACE, "get", "applications.argoproj.io", "-o", "yaml"]);
            eprintln!("{}", String::from_utf8_lossy(&applications.stdout));
            eprintln!("Argo CD's logs are in {}", self.directory.display());
        }
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// What an installation of Argo CD consists of beside its processes.
fn install(cluster: &Cluster, programs: &Programs) {
    for kind in ["application", "appproject", "applicationset"] {
        let file = programs.crds.join(format!("{kind}-crd.yaml"));
        cluster.ok(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
        let definition = format!("{kind}s.argoproj.io");
        // `kubectl wait` fails on a definition that has no conditions yet.
        wait_for(&definition, 30, || {
            let conditions = cluster.get("", "crd", &definition)?["status"]["conditions"].take();
            let mut conditions = conditions.as_array()?.iter();
            conditions
                .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
                .then_some(())
        });
    }
    // What a run left that did not come to its end.
    let left = cluster.ok(&["-n", NAMESPACE, "get", "applications.argoproj.io", "-o", "name"]);
    for application in left.lines() {
        let patch = r#"--patch={"metadata":{"finalizers":null}}"#;
        cluster.ok(&["-n", NAMESPACE, "patch", application, "--type=merge", patch]);
        cluster.ok(&["-n", NAMESPACE, "delete", application]);
    }
    cluster.kubectl(&["create", "namespace", NAMESPACE]);
    let object = |kind: &str, name: &str, kind_label: &str, data: Value| {
        let mut labels = json!({"app.kubernetes.io/part-of": "argocd"});
        if !kind_label.is_empty() {
            labels["argocd.argoproj.io/secret-type"] = kind_label.into();
        }
        let data_key = if kind == "Secret" { "stringData" } else { "data" };
        let object = json!({
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            data_key: data,
        });
        cluster.ok_with(&["apply", "--server-side", "-f", "-"], &object.to_string());
    };
    object("ConfigMap", "argocd-cm", "", json!({}));
    // As docs/gitops.md says: the ConfigMap of the chart is merged into Argo CD's own.
    let patch = json!({"data": health_check(programs)}).to_string();
    cluster.ok(&["-n", NAMESPACE, "patch", "configmap", "argocd-cm", "--type=merge", "--patch", &patch]);
    object("ConfigMap", "argocd-cmd-params-cm", "", json!({}));
    object("Secret", "argocd-secret", "", json!({"server.secretkey": "a key that signs no session"}));
    object("Secret", "cluster-under-test", "cluster", credentials(cluster));
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    });
    cluster.ok_with(&["apply", "--server-side", "-f", "-"], &project.to_string());
}

/// The data of the ConfigMap that the chart makes for Argo CD.
fn health_check(programs: &Programs) -> Value {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/compose-operator");
    let output = Command::new(&programs.helm)
        .args(["template", "compose-operator", chart.to_str().unwrap()])
        .args(["--set", "argocd.enabled=true", "--show-only", "templates/argocd.yaml"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let object: Value = serde_saphyr::from_str(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
    assert_eq!(object["kind"], "ConfigMap");
    object["data"].clone()
}

/// How a controller outside of a cluster reaches it, as Argo CD stores that.
fn credentials(cluster: &Cluster) -> Value {
    let text = std::fs::read_to_string(&cluster.kubeconfig).unwrap();
    let kubeconfig: Value = serde_saphyr::from_str(&text).unwrap();
    let api_server = &kubeconfig["clusters"][0]["cluster"];
    let config = json!({
        "bearerToken": kubeconfig["users"][0]["user"]["token"],
        "tlsClientConfig": {"caData": api_server["certificate-authority-data"]},
    });
    json!({"name": "under-test", "server": api_server["server"], "config": config.to_string()})
}
