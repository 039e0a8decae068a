//! `pre_start`: containers that run to completion before a service starts.
//!
//! Once for the service, they are a Job that the service's workload waits for; a Job runs once per definition, as
//! Docker Compose runs such a step again only when its definition changed. Once for each replica, they are init
//! containers.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec, Volume};

use super::container::container;
use super::context::{Context, Unit};
use super::dns_label::{MAX_LABEL, label};
use super::drop_in::DropIn;
use super::file_reference::{is_bound_context, shares_image};
use super::generated::Generated;
use super::kind::Kind;
use super::mount::mounts;
use super::notes::Notes;
use super::plan::{Gate, GateCondition, Workload, WorkloadObject};
use super::shared_pod::{differing, fields, is_of_service};
use super::{external, gates, labels, pod, pod_security, windows};
use crate::api::names::{COMPONENT_PRE_START, LABEL_COMPONENT};
use crate::compose::model::{ContainerSpec, MountKind, Service};

/// A hook with the service that it would be if it stood alone.
struct Step {
    index: usize,
    path: String,
    service: Service,
    /// How many of its mounts are its own; the service's follow.
    own_mounts: usize,
    /// Where the service has its build context, and this step nothing, for its image does not hold it.
    missed: Vec<String>,
}

/// The Job of the steps that run once for the service, if there are any.
pub(super) fn workload(
    context: &Context,
    unit: &Unit,
    generated: &mut Generated,
    notes: &mut Notes,
) -> Option<Workload> {
    let steps: Vec<Step> = steps(unit, false).collect();
    let (last, first) = steps.split_last()?;
    // Docker Compose creates no container then, for which anything would have to be prepared.
    if unit.replicas() == Some(0) {
        return None;
    }
    note_shared(unit, notes);
    note_order(unit, notes);
    note_private_mounts(unit, notes);
    let mut own = Notes::default();
    let mut template = pod::template(context, &last.unit(unit), Some("Never"), generated, &mut own);
    last.pass_on(unit, own, notes);
    let containers = containers(context, unit, first, &last.service.container, generated, notes);
    if let Some(pod) = &mut template.spec {
        pod.containers.iter_mut().for_each(take_probes_out);
        add_init_containers(pod, containers);
        // What was taken out of the last step, the service or that step has said.
        windows::fit(context, &last.unit(unit), pod, &mut Notes::default());
        pod_security::meet(context, &last.unit(unit), pod, notes);
    }
    if let Some(metadata) = &mut template.metadata {
        metadata.labels.get_or_insert_default().insert(LABEL_COMPONENT.to_owned(), COMPONENT_PRE_START.to_owned());
    }
    let_first_pod_run(&mut template);
    let name = name(unit);
    let mut metadata = labels::service_metadata(context, unit, name.clone());
    metadata.labels.get_or_insert_default().insert(LABEL_COMPONENT.to_owned(), COMPONENT_PRE_START.to_owned());
    let spec = JobSpec { backoff_limit: Some(0), template, ..JobSpec::default() };
    Some(Workload {
        service: name,
        is_job: false,
        image: last.service.container.image.clone(),
        object: WorkloadObject::Job(Box::new(Job { metadata, spec: Some(spec), ..Job::default() })),
        // What the service waits for has been said.
        gates: gates::gates(context, unit, &mut Notes::default()),
        lacks: external::lacking(context, unit),
        discovery: None,
        members: Vec::new(),
        rollout: None,
    })
}

/// What the service waits for when it has such a Job.
pub(super) fn gate(unit: &Unit) -> Option<Gate> {
    let waits = unit.replicas() != Some(0) && steps(unit, false).next().is_some();
    waits.then(|| Gate { service: name(unit), condition: GateCondition::Complete, required: true })
}

/// Adds the steps that run in each replica.
pub(super) fn prepare_replicas(
    context: &Context,
    unit: &Unit,
    pod: &mut PodSpec,
    generated: &mut Generated,
    notes: &mut Notes,
) {
    let steps: Vec<Step> = steps(unit, true).collect();
    let containers = containers(context, unit, &steps, &unit.service.container, generated, notes);
    add_init_containers(pod, containers);
}

fn name(unit: &Unit) -> String {
    label(&format!("{}-pre-start", unit.name), MAX_LABEL)
}

fn steps<'a>(unit: &'a Unit, per_replica: bool) -> impl Iterator<Item = Step> + use<'a> {
    let hooks = unit.service.pre_start.iter().enumerate().filter(move |(_, hook)| hook.per_replica == per_replica);
    hooks.map(|(index, hook)| {
        let mut container = hook.container.clone();
        let own_mounts = container.volumes.len();
        let mut service = Service::default();
        if shares_image(unit.service, hook) {
            service.workload.build.clone_from(&unit.service.workload.build);
        }
        // The loader hands everything on to the hook but the mounts, which Docker takes from the service's container.
        let mut missed = Vec::new();
        for mount in &unit.service.container.volumes {
            if hook.container.volumes.iter().any(|own| own.target == mount.target) {
                continue;
            }
            if service.workload.build.is_none() && is_bound_context(unit.service, mount) {
                missed.push(mount.target.clone());
            } else {
                container.volumes.push(mount.clone());
            }
        }
        service.container = container;
        Step { index, path: format!("{}.pre_start[{index}]", unit.path), service, own_mounts, missed }
    })
}

impl Step {
    fn unit<'a>(&'a self, of: &Unit<'a>) -> Unit<'a> {
        Unit {
            key: of.key,
            name: self.name(of),
            label: of.label.clone(),
            path: self.path.clone(),
            service: &self.service,
            pod: &self.service,
            // Nobody else is in its pod.
            host: "",
            pod_label: of.label.clone(),
            kind: Kind::Job,
            drop_in: DropIn {
                service_account: of.drop_in.service_account.clone(),
                pull_secret: of.drop_in.pull_secret.clone(),
                ..DropIn::default()
            },
            kompose: Arc::default(),
            route: None,
            colocated: if of.colocated.is_empty() && self.has_claims() {
                vec![of.pod_label.clone()]
            } else {
                of.colocated.clone()
            },
        }
    }

    /// The name of its container, which is unique in a pod.
    fn name(&self, of: &Unit) -> String {
        let name = format!("pre-start-{}", self.index + 1);
        if of.host == of.key { name } else { label(&format!("{}-{name}", of.name), MAX_LABEL) }
    }

    /// A claim that only one node can mount leads the pod to the service's.
    fn has_claims(&self) -> bool {
        self.service.container.volumes.iter().any(|mount| mount.kind == MountKind::Volume && !mount.source.is_empty())
    }

    /// Passes on what was noted, without what the hook only has from its service, which says so itself.
    fn pass_on(&self, unit: &Unit, own: Notes, notes: &mut Notes) {
        for target in &self.missed {
            notes.approximated(
                format!("{}.image", self.path),
                format!(
                    "is not the service's, so that {target} has nothing of the build context that the service binds there: \
                     use the service's image where the step needs it"
                ),
            );
        }
        let (of_service, of_hook) = (fields(&unit.service.container), fields(&self.service.container));
        for note in own.sorted() {
            let Some(rest) = note.path.strip_prefix(&format!("{}.", self.path)) else {
                notes.add(note);
                continue;
            };
            let attribute = rest.split(['.', '[']).next().unwrap_or(rest);
            let index = rest.strip_prefix("volumes[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
            let inherited = match index {
                Some(index) => index >= self.own_mounts,
                None => of_service.get(attribute) == of_hook.get(attribute),
            };
            if !inherited {
                notes.add(note);
            }
        }
    }
}

/// The containers of steps that share a pod with `main`, and their volumes.
fn containers(
    context: &Context,
    unit: &Unit,
    steps: &[Step],
    main: &ContainerSpec,
    generated: &mut Generated,
    notes: &mut Notes,
) -> Vec<(Container, Vec<Volume>)> {
    let mut list = Vec::new();
    for step in steps {
        for attribute in differing(&step.service.container, main) {
            notes.rejected(
                format!("{}.{attribute}", step.path),
                "differs from what the other containers of the pod have, and a pod has only one: give all the same",
            );
        }
        let step_unit = step.unit(unit);
        let mut own = Notes::default();
        let mut container = container(context, &step_unit, generated, &mut own);
        take_probes_out(&mut container);
        let (volumes, volume_mounts) = mounts(context, &step_unit, generated, &mut own).into_lists();
        container.volume_mounts = volume_mounts;
        step.pass_on(unit, own, notes);
        list.push((container, volumes.unwrap_or_default()));
    }
    list
}

/// What an image says of its health is about its server; a step ends, and init containers may have no probes.
fn take_probes_out(container: &mut Container) {
    (container.readiness_probe, container.liveness_probe, container.startup_probe) = (None, None, None);
}

fn add_init_containers(pod: &mut PodSpec, containers: Vec<(Container, Vec<Volume>)>) {
    for (container, volumes) in containers {
        add_volumes(pod, volumes);
        pod.init_containers.get_or_insert_default().push(container);
    }
}

/// Adds the volumes that are not there yet; those of one name are one.
pub(super) fn add_volumes(pod: &mut PodSpec, volumes: Vec<Volume>) {
    for volume in volumes {
        let known = pod.volumes.get_or_insert_default();
        if let Err(at) = known.binary_search_by(|other| other.name.cmp(&volume.name)) {
            known.insert(at, volume);
        }
    }
}

/// A pod may only be the first one of those whose node it has to share if it is one of them itself; by its component,
/// it is none of the service's.
fn let_first_pod_run(template: &mut PodTemplateSpec) {
    let affinity = template.spec.as_mut().and_then(|spec| spec.affinity.as_mut());
    let terms = affinity.and_then(|affinity| affinity.pod_affinity.as_mut()).into_iter();
    let terms = terms.flat_map(|affinity| affinity.required_during_scheduling_ignored_during_execution.iter_mut());
    for selector in terms.flatten().filter_map(|term| term.label_selector.as_mut()) {
        if let Some(labels) = &mut selector.match_labels {
            labels.remove(LABEL_COMPONENT);
        }
    }
}

/// The Job has a pod of its own.
fn note_shared(unit: &Unit, notes: &mut Notes) {
    let container = &unit.service.container;
    let modes = [("network_mode", &container.network_mode), ("pid", &container.pid), ("ipc", &container.ipc)];
    for (attribute, _) in modes.iter().filter(|(_, mode)| is_of_service(mode)) {
        notes.rejected(
            format!("{}.pre_start", unit.path),
            format!("what runs once for the service cannot share another one's {attribute}: set `per_replica: true`"),
        );
    }
}

fn note_order(unit: &Unit, notes: &mut Notes) {
    let after_replicas = unit.service.pre_start.iter().skip_while(|hook| !hook.per_replica);
    if after_replicas.clone().any(|hook| !hook.per_replica) {
        notes.approximated(
            format!("{}.pre_start", unit.path),
            "steps that run once for the service run before all that run for each replica",
        );
    }
}

/// What lives as long as its pod is another one's than the service's.
fn note_private_mounts(unit: &Unit, notes: &mut Notes) {
    let volumes = unit.service.container.volumes.iter();
    for mount in volumes.filter(|mount| mount.kind == MountKind::Volume && mount.source.is_empty()) {
        notes.approximated(
            format!("{}.pre_start", unit.path),
            format!(
                "what it writes to {} does not reach the service, whose volume there lives as long as its pod: name \
                 the volume, or set `per_replica: true`",
                mount.target
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::translate::{Facts, PROJECT_DIRECTORY, Plan, fixture, translate};

    fn plan(service: &str, facts: &Facts) -> Plan {
        let text = format!("services: {{web: {{image: x, {service}}}}}");
        translate(&fixture::project(&text), &fixture::stack(), facts, &Policy::default())
    }

    #[test]
    fn steps_have_no_probes_of_their_image() {
        let facts = fixture::image(serde_json::json!({"healthCheck": {"test": ["CMD", "true"]}}));
        let plan = plan("pre_start: [{image: x, command: [a]}, {image: x, command: [b], per_replica: true}]", &facts);
        let names: Vec<&str> = plan.workloads.iter().map(|workload| workload.service.as_str()).collect();
        assert_eq!(names, ["web-pre-start", "web"]);
        for workload in &plan.workloads {
            let pod = workload.object.template().and_then(|template| template.spec.clone()).unwrap();
            let steps = pod.init_containers.iter().flatten().chain(&pod.containers);
            for step in steps.filter(|container| container.name.starts_with("pre-start")) {
                assert_eq!(step.readiness_probe, None, "{}", step.name);
            }
        }
        assert_eq!(plan.workloads[1].gates[0].service, "web-pre-start");
        let server = plan.workloads[1].object.template().unwrap().spec.clone().unwrap().containers.remove(0);
        assert!(server.readiness_probe.is_some());
    }

    #[test]
    fn a_volume_of_a_step_alone_has_a_claim() {
        let service =
            "pre_start: [{image: x, volumes: [{type: volume, source: data, target: /d}]}]}}\nvolumes: {data: {";
        let plan = plan(service, &Facts::default());
        assert_eq!(plan.claims.iter().map(|claim| claim.name.as_str()).collect::<Vec<_>>(), ["shop-data"]);
        let template = plan.workloads[0].object.template().unwrap().spec.clone().unwrap();
        let volumes = template.volumes.unwrap();
        assert_eq!(volumes[0].persistent_volume_claim.as_ref().unwrap().claim_name, "shop-data");
        assert_eq!(template.containers[0].volume_mounts.as_ref().unwrap()[0].mount_path, "/d");
    }

    #[test]
    fn nothing_is_prepared_for_a_service_that_is_scaled_to_none() {
        let plan = plan("scale: 0, pre_start: [{image: x, command: [a]}]", &Facts::default());
        assert_eq!((plan.workloads.len(), plan.workloads[0].gates.len()), (1, 0));
    }

    #[test]
    fn the_build_context_is_in_the_image_of_a_step_as_in_the_services() {
        let bound = |hook: &str| {
            let service = format!(
                "build: {{context: {PROJECT_DIRECTORY}}}, volumes: [{{type: bind, source: {PROJECT_DIRECTORY}, target: /app}}, \
                 {{type: volume, target: /app/node_modules}}], pre_start: [{{command: [a], {hook}}}]"
            );
            let mut stack = fixture::stack();
            fixture::add_file(&mut stack, "nginx.conf", b"server {}", false);
            let project = fixture::project(&format!("services: {{web: {{image: x, {service}}}}}"));
            let plan = translate(&project, &stack, &Facts::default(), &Policy::default());
            let pod = plan.workloads[0].object.template().unwrap().spec.clone().unwrap();
            let step = pod.init_containers.unwrap_or(pod.containers).remove(0);
            let places = step.volume_mounts.into_iter().flatten().map(|mount| mount.mount_path).collect::<Vec<_>>();
            let notes = plan.notes.iter().filter(|note| note.path.contains("pre_start["));
            (places, notes.map(|note| format!("{}: {}", note.path, note.level.as_str())).collect::<Vec<_>>())
        };
        let modules = "/app/node_modules";
        assert_eq!(bound("image: x"), (vec![], vec![]));
        // What it writes there is the service's.
        assert_eq!(bound("image: x, per_replica: true"), (vec![modules.to_owned()], vec![]));
        let missed = vec!["services.web.pre_start[0].image: Approximated".to_owned()];
        for other in ["image: other", "image: other, per_replica: true"] {
            assert_eq!(bound(other), (vec![modules.to_owned()], missed.clone()), "{other}");
        }
        let own = format!("image: x, volumes: [{{type: bind, source: {PROJECT_DIRECTORY}, target: /src}}]");
        assert_eq!(bound(&own), (vec![], vec!["services.web.pre_start[0].volumes[0]: Ignored".to_owned()]));
    }

    #[test]
    fn only_what_a_step_says_itself_is_noted() {
        let noted = |service: &str| {
            let notes = plan(service, &Facts::default()).notes;
            notes.into_iter().filter(|note| note.path.contains("pre_start[")).map(|note| note.path).collect::<Vec<_>>()
        };
        assert_eq!(noted("cpuset: \"0\", pre_start: [{image: x, cpuset: \"0\"}]"), [""; 0]);
        assert_eq!(noted("pre_start: [{image: x, cpuset: \"0\"}]"), ["services.web.pre_start[0].cpuset"]);
        let other_host = "hostname: a, pre_start: [{image: x, hostname: b, per_replica: true}]";
        assert!(noted(other_host).contains(&"services.web.pre_start[0].hostname".to_owned()));
    }
}
