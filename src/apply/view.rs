//! What the live objects say about a service: its workload and the pods of it.

use std::sync::Arc;

use super::Owner;
use super::kind::Kind;
use super::live::{LiveStore, Observed};
use super::packed::Packed;
use super::pod::PodFacts;
use super::readiness::{Facts, Progress};
use super::record::Record;
use super::standing::{is_done, is_ours};
use super::wanted::Wanted;
use crate::api::names::{LABEL_COMPONENT, LABEL_SERVICE};

/// How far a service is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// Whether its workload is there.
    pub exists: bool,
    /// Wanted pods.
    pub desired: i32,
    /// Ready pods.
    pub ready: i32,
    /// Whether a pod of the current template has started.
    pub started: bool,
    /// Whether everything is as it is wanted.
    pub current: bool,
    /// Whether its Job succeeded.
    pub complete: bool,
    /// Why it gave up.
    pub failed: Option<String>,
    /// What is missing.
    pub missing: Option<String>,
    /// What keeps a pod from running.
    pub problem: Option<String>,
    /// The digest that runs.
    pub digest: Option<String>,
    /// The kind and the name that its current pods are reported under.
    pub reported: Option<(&'static str, String)>,
}

/// All that is live of a stack, for the views of its services.
pub(super) struct Scene<'a> {
    owner: &'a Owner,
    live: &'a LiveStore,
    pods: Vec<Arc<Observed>>,
}

impl<'a> Scene<'a> {
    pub fn of(live: &'a LiveStore, owner: &'a Owner) -> Self {
        let objects = live.of_stack(&owner.namespace, &owner.name);
        let pods = objects.into_iter().filter(|(kind, _, _)| *kind == Kind::Pod).map(|(_, _, pod)| pod).collect();
        Self { owner, live, pods }
    }

    /// The view of a service.
    pub fn view(&self, wanted: &Wanted, record: Option<&Record>) -> View {
        let live = self
            .live
            .get(wanted.kind, &self.owner.namespace, &wanted.name)
            .filter(|live| is_ours(self.owner, wanted.kind, live));
        let Some(live) = live else {
            let complete = is_done(wanted, record);
            return View { complete, ..View::default() };
        };
        let pods = self.pods_of(wanted, &live);
        let mut view = view(&live.facts, &pods);
        view.exists = true;
        view.reported = match wanted.kind {
            // Between a Deployment and its pods is a ReplicaSet, called after it and their template.
            Kind::Deployment => pods
                .last()
                .and_then(|pod| pod.revision.as_ref())
                .map(|revision| ("ReplicaSet", format!("{}-{revision}", wanted.name))),
            kind => Some((kind.as_str(), wanted.name.clone())),
        };
        view.digest = pods.iter().rev().find_map(|pod| pod.digest.clone());
        if !view.current && !view.complete {
            view.problem = pods.iter().rev().filter(|pod| !pod.ready).find_map(|pod| pod.problem.clone());
        }
        view
    }

    /// All pods of the stack that are not on their way out.
    pub fn standing_pods(&self) -> impl Iterator<Item = &PodFacts> {
        let pods = self.pods.iter().filter(|pod| !pod.deleting);
        pods.filter_map(|pod| match &pod.facts {
            Facts::Pod(pod) => Some(&**pod),
            _ => None,
        })
    }

    /// The service's pods that are not on their way out, oldest first.
    pub fn pods_of(&self, wanted: &Wanted, workload: &Observed) -> Vec<&PodFacts> {
        let service = template_label(wanted, LABEL_SERVICE);
        let component = template_label(wanted, LABEL_COMPONENT);
        let mut pods: Vec<&PodFacts> = self
            .pods
            .iter()
            .filter(|pod| pod.service.as_ref().map(Packed::text).as_deref() == service && !pod.deleting)
            // Between a Deployment and its pods is a ReplicaSet; other pods name their workload, so that those of a
            // predecessor are not taken for its own.
            .filter(|pod| wanted.kind == Kind::Deployment || pod.owners.iter().any(|of| of.uid == workload.uid))
            .filter_map(|pod| match &pod.facts {
                Facts::Pod(pod) => Some(&**pod),
                _ => None,
            })
            .filter(|pod| pod.component.as_deref() == component)
            .collect();
        pods.sort_by_key(|pod| pod.created);
        pods
    }
}

/// What a label says by which the workload's pods are found: the service's name, if that can be a label, and which of
/// the service's pods they are.
pub(super) fn template_label<'a>(wanted: &'a Wanted, label: &str) -> Option<&'a str> {
    wanted.object.pointer("/spec/template/metadata/labels")?.get(label)?.as_str()
}

fn view(facts: &Facts, pods: &[&PodFacts]) -> View {
    // While a rollout goes on, the newest pod is the one of the current template.
    let newest_started = pods.last().is_some_and(|pod| pod.started);
    match facts {
        Facts::Replicas(replicas) => {
            let mut view = View { desired: replicas.desired, ready: replicas.ready, ..View::default() };
            match &replicas.progress {
                Progress::Current => view.current = true,
                Progress::Under(missing) => view.missing = Some(missing.clone()),
                Progress::Failed(failure) => view.failed = Some(failure.clone()),
            }
            view.started = view.current && view.desired > 0 || replicas.updated > 0 && newest_started;
            view
        }
        Facts::Job(job) => View {
            desired: job.desired,
            ready: job.ready,
            started: job.complete || job.ready > 0 || newest_started,
            current: job.ready >= job.desired,
            complete: job.complete,
            failed: job.failed.clone(),
            ..View::default()
        },
        Facts::CronJob => View { current: true, ..View::default() },
        Facts::Nothing | Facts::Claim(_) | Facts::Service(_) | Facts::Routes(_) | Facts::Pod(_) => View::default(),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use serde_json::json;

    use super::super::hash::HashKey;
    use super::super::readiness::{JobFacts, Replicas};
    use super::super::record::Applied;
    use super::*;
    use crate::api::names::{COMPONENT_SERVICE, LABEL_STACK};

    fn pod(second: i64, started: bool) -> PodFacts {
        PodFacts {
            component: Some(COMPONENT_SERVICE.to_owned()),
            created: Timestamp::from_second(second).ok(),
            started,
            ready: started,
            since: None,
            revision: None,
            ended: None,
            stuck: false,
            lost: false,
            digest: None,
            problem: None,
        }
    }

    fn rolling(updated: i32) -> Facts {
        let progress = Progress::Under("0/1 updated".into());
        Facts::Replicas(Replicas { desired: 1, ready: 1, updated, seen: true, progress })
    }

    /// A service's name may be no label: then the label says something else.
    #[test]
    fn pods_are_found_by_the_label_of_their_template() {
        let live = LiveStore::new(HashKey::new(b"key"), &[]);
        let owner = Owner { name: "shop".to_owned(), namespace: "default".to_owned(), uid: "u1".to_owned() };
        let labels = json!({LABEL_STACK: "shop", LABEL_SERVICE: "db-x1", LABEL_COMPONENT: COMPONENT_SERVICE});
        let deployment = json!({
            "metadata": {"name": "db-x1", "namespace": "default", "uid": "d1", "ownerReferences": [
                {"apiVersion": "v1", "kind": "ComposeStack", "name": "shop", "uid": "u1"},
            ]},
            "spec": {"replicas": 1, "template": {"metadata": {"labels": labels}}},
            "status": {"updatedReplicas": 1},
        });
        let pod = json!({
            "metadata": {"name": "db-x1-1", "namespace": "default", "uid": "p1", "labels": labels},
            "spec": {"containers": [{"name": "db"}]},
            "status": {"containerStatuses": [{"name": "db", "started": true, "imageID": "db@sha256:1"}]},
        });
        live.put(Kind::Deployment, &serde_json::from_value(deployment.clone()).unwrap());
        live.put(Kind::Pod, &serde_json::from_value(pod).unwrap());
        let wanted = Wanted {
            kind: Kind::Deployment,
            name: "db-x1".to_owned(),
            object: deployment,
            applied: Applied::default(),
        };
        let view = Scene::of(&live, &owner).view(&wanted, None);
        assert_eq!((view.started, view.digest.as_deref()), (true, Some("sha256:1")));
    }

    #[test]
    fn the_old_pod_of_a_rollout_does_not_count_as_started() {
        assert!(!view(&rolling(0), &[&pod(1, true)]).started);
        assert!(!view(&rolling(1), &[&pod(1, true), &pod(2, false)]).started);
        assert!(view(&rolling(1), &[&pod(1, true), &pod(2, true)]).started);
    }

    #[test]
    fn a_job_is_started_by_its_pod_and_complete_by_its_condition() {
        let job = |complete| Facts::Job(JobFacts { desired: 1, ready: 0, complete, failed: None });
        assert!(!view(&job(false), &[]).started);
        assert!(view(&job(false), &[&pod(1, true)]).started);
        let complete = view(&job(true), &[]);
        assert!(complete.started && complete.complete);
    }
}
