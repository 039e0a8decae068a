//! What the pods of a service tell. Counters and back-off times are left out: they change all the time, and each
//! change would be one of the stack.

use k8s_openapi::jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::Value;

/// A pod, reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// What kind of pod it is, from its label.
    pub component: Option<String>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Whether its container was ever started.
    pub started: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// The digest of the image that its container runs.
    pub digest: Option<String>,
    /// What keeps it from running.
    pub problem: Option<String>,
}

impl PodFacts {
    pub(super) fn of(object: &DynamicObject) -> Self {
        let data = &object.data;
        let statuses = list(data, "/status/containerStatuses");
        // The service's own container comes first; what follows are sidecars.
        let main = text(data, "/spec/containers/0/name")
            .and_then(|name| statuses.iter().find(|status| text(status, "/name") == Some(name)));
        Self {
            component: object
                .metadata
                .labels
                .as_ref()
                .and_then(|labels| labels.get(crate::api::names::LABEL_COMPONENT))
                .cloned(),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            started: main.is_some_and(was_started),
            ready: list(data, "/status/conditions").iter().any(|condition| {
                text(condition, "/type") == Some("Ready") && text(condition, "/status") == Some("True")
            }),
            digest: main
                .and_then(|status| text(status, "/imageID"))
                .and_then(|id| id.rsplit_once('@'))
                .map(|(_, digest)| digest.to_owned()),
            problem: problem(data),
        }
    }
}

fn was_started(status: &Value) -> bool {
    status.pointer("/started").and_then(Value::as_bool) == Some(true)
        || status.pointer("/restartCount").and_then(Value::as_i64).is_some_and(|count| count > 0)
        || ["/state/running", "/state/terminated", "/lastState/terminated"]
            .iter()
            .any(|state| status.pointer(state).is_some_and(|state| !state.is_null()))
}

fn problem(data: &Value) -> Option<String> {
    let containers = list(data, "/status/initContainerStatuses").iter().chain(list(data, "/status/containerStatuses"));
    containers.filter_map(container_problem).next().or_else(|| unschedulable(data)).or_else(|| evicted(data))
}

fn container_problem(status: &Value) -> Option<String> {
    let name = text(status, "/name").unwrap_or_default();
    match text(status, "/state/waiting/reason") {
        None | Some("ContainerCreating" | "PodInitializing") => {}
        Some("CrashLoopBackOff") => {
            let exit = exit(status, "/lastState/terminated").unwrap_or_else(|| "stopped".to_owned());
            return Some(format!("CrashLoopBackOff: container {name} {exit}"));
        }
        // The two take turns while the kubelet tries again.
        Some("ErrImagePull" | "ImagePullBackOff") => {
            let image = text(status, "/image").unwrap_or_default();
            return Some(format!("ImagePullBackOff: image {image} of container {name} cannot be pulled"));
        }
        Some(reason) => {
            let message = text(status, "/state/waiting/message").unwrap_or_default();
            return Some(format!("{reason}: container {name}: {message}"));
        }
    }
    let code = status.pointer("/state/terminated/exitCode").and_then(Value::as_i64)?;
    if code == 0 { None } else { exit(status, "/state/terminated").map(|exit| format!("container {name} {exit}")) }
}

fn exit(status: &Value, state: &str) -> Option<String> {
    let state = status.pointer(state)?;
    let code = state.pointer("/exitCode").and_then(Value::as_i64)?;
    Some(match text(state, "/reason") {
        Some(reason @ ("OOMKilled" | "ContainerCannotRun" | "StartError" | "DeadlineExceeded")) => {
            format!("exited with code {code} ({reason})")
        }
        _ => format!("exited with code {code}"),
    })
}

fn unschedulable(data: &Value) -> Option<String> {
    let condition = list(data, "/status/conditions").iter().find(|condition| {
        text(condition, "/type") == Some("PodScheduled") && text(condition, "/status") == Some("False")
    })?;
    Some(format!("{}: {}", text(condition, "/reason")?, text(condition, "/message").unwrap_or_default()))
}

fn evicted(data: &Value) -> Option<String> {
    let reason = text(data, "/status/reason")?;
    Some(text(data, "/status/message").map_or_else(|| reason.to_owned(), |message| format!("{reason}: {message}")))
}

fn text<'a>(data: &'a Value, path: &str) -> Option<&'a str> {
    data.pointer(path)?.as_str()
}

fn list<'a>(data: &'a Value, path: &str) -> &'a [Value] {
    data.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
