//! `compose-operator.dev/v1alpha1`.
//!
//! The doc comments of the fields become the resource's description in the cluster (`kubectl explain`), so they
//! speak to users.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nulls::{null_as_absent, null_as_empty};

/// The desired state of a Docker Compose application.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "compose-operator.dev",
    version = "v1alpha1",
    kind = "ComposeStack",
    plural = "composestacks",
    singular = "composestack",
    shortname = "cstack",
    category = "compose",
    namespaced,
    status = "ComposeStackStatus",
    derive = "PartialEq",
    doc = "A Docker Compose application, run as Kubernetes workloads and kept running as the document says.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Services", type_ = "string", json_path = ".status.summary"),
    printcolumn(name = "Warnings", type_ = "integer", json_path = ".status.warningCount"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name: at most 40 characters, so that the names of children fit"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("metadata.name: must be a DNS label that begins with a letter, such as shop")
)]
#[x_kube(validation = Rule::new("(has(self.composeFile) ? 1 : 0) + (has(self.compose) ? 1 : 0) + (has(self.composeFrom) ? 1 : 0) == 1").message("set exactly one of composeFile, compose, composeFrom"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComposeStackSpec {
    /// The text of the Compose file. The way to give it: anchors, tags, comments and the text of numbers survive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1_048_576))]
    pub compose_file: Option<String>,
    /// The Compose file as an object, for tools that patch objects. Client-side `kubectl apply` drops keys
    /// without a value (`db-data:`); write `db-data: {}`, apply with `--server-side`, or use composeFile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "compose_object")]
    pub compose: Option<Value>,
    /// Keys of ConfigMaps and Secrets that hold Compose files, merged in this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub compose_from: Option<Vec<KeySource>>,
    /// Documents that are merged on top, in order, like further `-f` options: objects, or text.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), schema_with = "compose_overrides")]
    pub overrides: Vec<Value>,
    /// Files of the project directory, by relative path: what env_file, configs, secrets, extends, include and
    /// relative binds refer to.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 1000))]
    pub files: BTreeMap<String, String>,
    /// The same for files that are not text, in base64.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 1000))]
    pub binary_files: BTreeMap<String, String>,
    /// Files of the project directory from ConfigMaps and Secrets.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub files_from: Vec<FilesSource>,
    /// Interpolation variables. The operator's own environment is never used.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 1000))]
    pub env: BTreeMap<String, String>,
    /// Interpolation variables from ConfigMaps and Secrets; a later source wins, `env` wins over all. What comes
    /// from a Secret ends up in Secrets only.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub env_from: Vec<EnvSource>,
    /// Active Compose profiles; `*` for all.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub profiles: Vec<String>,
    /// What an attribute that cannot be honoured does: `Fail` stalls the stack and leaves alone what runs, `Warn`
    /// goes on without it.
    #[serde(default)]
    pub unsupported: Unsupported,
    /// Stops reconciliation; what runs keeps running.
    #[serde(default)]
    pub suspend: bool,
    /// Whether objects that left the document are deleted.
    #[serde(default = "enabled")]
    pub prune: bool,
    /// How often the stack is reconciled when nothing happens, such as `1h`; at least `10s`.
    #[serde(default = "interval")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s')").message("at least 10s: changes of the stack and of its objects are seen at once anyway"))]
    pub interval: String,
    /// How long a rollout may take before the stack reports that it does not progress, such as `10m`.
    #[serde(default = "progress_deadline")]
    #[schemars(regex(pattern = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"), length(max = 32))]
    pub progress_deadline: String,
    /// The ServiceAccount of this namespace that reads inputs and applies objects for this stack. It is not the
    /// ServiceAccount of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// How named volumes become PersistentVolumeClaims.
    #[serde(default)]
    pub volumes: VolumeSettings,
    /// How published ports are exposed.
    #[serde(default)]
    pub publish: PublishSettings,
    /// How Compose networks become NetworkPolicies.
    #[serde(default)]
    pub network_policy: NetworkPolicySettings,
    /// Where requests come from when the document reserves nothing.
    #[serde(default)]
    pub resources: ResourceSettings,
    /// The Pod Security level that pods are made to meet.
    #[serde(default)]
    pub security: SecurityLevel,
    /// Whether health checks restart containers too. Docker restarts nothing that is unhealthy, so this is off.
    #[serde(default)]
    pub liveness: bool,
    /// Secrets with credentials of registries.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub image_pull_secrets: Vec<LocalReference>,
    /// How `build` sections are built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildSettings>,
    /// Endpoints of Compose models, by name.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub models: BTreeMap<String, ModelEndpoint>,
    /// Partial objects that are merged onto the workload of a service, by service: `metadata`, `spec`, or
    /// `template`. Lists merge by Kubernetes' keys; null or `$patch: delete` removes (client-side `kubectl apply`
    /// drops null, so prefer the latter). Names, selectors, owners and the operator's own labels stay.
    #[serde(default, deserialize_with = "null_as_absent", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "service_overrides")]
    pub service_overrides: BTreeMap<String, Value>,
}

/// A key of a ConfigMap or of a Secret.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.configMapKeyRef) != has(self.secretKeyRef)").message("set exactly one of configMapKeyRef, secretKeyRef"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySource {
    /// A key of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeyReference>,
    /// A key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeyReference>,
}

/// A key of an object in the stack's namespace.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyReference {
    /// The object's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A ConfigMap or a Secret with files.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.configMapRef) != has(self.secretRef)").message("set exactly one of configMapRef, secretRef"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilesSource {
    /// A ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<FilesReference>,
    /// A Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<FilesReference>,
}

/// An object whose keys are files.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesReference {
    /// The object's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Which keys become which files; every key under its own name when absent.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub items: Vec<FileItem>,
}

/// A key and the file that it becomes.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileItem {
    /// The key.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
    /// The file's path in the project directory.
    #[schemars(length(min = 1, max = 1024))]
    pub path: String,
    /// The file's permission bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511))]
    pub mode: Option<i32>,
}

/// A ConfigMap or a Secret whose keys are variables.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("has(self.configMapRef) != has(self.secretRef)").message("set exactly one of configMapRef, secretRef"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvSource {
    /// A ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<LocalReference>,
    /// A Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalReference>,
}

/// An object of the stack's namespace.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalReference {
    /// The object's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What an attribute that cannot be honoured does.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unsupported {
    /// Stalls the stack.
    #[default]
    Fail,
    /// Becomes a warning.
    Warn,
}

/// How named volumes become PersistentVolumeClaims.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct VolumeSettings {
    /// What happens to claims when the stack is deleted.
    pub reclaim: Reclaim,
    /// The StorageClass of new claims; the cluster's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    /// The size of new claims.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|[mkun])?$"))]
    pub size: String,
    /// The access modes of new claims.
    #[schemars(length(min = 1, max = 4))]
    pub access_modes: Vec<AccessMode>,
    /// Whether new claims hold a file system or are raw devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_mode: Option<VolumeMode>,
}

impl Default for VolumeSettings {
    fn default() -> Self {
        Self {
            reclaim: Reclaim::Retain,
            storage_class_name: None,
            size: "1Gi".to_owned(),
            access_modes: vec![AccessMode::ReadWriteOnce],
            volume_mode: None,
        }
    }
}

/// What happens to claims when the stack is deleted.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reclaim {
    /// They stay, as volumes do after `docker compose down`.
    #[default]
    Retain,
    /// They go, as after `docker compose down --volumes`.
    Delete,
}

/// An access mode of a PersistentVolumeClaim.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessMode {
    /// Pods of one node read and write.
    ReadWriteOnce,
    /// Pods of any node read.
    ReadOnlyMany,
    /// Pods of any node read and write.
    ReadWriteMany,
    /// One pod reads and writes.
    ReadWriteOncePod,
}

/// What a claim's volume is.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VolumeMode {
    /// A file system.
    Filesystem,
    /// A raw device.
    Block,
}

/// How published ports are exposed.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PublishSettings {
    /// The way.
    #[serde(rename = "type")]
    pub kind: PublishType,
    /// The IngressClass, the Gateway (`<name>` or `<namespace>/<name>`), or the load balancer's class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// The host name of the Ingress or HTTPRoute; a domain such as `*.example.com` gives each service a host of its own,
    /// `<service>.example.com`. Labels of Traefik's routers go before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The Secret with the certificate of the Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_secret_name: Option<String>,
    /// Annotations of the published Services, Ingresses or HTTPRoutes.
    #[serde(deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 100))]
    pub annotations: BTreeMap<String, String>,
}

/// A way to expose published ports.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PublishType {
    /// Inside of the cluster only.
    #[default]
    ClusterIP,
    /// On a port of every node.
    NodePort,
    /// By a load balancer.
    LoadBalancer,
    /// By an Ingress.
    Ingress,
    /// By an HTTPRoute of the Gateway API.
    Gateway,
}

/// How Compose networks become NetworkPolicies.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkPolicySettings {
    /// Whether there are any.
    pub mode: NetworkPolicyMode,
    /// Who reaches published ports; everybody when empty.
    #[serde(deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub published_from: Vec<NetworkPolicyPeer>,
    /// Who reaches every port of every service besides the networks' own members.
    #[serde(deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub allow_from: Vec<NetworkPolicyPeer>,
}

/// Whether Compose networks become NetworkPolicies.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkPolicyMode {
    /// Pods talk exactly when Docker would let them.
    #[default]
    Enforce,
    /// Every pod talks to every pod.
    Off,
}

/// Where requests come from when the document reserves nothing.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ResourceSettings {
    /// Requests of containers that reserve nothing, such as `{cpu: 50m, memory: 64Mi}`.
    #[serde(deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 20))]
    pub default_requests: BTreeMap<String, String>,
    /// Requests as a share of the limits, between 0 and 1, such as `0.5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(0(\.[0-9]{1,3})?|1(\.0{1,3})?)$"))]
    pub request_from_limit: Option<String>,
}

/// A Pod Security level.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityLevel {
    /// The strictest.
    Restricted,
    /// Without known ways to escalate privileges.
    Baseline,
    /// What the document says, no more and no less.
    #[default]
    Unset,
}

/// How `build` sections are built.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildSettings {
    /// The registry that images are pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The Secret with the credentials of that registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_secret: Option<LocalReference>,
    /// How images are scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanSettings>,
}

/// How images are scanned.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScanSettings {
    /// The severity from which a vulnerability fails the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
}

/// The severity of a vulnerability.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// Where a model is served.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEndpoint {
    /// The URL.
    #[schemars(length(min = 1, max = 2048))]
    pub endpoint: String,
}

/// The observed state of a Docker Compose application.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComposeStackStatus {
    /// The generation whose outcome is final, be it ready or stalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, and while they hold Reconciling or Stalled (kstatus).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Since when this generation has been under way, while Ready is Unknown: from then on `spec.progressDeadline` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progressing_since: Option<Time>,
    /// A keyed hash of all inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Ready services of all services, such as `3/4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Each service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub services: Vec<ServiceStatus>,
    /// Each named volume.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub volumes: Vec<VolumeStatus>,
    /// What is not honoured to the letter, or not at all; the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// How many warnings there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning_count: Option<i64>,
    /// The objects that were applied, and Secrets that are about to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<InventoryEntry>,
    /// What was read from registries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["image".into()]))]
    pub images: Vec<ImageStatus>,
    /// The last value of the annotation reconcile.compose-operator.dev/requestedAt that was acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// The state of a service.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// The Compose service.
    pub name: String,
    /// The kind of its workload.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Its image.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// The digest that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Wanted pods.
    pub desired: i32,
    /// Ready pods.
    pub ready: i32,
    /// Pending, Waiting, Progressing, Ready, Completed, Failed or RolledBack.
    pub state: String,
    /// What people should know about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The dependencies that it waits for, such as `db: service_healthy`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<String>,
    /// Where its published ports are reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// How its name resolves: VIP or Headless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<String>,
    /// The known vulnerabilities of the images of its current pods, where Trivy Operator has reported them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vulnerabilities: Option<Vulnerabilities>,
}

/// How many vulnerabilities are known of each severity.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Vulnerabilities {
    /// Critical ones.
    pub critical: i64,
    /// High ones.
    pub high: i64,
    /// Medium ones.
    pub medium: i64,
    /// Low ones.
    pub low: i64,
    /// Those whose severity is not known.
    pub unknown: i64,
}

/// The state of a named volume.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeStatus {
    /// The Compose volume.
    pub name: String,
    /// Its PersistentVolumeClaim.
    pub claim: String,
    /// The claim's phase: Pending, Bound or Lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The claim's capacity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<String>,
    /// What happens to the claim when the stack is deleted. Deleting the namespace deletes it in any case.
    pub reclaim_policy: Reclaim,
}

/// Something that is not honoured to the letter, or not at all.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Warning {
    /// The attribute's path, such as `services.web.ports[0].host_ip`.
    pub path: String,
    /// Approximated, Ignored, Rejected, Warning or Error.
    pub level: String,
    /// A word for programs.
    pub reason: String,
    /// What differs and what to do.
    pub message: String,
}

/// An object that was applied.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InventoryEntry {
    /// `<namespace>_<name>_<group>_<kind>`.
    pub id: String,
    /// The API version without the group.
    pub v: String,
    /// What was applied and what the cluster made of it, as keyed hashes: while both are the same, nothing is sent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// What was read from a registry about an image.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageStatus {
    /// The reference as it was asked for.
    pub image: String,
    /// The digest that it had.
    pub digest: String,
    /// When it was last looked up; only of images that are looked up again by time (`pull_policy`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// Why it could not be read; the other fields are empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// The platforms that there is an image for, such as `linux/amd64`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// EXPOSE: ports with their protocols, such as `80/tcp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exposed_ports: Vec<String>,
    /// USER; empty for root.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// ENTRYPOINT.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// CMD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// VOLUME: the paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// WORKDIR.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// STOPSIGNAL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// HEALTHCHECK.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<ImageHealthCheck>,
}

/// The health check of an image; what is absent is Docker's default.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageHealthCheck {
    /// `CMD` with words, or `CMD-SHELL` with one line.
    pub test: Vec<String>,
    /// The pause between checks, such as `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How long one check may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How long after the start failures do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period: Option<String>,
    /// The pause between checks during that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_interval: Option<String>,
    /// Failures in a row until the container is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
}

fn enabled() -> bool {
    true
}

fn interval() -> String {
    "1h".to_owned()
}

fn progress_deadline() -> String {
    "10m".to_owned()
}

fn compose_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true })
}

fn compose_overrides(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 32,
        "items": { "x-kubernetes-preserve-unknown-fields": true }
    })
}

fn service_overrides(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 1000,
        "additionalProperties": { "type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true }
    })
}
