//! From a Compose project to the Kubernetes objects that run it: pure, without a client, a clock or chance.

mod alias;
mod attachment;
mod attributes;
mod autoscaler;
mod child;
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
mod documents;
mod drop_in;
mod environment;
mod expansion;
mod extension;
mod external;
mod file_object;
mod file_reference;
#[cfg(test)]
mod fixture;
mod follow;
#[cfg(test)]
mod forbidden;
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
mod made;
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
mod windows;

pub use attributes::{ATTRIBUTES, Treatment, attributes_used};
pub use child::{Child, Object};
pub use documents::{Documents, documents_on};
pub use file_object::external_name;
pub use file_reference::{FileReference, file_references};
pub use host_name::has_host_names;
pub use network::is_without_ipv4;
pub use node_network::is_driver as is_node_network_driver;
pub use not_honoured::not_honoured;
pub use plan::{
    Claim, Gate, GateCondition, Member, Note, NoteLevel, OnFailure, Pace, Plan, Rollout, Workload, WorkloadObject,
    http_route_api, network_attachment_api,
};
pub use pod_security::BASELINE_CAPABILITIES;
pub use project_directory::{PROJECT_DIRECTORY, as_relative};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use serde::{Deserialize, Serialize};

use crate::api::names::TRACE_TARGET;
use crate::api::v1alpha1::{ComposeStackSpec, ImageStatus, SecurityLevel};
use crate::compose::{Project, ProjectTree, Variable};
use crate::parallel::Threads;
use crate::policy::{self, Policy};
use context::{Context, Unit};
use made::Made;
use notes::Notes;

/// So many services are translated by one thread at a time.
const AT_ONCE: usize = 16;

/// The stack that a project is translated for.
#[derive(Clone)]
pub struct Stack {
    /// The stack's name: a DNS label of at most 40 characters.
    pub name: String,
    /// Its namespace; empty where none is named, and then the objects name none either.
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

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, namespace, uid, spec, files, environment, hash_key: _ } = self;
        f.debug_struct("Stack")
            .field("name", name)
            .field("namespace", namespace)
            .field("uid", uid)
            .field("spec", spec)
            .field("files", files)
            .field("environment", environment)
            .field("hash_key", &"***")
            .finish()
    }
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
    /// The claims that are there already and that pods of several nodes may mount, by name. Nothing is made of it: pods
    /// would restart when a claim is made anew.
    pub shared_claims: BTreeSet<String>,
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
    /// Whether pods may mount images (Kubernetes 1.35); none where no cluster was asked. Asked only of stacks that mount
    /// images.
    pub image_volumes: Option<bool>,
    /// Whether Services may have addresses of version 6 alone; asked only of stacks with networks whose members do.
    pub ipv6: bool,
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
    translate_on(Threads::One, project, stack, facts, policy)
}

/// Does what [`translate`] does, and comes to the same plan, on several threads.
pub fn translate_on(threads: Threads, project: &Project, stack: &Stack, facts: &Facts, policy: &Policy) -> Plan {
    let (mut plan, notes) = in_context(threads, project, stack, facts, policy, |context, notes| {
        let plan = whole(threads, context, notes);
        collision::note(&[&collision::names(&plan).collect::<Vec<_>>()], notes);
        let judging = tracing::info_span!(target: TRACE_TARGET, "judge by policy");
        for note in judging.in_scope(|| policy::judge(&plan, policy)) {
            notes.add(note);
        }
        drop(judging);
        plan
    });
    plan.notes = in_words(project, notes);
    plan
}

/// Decides what is decided before the first object is made, does the work with it, and collects what there is to say.
fn in_context<R: Send>(
    threads: Threads,
    project: &Project,
    stack: &Stack,
    facts: &Facts,
    policy: &Policy,
    work: impl FnOnce(&Context, &mut Notes) -> R + Send,
) -> (R, Notes) {
    let simplified = in_plain_words(project);
    let ((done, mut notes), of_attributes) = threads.both(
        project.services.len(),
        || {
            let mut notes = Notes::default();
            let context = Context::new(&simplified, stack, facts, policy, &mut notes);
            (work(&context, &mut notes), notes)
        },
        || {
            let mut notes = Notes::default();
            attributes::note(project, &mut notes);
            notes
        },
    );
    notes.append(of_attributes);
    (done, notes)
}

/// What there is to say: by the path, and without values from Secrets.
fn in_words(project: &Project, notes: Notes) -> Vec<Note> {
    let mut notes = notes.sorted();
    taint::redact(project, &mut notes);
    notes
}

/// All objects, in their order.
fn whole(threads: Threads, context: &Context, notes: &mut Notes) -> Plan {
    let units: Vec<&Unit> = context.units.values().collect();
    let mut made = Made::default();
    for part in threads.on_parts(AT_ONCE, &units, |units| Made::of(context, units)) {
        made.append(part);
    }
    let (mut plan, said) = made.into_plan();
    notes.append(said);
    plan.claims = claim::claims(context, notes);
    let Plan { network_policies, network_attachments, services, .. } = of_all_services(context, notes);
    plan.network_policies.extend(network_policies);
    plan.network_attachments = network_attachments;
    plan.services.extend(services);
    plan.services.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    plan.network_policies.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    follow::mark(context, &mut plan.workloads);
    seed::add(context, &mut plan.workloads);
    plan.workloads = gates::in_order(plan.workloads);
    plan
}

/// What is made of no service and no volume alone, and what there is to say of all together.
fn of_all_services(context: &Context, notes: &mut Notes) -> Plan {
    resources::note_requests(context, notes);
    network::note_differences(context, notes);
    network::note_what_the_cluster_decides(context, notes);
    attachment::note_differences(context, notes);
    overlay::note_strangers(context, notes);
    mention::note(context, notes);
    extension::note(context, notes);
    placement::note_external_claims(context, notes);
    model_endpoint::note_differences(context, notes);
    Plan {
        network_policies: network_policy::of_networks(context),
        network_attachments: attachment::definitions(context),
        services: alias::services(context, notes),
        ..Plan::default()
    }
}

/// The project without what is another way to say something: everything else looks at services, their own mounts and
/// their own networks alone.
fn in_plain_words(project: &Project) -> Cow<'_, Project> {
    let project = swarm_form::in_compose(cron_job::among_services(project));
    volumes_from::with_mounts(kompose::with_empty_directories(project))
}
