//! What an upgrade of the operator does to many running stacks, and what the operator itself takes.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Cluster, Namespace, bare_cluster, read, wait_for};
use crate::helm::helm;
use crate::install::{RELEASE, image_tag, operator, pods, release};

const STACKS: usize = 20;

#[test]
fn an_upgrade_with_twenty_running_stacks_touches_none_of_them() {
    let (Some(cluster), Some(helm), Some(tag)) = (bare_cluster(), helm(), image_tag()) else { return };
    println!(
        "not run: an upgrade from the release before, for there is none; the same program has another tag instead"
    );
    let next = "next";
    cluster.ok_with(&["apply", "--server-side", "-f", "-"], &read("deploy/namespace.yaml"));
    release(&helm, "install", tag, &[]);
    let first = operator(cluster);
    let namespace = cluster.namespace("many");
    run(&namespace, 0..STACKS / 2);
    // What a reconciliation took is given back within moments.
    std::thread::sleep(Duration::from_secs(5));
    let resident = resident(process(&first).expect("the operator's process"));
    println!("the operator at rest with {} stacks: {resident} kB resident", STACKS / 2);
    run(&namespace, STACKS / 2..STACKS);
    let running = pods(&namespace);
    assert_eq!(running.len(), STACKS);
    let generations = generations(&namespace);

    let mark = cluster.audit_mark();
    let upgraded = Instant::now();
    release(&helm, "upgrade", next, &[]);
    let second = operator(cluster);
    assert_ne!(first, second);
    namespace.ok(&["annotate", "--overwrite", "composestacks", "--all", &format!("{REQUESTED}=upgraded")]);
    wait_for("all stacks to be reconciled", 120, || {
        let stacks = namespace.list("composestacks", "");
        stacks.iter().all(|stack| stack["status"]["lastHandledReconcileAt"] == "upgraded").then_some(())
    });
    println!(
        "{STACKS} stacks reconciled by the new operator {} ms after the upgrade began",
        upgraded.elapsed().as_millis()
    );
    assert_eq!(pods(&namespace), running, "no pod is restarted or replaced");
    assert_eq!(self::generations(&namespace), generations, "no spec of a workload is written");
    if cluster.audit_log.is_some() {
        let writes = writes_to_workloads(cluster, mark);
        assert!(writes.is_empty(), "{writes:#?}");
    } else {
        println!("not run: this cluster has no audit log to find writes in");
    }

    let took = start(cluster, &second);
    println!("from the start of the container to /readyz with {STACKS} stacks: {} ms", took.as_millis());
    namespace.ok(&["delete", "composestacks", "--all"]);
    helm.ok(&["uninstall", RELEASE, "--namespace", RELEASE, "--wait", "--timeout", "90s"]);
    cluster.ok(&["delete", "crd", "composestacks.compose-operator.dev", "--timeout=60s"]);
    cluster.ok(&["delete", "namespace", RELEASE, "--timeout=90s"]);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(resident < 30_000, "{resident} kB");
}

const REQUESTED: &str = "reconcile.compose-operator.dev/requestedAt";

/// Makes stacks of one service each, and waits until all are ready.
fn run(namespace: &Namespace, numbers: std::ops::Range<usize>) {
    let items: Vec<Value> = numbers
        .map(|number| {
            let file = format!(
                "services:\n  app-{number}:\n    image: busybox\n    command: [sleep, '3600']\n    stop_grace_period: 0s\n"
            );
            json!({
                "apiVersion": "compose-operator.dev/v1alpha1",
                "kind": "ComposeStack",
                "metadata": {"name": format!("stack-{number}")},
                "spec": {"composeFile": file},
            })
        })
        .collect();
    namespace.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    namespace.ok(&["wait", "--for=condition=Ready", "composestacks", "--all", "--timeout=180s"]);
}

/// Every Deployment with the number of its spec.
fn generations(namespace: &Namespace) -> Vec<(Value, Value)> {
    let deployments = namespace.list("deployments", "");
    deployments
        .into_iter()
        .map(|mut deployment| {
            let mut metadata = deployment["metadata"].take();
            (metadata["name"].take(), metadata["generation"].take())
        })
        .collect()
}

/// What the operator's ServiceAccount wrote to workloads since a mark, dry runs aside.
fn writes_to_workloads(cluster: &Cluster, mark: u64) -> Vec<String> {
    let text = fs::read_to_string(cluster.audit_log.as_ref().unwrap()).unwrap();
    let since = &text[usize::try_from(mark).unwrap()..];
    let events = since.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut of_operator, mut writes) = (0, Vec::new());
    for event in events {
        if event["user"]["username"] != format!("system:serviceaccount:{RELEASE}:{RELEASE}") {
            continue;
        }
        of_operator += 1;
        let (verb, uri) = (event["verb"].as_str().unwrap(), event["requestURI"].as_str().unwrap());
        let resource = event["objectRef"]["resource"].as_str().unwrap_or_default();
        let workload = ["deployments", "statefulsets", "daemonsets", "jobs", "cronjobs", "pods"].contains(&resource);
        if workload && !["get", "list", "watch"].contains(&verb) && !uri.contains("dryRun=All") {
            writes.push(format!("{verb} {uri}"));
        }
    }
    assert!(of_operator > 0, "the audit log has none of the operator's requests, so it shows nothing");
    writes
}

/// The process of the operator in a pod.
fn process(pod: &str) -> Option<u32> {
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let of_pod = fs::read_to_string(entry.path().join("cgroup")).ok()?.contains(pod);
        // The kernel cuts a name after 15 bytes.
        (of_pod && fs::read_to_string(entry.path().join("comm")).ok()?.trim() == "compose-operato").then_some(pid)
    })
}

/// The memory that a process holds, in kB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Replaces the operator's pod, and returns how long the new one took from the start of its process to its first
/// successful answer to `/readyz`.
fn start(cluster: &Cluster, before: &str) -> Duration {
    cluster.ok(&["-n", RELEASE, "delete", "pods", "-l", "app.kubernetes.io/name=compose-operator", "--wait=false"]);
    let pid = wait_for("the process of another operator", 60, || {
        let pods = cluster.list(RELEASE, "pods", "app.kubernetes.io/name=compose-operator");
        let mut uids = pods.iter().filter_map(|pod| pod["metadata"]["uid"].as_str());
        uids.find(|uid| *uid != before).and_then(process)
    });
    // From inside of the pod's network, without the kubelet's two seconds between two looks.
    let script = r"until (exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 \
        && read -r line <&3 && [[ $line == *' 200 '* ]]) 2>/dev/null; do sleep 0.01; done; cat /proc/uptime";
    let output = Command::new("timeout")
        .args(["30", "nsenter", "--net", "--target", &pid.to_string(), "bash", "-c", script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let uptime = String::from_utf8(output.stdout).unwrap();
    let ready: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The 22nd field, in hundredths of a second since the machine started; the second may hold spaces.
    let ticks: f64 = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap();
    Duration::from_secs_f64((ready - ticks / 100.0).max(0.0))
}
