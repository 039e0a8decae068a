//! The revisions of a workload's pod template, as the cluster keeps them: a Deployment has them in ReplicaSets, and
//! StatefulSets and DaemonSets in ControllerRevisions. They hold what pod templates do, which is references to Secrets
//! and no value of one.

use k8s_openapi::api::apps::v1::{ControllerRevision, ReplicaSet};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Resource, ResourceExt};
use serde_json::Value;

use super::error::Failure;
use super::kind::Kind;
use super::pod::{REVISION, REVISION_OF_DEPLOYMENTS};
use super::send::Sender;
use super::view::template_label;
use super::wanted::Wanted;
use crate::api::names::{LABEL_SERVICE, LABEL_STACK};
use crate::api::without_nulls;

/// By what Deployments number their ReplicaSets.
const NUMBER: &str = "deployment.kubernetes.io/revision";

/// A revision of a pod template.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Revision {
    /// Its number: the highest is the current one.
    pub number: i64,
    /// The name of the object that holds it.
    pub name: String,
    /// What its pods are labelled with.
    pub label: String,
    /// The pod template.
    pub template: Value,
}

impl Sender<'_> {
    /// The revisions of a workload with this uid, the current one last.
    pub async fn history(&self, wanted: &Wanted, uid: &str) -> Result<Vec<Revision>, Failure> {
        let resource = match wanted.kind {
            Kind::Deployment => ApiResource::erase::<ReplicaSet>(&()),
            _ => ApiResource::erase::<ControllerRevision>(&()),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.owner.namespace, &resource);
        let mut labels = format!("{LABEL_STACK}={}", self.owner.name);
        if let Some(service) = template_label(wanted, LABEL_SERVICE) {
            labels = format!("{labels},{LABEL_SERVICE}={service}");
        }
        let objects = api.list(&ListParams::default().labels(&labels)).await;
        let objects = objects.map_err(|error| Failure::of(wanted.kind, &error))?;
        let of_workload = |object: &&DynamicObject| {
            object.owner_references().iter().any(|of| of.uid == uid && of.controller == Some(true))
        };
        let mut revisions: Vec<Revision> =
            objects.iter().filter(of_workload).filter_map(|object| revision(wanted.kind, object)).collect();
        revisions.sort_by_key(|revision| revision.number);
        Ok(revisions)
    }
}

fn revision(kind: Kind, object: &DynamicObject) -> Option<Revision> {
    let name = object.meta().name.clone()?;
    let (number, label, template) = match kind {
        Kind::Deployment => (
            object.annotations().get(NUMBER)?.parse().ok()?,
            object.labels().get(REVISION_OF_DEPLOYMENTS)?.clone(),
            object.data.pointer("/spec/template")?,
        ),
        // The pods of a StatefulSet are labelled with the revision's name, those of a DaemonSet with the end of it.
        _ => (
            object.data.get("revision")?.as_i64()?,
            object.labels().get(REVISION).filter(|_| kind == Kind::DaemonSet).unwrap_or(&name).clone(),
            object.data.pointer("/data/spec/template")?,
        ),
    };
    Some(Revision { number, name, label, template: as_applied(template) })
}

/// The template without what its keeper put into it.
fn as_applied(template: &Value) -> Value {
    let mut template = without_nulls(template);
    if let Some(fields) = template.as_object_mut() {
        fields.remove("$patch");
    }
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(REVISION_OF_DEPLOYMENTS);
    }
    template
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_keeps_its_revisions_in_its_own_way() {
        let read = |kind, object: Value| revision(kind, &serde_json::from_value(object).unwrap()).unwrap();
        let plain = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": []}});
        let replica_set = json!({
            "metadata": {
                "name": "web-6d4c", "labels": {"a": "b", "pod-template-hash": "6d4c"},
                "annotations": {"deployment.kubernetes.io/revision": "12"},
            },
            "spec": {"template": {
                "metadata": {"labels": {"a": "b", "pod-template-hash": "6d4c"}, "creationTimestamp": null},
                "spec": {"containers": []},
            }},
        });
        let kept = |labels: Value| {
            let mut template = plain.clone();
            template["$patch"] = json!("replace");
            template["metadata"]["creationTimestamp"] = Value::Null;
            json!({
                "metadata": {"name": "web-6d4c", "labels": labels}, "revision": 12,
                "data": {"spec": {"template": template}},
            })
        };
        let expected = |label: &str| Revision {
            number: 12,
            name: "web-6d4c".to_owned(),
            label: label.to_owned(),
            template: plain.clone(),
        };
        assert_eq!(read(Kind::Deployment, replica_set), expected("6d4c"));
        let stateful_set = kept(json!({"controller.kubernetes.io/hash": "6d4c"}));
        assert_eq!(read(Kind::StatefulSet, stateful_set), expected("web-6d4c"));
        assert_eq!(read(Kind::DaemonSet, kept(json!({"controller-revision-hash": "6d4c"}))), expected("6d4c"));
    }
}
