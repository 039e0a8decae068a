//! New volumes get what the image has at their place, as in Docker.
//!
//! One Job for each volume does it, in the image of the first service that mounts the volume; what mounts it waits for
//! the Job. The claim is marked, so that it happens once: a claim that was there before is left alone. Nothing of it
//! is in the pods of services, which an upgrade of the operator must not restart.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec,
    SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::claim::{Backing, SUB_PATH};
use super::context::{Context, Unit};
use super::dns_label::{MAX_LABEL, hash, label};
use super::expansion::literal;
use super::notes::Notes;
use super::plan::{Gate, GateCondition, Workload, WorkloadObject};
use super::security::{container_context, seccomp};
use super::{Seed, container, labels, placement, pod, pod_security, resources, windows};
use crate::api::names::{COMPONENT_SEED, LABEL_COMPONENT, LABEL_SERVICE, SEEDED};
use crate::api::v1alpha1::{SecurityLevel, VolumeMode};
use crate::compose::model::{Mount, MountKind};

/// Where the program is put, and where the volume is mounted: no image has these.
const PROGRAM: &str = "/.compose-operator";
const VOLUME: &str = "/.compose-volume";

/// What it takes to give files to their owners and to look into directories of theirs.
const CAPABILITIES: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP"];

/// A volume that is to be filled.
struct Task<'a> {
    claim: &'a str,
    unit: &'a Unit<'a>,
    /// The path in the image.
    path: &'a str,
}

impl Task<'_> {
    fn name(&self) -> String {
        label(&format!("{}-seed-{}", self.unit.name, hash(self.claim)), MAX_LABEL)
    }
}

/// Whether there are volumes to fill.
pub(super) fn is_asked_for(context: &Context) -> bool {
    !tasks(context).is_empty()
}

/// What the annotations of claims say, by claim: the Job that fills it, or that it was filled; nothing when it never is.
pub(super) fn marks(context: &Context) -> BTreeMap<String, String> {
    let filled = context.facts.claims.iter().filter(|(_, seed)| **seed == Seed::Done);
    let mut marks: BTreeMap<String, String> = filled.map(|(claim, _)| (claim.clone(), SEEDED.to_owned())).collect();
    marks.extend(tasks(context).values().map(|task| (task.claim.to_owned(), task.name())));
    marks
}

/// Adds the Jobs, and lets what mounts their volumes wait for them.
pub(super) fn add(context: &Context, workloads: &mut Vec<Workload>) {
    let tasks = tasks(context);
    let jobs: Vec<Workload> = tasks.values().filter_map(|task| job(context, task)).collect();
    for workload in workloads.iter_mut() {
        let Some(pod) = workload.object.template().and_then(|template| template.spec.as_ref()) else { continue };
        let claims: BTreeSet<&str> = pod
            .volumes
            .iter()
            .flatten()
            .filter_map(|volume| volume.persistent_volume_claim.as_ref())
            .map(|claim| claim.claim_name.as_str())
            .collect();
        let gates: Vec<Gate> = claims
            .into_iter()
            .filter_map(|claim| tasks.get(claim))
            .map(|task| Gate { service: task.name(), condition: GateCondition::Complete, required: true })
            .collect();
        workload.gates.extend(gates);
    }
    workloads.extend(jobs);
}

/// The volumes to fill, by claim.
fn tasks<'a>(context: &'a Context<'a>) -> BTreeMap<&'a str, Task<'a>> {
    let is_new = |claim: &str| matches!(context.facts.claims.get(claim), None | Some(Seed::Pending));
    let has_files = context.stack.spec.volumes.volume_mode != Some(VolumeMode::Block);
    if context.facts.operator_image.is_none() || !has_files {
        return BTreeMap::new();
    }
    let mut tasks = BTreeMap::new();
    for (key, backing) in &context.backings {
        if let Backing::Claim { name, external: false } = backing
            && is_new(name)
            && let Some((unit, mount)) = first_user(context, key)
        {
            tasks.entry(name.as_str()).or_insert(Task { claim: name, unit, path: &mount.target });
        }
    }
    tasks
}

/// Whose container Docker would create first, and where it mounts the volume. Only a mount of the whole volume is filled.
fn first_user<'a>(context: &'a Context<'a>, volume: &str) -> Option<(&'a Unit<'a>, &'a Mount)> {
    let fills = |mount: &&Mount| {
        let options = mount.volume.clone().unwrap_or_default();
        mount.kind == MountKind::Volume && mount.source == volume && !options.nocopy && options.subpath.is_empty()
    };
    let users: BTreeMap<&str, (&Unit, &Mount)> = context
        .users_of(volume)
        .filter(|unit| unit.replicas() != Some(0))
        // The program that does it is one of Linux.
        .filter(|unit| !windows::is_windows(&unit.service.container))
        .filter_map(|unit| Some((unit.key, (unit, unit.service.container.volumes.iter().find(fills)?))))
        .collect();
    let waits_for_another = |key: &str| {
        if users.len() < 2 {
            return false;
        }
        let mut seen = BTreeSet::from([key.to_owned()]);
        let mut left = vec![key.to_owned()];
        while let Some(next) = left.pop() {
            let dependencies = context.units.get(next.as_str()).map(|unit| &unit.service.workload.depends_on);
            for dependency in dependencies.into_iter().flat_map(|list| list.keys()) {
                if seen.insert(dependency.clone()) {
                    left.push(dependency.clone());
                }
            }
        }
        users.keys().any(|other| *other != key && seen.contains(*other))
    };
    let first = users.keys().find(|key| !waits_for_another(key)).or_else(|| users.keys().next())?;
    users.get(first).copied()
}

fn job(context: &Context, task: &Task) -> Option<Workload> {
    let (unit, name) = (task.unit, task.name());
    let operator_image = context.facts.operator_image.clone()?;
    let program = format!("{PROGRAM}/compose-operator");
    let mount = |name: &str, path: &str| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    };
    let seeder = Container {
        name: "seed".to_owned(),
        image: Some(unit.service.container.image.clone()),
        // What there is to say about it was said of the service.
        image_pull_policy: Some(container::pull_policy(context, unit, &mut Notes::default()).to_owned()),
        command: Some(
            [&program, "seed", "--from", &literal(task.path), "--to", &format!("{VOLUME}/{SUB_PATH}")]
                .map(str::to_owned)
                .to_vec(),
        ),
        volume_mounts: Some(vec![
            VolumeMount { read_only: Some(true), ..mount("program", PROGRAM) },
            mount("volume", VOLUME),
        ]),
        resources: Some(resources::of_helper()),
        security_context: Some(security(context, unit)),
        ..Container::default()
    };
    let installer = Container {
        name: "install".to_owned(),
        image: Some(operator_image),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(["install", "--to", &program].map(str::to_owned).to_vec()),
        volume_mounts: Some(vec![mount("program", PROGRAM)]),
        resources: Some(resources::of_helper()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            seccomp_profile: Some(seccomp("RuntimeDefault")),
            ..SecurityContext::default()
        }),
        ..Container::default()
    };
    let claim = PersistentVolumeClaimVolumeSource { claim_name: task.claim.to_owned(), read_only: None };
    let mut spec = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![seeder],
        enable_service_links: Some(false),
        image_pull_secrets: pod::pull_secrets(context, unit),
        init_containers: Some(vec![installer]),
        restart_policy: Some("OnFailure".to_owned()),
        volumes: Some(vec![
            Volume {
                name: "program".to_owned(),
                empty_dir: Some(EmptyDirVolumeSource::default()),
                ..Volume::default()
            },
            Volume { name: "volume".to_owned(), persistent_volume_claim: Some(claim), ..Volume::default() },
        ]),
        ..PodSpec::default()
    };
    let mut said = Notes::default();
    placement::place(context, unit, &mut spec, &mut said);
    let_first_pod_run(&mut spec);
    pod_security::meet(context, unit, &mut spec, &mut said);
    let mut metadata = labels::service_metadata(context, unit, name.clone());
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(LABEL_COMPONENT.to_owned(), COMPONENT_SEED.to_owned());
    let template = PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(labels.clone()), ..ObjectMeta::default() }),
        spec: Some(spec),
    };
    Some(Workload {
        service: name,
        is_job: false,
        image: unit.service.container.image.clone(),
        object: WorkloadObject::Job(Box::new(Job {
            metadata,
            spec: Some(JobSpec { backoff_limit: Some(6), template, ..JobSpec::default() }),
            ..Job::default()
        })),
        gates: Vec::new(),
        lacks: Vec::new(),
        discovery: None,
        members: Vec::new(),
        rollout: None,
    })
}

/// Root without its other powers, for owners are given away; under the level Restricted, the service's own user, to
/// whom then everything belongs.
fn security(context: &Context, unit: &Unit) -> SecurityContext {
    let own = container_context(context, unit, &mut Notes::default()).unwrap_or_default();
    let is_restricted = context.stack.spec.security == SecurityLevel::Restricted;
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            add: (!is_restricted).then(|| CAPABILITIES.map(str::to_owned).to_vec()),
            drop: Some(vec!["ALL".to_owned()]),
        }),
        run_as_user: if is_restricted { own.run_as_user } else { Some(0) },
        run_as_group: if is_restricted { own.run_as_group } else { Some(0) },
        seccomp_profile: Some(seccomp("RuntimeDefault")),
        ..SecurityContext::default()
    }
}

/// A pod that has to share a node with others may only be their first if it is one of them itself; by its component, it
/// is none of a service's.
fn let_first_pod_run(pod: &mut PodSpec) {
    let affinity = pod.affinity.as_mut().and_then(|affinity| affinity.pod_affinity.as_mut());
    let terms = affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_mut());
    for selector in terms.into_iter().flatten().filter_map(|term| term.label_selector.as_mut()) {
        if let Some(labels) = &mut selector.match_labels {
            labels.remove(LABEL_COMPONENT);
        }
        debug_assert!(selector.match_expressions.iter().flatten().any(|expression| expression.key == LABEL_SERVICE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, Stack, fixture};

    const VOLUMES: &str = "volumes: {data: {name: p_data}, ext: {name: ext, external: true}}";

    fn facts(claims: &[(&str, Seed)]) -> Facts {
        Facts {
            operator_image: Some("operator:1".to_owned()),
            claims: claims.iter().map(|(name, seed)| ((*name).to_owned(), *seed)).collect(),
            ..Facts::default()
        }
    }

    fn named(services: &str, facts: &Facts, stack: &Stack) -> Vec<String> {
        fixture::with_facts(&format!("services: {{{services}}}\n{VOLUMES}"), stack, facts, |context, _| {
            tasks(context).values().map(|task| format!("{}:{}", task.unit.key, task.path)).collect()
        })
    }

    fn mounting(options: &str) -> String {
        format!("web: {{image: x, volumes: [{{type: volume, source: data, target: /d{options}}}]}}")
    }

    #[test]
    fn new_volumes_are_filled_and_no_others() {
        let all = |mount: &str, claims: &[(&str, Seed)]| named(mount, &facts(claims), &fixture::stack());
        let plain = mounting("");
        assert_eq!(all(&plain, &[]), ["web:/d"]);
        assert_eq!(all(&plain, &[("shop-data", Seed::Pending)]), ["web:/d"]);
        assert_eq!(all(&plain, &[("shop-data", Seed::Done)]), [""; 0]);
        assert_eq!(all(&plain, &[("shop-data", Seed::Unmarked)]), [""; 0]);
        assert_eq!(all(&mounting(", volume: {nocopy: true}"), &[]), [""; 0]);
        assert_eq!(all(&mounting(", volume: {subpath: a}"), &[]), [""; 0]);
        assert_eq!(all(&plain.replace("data", "ext"), &[]), [""; 0]);
        assert_eq!(all(&plain.replace("image: x", "image: x, scale: 0"), &[]), [""; 0]);
        assert_eq!(named(&plain, &Facts::default(), &fixture::stack()), [""; 0]);
        let block = fixture::stack_with(|spec| spec.volumes.volume_mode = Some(VolumeMode::Block));
        assert_eq!(named(&plain, &facts(&[]), &block), [""; 0]);
    }

    #[test]
    fn kubernetes_expands_no_variable_in_the_path() {
        let text = format!("services: {{{}}}\n{VOLUMES}", mounting("").replace("target: /d", "target: \"/a$(X)\""));
        fixture::with_facts(&text, &fixture::stack(), &facts(&[]), |context, _| {
            let mut workloads = Vec::new();
            add(context, &mut workloads);
            let pod = workloads[0].object.template().unwrap().spec.as_ref().unwrap();
            assert_eq!(pod.containers[0].command.as_ref().unwrap()[2..4], ["--from", "/a$$(X)"]);
        });
    }

    #[test]
    fn the_first_service_fills_the_volume() {
        let two = |waits: &str| {
            let mount = "image: x, volumes: [{type: volume, source: data, target: /d}]";
            named(
                &format!(
                    "a: {{{mount}{waits}}}, m: {{image: x, depends_on: {{z: {{condition: service_started}}}}}}, z: {{{mount}}}"
                ),
                &facts(&[]),
                &fixture::stack(),
            )
        };
        assert_eq!(two(""), ["a:/d"]);
        assert_eq!(two(", depends_on: {m: {condition: service_started}}"), ["z:/d"]);
    }

    #[test]
    fn claims_are_marked() {
        let text = format!("services: {{{}}}\n{VOLUMES}", mounting(""));
        for (claims, expected) in [
            (vec![], Some("web-seed-")),
            (vec![("shop-data", Seed::Done)], Some(SEEDED)),
            (vec![("shop-data", Seed::Unmarked)], None),
        ] {
            fixture::with_facts(&text, &fixture::stack(), &facts(&claims), |context, _| {
                let marks = marks(context);
                let mark = marks.get("shop-data").map(String::as_str);
                assert_eq!(mark.is_some(), expected.is_some());
                assert!(mark.unwrap_or_default().starts_with(expected.unwrap_or_default()));
            });
        }
    }

    #[test]
    fn what_mounts_the_volume_waits() {
        let text = format!("services: {{{}, other: {{image: x}}}}\n{VOLUMES}", mounting(""));
        let plan = crate::translate::translate(
            &fixture::project(&text),
            &fixture::stack(),
            &facts(&[]),
            &crate::policy::Policy::default(),
        );
        let waits: Vec<usize> = plan.workloads.iter().map(|workload| workload.gates.len()).collect();
        let names: Vec<&str> = plan.workloads.iter().map(|workload| workload.service.as_str()).collect();
        assert_eq!((names[0], waits), ("other", vec![0, 0, 1]), "{names:?}");
        assert!(names[1].starts_with("web-seed-") && names[2] == "web");
    }

    #[test]
    fn the_level_restricted_takes_roots_powers() {
        let text = format!("services: {{{}}}\n{VOLUMES}", mounting("").replace("image: x", "image: x, user: \"7:8\""));
        let stack = fixture::stack_with(|spec| spec.security = SecurityLevel::Restricted);
        fixture::with_facts(&text, &stack, &facts(&[]), |context, _| {
            let job = job(context, &tasks(context)["shop-data"]).unwrap();
            let pod = job.object.template().unwrap().spec.clone().unwrap();
            let security = pod.containers[0].security_context.clone().unwrap();
            assert_eq!((security.run_as_user, security.run_as_group), (Some(7), Some(8)));
            assert_eq!(security.capabilities.unwrap().add, None);
            assert_eq!(pod.security_context.unwrap().fs_group, Some(8));
        });
    }
}
