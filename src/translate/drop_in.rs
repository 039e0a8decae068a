//! What `x-kubernetes` asks of a service (docker stack's `pull_secret`, `pull_policy` and `internal_service_type`, and
//! what Compose has no word for).

use std::collections::BTreeMap;

use serde_json::Value;

use super::devices::is_resource;
use super::discovery::{HEADLESS, VIP};
use super::kind::Kind;
use super::notes::Notes;
use crate::compose::model::Service;

/// The extension.
pub(super) const EXTENSION: &str = "x-kubernetes";

/// What a service asks for beyond Compose; nothing by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct DropIn {
    /// The kind of its workload.
    pub(super) workload: Option<Kind>,
    /// Whether an unhealthy container is restarted.
    pub(super) liveness: Option<bool>,
    /// How many pods there are, or who decides on it.
    pub(super) replicas: Option<Replicas>,
    /// The ServiceAccount of its pods.
    pub(super) service_account: Option<String>,
    /// A Secret with credentials of a registry.
    pub(super) pull_secret: Option<String>,
    /// Kubernetes' word for when its image is pulled.
    pub(super) pull_policy: Option<&'static str>,
    /// How its name resolves: [`VIP`] or [`HEADLESS`].
    pub(super) discovery: Option<&'static str>,
    /// The resources by which nodes advertise devices: by the device's path, its driver, or its name in Swarm.
    pub(super) devices: BTreeMap<String, String>,
    /// A partial object that is merged onto its workload.
    pub(super) patch: Option<Value>,
}

/// Who decides on the number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replicas {
    /// The file.
    Of(i32),
    /// Something outside of the stack, such as an autoscaler.
    External,
}

/// What a service asks for.
pub(super) fn drop_in(path: &str, service: &Service, notes: &mut Notes) -> DropIn {
    let mut drop_in = DropIn::default();
    let path = format!("{path}.{EXTENSION}");
    match service.extensions.get(EXTENSION) {
        None | Some(Value::Null) => {}
        Some(Value::Object(entries)) => {
            for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                if let Err(expected) = drop_in.take(key, value) {
                    notes.error(format!("{path}.{key}"), "Invalid", format!("expected {expected}"));
                }
            }
        }
        Some(_) => notes.error(path, "Invalid", "expected a mapping, such as `replicas: external`"),
    }
    drop_in
}

impl DropIn {
    /// Takes an entry of the extension, or says what was expected.
    fn take(&mut self, key: &str, value: &Value) -> Result<(), &'static str> {
        let word = value.as_str().map(str::to_ascii_lowercase).unwrap_or_default();
        let name = value.as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        match key {
            "workload" => self.workload = Some(kind(&word).ok_or("Deployment, StatefulSet, DaemonSet or Job")?),
            "liveness" => self.liveness = Some(value.as_bool().ok_or("true or false")?),
            "replicas" => {
                let count = value.as_i64().and_then(|count| i32::try_from(count).ok()).filter(|count| *count >= 0);
                let external = (word == "external").then_some(Replicas::External);
                self.replicas = Some(count.map(Replicas::Of).or(external).ok_or("a number, or `external`")?);
            }
            "serviceAccountName" => {
                self.service_account = Some(name.ok_or("the name of a ServiceAccount")?);
            }
            "pull_secret" => self.pull_secret = Some(name.ok_or("the name of a Secret")?),
            "pull_policy" => self.pull_policy = Some(pull_policy(&word).ok_or("Always, IfNotPresent or Never")?),
            "internal_service_type" => {
                self.discovery = Some(match word.as_str() {
                    "clusterip" => VIP,
                    "headless" => HEADLESS,
                    _ => return Err("ClusterIP or Headless"),
                });
            }
            "devices" => {
                let entries = value.as_object().ok_or("a mapping of devices to resources")?;
                for (device, resource) in entries {
                    let name = resource.as_str().filter(|name| is_resource(name));
                    let name = name.ok_or("resources that device plugins advertise, such as `example.com/device`")?;
                    self.devices.insert(device.clone(), name.to_owned());
                }
            }
            "patch" => self.patch = Some(value.clone()),
            _ => {
                return Err("one of workload, liveness, replicas, serviceAccountName, pull_secret, pull_policy, \
                            internal_service_type, devices and patch");
            }
        }
        Ok(())
    }
}

/// The kind that is called so, in lower case.
pub(super) fn kind(word: &str) -> Option<Kind> {
    match word {
        "deployment" => Some(Kind::Deployment),
        "statefulset" => Some(Kind::StatefulSet),
        "daemonset" => Some(Kind::DaemonSet),
        "job" => Some(Kind::Job),
        _ => None,
    }
}

/// The policy that is called so, in lower case.
pub(super) fn pull_policy(word: &str) -> Option<&'static str> {
    match word {
        "always" => Some("Always"),
        "ifnotpresent" => Some("IfNotPresent"),
        "never" => Some("Never"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn asked(entries: &str) -> (DropIn, Vec<String>) {
        let project = fixture::project(&format!("services: {{web: {{image: x, x-kubernetes: {entries}}}}}"));
        let mut notes = Notes::default();
        (drop_in("services.web", &project.services["web"], &mut notes), notes.summary())
    }

    #[test]
    fn entries_are_taken() {
        let (drop_in, notes) = asked(
            "{workload: StatefulSet, liveness: true, replicas: 3, serviceAccountName: sa, pull_secret: s, pull_policy: \
             Never, internal_service_type: Headless, devices: {/dev/kvm: example.com/kvm}, patch: {spec: {}}}",
        );
        assert_eq!(notes, Vec::<String>::new());
        let expected = DropIn {
            workload: Some(Kind::StatefulSet),
            liveness: Some(true),
            replicas: Some(Replicas::Of(3)),
            service_account: Some("sa".to_owned()),
            pull_secret: Some("s".to_owned()),
            pull_policy: Some("Never"),
            discovery: Some(HEADLESS),
            devices: [("/dev/kvm".to_owned(), "example.com/kvm".to_owned())].into(),
            patch: Some(serde_json::json!({"spec": {}})),
        };
        assert_eq!(drop_in, expected);
        assert_eq!(asked("{replicas: external}").0.replicas, Some(Replicas::External));
        assert_eq!(asked("null"), (DropIn::default(), vec![]));
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (entries, path) in [
            ("{workload: Pod}", ".workload"),
            ("{liveness: maybe}", ".liveness"),
            ("{replicas: -1}", ".replicas"),
            ("{serviceAccountName: 1}", ".serviceAccountName"),
            ("{pull_policy: daily}", ".pull_policy"),
            ("{internal_service_type: NodePort}", ".internal_service_type"),
            ("{devices: {/dev/kvm: kvm}}", ".devices"),
            ("{colour: red}", ".colour"),
            ("[a]", ""),
        ] {
            assert_eq!(asked(entries).1, [format!("services.web.x-kubernetes{path}: Error")], "{entries}");
        }
    }
}
