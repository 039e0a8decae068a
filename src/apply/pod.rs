//! What the pods of a service tell. Counters and back-off times are left out: they change all the time, and each
//! change would be one of the stack.

use k8s_openapi::jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::api::names::LABEL_COMPONENT;

/// The label by which Deployments tell revisions of their pods apart.
pub(super) const REVISION_OF_DEPLOYMENTS: &str = "pod-template-hash";
/// The label by which StatefulSets and DaemonSets do.
pub(super) const REVISION: &str = "controller-revision-hash";

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
    /// Since when it is, or is not.
    pub since: Option<Timestamp>,
    /// The revision of its template, as its controller labels it.
    pub revision: Option<String>,
    /// The last time that a program of it ended.
    pub ended: Option<Ended>,
    /// Whether a container cannot be started as it is.
    pub stuck: bool,
    /// Whether its node gave it up: that is no fault of its own.
    pub lost: bool,
    /// The digest of the image that its container runs.
    pub digest: Option<String>,
    /// What keeps it from running.
    pub problem: Option<String>,
}

/// A program that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How many seconds it ran.
    pub after: i64,
    /// Which it was and how it ended.
    pub what: String,
}

impl PodFacts {
    pub(super) fn of(object: &DynamicObject) -> Self {
        let data = &object.data;
        let statuses = list(data, "/status/containerStatuses");
        // The service's own container comes first; what follows are sidecars.
        let main = text(data, "/spec/containers/0/name")
            .and_then(|name| statuses.iter().find(|status| text(status, "/name") == Some(name)));
        let label = |name: &str| object.metadata.labels.as_ref().and_then(|labels| labels.get(name)).cloned();
        let readiness =
            list(data, "/status/conditions").iter().find(|condition| text(condition, "/type") == Some("Ready"));
        Self {
            component: label(LABEL_COMPONENT),
            created: object.metadata.creation_timestamp.as_ref().map(|time| time.0),
            started: main.is_some_and(was_started),
            ready: readiness.is_some_and(|ready| text(ready, "/status") == Some("True")),
            since: readiness.and_then(|ready| time(ready, "/lastTransitionTime")),
            revision: label(REVISION_OF_DEPLOYMENTS).or_else(|| label(REVISION)),
            ended: ended(data),
            stuck: containers(data).filter_map(waits_in_vain).any(|reason| reason != "CrashLoopBackOff"),
            lost: evicted(data).is_some(),
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

fn containers(data: &Value) -> impl Iterator<Item = &Value> {
    list(data, "/status/initContainerStatuses").iter().chain(list(data, "/status/containerStatuses"))
}

fn problem(data: &Value) -> Option<String> {
    containers(data).find_map(container_problem).or_else(|| unschedulable(data)).or_else(|| evicted(data))
}

/// The program that ended last, or sooner after its start than the others; one that prepares the pod is to end, and
/// only what it failed with counts.
fn ended(data: &Value) -> Option<Ended> {
    let prepares = |status: &Value| {
        let name = text(status, "/name");
        let container = list(data, "/spec/initContainers").iter().find(|container| text(container, "/name") == name);
        container.is_some_and(|container| text(container, "/restartPolicy") != Some("Always"))
    };
    containers(data)
        .filter_map(|status| {
            let state = ["/state/terminated", "/lastState/terminated"]
                .into_iter()
                .find(|state| status.pointer(state).is_some_and(|ended| !ended.is_null()))?;
            let ended = status.pointer(state)?;
            if prepares(status) && ended.pointer("/exitCode").and_then(Value::as_i64) == Some(0) {
                return None;
            }
            let never_ran = matches!(text(ended, "/reason"), Some("StartError" | "ContainerCannotRun"));
            let ran = (time(ended, "/startedAt"), time(ended, "/finishedAt"));
            let after = match ran {
                (Some(start), Some(end)) if !never_ran => end.duration_since(start).as_secs(),
                _ => 0,
            };
            let name = text(status, "/name").unwrap_or_default();
            Some(Ended { after, what: format!("container {name} {}", exit(status, state)?) })
        })
        .min_by_key(|ended| ended.after)
}

/// Why a container is not running yet, unless it is on its way.
fn waits_in_vain(status: &Value) -> Option<&str> {
    text(status, "/state/waiting/reason").filter(|reason| !matches!(*reason, "ContainerCreating" | "PodInitializing"))
}

fn container_problem(status: &Value) -> Option<String> {
    let name = text(status, "/name").unwrap_or_default();
    match waits_in_vain(status) {
        None => {}
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

fn time(data: &Value, path: &str) -> Option<Timestamp> {
    text(data, path)?.parse().ok()
}

fn text<'a>(data: &'a Value, path: &str) -> Option<&'a str> {
    data.pointer(path)?.as_str()
}

fn list<'a>(data: &'a Value, path: &str) -> &'a [Value] {
    data.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: &Value) -> PodFacts {
        PodFacts::of(
            &serde_json::from_value(json!({
                "metadata": {"name": "web", "labels": {"pod-template-hash": "6d4cf56db6"}},
                "spec": {
                    "initContainers": [{"name": "prepare"}, {"name": "beside", "restartPolicy": "Always"}],
                    "containers": [{"name": "web"}],
                },
                "status": status,
            }))
            .unwrap(),
        )
    }

    fn terminated(code: i32, start: &str, end: &str) -> Value {
        json!({"terminated": {"exitCode": code, "startedAt": start, "finishedAt": end}})
    }

    #[test]
    fn the_shortest_run_of_a_program_is_what_counts() {
        let (start, soon, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z", "2026-01-01T01:00:00Z");
        let facts = pod(&json!({
            "initContainerStatuses": [
                {"name": "prepare", "state": terminated(0, start, start)},
                {"name": "beside", "lastState": terminated(0, start, late), "state": {"running": {}}},
            ],
            "containerStatuses": [{"name": "web", "lastState": terminated(1, start, soon), "state": {"running": {}}}],
        }));
        assert_eq!(facts.ended, Some(Ended { after: 2, what: "container web exited with code 1".to_owned() }));
        assert_eq!((facts.revision.as_deref(), facts.stuck, facts.lost), (Some("6d4cf56db6"), false, false));
        let failed = pod(&json!({"initContainerStatuses": [{"name": "prepare", "state": terminated(3, start, late)}]}));
        assert_eq!(failed.ended.map(|ended| ended.what).as_deref(), Some("container prepare exited with code 3"));
        assert_eq!(pod(&json!({"containerStatuses": [{"name": "web", "state": {"running": {}}}]})).ended, None);
    }

    #[test]
    fn a_program_that_could_not_be_started_did_not_run() {
        let state = json!({"terminated": {
            "exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z",
        }});
        let facts = pod(&json!({"containerStatuses": [{"name": "web", "lastState": state}]}));
        assert_eq!(facts.ended.map(|ended| ended.after), Some(0));
    }

    #[test]
    fn what_waits_in_vain_is_stuck_and_what_its_node_gave_up_is_lost() {
        let waiting =
            |reason: &str| json!({"containerStatuses": [{"name": "web", "state": {"waiting": {"reason": reason}}}]});
        assert!(!pod(&waiting("ContainerCreating")).stuck);
        assert!(pod(&waiting("ErrImagePull")).stuck);
        assert!(!pod(&waiting("CrashLoopBackOff")).stuck, "it was started, and how long it ran counts");
        assert!(pod(&json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})).lost);
    }
}
