//! Plans as a translation would make them.

use compose_operator::api::names::{
    COMPONENT_SERVICE, GROUP, LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_SERVICE, LABEL_STACK, MANAGED_BY,
};
use compose_operator::apply::Owner;
use compose_operator::translate::{Claim, Gate, GateCondition, Plan, Workload, WorkloadObject};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Makes children of a stack.
pub struct Make<'a>(pub &'a Owner);

impl Make<'_> {
    pub fn metadata(&self, name: &str) -> Value {
        json!({
            "name": name,
            "namespace": self.0.namespace,
            "labels": { LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: self.0.name },
            "ownerReferences": [self.owner_reference()],
        })
    }

    pub fn owner_reference(&self) -> Value {
        json!({
            "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "ComposeStack", "name": self.0.name, "uid": self.0.uid,
            "controller": true,
        })
    }

    fn labels(&self, service: &str) -> Value {
        json!({
            LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: self.0.name,
            LABEL_SERVICE: service, LABEL_COMPONENT: COMPONENT_SERVICE,
        })
    }

    fn selector(&self, service: &str) -> Value {
        json!({ LABEL_STACK: self.0.name, LABEL_SERVICE: service, LABEL_COMPONENT: COMPONENT_SERVICE })
    }

    fn template(&self, service: &str, image: &str, restart: &str, env_from: &[Value]) -> Value {
        json!({
            "metadata": { "labels": self.labels(service) },
            "spec": {
                "restartPolicy": restart,
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
                "containers": [{ "name": "main", "image": image, "envFrom": env_from }],
            },
        })
    }

    fn workload_metadata(&self, service: &str) -> Value {
        let mut metadata = self.metadata(service);
        metadata["labels"] = self.labels(service);
        metadata
    }

    pub fn config_map<T: DeserializeOwned>(&self, name: &str, value: &str) -> T {
        object(json!({"metadata": self.metadata(name), "immutable": true, "data": {"key": value}}))
    }

    pub fn secret<T: DeserializeOwned>(&self, name: &str) -> T {
        object(json!({"metadata": self.metadata(name), "immutable": true, "data": {"key": "aHVudGVyMg=="}}))
    }

    pub fn network_policy<T: DeserializeOwned>(&self, name: &str) -> T {
        object(json!({"metadata": self.metadata(name), "spec": {"podSelector": {}}}))
    }

    pub fn service<T: DeserializeOwned>(&self, name: &str, headless: bool) -> T {
        let mut service = json!({
            "metadata": self.metadata(name),
            "spec": {"selector": self.selector(name), "ports": [{"port": 80, "protocol": "TCP"}]},
        });
        if headless {
            service["spec"]["clusterIP"] = json!("None");
        }
        object(service)
    }

    pub fn claim(&self, volume: &str, size: &str) -> Claim {
        let name = format!("{}-{volume}", self.0.name);
        let mut metadata = self.metadata(&name);
        metadata.as_object_mut().unwrap().remove("ownerReferences");
        let spec = json!({
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}},
            "storageClassName": "grows",
        });
        Claim { volume: volume.to_owned(), name, object: Some(object(json!({"metadata": metadata, "spec": spec}))) }
    }

    pub fn deployment(&self, service: &str, image: &str) -> Workload {
        self.deployment_with(service, image, 1, &[])
    }

    pub fn deployment_with(&self, service: &str, image: &str, replicas: i32, env_from: &[Value]) -> Workload {
        let deployment = json!({
            "metadata": self.workload_metadata(service),
            "spec": {
                "replicas": replicas,
                "revisionHistoryLimit": 1,
                "selector": {"matchLabels": self.selector(service)},
                "template": self.template(service, image, "Always", env_from),
            },
        });
        workload(service, image, WorkloadObject::Deployment(object(deployment)))
    }

    pub fn stateful_set(&self, service: &str, image: &str) -> Workload {
        let stateful_set = json!({
            "metadata": self.workload_metadata(service),
            "spec": {
                "replicas": 1,
                "serviceName": service,
                "selector": {"matchLabels": self.selector(service)},
                "template": self.template(service, image, "Always", &[]),
            },
        });
        workload(service, image, WorkloadObject::StatefulSet(object(stateful_set)))
    }

    pub fn daemon_set(&self, service: &str, image: &str) -> Workload {
        let daemon_set = json!({
            "metadata": self.workload_metadata(service),
            "spec": {
                "selector": {"matchLabels": self.selector(service)},
                "template": self.template(service, image, "Always", &[]),
            },
        });
        workload(service, image, WorkloadObject::DaemonSet(object(daemon_set)))
    }

    pub fn cron_job(&self, service: &str, image: &str) -> Workload {
        let template = self.template(service, image, "Never", &[]);
        let cron_job = json!({
            "metadata": self.workload_metadata(service),
            "spec": {"schedule": "@yearly", "jobTemplate": {"spec": {"template": template}}},
        });
        workload(service, image, WorkloadObject::CronJob(object(cron_job)))
    }

    pub fn job(&self, service: &str, image: &str, env_from: &[Value]) -> Workload {
        let job = json!({
            "metadata": self.workload_metadata(service),
            "spec": {"backoffLimit": 0, "template": self.template(service, image, "Never", env_from)},
        });
        workload(service, image, WorkloadObject::Job(object(job)))
    }
}

fn workload(service: &str, image: &str, object: WorkloadObject) -> Workload {
    Workload {
        service: service.to_owned(),
        is_job: false,
        image: image.to_owned(),
        object,
        gates: Vec::new(),
        lacks: Vec::new(),
        discovery: None,
        members: Vec::new(),
        rollout: None,
    }
}

pub fn object<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A plan of workloads alone.
pub fn of(workloads: impl IntoIterator<Item = Workload>) -> Plan {
    Plan { workloads: workloads.into_iter().collect(), ..Plan::default() }
}

/// Lets a workload wait for a service.
pub fn after(mut workload: Workload, service: &str, condition: GateCondition) -> Workload {
    workload.gates.push(Gate { service: service.to_owned(), condition, required: true });
    workload
}
