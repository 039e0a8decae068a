//! What a program inside of a stack sees.

use serde_json::Value;

use super::{Namespace, wait_for};

/// Runs a command in a pod of a service.
pub fn inside(namespace: &Namespace, service: &str, command: &str) -> String {
    let (code, text) = try_inside(namespace, service, command);
    assert_eq!(code, 0, "{service}: {command}: {text}");
    text
}

/// Runs a command in the service's container of one of its pods, and returns its exit code with what it printed.
pub fn try_inside(namespace: &Namespace, service: &str, command: &str) -> (i32, String) {
    let pod = running_pod(namespace, service);
    let output = namespace.kubectl(&["exec", &pod, "-c", service, "--", "sh", "-c", command]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

/// The pods of a service that run and are to go on running.
pub fn running_pods(namespace: &Namespace, service: &str) -> impl Iterator<Item = Value> {
    let pods = namespace.list("pods", &format!("compose-operator.dev/service={service}"));
    pods.into_iter().filter(|pod| pod["status"]["phase"] == "Running" && pod["metadata"]["deletionTimestamp"].is_null())
}

/// The name of a running pod of a service.
pub fn running_pod(namespace: &Namespace, service: &str) -> String {
    wait_for(&format!("a running pod of {service}"), 60, || {
        let pod = running_pods(namespace, service).next()?;
        Some(pod["metadata"]["name"].as_str()?.to_owned())
    })
}
