//! How far an object is, by the rules of kstatus (sigs.k8s.io/cli-utils/pkg/kstatus).

use kube::ResourceExt;
use kube::core::DynamicObject;
use serde_json::Value;

use super::kind::Kind;
use super::owned::owns;
use super::pod::PodFacts;
use crate::api::names::ANNOTATION_SEED;

/// What an object tells about the state of its stack.
#[derive(Clone, Debug, PartialEq)]
pub enum Facts {
    /// Nothing: it is there or it is not.
    Nothing,
    /// A Deployment, StatefulSet or DaemonSet.
    Replicas(Replicas),
    /// A Job.
    Job(JobFacts),
    /// A CronJob: once it is there, nothing is missing.
    CronJob,
    /// A claim.
    Claim(Box<ClaimFacts>),
    /// A Service.
    Service(ServiceFacts),
    /// An Ingress or an HTTPRoute: where it is reached, such as `https://shop.example.com/`.
    Routes(Vec<String>),
    /// A pod.
    Pod(Box<PodFacts>),
}

/// How far a workload is that keeps pods running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// Wanted pods.
    pub desired: i32,
    /// Ready pods, at most as many as are wanted.
    pub ready: i32,
    /// Pods of the current template; none while its controller has not seen the template.
    pub updated: i32,
    /// Whether its controller has seen the template.
    pub seen: bool,
    /// How far they are.
    pub progress: Progress,
}

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything is as it is wanted.
    Current,
    /// It is under way, and this is still missing.
    Under(String),
    /// It gave up, and this is why.
    Failed(String),
}

/// How far a Job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts {
    /// Pods that have to succeed.
    pub desired: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Whether it succeeded.
    pub complete: bool,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// How a Service is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceFacts {
    /// Its address; `None` as a word when it is headless.
    pub cluster_ip: Option<String>,
    /// Where its ports are, such as `198.51.100.7:80` or `web-published.shop:8080`.
    pub endpoints: Vec<String>,
    /// Whether the operator asked for addresses of both versions of IP.
    pub dual_stack: bool,
}

impl ServiceFacts {
    /// Its address, when it has one of its own.
    pub(super) fn address(&self) -> Option<&str> {
        self.cluster_ip.as_deref().filter(|address| *address != "None" && !address.is_empty())
    }
}

/// What a claim has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimFacts {
    /// Pending, Bound or Lost.
    pub phase: Option<String>,
    /// What it got.
    pub capacity: Option<String>,
    /// What it asks for.
    pub requested: Option<String>,
    /// What its annotation says of how it was filled.
    pub seed: Option<String>,
    /// Whether pods of several nodes may mount it.
    pub shared: bool,
}

impl Facts {
    /// Reads an object.
    pub(super) fn of(kind: Kind, object: &DynamicObject) -> Self {
        let data = &object.data;
        let generation = object.metadata.generation.unwrap_or_default();
        match kind {
            Kind::ConfigMap
            | Kind::Secret
            | Kind::NetworkPolicy
            | Kind::NetworkAttachmentDefinition
            | Kind::HorizontalPodAutoscaler => Self::Nothing,
            Kind::Ingress => Self::Routes(ingress_routes(data)),
            Kind::HttpRoute => Self::Routes(http_routes(data)),
            Kind::PersistentVolumeClaim => Self::Claim(Box::new(claim(object))),
            Kind::Service => Self::Service(ServiceFacts {
                cluster_ip: text(data, "/spec/clusterIP").map(str::to_owned),
                endpoints: endpoints(object),
                dual_stack: text(data, "/spec/ipFamilyPolicy").is_some_and(|policy| policy != "SingleStack")
                    && owns(object, "/f:spec/f:ipFamilyPolicy"),
            }),
            Kind::Deployment => Self::Replicas(deployment(data, generation)),
            Kind::StatefulSet => Self::Replicas(stateful_set(data, generation)),
            Kind::DaemonSet => Self::Replicas(daemon_set(data, generation)),
            Kind::Job => Self::Job(job(data)),
            Kind::CronJob => Self::CronJob,
            Kind::Pod => Self::Pod(Box::new(PodFacts::of(object))),
        }
    }
}

fn deployment(data: &Value, generation: i64) -> Replicas {
    let desired = count(data, "/spec/replicas").unwrap_or(1);
    let ready = count(data, "/status/readyReplicas").unwrap_or_default();
    let available = count(data, "/status/availableReplicas").unwrap_or_default();
    let updated = count(data, "/status/updatedReplicas").unwrap_or_default();
    let total = count(data, "/status/replicas").unwrap_or_default();
    let deadline = condition(data, "Progressing").filter(|it| text(it, "/reason") == Some("ProgressDeadlineExceeded"));
    let progress = if unseen(data, generation) {
        not_seen(data, desired)
    } else if let Some(deadline) = deadline {
        Progress::Failed(text(deadline, "/message").unwrap_or("progress deadline exceeded").to_owned())
    } else if let Some(failure) = condition(data, "ReplicaFailure").filter(|it| text(it, "/status") == Some("True")) {
        // Quota, pod security and webhooks speak through this condition alone.
        Progress::Under(text(failure, "/message").unwrap_or("pods cannot be created").to_owned())
    } else if updated < desired && total > updated {
        Progress::Under(format!("{updated}/{desired} updated"))
    } else if total > updated {
        Progress::Under(format!("{} old pods are still stopping", total - updated))
    } else if available < desired {
        Progress::Under(missing(ready, available, desired))
    } else {
        Progress::Current
    };
    replicas(desired, ready, updated, progress, unseen(data, generation))
}

/// What there is to say of a workload whose controller is behind. One that is new has no pods yet, and that is what people
/// ask for: each step of its controllers would be a message of its own, for moments.
fn not_seen(data: &Value, desired: i32) -> Progress {
    let is_new = data.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or_default() == 0;
    Progress::Under(if is_new && desired > 0 {
        missing(0, 0, desired)
    } else {
        "its controller has not seen the change yet".to_owned()
    })
}

/// Pods that are ready count as available after `minReadySeconds`.
fn missing(ready: i32, available: i32, desired: i32) -> String {
    if ready < desired { format!("{ready}/{desired} ready") } else { format!("{available}/{desired} available") }
}

fn stateful_set(data: &Value, generation: i64) -> Replicas {
    let desired = count(data, "/spec/replicas").unwrap_or(1);
    let ready = count(data, "/status/readyReplicas").unwrap_or_default();
    let available = count(data, "/status/availableReplicas").unwrap_or(ready);
    let current = text(data, "/status/currentRevision");
    let update = text(data, "/status/updateRevision");
    // Absent until a rollout begins: then all pods are of the one revision.
    let updated = match count(data, "/status/updatedReplicas") {
        Some(updated) => updated,
        None if current == update => count(data, "/status/currentReplicas").unwrap_or_default(),
        None => 0,
    };
    let progress = if unseen(data, generation) {
        not_seen(data, desired)
    } else if count(data, "/status/replicas").unwrap_or_default() > desired {
        Progress::Under("surplus pods are still stopping".to_owned())
    } else if current != update && updated < desired {
        Progress::Under(format!("{updated}/{desired} updated"))
    } else if available < desired {
        Progress::Under(missing(ready, available, desired))
    } else {
        Progress::Current
    };
    replicas(desired, ready, updated, progress, unseen(data, generation))
}

fn daemon_set(data: &Value, generation: i64) -> Replicas {
    let desired = count(data, "/status/desiredNumberScheduled").unwrap_or_default();
    let ready = count(data, "/status/numberReady").unwrap_or_default();
    let updated = count(data, "/status/updatedNumberScheduled").unwrap_or_default();
    let scheduled = count(data, "/status/currentNumberScheduled").unwrap_or_default();
    let available = count(data, "/status/numberAvailable").unwrap_or_default();
    let progress = if unseen(data, generation) {
        not_seen(data, desired)
    } else if updated < desired && scheduled > updated {
        Progress::Under(format!("{updated}/{desired} updated"))
    } else if available < desired {
        Progress::Under(missing(ready, available, desired))
    } else {
        Progress::Current
    };
    replicas(desired, ready, updated, progress, unseen(data, generation))
}

fn replicas(desired: i32, ready: i32, updated: i32, progress: Progress, unseen: bool) -> Replicas {
    Replicas { desired, ready: ready.min(desired), updated: if unseen { 0 } else { updated }, seen: !unseen, progress }
}

fn job(data: &Value) -> JobFacts {
    let is = |kind| condition(data, kind).filter(|it| text(it, "/status") == Some("True"));
    // Set before the pods have stopped; Complete and Failed follow.
    let complete = is("Complete").is_some();
    let failed = is("Failed").map(|failed| {
        let reason = text(failed, "/reason").unwrap_or("Failed");
        text(failed, "/message").map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}"))
    });
    let desired = count(data, "/spec/completions").or_else(|| count(data, "/spec/parallelism")).unwrap_or(1);
    JobFacts { desired, ready: count(data, "/status/ready").unwrap_or_default().min(desired), complete, failed }
}

fn claim(object: &DynamicObject) -> ClaimFacts {
    let data = &object.data;
    let owned = |path| text(data, path).map(str::to_owned);
    ClaimFacts {
        phase: owned("/status/phase"),
        capacity: owned("/status/capacity/storage"),
        requested: owned("/spec/resources/requests/storage"),
        seed: object.annotations().get(ANNOTATION_SEED).cloned(),
        shared: list(data, "/spec/accessModes")
            .iter()
            .any(|mode| matches!(mode.as_str(), Some("ReadWriteMany" | "ReadOnlyMany"))),
    }
}

fn endpoints(object: &DynamicObject) -> Vec<String> {
    let data = &object.data;
    let ports = list(data, "/spec/ports");
    let suffix = |port: &Value| match text(port, "/protocol") {
        None | Some("TCP") => String::new(),
        Some(protocol) => format!("/{}", protocol.to_lowercase()),
    };
    let at = |host: &str, field: &str| -> Vec<String> {
        let ports = ports.iter().filter_map(|port| Some((count(port, field)?, suffix(port))));
        ports.map(|(number, suffix)| format!("{host}:{number}{suffix}")).collect()
    };
    match text(data, "/spec/type") {
        Some("LoadBalancer") => list(data, "/status/loadBalancer/ingress")
            .iter()
            .filter_map(|ingress| text(ingress, "/hostname").or_else(|| text(ingress, "/ip")))
            .flat_map(|host| at(host, "/port"))
            .collect(),
        Some("NodePort") => at("<any node>", "/nodePort"),
        Some("ExternalName") => Vec::new(),
        _ => {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
            at(&format!("{name}.{namespace}"), "/port")
        }
    }
}

/// The URLs of an Ingress: its hosts, or the addresses that its controller gave it.
fn ingress_routes(data: &Value) -> Vec<String> {
    let scheme = if list(data, "/spec/tls").is_empty() { "http" } else { "https" };
    let addresses: Vec<&str> = list(data, "/status/loadBalancer/ingress")
        .iter()
        .filter_map(|ingress| text(ingress, "/hostname").or_else(|| text(ingress, "/ip")))
        .collect();
    let mut urls = Vec::new();
    for rule in list(data, "/spec/rules") {
        let hosts = text(rule, "/host").map_or_else(|| addresses.clone(), |host| vec![host]);
        for path in list(rule, "/http/paths").iter().filter_map(|path| text(path, "/path")) {
            urls.extend(hosts.iter().map(|host| format!("{scheme}://{host}{path}")));
        }
    }
    urls
}

/// The hosts of an HTTPRoute with its paths; whether they are encrypted is the Gateway's to say.
fn http_routes(data: &Value) -> Vec<String> {
    let hosts: Vec<&str> = list(data, "/spec/hostnames").iter().filter_map(Value::as_str).collect();
    let matches = list(data, "/spec/rules").iter().flat_map(|rule| list(rule, "/matches"));
    let paths = matches.filter_map(|one| text(one, "/path/value"));
    paths.flat_map(|path| hosts.iter().map(move |host| format!("{host}{path}"))).collect()
}

fn unseen(data: &Value, generation: i64) -> bool {
    data.pointer("/status/observedGeneration").and_then(Value::as_i64).unwrap_or_default() < generation
}

fn condition<'a>(data: &'a Value, kind: &str) -> Option<&'a Value> {
    list(data, "/status/conditions").iter().find(|condition| text(condition, "/type") == Some(kind))
}

fn count(data: &Value, path: &str) -> Option<i32> {
    data.pointer(path)?.as_i64()?.try_into().ok()
}

fn text<'a>(data: &'a Value, path: &str) -> Option<&'a str> {
    data.pointer(path)?.as_str()
}

fn list<'a>(data: &'a Value, path: &str) -> &'a [Value] {
    data.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
