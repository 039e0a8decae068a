//! From a Compose project to the Kubernetes objects that run it: pure, without a client, a clock or chance.

mod plan;

pub use plan::{Child, Claim, Gate, GateCondition, Note, NoteLevel, Plan, Workload, WorkloadObject};

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;

use crate::api::v1alpha1::ComposeStackSpec;
use crate::compose::{Project, ProjectTree, Variable};
use crate::policy::Policy;

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

/// Where the project directory is mounted in the virtual file system. No host has this path, so a bind of the
/// project's own files is told apart from a bind of the host's.
pub const PROJECT_DIRECTORY: &str = "/.compose-project";

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Whether NetworkPolicies are enforced, when that was declared or probed.
    pub network_policy_enforced: Option<bool>,
    /// The keys of existing Secrets that the project names as external, by Secret; absent when not found.
    pub secret_keys: BTreeMap<String, Vec<String>>,
    /// The keys of existing ConfigMaps that the project names as external, by ConfigMap; absent when not found.
    pub config_map_keys: BTreeMap<String, Vec<String>>,
    /// How services were discovered before, by service (`VIP` or `Headless`): the choice does not flip by itself.
    pub discovery: BTreeMap<String, String>,
    /// The pods that answer DNS; when empty, port 53 is open to any address.
    pub dns_peers: Vec<NetworkPolicyPeer>,
}

/// Translates a project.
pub fn translate(_project: &Project, _stack: &Stack, _facts: &Facts, _policy: &Policy) -> Plan {
    Plan::default()
}
