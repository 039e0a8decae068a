//! Services that share a pod: `network_mode`, `pid`, `ipc` or `uts` is `service:<other>`, or a label of kompose puts them
//! into one group, whose first service by name then rules the pod.
//!
//! Containers share namespaces in Kubernetes when they are in one pod. The service that is named rules the pod (its
//! kind, its replicas, and what pods have as a whole), the others add their containers to it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};
use serde_json::{Map, Value};

use super::container::container;
use super::context::{Context, Unit};
use super::generated::Generated;
use super::kind::Kind;
use super::mount::mounts;
use super::notes::Notes;
use super::{ports, pre_start};
use crate::compose::model::{ContainerSpec, Placement, Service};

/// What the containers of a pod have in common.
const OF_THE_POD: [&str; 18] = [
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "extra_hosts",
    "group_add",
    "hostname",
    "ipc",
    "isolation",
    "network_mode",
    "networks",
    "pid",
    "platform",
    "runtime",
    "stop_grace_period",
    "sysctls",
    "userns_mode",
    "uts",
];

/// The attributes that all containers of a pod have to agree upon and that differ between the two.
pub(super) fn differing(container: &ContainerSpec, other: &ContainerSpec) -> Vec<&'static str> {
    let (own, others) = (fields(container), fields(other));
    OF_THE_POD.into_iter().filter(|attribute| own.get(*attribute) != others.get(*attribute)).collect()
}

/// The attributes of a container by name, without those that are not given.
pub(super) fn fields(container: &ContainerSpec) -> Map<String, Value> {
    match serde_json::to_value(container) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The service that each service shares the pod of, over any number of others; itself, when it has a pod of its own.
pub(super) fn hosts<'a>(services: &BTreeMap<&'a str, &'a Service>) -> BTreeMap<&'a str, &'a str> {
    let host = |key: &'a str| {
        let mut host = key;
        // A circle, which the loader refuses, would have no end.
        for _ in 0..services.len() {
            let target = services.get(host).and_then(|service| {
                targets(service).next().map(|(_, target)| target).or_else(|| first_of_group(services, service))
            });
            match target.and_then(|target| services.get_key_value(target)) {
                Some((target, _)) if *target != host => host = target,
                _ => break,
            }
        }
        host
    };
    services.keys().map(|key| (*key, host(key))).collect()
}

/// The label by which kompose puts services into one pod.
const GROUP: &str = "kompose.service.group";

/// The group of services that a service is in.
fn group(service: &Service) -> Option<&String> {
    service.container.labels.get(GROUP).filter(|group| !group.is_empty())
}

fn first_of_group<'a>(services: &BTreeMap<&'a str, &'a Service>, service: &Service) -> Option<&'a str> {
    let own = group(service)?;
    services.iter().find(|(_, other)| group(other) == Some(own)).map(|(key, _)| *key)
}

/// The services that a service shares something with, each with the attribute.
fn targets(service: &Service) -> impl Iterator<Item = (&'static str, &str)> {
    modes(service).filter_map(|(attribute, mode)| Some((attribute, mode.strip_prefix("service:")?)))
}

/// The attributes by which a service may share what another one has.
fn modes(service: &Service) -> impl Iterator<Item = (&'static str, &str)> {
    let container = &service.container;
    let modes = [
        ("network_mode", &container.network_mode),
        ("pid", &container.pid),
        ("ipc", &container.ipc),
        ("uts", &container.uts),
    ];
    modes.into_iter().map(|(attribute, mode)| (attribute, mode.as_str()))
}

/// Whether a mode is one of another service's or container's.
pub(super) fn is_of_service(mode: &str) -> bool {
    mode.starts_with("service:")
}

/// Says where the services of one pod contradict each other. `kinds` are what each would be by itself.
pub(super) fn note_conflicts(context: &Context, kinds: &BTreeMap<&str, Kind>, notes: &mut Notes) {
    for unit in context.units.values() {
        for (attribute, mode) in modes(unit.service) {
            if mode.starts_with("container:") {
                notes.rejected(
                    format!("{}.{attribute}", unit.path),
                    "a container that is no service of this file is in no pod that could be shared: make it a service, \
                     and write `service:<name>`",
                );
            }
        }
        if unit.host == unit.key {
            continue;
        }
        let host = &context.units[unit.host];
        note_differences(context, unit, host, kinds, notes);
        for other in context.in_pod(unit.host).filter(|other| other.key < unit.key) {
            note_ports(unit, other, notes);
        }
        if host.key > unit.key {
            note_ports(unit, host, notes);
        }
    }
}

fn note_differences(context: &Context, unit: &Unit, host: &Unit, kinds: &BTreeMap<&str, Kind>, notes: &mut Notes) {
    let shared: BTreeSet<&str> = targets(unit.service).map(|(attribute, _)| attribute).collect();
    let given = fields(&unit.service.container);
    for attribute in differing(&unit.service.container, &host.service.container) {
        if given.contains_key(attribute) && !shared.contains(attribute) {
            notes.error(
                format!("{}.{attribute}", unit.path),
                "PodConflict",
                format!(
                    "differs from that of `{}`, whose pod it shares, and a pod has only one: give both the same",
                    host.key
                ),
            );
        }
    }
    for (attribute, target) in targets(unit.service) {
        if context.units.get(target).is_some_and(|target| target.host != unit.host) {
            notes.rejected(
                format!("{}.{attribute}", unit.path),
                format!(
                    "`{target}` is in another pod than `{}`, and a container is in one: share with one of them",
                    host.key
                ),
            );
        }
    }
    if !shared.contains("network_mode") {
        notes.approximated(
            match shared.first() {
                Some(attribute) => format!("{}.{attribute}", unit.path),
                None => format!("{}.labels.{GROUP}", unit.path),
            },
            format!(
                "is in the pod of `{}`, and shares its network too: a port can be used by one of them only",
                host.key
            ),
        );
    }
    if shared.contains("pid") {
        notes.approximated(
            format!("{}.pid", unit.path),
            "the pod has one space of processes, in which process 1 is none of the containers'",
        );
    }
    let class = |kind: Option<&Kind>| match kind {
        Some(Kind::StatefulSet) => Some(Kind::Deployment),
        other => other.copied(),
    };
    let is_job = |unit: &Unit| kinds.get(unit.key) == Some(&Kind::CronJob);
    if is_job(unit) || is_job(host) || class(kinds.get(unit.key)) != class(kinds.get(host.key)) {
        notes.error(
            unit.path.clone(),
            "PodConflict",
            format!(
                "shares the pod of `{}`, and one of them runs to completion or on each node, the other does not: give \
                 both the same `restart` and `deploy.mode`",
                host.key
            ),
        );
    }
    let replicas = unit.service.scale.or_else(|| unit.service.deploy.as_ref()?.replicas);
    if replicas.is_some_and(|replicas| replicas != host.service.replicas()) {
        notes.approximated(
            format!("{}.{}", unit.path, if unit.service.scale.is_some() { "scale" } else { "deploy.replicas" }),
            format!("there are as many as pods of `{}`, which it shares", host.key),
        );
    }
    let placement = |service: &Service| service.deploy.clone().unwrap_or_default().placement;
    if placement(unit.service) != placement(host.service) && placement(unit.service) != Placement::default() {
        notes.error(
            format!("{}.deploy.placement", unit.path),
            "PodConflict",
            format!("differs from that of `{}`, whose pod it shares: give both the same", host.key),
        );
    }
    note_drop_in(context, unit, host, notes);
    if unit.service.deploy.as_ref().is_some_and(|deploy| deploy.update_config.is_some()) {
        notes.approximated(
            format!("{}.deploy.update_config", unit.path),
            format!("is not honoured: pods are replaced as `{}`, which they are of, says", host.key),
        );
    }
}

/// What `x-kubernetes` and overrides ask of the pod or of its workload.
fn note_drop_in(context: &Context, unit: &Unit, host: &Unit, notes: &mut Notes) {
    let asked = unit.service.extensions.get("x-kubernetes").and_then(Value::as_object);
    let of_pod =
        |key: &&String| ["workload", "replicas", "serviceAccountName", "pull_secret", "patch"].contains(&key.as_str());
    let asked = asked.into_iter().flat_map(Map::keys).filter(of_pod);
    let mut paths: Vec<String> = asked.map(|key| format!("{}.x-kubernetes.{key}", unit.path)).collect();
    let kinds =
        ["controller", "cronjob", "hpa", "image-pull-secret", "init", "security-context", "serviceaccount-name"];
    let is_of_pod = |key: &&String| {
        let word = key.strip_prefix("kompose.").map(|rest| rest.split('.').next().unwrap_or(rest));
        word.is_some_and(|word| kinds.contains(&word))
    };
    let labels = unit.service.container.labels.keys().filter(is_of_pod);
    paths.extend(labels.map(|key| format!("{}.labels.{key}", unit.path)));
    if context.stack.spec.service_overrides.contains_key(unit.key) {
        paths.push(format!("spec.serviceOverrides.{}", unit.key));
    }
    for path in paths {
        let message = format!("is asked of a pod that `{}` rules: write it for `{}`", host.key, host.key);
        notes.error(path, "PodConflict", message);
    }
}

fn note_ports(unit: &Unit, other: &Unit, notes: &mut Notes) {
    // Where they share the network in Docker too, one of them may well speak of the other's port.
    let joins = |one: &Unit| one.host == one.key || is_of_service(&one.service.container.network_mode);
    if joins(unit) && joins(other) {
        return;
    }
    let ports = ports::declared(unit.service);
    for port in ports.intersection(&ports::declared(other.service)) {
        notes.error(
            format!("{}.ports", unit.path),
            "PodConflict",
            format!(
                "port {}/{} is used by `{}` too, which is in the same pod: let one of them listen on another one",
                port.port,
                port.protocol.to_lowercase(),
                other.key
            ),
        );
    }
}

/// The services whose containers are in the pod of this one, itself left out.
pub(super) fn members<'c, 'a>(context: &'c Context<'a>, unit: &'c Unit<'a>) -> impl Iterator<Item = &'c Unit<'a>> {
    // What prepares a service has its key, and a pod of its own.
    let rules = unit.host == unit.key;
    context.in_pod(unit.key).filter(move |other| rules && other.key != unit.key)
}

/// The kinds of services, the same for all that share a pod: where one of them writes to a volume, none may overlap with
/// what it replaces.
pub(super) fn common_kinds<'a>(context: &Context<'a>, kinds: &BTreeMap<&'a str, Kind>) -> BTreeMap<&'a str, Kind> {
    let writes = |host: &str| context.in_pod(host).any(|unit| kinds.get(unit.key) == Some(&Kind::StatefulSet));
    let common = context.units.values().filter_map(|unit| {
        let kind = *kinds.get(unit.host)?;
        Some((unit.key, if kind == Kind::Deployment && writes(unit.host) { Kind::StatefulSet } else { kind }))
    });
    common.collect()
}

/// Adds the containers of the services that share the pod of this one.
pub(super) fn join(context: &Context, unit: &Unit, pod: &mut PodSpec, generated: &mut Generated, notes: &mut Notes) {
    for member in members(context, unit) {
        let mut container = container(context, member, generated, notes);
        let (volumes, volume_mounts) = mounts(context, member, generated, notes).into_lists();
        container.volume_mounts = volume_mounts;
        let mut volumes = volumes.unwrap_or_default();
        keep_apart(member, &mut container, &mut volumes);
        if is_shared(context, member, &member.service.container.ipc) {
            share_memory(pod, &mut container);
        }
        // The node's processes are those of all containers already.
        if pod.host_pid != Some(true) && is_shared(context, member, &member.service.container.pid) {
            pod.share_process_namespace = Some(true);
        }
        pre_start::add_volumes(pod, volumes);
        pod.containers.push(container);
        pre_start::prepare_replicas(context, member, pod, generated, notes);
    }
}

/// Whether a mode is that of a service in the same pod.
fn is_shared(context: &Context, unit: &Unit, mode: &str) -> bool {
    let target = mode.strip_prefix("service:").and_then(|target| context.units.get(target));
    target.is_some_and(|target| target.host == unit.host)
}

/// Directories that each container has for itself are one for each container of a pod too.
fn keep_apart(member: &Unit, container: &mut Container, volumes: &mut [Volume]) {
    for volume in
        volumes.iter_mut().filter(|volume| ["tmpfs-", "anonymous-"].iter().any(|kind| volume.name.starts_with(kind)))
    {
        let name = super::mount::volume_name(&volume.name, &member.name);
        for mount in container.volume_mounts.iter_mut().flatten().filter(|mount| mount.name == volume.name) {
            mount.name.clone_from(&name);
        }
        volume.name = name;
    }
}

/// `ipc: service:x` shares /dev/shm, which is a mount where it has a size.
fn share_memory(pod: &PodSpec, container: &mut Container) {
    let is_shm = |mount: &&k8s_openapi::api::core::v1::VolumeMount| mount.mount_path == "/dev/shm";
    let of_host = pod.containers.first().and_then(|host| host.volume_mounts.iter().flatten().find(is_shm));
    let mounts = container.volume_mounts.get_or_insert_default();
    if let Some(mount) = of_host.filter(|_| !mounts.iter().any(|mount| is_shm(&mount))) {
        mounts.push(mount.clone());
        mounts.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    }
    if mounts.is_empty() {
        container.volume_mounts = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, Plan, fixture, translate};

    fn plan(vpn: &str, web: &str) -> Plan {
        let text = format!(
            "services: {{vpn: {{image: vpn {vpn}}}, web: {{image: web {web}}}}}\nvolumes: {{data: {{name: p_data}}}}"
        );
        translate(&fixture::project(&text), &fixture::stack(), &Facts::default(), &Policy::default())
    }

    fn pod(plan: &Plan) -> PodSpec {
        assert_eq!(plan.workloads.len(), 1);
        plan.workloads[0].object.template().unwrap().spec.clone().unwrap()
    }

    fn noted(plan: &Plan) -> Vec<String> {
        let notes = plan.notes.iter().filter(|note| note.path.starts_with("services.web"));
        notes.map(|note| format!("{}: {}", note.path, note.level.as_str())).collect()
    }

    #[test]
    fn two_services_are_one_pod_that_both_names_lead_to() {
        let plan = plan(
            ", expose: [\"80\"], tmpfs: [/run]",
            ", network_mode: \"service:vpn\", expose: [\"81\"], tmpfs: [/run], volumes: [{type: volume, source: data, target: /d}]",
        );
        let pod = pod(&plan);
        let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
        assert_eq!(names, ["vpn", "web"]);
        assert_eq!(plan.workloads[0].object.child().unwrap().resource.kind, "StatefulSet");
        assert_eq!(pod.volumes.unwrap().len(), 3, "each has a /run of its own");
        for service in &plan.services {
            let selector = service.spec.as_ref().unwrap().selector.as_ref().unwrap();
            assert_eq!(selector["compose-operator.dev/service"], "vpn", "{:?}", service.metadata.name);
        }
        assert_eq!(plan.services.len(), 2);
        assert_eq!(plan.workloads[0].members[0].service, "web");
        assert!(noted(&plan).iter().all(|note| !note.ends_with("Rejected") && !note.ends_with("Error")));
    }

    #[test]
    fn processes_and_memory() {
        let spec = pod(&plan(", shm_size: \"1048576\"", ", pid: \"service:vpn\", ipc: \"service:vpn\""));
        assert_eq!(spec.share_process_namespace, Some(true));
        let shm: Vec<_> = spec.containers.iter().map(|one| one.volume_mounts.clone().unwrap()[0].clone()).collect();
        assert_eq!(shm[0], shm[1]);
    }

    #[test]
    fn what_a_pod_has_once_must_not_differ() {
        let mode = "network_mode: \"service:vpn\"";
        for (vpn, web, expected) in [
            ("", "stop_grace_period: 5s", "services.web.stop_grace_period: Error"),
            ("", "sysctls: {net.ipv4.tcp_fin_timeout: \"5\"}", "services.web.sysctls: Error"),
            ("", "dns: [1.1.1.1]", "services.web.dns: Error"),
            ("", "restart: \"no\"", "services.web: Error"),
            ("", "scale: 2", "services.web.scale: Approximated"),
        ] {
            let noted = noted(&plan(vpn, &format!(", {mode}, {web}")));
            assert!(noted.contains(&expected.to_owned()), "{web}: {noted:?}");
        }
        let ports = |mode: &str| noted(&plan(", expose: [\"80\"]", &format!(", {mode}, expose: [\"80\"]")));
        assert!(ports("pid: \"service:vpn\"").contains(&"services.web.ports: Error".to_owned()));
        assert!(!ports(mode).contains(&"services.web.ports: Error".to_owned()));
        let same = plan(", stop_grace_period: 5s", &format!(", {mode}, stop_grace_period: 5s"));
        assert!(!noted(&same).contains(&"services.web.stop_grace_period: Error".to_owned()));
    }

    #[test]
    fn what_prepares_a_service_is_alone() {
        let plan = plan(", pre_start: [{image: x, command: [a]}]", ", network_mode: \"service:vpn\"");
        let workload = plan.workloads.iter().find(|workload| workload.service == "vpn-pre-start").unwrap();
        assert_eq!(workload.object.template().unwrap().spec.as_ref().unwrap().containers.len(), 1);
    }

    #[test]
    fn a_group_of_kompose_is_one_pod() {
        let label = ", labels: {kompose.service.group: g}";
        let plan = plan(label, label);
        let pod = pod(&plan);
        let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
        assert_eq!(names, ["vpn", "web"]);
        assert_eq!(noted(&plan), ["services.web.labels.kompose.service.group: Approximated"]);
        let ports = self::plan(&format!("{label}, expose: [\"80\"]"), &format!("{label}, expose: [\"80\"]"));
        assert!(noted(&ports).contains(&"services.web.ports: Error".to_owned()), "{:?}", noted(&ports));
        assert_eq!(self::plan(label, ", labels: {kompose.service.group: other}").workloads.len(), 2);
    }

    #[test]
    fn the_processes_of_the_node_are_shared_already() {
        let pod = pod(&plan(", pid: host", ", pid: \"service:vpn\""));
        assert_eq!((pod.host_pid, pod.share_process_namespace, pod.containers.len()), (Some(true), None, 2));
    }

    #[test]
    fn a_container_is_in_one_pod() {
        let text = "services: {db: {image: x}, vpn: {image: x, shm_size: \"1048576\"}, web: {image: x, network_mode: \
                    \"service:vpn\", pid: \"service:db\", ipc: \"service:db\"}}";
        let plan = translate(&fixture::project(text), &fixture::stack(), &Facts::default(), &Policy::default());
        let noted = noted(&plan);
        for attribute in ["ipc", "pid"] {
            assert!(noted.contains(&format!("services.web.{attribute}: Rejected")), "{noted:?}");
        }
        let vpn = plan.workloads.iter().find(|workload| workload.service == "vpn").unwrap();
        let pod = vpn.object.template().unwrap().spec.clone().unwrap();
        assert_eq!((pod.share_process_namespace, pod.containers[1].volume_mounts.clone()), (None, None));
    }

    #[test]
    fn other_containers_are_in_no_pod() {
        let plan = plan("", ", network_mode: \"container:old\"");
        assert!(noted(&plan).contains(&"services.web.network_mode: Rejected".to_owned()), "{:?}", noted(&plan));
    }

    #[test]
    fn a_pod_is_not_shared_with_one_that_it_waits_for() {
        let text = "services: {vpn: {image: x}, db: {image: x, depends_on: {vpn: {condition: service_started, required: \
                    true}}}, web: {image: x, network_mode: \"service:vpn\", depends_on: {db: {condition: service_started, \
                    required: true}}}}";
        let plan = translate(&fixture::project(text), &fixture::stack(), &Facts::default(), &Policy::default());
        assert!(noted(&plan).contains(&"services.web.depends_on.db: Rejected".to_owned()), "{:?}", noted(&plan));
    }
}
