//! From a Compose project to the Kubernetes objects that run it: pure, without a client, a clock or chance.

mod alias;
mod attachment;
mod attributes;
mod autoscaler;
mod claim;
mod collision;
mod container;
mod context;
mod cron;
mod cron_job;
mod daemon_set;
mod deployment;
mod devices;
mod discovery;
mod dns_label;
mod drop_in;
mod environment;
mod expansion;
mod external;
mod file_object;
#[cfg(test)]
mod fixture;
mod follow;
mod gates;
mod generated;
mod host_name;
mod http_route;
mod image_config;
mod ingress;
mod job;
mod kind;
mod kompose;
mod labels;
mod lifecycle;
mod logging;
mod managed_account;
mod mention;
mod model_endpoint;
mod mount;
mod name_scope;
mod namespace_level;
mod network;
mod network_policy;
mod node_network;
mod not_honoured;
mod notes;
mod overlay;
mod own_host_name;
mod placement;
mod plan;
mod pod;
mod pod_security;
mod ports;
mod pre_start;
mod probe;
mod project_directory;
mod project_file;
mod publish;
mod quantity;
mod resources;
mod rollout;
mod route;
mod security;
mod seed;
mod shared_pod;
mod stateful_set;
mod stop_signal;
mod strategic_merge;
mod swarm_form;
mod swarm_template;
mod taint;
mod traefik;
mod volumes_from;

pub use attributes::{ATTRIBUTES, Treatment, attributes_used};
pub use file_object::external_name;
pub use host_name::has_host_names;
pub use node_network::is_driver as is_node_network_driver;
pub use not_honoured::not_honoured;
pub use plan::{
    Child, Claim, Gate, GateCondition, Member, Note, NoteLevel, OnFailure, Pace, Plan, Rollout, Workload,
    WorkloadObject, http_route_api, network_attachment_api,
};
pub use pod_security::BASELINE_CAPABILITIES;
pub use project_directory::{PROJECT_DIRECTORY, as_relative};

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use serde::{Deserialize, Serialize};

use crate::api::v1alpha1::{ComposeStackSpec, ImageStatus, SecurityLevel};
use crate::compose::{Project, ProjectTree, Variable};
use crate::policy::{self, Policy};
use context::{Context, Unit};
use generated::Generated;
use kind::Kind;
use notes::Notes;
use route::Via;

/// The stack that a project is translated for.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The stack's name: a DNS label of at most 40 characters.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid, for ownerReferences; offline there is none, and no reference either.
    pub uid: Option<String>,
    /// Its settings.
    pub spec: ComposeStackSpec,
    /// The project directory; paths begin with [`PROJECT_DIRECTORY`].
    pub files: ProjectTree,
    /// Interpolation variables, for configs and secrets whose source is `environment`.
    pub environment: BTreeMap<String, Variable>,
    /// The key of the hashes in names: without it, the hash of a weak password could be guessed.
    pub hash_key: Vec<u8>,
}

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Whether NetworkPolicies are enforced, when that was declared or probed.
    pub network_policy_enforced: Option<bool>,
    /// The keys of existing Secrets that the project names as external, by Secret; absent when not found.
    pub secret_keys: BTreeMap<String, Vec<String>>,
    /// The keys of existing ConfigMaps that the project names as external, by ConfigMap; absent when not found.
    pub config_map_keys: BTreeMap<String, Vec<String>>,
    /// Keyed hashes of what those Secrets hold, by Secret and key: pods roll when what they mount changes.
    pub secret_hashes: BTreeMap<String, BTreeMap<String, String>>,
    /// The same for ConfigMaps.
    pub config_map_hashes: BTreeMap<String, BTreeMap<String, String>>,
    /// How services were discovered before, by service (`VIP` or `Headless`): the choice does not flip by itself.
    pub discovery: BTreeMap<String, String>,
    /// The operator's own image, which has the program that fills new volumes; without it, they stay empty.
    pub operator_image: Option<String>,
    /// The claims that are there already, by name, and whether they were filled.
    pub claims: BTreeMap<String, Seed>,
    /// What images say of themselves, by the reference in the file; absent when nobody asked.
    pub images: BTreeMap<String, ImageStatus>,
    /// The pods that answer DNS; when empty, port 53 is open to any address.
    pub dns_peers: Vec<NetworkPolicyPeer>,
    /// The domain of the cluster's names; `cluster.local` when nobody says otherwise.
    pub cluster_domain: Option<String>,
    /// The addresses of the stack's Services, by name; none where no cluster was asked. Asked only of stacks with names
    /// that no Service can have.
    pub addresses: Option<BTreeMap<String, String>>,
    /// Whether pods may have any host name (Kubernetes 1.35); asked only of stacks that have host names.
    pub hostname_override: bool,
    /// Whether the cluster serves HTTPRoutes; asked only of stacks that are published by a Gateway.
    pub gateway_api: bool,
    /// Whether the cluster attaches pods to networks beside its own; asked only of stacks that have such networks.
    pub network_attachments: bool,
    /// The StorageClasses that keep the volumes of drivers, by the driver's name.
    pub volume_drivers: BTreeMap<String, String>,
    /// The Pod Security level that the namespace enforces.
    pub pod_security: SecurityLevel,
}

/// Whether a claim was filled with what an image has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seed {
    /// It is not to be: it was there before.
    Unmarked,
    /// It is to be.
    Pending,
    /// It was.
    Done,
}

/// Translates a project, and judges the outcome by the operator's policy: what it forbids is an error among the notes.
pub fn translate(project: &Project, stack: &Stack, facts: &Facts, policy: &Policy) -> Plan {
    let mut notes = Notes::default();
    attributes::note(project, &mut notes);
    let simplified = in_plain_words(project);
    let context = Context::new(&simplified, stack, facts, &mut notes);
    let mut generated = Generated::default();
    let mut workloads = Vec::new();
    let (mut ingresses, mut http_routes, mut autoscalers) = (Vec::new(), Vec::new(), Vec::new());
    let mut services = discovery::services(&context, &mut notes);
    for unit in context.units.values() {
        note_differences(&context, unit, &mut notes);
        if let Some(service) = publish::service(&context, unit, &mut notes) {
            match &unit.route {
                Some(route) if route.via == Via::Ingress => {
                    ingresses.push(ingress::ingress(&context, unit, route, &service));
                }
                Some(route) => http_routes.extend(http_route::http_routes(&context, unit, route, &service)),
                None => {}
            }
            services.push(service);
        }
        workloads.extend(pre_start::workload(&context, unit, &mut generated, &mut notes));
        if unit.host == unit.key {
            autoscalers.extend(autoscaler::autoscaler(&context, unit, &mut notes));
            workloads.extend(unit_workloads(&context, unit, &mut generated, &mut notes));
        }
    }
    services.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    resources::note_requests(&context, &mut notes);
    network::note_differences(&context, &mut notes);
    network::note_what_the_cluster_decides(&context, &mut notes);
    attachment::note_differences(&context, &mut notes);
    overlay::note_strangers(&context, &mut notes);
    mention::note(&context, &mut notes);
    model_endpoint::note_differences(&context, &mut notes);
    follow::mark(&context, &mut workloads);
    seed::add(&context, &mut workloads);
    let mut plan = Plan {
        claims: claim::claims(&context, &mut notes),
        network_policies: network_policy::policies(&context),
        network_attachments: attachment::definitions(&context),
        services,
        ingresses,
        http_routes,
        autoscalers,
        workloads: gates::in_order(workloads),
        config_maps: generated.config_maps.into_values().collect(),
        secrets: generated.secrets.into_values().collect(),
        notes: Vec::new(),
    };
    collision::note(&plan, &mut notes);
    for note in policy::judge(&plan, policy) {
        notes.add(note);
    }
    plan.notes = notes.sorted();
    taint::redact(project, &mut plan.notes);
    plan
}

/// The project without what is another way to say something: everything else looks at services, their own mounts and
/// their own networks alone.
fn in_plain_words(project: &Project) -> Cow<'_, Project> {
    let project = swarm_form::in_compose(cron_job::among_services(project));
    volumes_from::with_mounts(kompose::with_empty_directories(project))
}

fn unit_workloads(
    context: &Context,
    unit: &Unit,
    generated: &mut Generated,
    notes: &mut Notes,
) -> impl Iterator<Item = Workload> + use<> {
    let restart_policy = matches!(unit.kind, Kind::Job | Kind::CronJob).then(|| job::restart_policy(unit));
    let template = pod::template(context, unit, restart_policy, generated, notes);
    let objects = match unit.kind {
        Kind::Deployment => vec![WorkloadObject::Deployment(Box::new(deployment::deployment(context, unit, template)))],
        Kind::StatefulSet => {
            vec![WorkloadObject::StatefulSet(Box::new(stateful_set::stateful_set(context, unit, template)))]
        }
        Kind::DaemonSet => vec![WorkloadObject::DaemonSet(Box::new(daemon_set::daemon_set(context, unit, template)))],
        Kind::Job => vec![WorkloadObject::Job(Box::new(job::job(context, unit, template)))],
        Kind::CronJob => {
            let list = cron_job::cron_jobs(context, unit, &template, notes);
            list.into_iter().map(|object| WorkloadObject::CronJob(Box::new(object))).collect()
        }
    };
    let (mut gates, discovery) = (gates::gates(context, unit, notes), discovery::discovery(context, unit));
    gates.extend(pre_start::gate(unit));
    gates.extend(shared_pod::members(context, unit).filter_map(pre_start::gate));
    let addresses = host_name::lacking(context, unit).into_iter().map(|name| format!("the address of Service {name}"));
    let lacks: Vec<String> = addresses.chain(external::lacking(context, unit)).collect();
    let members: Vec<Member> = shared_pod::members(context, unit)
        .map(|member| Member {
            service: member.key.to_owned(),
            name: member.name.clone(),
            image: member.service.container.image.clone(),
            discovery: discovery::discovery(context, member),
        })
        .collect();
    let objects: Vec<_> = objects.into_iter().map(|object| overlay::overlaid(context, unit, object, notes)).collect();
    for object in &objects {
        namespace_level::foresee(context, unit, object, notes);
    }
    let is_job = context.project.jobs.contains_key(unit.key);
    let rollout = rollout::rollout(context, unit);
    let (key, images) = (unit.key.to_owned(), objects.iter().map(|object| overlay::image(unit, object)));
    let images: Vec<String> = images.collect();
    objects.into_iter().zip(images).enumerate().map(move |(index, (object, image))| Workload {
        service: if index == 0 { key.clone() } else { format!("{key}-{}", index + 1) },
        is_job,
        image,
        object,
        gates: gates.clone(),
        lacks: lacks.clone(),
        discovery,
        members: members.clone(),
        rollout: rollout.clone(),
    })
}

fn note_differences(context: &Context, unit: &Unit, notes: &mut Notes) {
    kind::note_differences(unit, notes);
    rollout::note_differences(unit, notes);
    labels::note_deploy_labels(unit, notes);
    placement::note_exclusive_claims(context, unit, notes);
    image_config::note(context, unit, notes);
}
