//! What every mapping may look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claim::{self, Backing};
use super::dns_label::{self, MAX_LABEL};
use super::drop_in::{DropIn, Replicas, drop_in};
use super::kind::{self, Kind};
use super::kompose::{Kompose, kompose};
use super::name_scope::{self, NameScopes};
use super::node_network::{self, NodeNetwork};
use super::notes::Notes;
use super::route::{self, Route};
use super::{Facts, Stack, gates, host_name, placement, shared_pod, volumes_from};
use crate::api::v1alpha1::ImageStatus;
use crate::compose::Project;
use crate::compose::model::{MountKind, Service};
use crate::policy::Policy;

/// The domain of a cluster for which nobody names another one (kubeadm's default).
const CLUSTER_DOMAIN: &str = "cluster.local";

/// A project on its way, with what was decided before the first object is made.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) project: &'a Project,
    pub(super) stack: &'a Stack,
    pub(super) facts: &'a Facts,
    /// What the operator's administrator allows; a finished plan is judged by it besides.
    pub(super) policy: &'a Policy,
    /// The services and jobs that have a container, by name.
    pub(super) units: BTreeMap<&'a str, Unit<'a>>,
    /// The services of each pod, the one that rules it among them, by that one.
    pods: BTreeMap<&'a str, Vec<&'a str>>,
    /// The pods that wait for each other in a ring, or for some that do.
    pub(super) in_rings: BTreeSet<&'a str>,
    /// The services that mount each named volume, or whose hooks do, by its key.
    volume_users: BTreeMap<&'a str, Vec<&'a str>>,
    /// What the named volumes that are in use are kept on, by key.
    pub(super) backings: BTreeMap<&'a str, Backing>,
    /// Whether there are names that only /etc/hosts can hold.
    pub(super) has_host_names: bool,
    /// What names mean, where several services have them.
    pub(super) names: NameScopes<'a>,
    /// The networks of the nodes that are in use, by key.
    pub(super) node_networks: BTreeMap<&'a str, NodeNetwork<'a>>,
}

/// A service or a job that has a container.
#[derive(Debug)]
pub(super) struct Unit<'a> {
    /// The Compose service or job.
    pub(super) key: &'a str,
    /// The name of its Service and container: the key, when that is a DNS label.
    pub(super) name: String,
    /// The value of its labels: the key, when a label can hold it.
    pub(super) label: String,
    /// The path of its attributes.
    pub(super) path: String,
    pub(super) service: &'a Service,
    /// The service that rules its pod: itself, unless it shares another one's.
    pub(super) pod: &'a Service,
    /// That service's key.
    pub(super) host: &'a str,
    /// The value of the label by which its pods are found, which is that service's.
    pub(super) pod_label: String,
    pub(super) kind: Kind,
    /// What it asks for beyond Compose.
    pub(super) drop_in: DropIn,
    /// What labels of kompose ask for.
    pub(super) kompose: Arc<Kompose>,
    /// How it is reached by HTTP.
    pub(super) route: Option<Route>,
    /// The services whose pods have to share a node with its pods, itself included; empty when there are none.
    pub(super) colocated: Vec<String>,
}

impl Unit<'_> {
    /// How many pods are wanted; none when something outside of the stack decides on it.
    pub(super) fn replicas(&self) -> Option<i32> {
        match self.drop_in.replicas {
            Some(Replicas::Of(count)) => Some(count),
            Some(Replicas::External) => None,
            None => Some(i32::try_from(self.pod.replicas().max(0)).unwrap_or(i32::MAX)),
        }
    }

    /// Whether there may be more than one pod.
    pub(super) fn is_several(&self) -> bool {
        self.replicas().is_none_or(|count| count > 1)
    }

    /// The path of a mount by its number.
    pub(super) fn mount_path(&self, index: usize) -> String {
        match self.service.container.volumes.get(index) {
            Some(mount) if volumes_from::is_from_another(&mount.extensions) => format!("{}.volumes_from", self.path),
            _ => format!("{}.volumes[{index}]", self.path),
        }
    }
}

impl<'a> Context<'a> {
    /// Decides on names, kinds and co-location.
    pub(super) fn new(
        project: &'a Project,
        stack: &'a Stack,
        facts: &'a Facts,
        policy: &'a Policy,
        notes: &mut Notes,
    ) -> Self {
        // A map that is made of a list takes it as it is, and half of the room of one that grows.
        let mut units = Vec::with_capacity(project.services.len());
        let nothing = Arc::default();
        let of_services = project.services.iter();
        units.extend(of_services.filter_map(|(key, it)| Some((&**key, unit(project, key, it, &nothing, notes)?))));
        let mut units: BTreeMap<&str, Unit> = units.into_iter().collect();
        share_pods(&mut units);
        let backings = claim::backings(project, stack, units.values().map(|unit| unit.service), notes);
        let node_networks = node_network::in_use(project, facts, units.values(), notes);
        let (pods, volume_users) = (pods(&units), volume_users(&units));
        let has_host_names = host_name::has_host_names(project);
        let in_rings = gates::in_rings(&units, &pods);
        let mut context = Self {
            project,
            stack,
            facts,
            policy,
            units,
            pods,
            in_rings,
            volume_users,
            backings,
            has_host_names,
            names: NameScopes::default(),
            node_networks,
        };
        let kinds = kind::kinds(&context);
        shared_pod::note_conflicts(&context, &kinds, notes);
        let kinds = shared_pod::common_kinds(&context, &kinds);
        let colocated = placement::colocated(&context, &kinds);
        let mut routes = route::routes(&context, notes);
        for (key, unit) in &mut context.units {
            if let Some(kind) = kinds.get(key) {
                unit.kind = *kind;
            }
            unit.route = routes.remove(key);
            unit.colocated = colocated.get(key).cloned().unwrap_or_default();
        }
        context.names = name_scope::scopes(&context);
        context
    }
}

impl<'a> Context<'a> {
    /// The services in the pod that a service rules, itself among them.
    pub(super) fn in_pod<'c>(&'c self, host: &str) -> impl Iterator<Item = &'c Unit<'a>> + use<'c, 'a> {
        self.pods.get(host).into_iter().flatten().filter_map(|key| self.units.get(key))
    }

    /// The services that mount a named volume, or whose hooks do.
    pub(super) fn users_of<'c>(&'c self, volume: &str) -> impl Iterator<Item = &'c Unit<'a>> + use<'c, 'a> {
        self.volume_users.get(volume).into_iter().flatten().filter_map(|key| self.units.get(key))
    }

    /// The domain of the cluster's names.
    pub(super) fn cluster_domain(&self) -> &str {
        self.facts.cluster_domain.as_deref().unwrap_or(CLUSTER_DOMAIN)
    }

    /// What the service's image says of itself, when it could be read.
    pub(super) fn image(&self, service: &Service) -> Option<&ImageStatus> {
        self.facts.images.get(&service.container.image).filter(|image| image.unread.is_none())
    }
}

/// A service as it is on its own; none when it has no container. Most services have no labels of kompose, and share what these
/// ask for: nothing.
fn unit<'a>(
    project: &Project,
    key: &'a str,
    service: &'a Service,
    nothing: &Arc<Kompose>,
    notes: &mut Notes,
) -> Option<Unit<'a>> {
    let section = if project.jobs.contains_key(key) { "jobs" } else { "services" };
    let path = format!("{section}.{key}");
    if service.container.image.is_empty() {
        note_missing_image(&path, service, notes);
        return None;
    }
    let mut drop_in = drop_in(&path, service, notes);
    let kompose = kompose(&path, service, &mut drop_in, notes).map_or_else(|| Arc::clone(nothing), Arc::new);
    let name = dns_label::label(key, MAX_LABEL);
    let label = if dns_label::is_label_value(key) { key.to_owned() } else { name.clone() };
    Some(Unit {
        key,
        name,
        pod_label: label.clone(),
        label,
        path,
        service,
        pod: service,
        host: key,
        kind: Kind::Deployment,
        drop_in,
        kompose,
        route: None,
        colocated: Vec::new(),
    })
}

fn pods<'a>(units: &BTreeMap<&'a str, Unit<'a>>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut pods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unit in units.values() {
        pods.entry(unit.host).or_default().push(unit.key);
    }
    pods
}

fn volume_users<'a>(units: &BTreeMap<&'a str, Unit<'a>>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unit in units.values() {
        let mounts = volumes_from::of_all_containers(unit.service).filter(|mount| mount.kind == MountKind::Volume);
        for volume in mounts.map(|mount| mount.source.as_str()).collect::<BTreeSet<_>>() {
            users.entry(volume).or_default().push(unit.key);
        }
    }
    users
}

fn share_pods<'a>(units: &mut BTreeMap<&'a str, Unit<'a>>) {
    let services = units.iter().map(|(key, unit)| (*key, unit.service)).collect();
    for (key, host) in shared_pod::hosts(&services) {
        let Some(ruling) = units.get(host) else { continue };
        let (label, pod, replicas) = (ruling.label.clone(), ruling.service, ruling.drop_in.replicas);
        if let Some(unit) = units.get_mut(key) {
            (unit.host, unit.pod_label, unit.pod) = (host, label, pod);
            unit.drop_in.replicas = replicas;
        }
    }
}

fn note_missing_image(path: &str, service: &Service, notes: &mut Notes) {
    if service.provider.is_some() {
        // The table of attributes rejects the provider.
        return;
    }
    // Without `build`, the loader refuses the service.
    notes.rejected(
        format!("{path}.image"),
        "there is no image to pull, and images are not built in the cluster yet: build and push one, and name it by \
         `image:`; the service is left out without it",
    );
}
