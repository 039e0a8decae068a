//! What is known of the vulnerabilities of images: the reports of Trivy Operator, reduced on arrival to counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::api::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use serde::Deserialize;

use super::kind::Kind;
use super::live::{LiveStore, StackRef};
use crate::api::v1alpha1::Vulnerabilities;

const LABEL_KIND: &str = "trivy-operator.resource.kind";
const LABEL_NAME: &str = "trivy-operator.resource.name";
const LABEL_CONTAINER: &str = "trivy-operator.container.name";

/// `aquasecurity.github.io/v1alpha1 VulnerabilityReport`, without the vulnerabilities themselves: the report of one
/// container of one workload
/// (<https://aquasecurity.github.io/trivy-operator/latest/docs/crds/vulnerability-report/>).
#[derive(Clone, Debug, Deserialize)]
pub struct VulnerabilityReport {
    metadata: ObjectMeta,
    report: Body,
}

#[derive(Clone, Debug, Deserialize)]
struct Body {
    #[serde(default)]
    artifact: Artifact,
    #[serde(default)]
    registry: Registry,
    summary: Summary,
}

#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(default)]
struct Artifact {
    repository: String,
    tag: String,
    digest: String,
}

#[derive(Clone, Debug, Default, Hash, Deserialize)]
#[serde(default)]
struct Registry {
    server: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    #[serde(rename = "criticalCount")]
    critical: i64,
    #[serde(rename = "highCount")]
    high: i64,
    #[serde(rename = "mediumCount")]
    medium: i64,
    #[serde(rename = "lowCount")]
    low: i64,
    #[serde(rename = "unknownCount")]
    unknown: i64,
}

impl Resource for VulnerabilityReport {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> std::borrow::Cow<'_, str> {
        "VulnerabilityReport".into()
    }

    fn group((): &()) -> std::borrow::Cow<'_, str> {
        "aquasecurity.github.io".into()
    }

    fn version((): &()) -> std::borrow::Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural((): &()) -> std::borrow::Cow<'_, str> {
        "vulnerabilityreports".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A report, reduced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    /// The workload's kind: a Deployment's reports are of its ReplicaSets.
    kind: String,
    workload: String,
    container: String,
    /// Which image it is about, so that two containers of one image count once.
    image: u64,
    counts: Vulnerabilities,
}

/// The reports of all stacks' workloads, by namespace and name.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<HashMap<String, BTreeMap<String, Report>>>);

impl Reports {
    /// What the reports of some of a workload's containers come to; none without a report.
    pub(super) fn counts(
        &self,
        namespace: &str,
        (kind, workload): (&str, &str),
        counts: impl Fn(&str) -> bool,
    ) -> Option<Vulnerabilities> {
        let reports = self.lock();
        let of_workload = reports.get(namespace)?.values().filter(|it| it.kind == kind && it.workload == workload);
        let by_image: BTreeMap<u64, Vulnerabilities> =
            of_workload.filter(|it| counts(&it.container)).map(|it| (it.image, it.counts)).collect();
        by_image.into_values().reduce(|one, other| Vulnerabilities {
            critical: one.critical.saturating_add(other.critical),
            high: one.high.saturating_add(other.high),
            medium: one.medium.saturating_add(other.medium),
            low: one.low.saturating_add(other.low),
            unknown: one.unknown.saturating_add(other.unknown),
        })
    }

    /// Keeps a report, or forgets it, and returns the one that changed.
    fn put(&self, namespace: &str, name: &str, report: Option<Report>) -> Option<Report> {
        let mut all = self.lock();
        let Some(report) = report else {
            let reports = all.get_mut(namespace)?;
            let gone = reports.remove(name);
            if reports.is_empty() {
                all.remove(namespace);
            }
            return gone;
        };
        let reports = all.entry(namespace.to_owned()).or_default();
        let old = reports.insert(name.to_owned(), report.clone());
        (old.as_ref() != Some(&report)).then_some(report)
    }

    fn names(&self, scope: Option<&str>) -> BTreeSet<(String, String)> {
        let all = self.lock();
        let in_scope = all.iter().filter(|(namespace, _)| scope.is_none_or(|only| only == namespace.as_str()));
        let names =
            in_scope.flat_map(|(namespace, reports)| reports.keys().map(|name| (namespace.clone(), name.clone())));
        names.collect()
    }

    // A poisoned lock is taken over: reports are inserted and removed whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<String, Report>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way of a watch of reports into the store; of all namespaces, or of one. To be used once the store is synced: only
/// reports of stacks' own workloads are kept, and those have to be known for that.
#[derive(Debug)]
pub struct ReportFeed<'a> {
    live: &'a LiveStore,
    namespace: Option<&'a str>,
    /// During a list: what was there when it began, but for what it has brought so far.
    unlisted: BTreeSet<(String, String)>,
}

impl<'a> ReportFeed<'a> {
    /// Begins to take events.
    pub fn new(live: &'a LiveStore, namespace: Option<&'a str>) -> Self {
        Self { live, namespace, unlisted: BTreeSet::new() }
    }

    /// Takes an event in and returns the stacks that it matters to.
    pub fn take(&mut self, event: Event<VulnerabilityReport>) -> Vec<StackRef> {
        match event {
            Event::Init => {
                self.unlisted = self.live.reports().names(self.namespace);
                Vec::new()
            }
            Event::InitApply(object) => {
                self.unlisted.remove(&(object.namespace().unwrap_or_default(), object.name_any()));
                self.put(&object).into_iter().collect()
            }
            Event::InitDone => {
                let unlisted = std::mem::take(&mut self.unlisted);
                self.forget(unlisted)
            }
            Event::Apply(object) => self.put(&object).into_iter().collect(),
            Event::Delete(object) => self.forget([(object.namespace().unwrap_or_default(), object.name_any())].into()),
        }
    }

    /// Forgets all reports: nobody tells of them any longer.
    pub fn end(self) -> Vec<StackRef> {
        self.forget(self.live.reports().names(self.namespace))
    }

    fn put(&self, object: &VulnerabilityReport) -> Option<StackRef> {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        let report = reduce(object).filter(|report| self.stack(&namespace, report).is_some());
        let changed = self.live.reports().put(&namespace, &name, report)?;
        self.stack(&namespace, &changed)
    }

    fn forget(&self, reports: BTreeSet<(String, String)>) -> Vec<StackRef> {
        let forget = |(namespace, name): (String, String)| {
            let gone = self.live.reports().put(&namespace, &name, None)?;
            self.stack(&namespace, &gone)
        };
        reports.into_iter().filter_map(forget).collect()
    }

    /// The stack that the workload of a report belongs to.
    fn stack(&self, namespace: &str, report: &Report) -> Option<StackRef> {
        let (kind, name) = match report.kind.as_str() {
            // A ReplicaSet is called after its Deployment and its pods' template.
            "ReplicaSet" => (Kind::Deployment, report.workload.rsplit_once('-')?.0),
            kind => (Kind::WORKLOADS.into_iter().find(|known| known.as_str() == kind)?, report.workload.as_str()),
        };
        let stack = self.live.get(kind, namespace, name)?.stack.clone()?;
        Some(StackRef { namespace: namespace.to_owned(), name: stack.to_string() })
    }
}

fn reduce(object: &VulnerabilityReport) -> Option<Report> {
    let label = |name: &str| object.labels().get(name).cloned();
    // A name that is too long for a label is in the reference alone.
    let owner = object.owner_references().iter().find(|owner| owner.controller == Some(true));
    let mut hasher = DefaultHasher::new();
    (&object.report.artifact, &object.report.registry).hash(&mut hasher);
    let Summary { critical, high, medium, low, unknown } = object.report.summary;
    Some(Report {
        kind: label(LABEL_KIND).or_else(|| owner.map(|owner| owner.kind.clone()))?,
        workload: label(LABEL_NAME).or_else(|| owner.map(|owner| owner.name.clone()))?,
        container: label(LABEL_CONTAINER)?,
        image: hasher.finish(),
        counts: Vulnerabilities { critical, high, medium, low, unknown },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::hash::HashKey;
    use super::*;
    use crate::api::names::{LABEL_MANAGED_BY, LABEL_STACK, MANAGED_BY};

    fn store() -> std::sync::Arc<LiveStore> {
        let live = LiveStore::new(HashKey::new(b"key"), &[]);
        let object = json!({"metadata": {
            "name": "web", "namespace": "shop", "uid": "d1", "resourceVersion": "1",
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: "blog"},
        }});
        live.put(Kind::Deployment, &serde_json::from_value(object).unwrap());
        live
    }

    fn report(workload: &str, container: &str, image: &str, critical: i64) -> VulnerabilityReport {
        let labels = json!({LABEL_KIND: "ReplicaSet", LABEL_NAME: workload, LABEL_CONTAINER: container});
        let name = format!("replicaset-{workload}-{container}");
        parsed(json!({
            "metadata": {"name": name, "namespace": "shop", "labels": labels},
            "report": {
                "artifact": {"repository": image, "tag": "1"}, "registry": {"server": "index.docker.io"},
                "summary": {"criticalCount": critical, "highCount": 1, "mediumCount": 0, "lowCount": 0},
                "vulnerabilities": [{"vulnerabilityID": "CVE-2024-1"}],
            },
        }))
    }

    fn parsed(object: Value) -> VulnerabilityReport {
        serde_json::from_value(object).unwrap()
    }

    fn critical(live: &LiveStore, workload: &str, container: &str) -> Option<i64> {
        let counts = live.reports().counts("shop", ("ReplicaSet", workload), |name| name == container);
        counts.map(|counts| counts.critical)
    }

    #[test]
    fn only_what_belongs_to_a_stack_is_kept_and_only_news_are_told() {
        let live = store();
        let mut feed = ReportFeed::new(&live, None);
        let blog = [StackRef { namespace: "shop".to_owned(), name: "blog".to_owned() }];
        assert_eq!(feed.take(Event::Apply(report("web-6d4cf56db6", "web", "nginx", 2))), blog);
        assert_eq!(feed.take(Event::Apply(report("web-6d4cf56db6", "web", "nginx", 2))), []);
        assert_eq!(feed.take(Event::Apply(report("theirs-6d4cf56db6", "web", "nginx", 2))), []);
        assert_eq!(feed.take(Event::Apply(report("web-6d4cf56db6", "web", "nginx", 3))), blog);
        assert_eq!((critical(&live, "web-6d4cf56db6", "web"), critical(&live, "web-0", "web")), (Some(3), None));
        assert_eq!(live.reports().names(None).len(), 1);
        assert_eq!(feed.take(Event::Delete(report("web-6d4cf56db6", "web", "nginx", 3))), blog);
        assert!(live.reports().lock().is_empty());
    }

    #[test]
    fn a_list_forgets_what_it_does_not_bring() {
        let live = store();
        let mut feed = ReportFeed::new(&live, Some("shop"));
        for container in ["one", "two"] {
            feed.take(Event::Apply(report("web-1", container, container, 1)));
        }
        feed.take(Event::Init);
        feed.take(Event::InitApply(report("web-1", "one", "one", 1)));
        assert_eq!(feed.take(Event::InitDone).len(), 1);
        assert_eq!((critical(&live, "web-1", "one"), critical(&live, "web-1", "two")), (Some(1), None));
        assert_eq!(ReportFeed::new(&live, Some("else")).end(), []);
        assert_eq!(feed.end().len(), 1);
    }

    #[test]
    fn two_containers_of_one_image_count_once() {
        let live = store();
        let mut feed = ReportFeed::new(&live, None);
        for (container, image) in [("web", "nginx"), ("prepare", "nginx"), ("beside", "proxy")] {
            feed.take(Event::Apply(report("web-1", container, image, 2)));
        }
        let all = live.reports().counts("shop", ("ReplicaSet", "web-1"), |_| true).unwrap();
        assert_eq!((all.critical, all.high), (4, 2));
    }

    #[test]
    fn a_name_that_no_label_holds_is_in_the_reference() {
        let owners =
            json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "r", "controller": true}]);
        let labels =
            json!({LABEL_KIND: "ReplicaSet", "trivy-operator.resource.name-hash": "6f", LABEL_CONTAINER: "web"});
        let object = parsed(json!({
            "metadata": {"name": "replicaset-6f", "namespace": "shop", "labels": labels, "ownerReferences": owners},
            "report": {"summary": {"criticalCount": 1}},
        }));
        assert_eq!(reduce(&object).map(|report| report.workload).as_deref(), Some("web-1"));
    }
}
