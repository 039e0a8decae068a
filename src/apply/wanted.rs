//! The children of a plan, in the order in which they are applied.

use std::collections::BTreeMap;
use std::fmt;

use kube::Resource;
use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::Value;

use super::Owner;
use super::error::{ApplyError, Category, Class};
use super::hash::HashKey;
use super::inventory::id;
use super::kind::Kind;
use super::record::Applied;
use crate::api::names::ANNOTATION_APPLIED_HASH;
use crate::translate::{Child, Claim, Plan, Workload, WorkloadObject};

/// A child as it is to be.
#[derive(Clone)]
pub(super) struct Wanted {
    pub kind: Kind,
    pub name: String,
    /// The object that is sent.
    pub object: Value,
    pub applied: Applied,
}

/// What a Secret holds is not shown.
impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object: &dyn fmt::Debug = if self.kind == Kind::Secret { &"***" } else { &self.object };
        let Self { kind, name, object: _, applied } = self;
        f.debug_struct("Wanted")
            .field("kind", kind)
            .field("name", name)
            .field("object", object)
            .field("applied", applied)
            .finish()
    }
}

impl Wanted {
    pub fn id(&self, owner: &Owner) -> String {
        id(&owner.namespace, &self.name, self.kind)
    }

    /// The same workload with changes.
    pub fn changed(&self, key: &HashKey, change: impl FnOnce(&mut Value)) -> Self {
        let mut object = self.object.clone();
        if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            annotations.remove(ANNOTATION_APPLIED_HASH);
        }
        change(&mut object);
        // Only Jobs are told by the stable part of a Secret's name, and they are not updated.
        let applied = Applied::of(key, self.kind, &object, &BTreeMap::new());
        applied.annotate(&mut object);
        Self { kind: self.kind, name: self.name.clone(), object, applied }
    }
}

/// A workload as it is to be.
#[derive(Clone, Debug)]
pub(super) struct WantedWorkload<'a> {
    pub wanted: Wanted,
    pub workload: &'a Workload,
    /// How many gates are passed on the longest way to it: workloads of one level do not wait for each other.
    pub level: usize,
}

/// Everything that is wanted. Each tier is applied before the next: a workload that starts before its configuration
/// is there starts twice, and one that starts before its network policy is open for a moment.
#[derive(Debug, Default)]
pub(super) struct Tiers<'a> {
    pub objects: Vec<Vec<Wanted>>,
    pub external_claims: Vec<&'a Claim>,
    pub workloads: Vec<WantedWorkload<'a>>,
    pub errors: Vec<ApplyError>,
}

impl<'a> Tiers<'a> {
    /// Sorts a plan out. It is taken apart without `..`, so that a new kind of child cannot be forgotten here.
    pub fn of(plan: &'a Plan, key: &HashKey) -> Self {
        let Plan {
            config_maps,
            secrets,
            claims,
            network_policies,
            network_attachments,
            services,
            ingresses,
            http_routes,
            autoscalers,
            workloads,
            notes: _,
        } = plan;
        let stable = stable_names(secrets.iter().filter_map(|secret| secret.metadata.name.as_deref()));
        let mut tiers = Self::default();
        let prepare = Prepare { key, stable: &stable };

        let tier = prepare.all(config_maps, Kind::ConfigMap, &mut tiers.errors);
        tiers.objects.push(tier);
        let tier = prepare.all(secrets, Kind::Secret, &mut tiers.errors);
        tiers.objects.push(tier);
        let own = claims.iter().filter_map(|claim| claim.object.as_ref());
        let tier = prepare.all(own, Kind::PersistentVolumeClaim, &mut tiers.errors);
        tiers.objects.push(tier);
        tiers.external_claims = claims.iter().filter(|claim| claim.object.is_none()).collect();
        let tier = prepare.all(network_policies, Kind::NetworkPolicy, &mut tiers.errors);
        tiers.objects.push(tier);
        let tier = prepare.untyped(network_attachments, Kind::NetworkAttachmentDefinition, &mut tiers.errors);
        tiers.objects.push(tier);
        let tier = prepare.all(services, Kind::Service, &mut tiers.errors);
        tiers.objects.push(tier);
        let mut tier = prepare.all(ingresses, Kind::Ingress, &mut tiers.errors);
        tier.extend(prepare.untyped(http_routes, Kind::HttpRoute, &mut tiers.errors));
        tier.extend(prepare.all(autoscalers, Kind::HorizontalPodAutoscaler, &mut tiers.errors));
        tiers.objects.push(tier);

        let levels = levels(workloads);
        for workload in workloads {
            let kind = match &workload.object {
                WorkloadObject::Deployment(_) => Kind::Deployment,
                WorkloadObject::StatefulSet(_) => Kind::StatefulSet,
                WorkloadObject::DaemonSet(_) => Kind::DaemonSet,
                WorkloadObject::Job(_) => Kind::Job,
                WorkloadObject::CronJob(_) => Kind::CronJob,
            };
            let level = levels.get(workload.service.as_str()).copied().unwrap_or_default();
            match prepare.one(kind, workload.object.child()) {
                Ok(wanted) => tiers.workloads.push(WantedWorkload { wanted, workload, level }),
                Err(error) => tiers.errors.push(error),
            }
        }
        tiers
    }

    /// Every child.
    pub fn all(&self) -> impl Iterator<Item = &Wanted> {
        self.objects.iter().flatten().chain(self.workloads.iter().map(|workload| &workload.wanted))
    }
}

struct Prepare<'a> {
    key: &'a HashKey,
    stable: &'a BTreeMap<String, String>,
}

impl Prepare<'_> {
    fn all<'o, K>(
        &self,
        objects: impl IntoIterator<Item = &'o K>,
        kind: Kind,
        errors: &mut Vec<ApplyError>,
    ) -> Vec<Wanted>
    where
        K: Resource<DynamicType = ()> + Serialize + 'o,
    {
        let mut wanted = Vec::new();
        for object in objects {
            match self.one(kind, Child::new(object)) {
                Ok(child) => wanted.push(child),
                Err(error) => errors.push(error),
            }
        }
        wanted
    }

    fn untyped(&self, objects: &[DynamicObject], kind: Kind, errors: &mut Vec<ApplyError>) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for object in objects {
            match self.one(kind, Child::untyped(kind.resource(), object)) {
                Ok(child) => wanted.push(child),
                Err(error) => errors.push(error),
            }
        }
        wanted
    }

    fn one(&self, kind: Kind, child: Result<Child, serde_json::Error>) -> Result<Wanted, ApplyError> {
        let Child { resource: _, name, mut object } = child.map_err(|error| ApplyError {
            kind,
            name: String::new(),
            class: Class::Terminal,
            category: Category::Invalid,
            message: format!("cannot be written as JSON: {error}"),
        })?;
        let applied = Applied::of(self.key, kind, &object, self.stable);
        applied.annotate(&mut object);
        Ok(Wanted { kind, name, object, applied })
    }
}

/// Generated Secrets are named `<stack>-<name>-<hash>`.
fn stable_names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    names.filter_map(|name| name.rsplit_once('-').map(|(stable, _)| (name.to_owned(), stable.to_owned()))).collect()
}

/// The level of each service: one above the highest that its gates name.
fn levels(workloads: &[Workload]) -> BTreeMap<&str, usize> {
    let mut levels: BTreeMap<&str, usize> = BTreeMap::new();
    // Once, when workloads are listed after those that their gates name; and never more often than there are
    // workloads, also when gates go round in circles.
    for _ in 0..workloads.len() {
        let mut changed = false;
        for workload in workloads {
            let above = workload.gates.iter().filter_map(|gate| levels.get(gate.service.as_str())).max();
            let level = above.map_or(0, |level| level + 1);
            changed |= levels.insert(&workload.service, level) != Some(level);
        }
        if !changed {
            break;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Gate, GateCondition};

    fn workload(service: &str, after: &[&str]) -> Workload {
        let gate =
            |service: &&str| Gate { service: (*service).to_owned(), condition: GateCondition::Ready, required: true };
        Workload {
            service: service.to_owned(),
            is_job: false,
            image: String::new(),
            object: WorkloadObject::Job(Box::default()),
            gates: after.iter().map(gate).collect(),
            lacks: Vec::new(),
            discovery: None,
            members: Vec::new(),
            rollout: None,
        }
    }

    #[test]
    fn a_workload_comes_after_what_it_waits_for_however_they_are_listed() {
        let mut workloads = vec![
            workload("web", &["api", "cache"]),
            workload("api", &["db"]),
            workload("db", &[]),
            workload("cache", &["nowhere"]),
        ];
        let expected = BTreeMap::from([("api", 1), ("cache", 0), ("db", 0), ("web", 2)]);
        assert_eq!(levels(&workloads), expected);
        workloads.reverse();
        assert_eq!(levels(&workloads), expected);
        levels(&[workload("a", &["b"]), workload("b", &["a"])]);
    }

    /// In plain text, in base64, and as a list of bytes.
    #[test]
    fn no_value_of_a_secret_is_printed() {
        use crate::compose::{Document, DocumentBody, LoadOptions, ProjectFile, ProjectTree, Variable, load};
        use crate::translate::{Facts, PROJECT_DIRECTORY, Stack, translate};

        let secret = |value: &str| Variable { value: value.to_owned(), secret: true };
        let content = b"planted-file".to_vec();
        let mut files = ProjectTree::default();
        files.insert(format!("{PROJECT_DIRECTORY}/token"), ProjectFile { content, mode: None, secret: true });
        let text = "services:\n  web:\n    image: x\n    environment: {A: planted-text, B: \"${B}\"}\n    secrets: [token]\n\
                    secrets: {token: {file: ./token}}\n";
        let options = LoadOptions {
            documents: vec![Document {
                name: "compose.yaml".to_owned(),
                body: DocumentBody::Text(text.to_owned()),
                secret: true,
            }],
            project_directory: PROJECT_DIRECTORY.to_owned(),
            default_project_name: Some("shop".to_owned()),
            environment: [("B".to_owned(), secret("planted-variable"))].into(),
            ..LoadOptions::default()
        };
        let project = load(&files, &options).unwrap();
        let stack = Stack {
            name: "shop".to_owned(),
            namespace: "default".to_owned(),
            uid: None,
            spec: serde_json::from_value(serde_json::json!({})).unwrap(),
            files,
            environment: options.environment.clone(),
            hash_key: b"planted-key".to_vec(),
        };
        let plan = translate(&project, &stack, &Facts::default(), &crate::policy::Policy::default());
        let children: Vec<Child> = plan.children().collect::<Result<_, _>>().unwrap();
        let prepare = Prepare { key: &HashKey::new(b"planted-key"), stable: &BTreeMap::new() };
        let wanted = prepare.all(&plan.secrets, Kind::Secret, &mut Vec::new());
        let objects: Vec<_> = plan.objects().collect();
        let printed = format!("{options:?} {project:?} {stack:?} {plan:?} {children:?} {wanted:?} {objects:?}");

        let held = serde_json::to_string(&plan.secrets).unwrap();
        for value in ["planted-text", "planted-variable", "planted-file"] {
            let base64 = serde_json::to_string(&k8s_openapi::ByteString(value.as_bytes().to_vec())).unwrap();
            assert!(held.contains(base64.trim_matches('"').trim_end_matches('=')), "{value} is in no Secret: {held}");
            assert!(!printed.contains(base64.trim_matches('"').trim_end_matches('=')), "{value}: {printed}");
        }
        let bytes = format!("{:?}", b"planted");
        assert!(!printed.contains("planted") && !printed.contains(bytes.trim_matches(['[', ']'])), "{printed}");
        assert!(wanted.len() == plan.secrets.len() && printed.contains("***"), "{printed}");
    }

    #[test]
    fn only_the_hash_of_a_secrets_name_is_left_out() {
        let names = stable_names(["shop-db-password-0a1b", "plain"].into_iter());
        assert_eq!(names, BTreeMap::from([("shop-db-password-0a1b".to_owned(), "shop-db-password".to_owned())]));
    }
}
