//! Updates that fail. Kubernetes holds a rolling update where pods do not get ready, and knows no more than that.
//!
//! A revision is good once all of its pods were there and ready at one time. From then on, pods of another revision are
//! of an update on trial, and the failed ones among them count. What is to come back is with the cluster, in the
//! revisions that it keeps; that an update failed is in an annotation of the workload, written together with the old
//! template: neither a lost status nor a restarted operator tries it again.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::error::Failure;
use super::hash::HashKey;
use super::history::Revision;
use super::kind::Kind;
use super::packed::Packed;
use super::pod::PodFacts;
use super::readiness::{Facts, Progress, Replicas};
use super::record::{Record, RolledBack};
use super::send::Sender;
use super::standing::is_ours;
use super::view::Scene;
use super::wanted::{Wanted, WantedWorkload};
use crate::api::names::ANNOTATION_ROLLED_BACK;
use crate::translate::{OnFailure, Rollout};

/// How long a container may have been unable to start: the node may be told of its configuration a moment later.
const STUCK_SECONDS: i64 = 10;

/// What there is to do about the update of a workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Judged {
    /// The last good revision, as its pods' label has it.
    pub good: Option<String>,
    pub course: Course,
    /// After how long there may be more to see.
    pub again: Option<Duration>,
}

/// How to go on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Course {
    /// As wanted, beside so many pods that failed; if it stops there, why.
    On { beside: usize, stopped: Option<String> },
    /// Back to a template.
    Back { template: Value, rolled_back: RolledBack },
    /// What is live is left as it is.
    Leave(String),
}

impl Default for Course {
    fn default() -> Self {
        Self::On { beside: 0, stopped: None }
    }
}

impl Sender<'_> {
    /// Judges the update of a workload that says what is to be done when one fails.
    pub async fn judge(
        &self,
        workload: &WantedWorkload<'_>,
        rollout: &Rollout,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<Judged, Failure> {
        let WantedWorkload { wanted, .. } = workload;
        let known = record.and_then(|record| record.good.clone());
        let live = self.live.get(wanted.kind, &self.owner.namespace, &wanted.name);
        let live = live.filter(|live| is_ours(self.owner, wanted.kind, live) && !live.deleting);
        let Some(live) = live else { return Ok(Judged { good: known, ..Judged::default() }) };
        let Facts::Replicas(replicas) = &live.facts else { return Ok(Judged { good: known, ..Judged::default() }) };
        let scene = Scene::of(self.live, self.owner);
        let pods = scene.pods_of(wanted, &live);
        let good = settled(replicas, &pods).or(known);
        let template = wanted.applied.template.as_ref();
        if rollout.on_failure == OnFailure::Rollback
            && let Some(rolled_back) = live
                .rolled_back
                .as_deref()
                .cloned()
                .filter(|it| template.is_some_and(|template| *template == it.template))
        {
            let revisions = self.history(wanted, &live.uid.text()).await?;
            let course = match revisions.into_iter().find(|revision| revision.label == rolled_back.to) {
                Some(revision) => Course::Back { template: revision.template, rolled_back },
                None => Course::Leave(format!(
                    "{}; revision {} is not kept any more: change the service to go on",
                    rolled_back.message, rolled_back.to
                )),
            };
            return Ok(Judged { good, course, again: None });
        }
        let tried = live.applied.as_ref().and_then(|applied| applied.template.as_ref());
        let Some(good) = good else { return Ok(Judged::default()) };
        if tried != template || !replicas.seen {
            return Ok(Judged { good: Some(good), ..Judged::default() });
        }
        let trial = Trial::of(rollout, replicas, &pods, &good, now);
        let again = trial.again;
        if !trial.may_have_failed() {
            return Ok(Judged { good: Some(good), course: Course::default(), again });
        }
        let revisions = self.history(wanted, &live.uid.text()).await?;
        let course = trial.course(rollout, &revisions, &good, &template.map(Packed::text).unwrap_or_default());
        Ok(Judged { good: Some(good), course, again })
    }
}

/// The revision of all pods, when nothing is missing.
fn settled(replicas: &Replicas, pods: &[&PodFacts]) -> Option<String> {
    let revision = pods.first()?.revision.clone()?;
    let complete = replicas.progress == Progress::Current
        && i32::try_from(pods.len()).ok() == Some(replicas.desired)
        && pods.iter().all(|pod| pod.ready && pod.revision.as_ref() == Some(&revision));
    complete.then_some(revision)
}

/// An update that is not known to be good.
struct Trial<'a> {
    desired: i32,
    /// Pods that failed: the label of their revision, what they failed of, and whether they still are not well.
    failed: Vec<(&'a str, String, bool)>,
    /// Why the workload's controller gave up.
    gave_up: Option<&'a str>,
    again: Option<Duration>,
}

impl<'a> Trial<'a> {
    fn of(rollout: &Rollout, replicas: &'a Replicas, pods: &[&'a PodFacts], good: &str, now: Timestamp) -> Self {
        let mut again: Option<Duration> = None;
        let mut seen_again = |seconds: i64| {
            let after = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
            again = Some(again.map_or(after, |again| again.min(after)));
        };
        let mut failed = Vec::new();
        for pod in pods {
            let Some(revision) = pod.revision.as_deref().filter(|revision| *revision != good) else { continue };
            let age = |since: Option<Timestamp>| since.map_or(0, |since| now.duration_since(since).as_secs());
            let (well, unwell) = (pod.ready && age(pod.since) >= rollout.monitor_seconds, !pod.ready);
            if let Some(what) = failure(pod, rollout, now) {
                if pod.ready && !well {
                    seen_again(rollout.monitor_seconds - age(pod.since));
                }
                failed.push((revision, what, !well));
            } else if pod.stuck && !pod.lost {
                seen_again(STUCK_SECONDS - age(pod.created));
            } else if unwell && !pod.lost {
                seen_again(rollout.deadline_seconds - age(pod.since.max(pod.created)));
            }
        }
        let gave_up = match &replicas.progress {
            Progress::Failed(failure) => Some(failure.as_str()),
            Progress::Current | Progress::Under(_) => None,
        };
        Self { desired: replicas.desired, failed, gave_up, again }
    }

    fn may_have_failed(&self) -> bool {
        !self.failed.is_empty() || self.gave_up.is_some()
    }

    /// What is to be done. Only pods of the current revision count: others may be left from an update before.
    fn course(self, rollout: &Rollout, revisions: &[Revision], good: &str, wants: &str) -> Course {
        let Some(current) = revisions.last().filter(|current| current.label != good) else { return Course::default() };
        let failed: Vec<_> = self.failed.iter().filter(|(revision, ..)| *revision == current.label).collect();
        let beside = failed.iter().filter(|(_, _, unwell)| *unwell).count();
        let desired = usize::try_from(self.desired).unwrap_or_default();
        let tolerated = (0..=desired).rev().find(|count| share(*count, desired) <= rollout.max_failure_ratio);
        let tolerated = tolerated.unwrap_or_default();
        let is_over = failed.len() > tolerated || self.gave_up.is_some();
        if rollout.on_failure == OnFailure::Continue || !is_over {
            return Course::On { beside, stopped: None };
        }
        let what = match (failed.first(), self.gave_up) {
            (Some((_, what, _)), _) => {
                format!("{} of {desired} pods of revision {} failed: {what}", failed.len(), current.name)
            }
            (None, Some(gave_up)) => format!("revision {} failed: {gave_up}", current.name),
            (None, None) => return Course::On { beside, stopped: None },
        };
        let stopped = |message| Course::On {
            beside: beside.min(tolerated),
            stopped: (beside > tolerated || self.gave_up.is_some()).then_some(message),
        };
        if rollout.on_failure == OnFailure::Pause {
            return stopped(format!("update stopped: {what}"));
        }
        match revisions.iter().find(|revision| revision.label == good) {
            Some(back) => Course::Back {
                template: back.template.clone(),
                rolled_back: RolledBack {
                    template: wants.to_owned(),
                    to: good.to_owned(),
                    message: super::error::short(&format!("rolled back to revision {}: {what}", back.name)),
                },
            },
            None => stopped(format!("update stopped, for revision {good} is not kept any more: {what}")),
        }
    }
}

/// How much of the whole so many pods are.
#[allow(clippy::cast_precision_loss, reason = "pods are counted in thousands")]
fn share(count: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { count as f32 / whole as f32 }
}

/// What a pod failed of.
fn failure(pod: &PodFacts, rollout: &Rollout, now: Timestamp) -> Option<String> {
    let age = |since: Timestamp| now.duration_since(since).as_secs();
    if pod.lost {
        return None;
    }
    if let Some(ended) = pod.ended.as_ref().filter(|ended| ended.after <= rollout.monitor_seconds) {
        return Some(ended.what.clone());
    }
    if pod.stuck && pod.created.is_some_and(|created| age(created) >= STUCK_SECONDS) {
        return pod.problem.clone();
    }
    let since = pod.since.max(pod.created)?;
    let is_late = !pod.ready && age(since) >= rollout.deadline_seconds;
    is_late.then(|| match &pod.problem {
        Some(problem) => problem.clone(),
        None => format!("not ready for {} s", rollout.deadline_seconds),
    })
}

impl Wanted {
    /// With the template that it had before, at the pace of going back.
    pub fn back(&self, key: &HashKey, rollout: &Rollout, template: &Value, rolled_back: &RolledBack) -> Self {
        self.changed(key, |object| {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
                && let Some(annotations) = metadata.entry("annotations").or_insert_with(|| json!({})).as_object_mut()
            {
                // Three texts: their serialisation cannot fail.
                let text = serde_json::to_string(rolled_back).unwrap_or_default();
                annotations.insert(ANNOTATION_ROLLED_BACK.to_owned(), Value::String(text));
            }
            if let Some(rolling) = rolling_update(self.kind, object) {
                *rolling = json!({
                    "maxSurge": rollout.back.max_surge, "maxUnavailable": rollout.back.max_unavailable,
                });
            }
            if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
                spec.insert("template".to_owned(), template.clone());
                match rollout.back.min_ready_seconds {
                    Some(seconds) => spec.insert("minReadySeconds".to_owned(), json!(seconds)),
                    None => spec.remove("minReadySeconds"),
                };
            }
        })
    }

    /// With room for pods of an update that failed, so that the others are replaced all the same.
    pub fn beside(&self, key: &HashKey, failed: usize) -> Self {
        self.changed(key, |object| {
            let Some(rolling) = rolling_update(self.kind, object) else { return };
            let bound = |name: &str| {
                rolling.get(name).and_then(|bound| serde_json::from_value::<IntOrString>(bound.clone()).ok())
            };
            let surges = bound("maxSurge").is_some_and(|surge| surge != IntOrString::Int(0));
            if let Some(IntOrString::Int(unavailable)) = bound("maxUnavailable")
                // A DaemonSet may not have both.
                && !(self.kind == Kind::DaemonSet && surges)
            {
                let failed = i32::try_from(failed).unwrap_or(i32::MAX);
                rolling["maxUnavailable"] = json!(unavailable.saturating_add(failed));
            }
        })
    }
}

/// Where a workload says how many pods are replaced at a time.
fn rolling_update(kind: Kind, object: &mut Value) -> Option<&mut Value> {
    let path = match kind {
        Kind::Deployment => "/spec/strategy/rollingUpdate",
        Kind::DaemonSet => "/spec/updateStrategy/rollingUpdate",
        _ => return None,
    };
    object.pointer_mut(path)
}

#[cfg(test)]
mod tests;
