//! The operator, on a real node.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use super::harness::{Namespace, wait_for};
use super::questions::Subject;
use super::{Side, script};

/// A subject that runs as a stack.
pub struct Stack<'a> {
    namespace: &'a Namespace,
}

impl<'a> Stack<'a> {
    /// Applies a subject, and waits for its stack unless that never becomes ready.
    pub fn start(namespace: &'a Namespace, subject: &Subject) -> Self {
        let mut spec = subject.spec.clone();
        spec.insert("composeFile".to_owned(), subject.compose_file().into());
        spec.insert("files".to_owned(), json!(subject.files()));
        let stack = json!({
            "apiVersion": "compose-operator.dev/v1alpha1",
            "kind": "ComposeStack",
            "metadata": {"name": subject.name},
            "spec": spec,
        });
        namespace.apply(&stack.to_string());
        if !subject.never_ready {
            wait_for(&format!("the stack {}", subject.name), 120, || {
                let is_true = |kind: &str| namespace.condition(&subject.name, kind).filter(|it| it.0 == "True");
                if let Some((_, reason, message)) = is_true("Stalled") {
                    panic!("{}: {reason}: {message}", subject.name);
                }
                is_true("Ready")
            });
        }
        Self { namespace }
    }

    /// The pods with a container of this name, the oldest first.
    fn pods(&self, service: &str) -> Vec<Value> {
        let mut pods = self.namespace.list("pods", "compose-operator.dev/stack");
        pods.retain(|pod| container(pod, service).is_some() && pod["metadata"]["deletionTimestamp"].is_null());
        pods.sort_by_key(|pod| {
            let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
            (text("creationTimestamp"), text("name"))
        });
        pods
    }

    fn running_pod(&self, service: &str) -> Option<String> {
        let pods = self.pods(service);
        let pod =
            pods.iter().find(|pod| container(pod, service).is_some_and(|it| it["state"]["running"].is_object()))?;
        Some(pod["metadata"]["name"].as_str().unwrap().to_owned())
    }
}

/// The status of a pod's container.
fn container<'a>(pod: &'a Value, name: &str) -> Option<&'a Value> {
    pod["status"]["containerStatuses"].as_array()?.iter().find(|status| status["name"] == name)
}

impl Side for Stack<'_> {
    fn ask(&self, subject: &Subject, indices: &[usize]) -> Vec<String> {
        let mut answers: BTreeMap<usize, String> = BTreeMap::new();
        for (service, group) in script::by_service(subject, indices, |question| &question.inside) {
            let text = self.running_pod(service).map_or_else(String::new, |pod| {
                let script = script::of(subject, &group);
                let output = self.namespace.kubectl(&["exec", &pod, "-c", service, "--", "sh", "-c", &script]);
                String::from_utf8_lossy(&output.stdout).into_owned()
            });
            answers.extend(group.iter().copied().zip(script::answers(subject, &group, &text)));
        }
        for (service, group) in script::by_service(subject, indices, |question| &question.outside) {
            let published = self.namespace.get("service", &format!("{service}-published"));
            let address = published.as_ref().and_then(|it| it["spec"]["clusterIP"].as_str()).unwrap_or("0.0.0.0");
            let output = Command::new("busybox")
                .args(["sh", "-c", &script::of(subject, &group)])
                .env("HOST", address)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            answers.extend(group.iter().copied().zip(script::answers(subject, &group, &text)));
        }
        for (service, group) in script::by_service(subject, indices, |question| &question.state) {
            let mut states: Vec<_> = self.pods(service).iter().map(|pod| state(pod, service)).collect();
            states.sort();
            answers.extend(group.iter().map(|index| (*index, states.join("\n"))));
        }
        for (service, group) in script::by_service(subject, indices, |question| &question.logs) {
            let text = self.pods(service).first().map_or_else(String::new, |pod| {
                let name = pod["metadata"]["name"].as_str().unwrap();
                String::from_utf8_lossy(&self.namespace.kubectl(&["logs", name, "-c", service]).stdout).into_owned()
            });
            answers.extend(group.iter().map(|index| (*index, subject.questions[*index].normalised(&text))));
        }
        indices.iter().map(|index| answers.remove(index).unwrap_or_default()).collect()
    }

    fn replace(&self, _: &Subject, service: &str) {
        for pod in self.pods(service) {
            self.namespace.ok(&["delete", "pod", pod["metadata"]["name"].as_str().unwrap()]);
        }
        wait_for(&format!("a new pod of {service}"), 60, || self.running_pod(service));
    }
}

/// A container's state in Docker's words.
fn state(pod: &Value, service: &str) -> String {
    let status = container(pod, service).unwrap();
    if let Some(ended) = status["state"]["terminated"].as_object() {
        return format!("exited {}", ended["exitCode"]);
    }
    if status["state"]["running"].is_object() {
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let checked = containers.iter().any(|it| it["name"] == service && !it["readinessProbe"].is_null());
        return match (checked, status["ready"].as_bool().unwrap()) {
            (true, true) => "running, healthy",
            (true, false) => "running, unhealthy",
            (false, _) => "running",
        }
        .to_owned();
    }
    "restarting".to_owned()
}
