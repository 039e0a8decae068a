//! The stacks that are put through faults, and whether they came to what they were to come to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Cluster, Namespace, wait_for};
use crate::proxy::Plan;

/// A Job that was waited for.
const RAN: &str = "Job/once once:1 succeeded";

pub fn name(number: usize) -> String {
    format!("f{number:04}x")
}

/// A stack without pods but those of a Job, so that it can be ready without nodes: a volume, a configuration, a Secret, a
/// Job that waits and is waited for, and a service that leaves it with the second version.
pub fn stack(name: &str, version: u32) -> Value {
    let leaves =
        if version == 1 { format!("  {name}old: {{image: old, deploy: {{replicas: 0}}}}\n") } else { String::new() };
    let compose = format!(
        "services:\n{leaves}  {name}db: {{image: \"db:{version}\", volumes: [\"data:/data\"], deploy: {{replicas: 0}}}}\n  \
         {name}once: {{image: \"once:1\", restart: \"no\", depends_on: [{name}db]}}\n  \
         {name}web: {{image: \"web:{version}\", configs: [site], secrets: [key], deploy: {{replicas: 0}}, depends_on: \
         {{{name}once: {{condition: service_completed_successfully}}}}}}\n\
         volumes: {{data: {{}}}}\nconfigs: {{site: {{content: \"version {version}\"}}}}\n\
         secrets: {{key: {{environment: KEY}}}}\n"
    );
    json!({
        "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": {"name": name},
        "spec": {"composeFile": compose, "env": {"KEY": format!("key {version}")}},
    })
}

pub fn apply(namespace: &Namespace, cluster: &Cluster, stacks: &[String], version: u32) {
    let stacks: Vec<Value> = stacks.iter().map(|name| stack(name, version)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": stacks});
    cluster.ok_with(&["-n", &namespace.name, "apply", "--server-side", "-f", "-"], &list.to_string());
}

/// How many seconds all of a campaign's stacks have: hundreds share an API server that takes a third of a second for each.
pub fn campaign(stacks: &[String]) -> u64 {
    120 + stacks.len() as u64
}

/// Waits until all stacks say that they are ready, and meanwhile asks whether those that say so are.
pub fn converge(
    namespace: &Namespace,
    stacks: &[String],
    (version, expected): (u32, &[String]),
    seconds: u64,
    meanwhile: &mut dyn FnMut(),
) {
    let began = Instant::now();
    loop {
        meanwhile();
        let (ready, text) = ready(namespace, stacks, (version, expected));
        if ready.len() == stacks.len() {
            return;
        }
        if began.elapsed() >= Duration::from_secs(seconds) {
            let stuck: Vec<_> = stacks.iter().filter(|name| !ready.contains(*name)).collect();
            panic!("stuck after {seconds} s: {stuck:?}\n{text}");
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Those of some stacks that say that they are ready, and what all say. It is true of them: they have the objects that are
/// expected, and their workloads the version.
pub fn ready(
    namespace: &Namespace,
    stacks: &[String],
    (version, expected): (u32, &[String]),
) -> (BTreeSet<String>, String) {
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
        let name = stack["metadata"]["name"].as_str().unwrap().to_owned();
        if is_ready && stacks.contains(&name) {
            ready.insert(name);
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
        for workload in [workload("Deployment", "web"), workload("StatefulSet", "db"), RAN.to_owned()] {
            if !objects.contains(&workload) {
                missing.push(workload);
            }
        }
        assert!(missing.is_empty(), "{stack} says that it is ready without {missing:?}");
    }
    (ready, text)
}

/// What there is of each stack, with what its names have of their own taken out, and the uids of what may not be made
/// anew.
pub fn children(namespace: &Namespace) -> BTreeMap<String, (Vec<String>, BTreeSet<String>)> {
    let kinds = "deployments,statefulsets,replicasets,jobs,services,configmaps,secrets,networkpolicies,pvc";
    let mut children: BTreeMap<String, (Vec<String>, BTreeSet<String>)> = BTreeMap::new();
    for child in namespace.list(kinds, "compose-operator.dev/stack") {
        let text = |path: &str| child.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let stack = child["metadata"]["labels"]["compose-operator.dev/stack"].as_str().unwrap().to_owned();
        let (kind, name) = (text("/kind"), text("/metadata/name").replace(&stack, ""));
        let hashed = matches!(kind.as_str(), "ConfigMap" | "Secret" | "ReplicaSet");
        let name = if hashed { name.rsplit_once('-').unwrap().0.to_owned() } else { name };
        let image = text("/spec/template/spec/containers/0/image");
        let ran = if child["status"]["succeeded"] == 1 { " succeeded" } else { "" };
        let (objects, uids) = children.entry(stack).or_default();
        objects.push(format!("{kind}/{name} {image}{ran}"));
        objects.sort();
        if matches!(kind.as_str(), "Deployment" | "StatefulSet" | "Job" | "PersistentVolumeClaim") && name != "old" {
            uids.insert(text("/metadata/uid"));
        }
    }
    children
}

/// Compares every stack with one that had no fault.
pub fn compare(namespace: &Namespace, first: &BTreeMap<String, (Vec<String>, BTreeSet<String>)>, stacks: &[String]) {
    // The cluster's garbage collector takes what a Deployment leaves behind in its own time.
    let now = wait_for("what left to be collected", 20, || {
        let now = children(namespace);
        let has = |objects: &[String], object: &str| objects.iter().any(|it| it == object);
        let is_behind = |objects: &[String]| has(objects, "ReplicaSet/old old") && !has(objects, "Deployment/old old");
        now.values().all(|(objects, _)| !is_behind(objects)).then_some(now)
    });
    let (expected, _) = &now[&name(0)];
    assert!(expected.len() > 8, "{expected:?}");
    for stack in stacks {
        let (objects, uids) = &now[stack];
        assert_eq!(objects, expected, "lost or twice in {stack}");
        assert_eq!(uids, &first[stack].1, "made anew in {stack}");
    }
}

/// The Job of each stack was made once: its program ran once, and what is there is not its second.
pub fn ran_once(cluster: &Cluster, namespace: &Namespace, mark: u64, stacks: &[String]) {
    let writes = cluster.operator_writes_since(mark);
    let made = |stack: &str| {
        let job = format!("/namespaces/{}/jobs/{stack}once?", namespace.name);
        writes.iter().filter(|write| write.contains(&job) && write.ends_with(" 201")).count()
    };
    for stack in stacks.iter().filter(|_| cluster.audit_log.is_some()) {
        assert_eq!(made(stack), 1, "how often the Job of {stack} was made");
    }
}

/// Nothing is sent any more.
pub fn stays(cluster: &Cluster, namespace: &Namespace) {
    std::thread::sleep(Duration::from_secs(2));
    let mark = cluster.audit_mark();
    std::thread::sleep(Duration::from_secs(3));
    let writes = cluster.operator_writes_since(mark);
    let writes: Vec<_> = writes.iter().filter(|write| write.contains(&namespace.name)).collect();
    assert!(writes.is_empty(), "it does not come to rest: {writes:#?}");
}

/// Every call, or each of so many where time is short.
pub fn stride(short: usize) -> usize {
    if std::env::var_os("FAULTS").is_some_and(|it| it == "all") { 1 } else { short }
}

/// How many calls the stack without faults took, and what there was of it with each version.
pub fn reference(cluster: &Cluster, namespace: &Namespace, plan: &Plan) -> (usize, [Vec<String>; 2]) {
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
