//! What is to be in the cluster for a stack.

use std::fmt;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, PodTemplateSpec, Secret, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};

use super::child::{Child, Object};
use crate::api::v1alpha1::Unsupported;

/// Every object that a stack consists of, and what there is to say about how it was translated.
#[derive(Clone, Default, PartialEq)]
pub struct Plan {
    /// Generated configuration, immutable and named by content.
    pub config_maps: Vec<ConfigMap>,
    /// Generated secrets, immutable and named by content.
    pub secrets: Vec<Secret>,
    /// Claims of named volumes.
    pub claims: Vec<Claim>,
    /// Compose networks.
    pub network_policies: Vec<NetworkPolicy>,
    /// Networks beside the cluster's own, for clusters with Multus.
    pub network_attachments: Vec<DynamicObject>,
    /// In-stack, alias and published Services.
    pub services: Vec<Service>,
    /// Ways in by HTTP, for a controller of Ingresses.
    pub ingresses: Vec<Ingress>,
    /// Ways in by HTTP, for the Gateway API.
    pub http_routes: Vec<DynamicObject>,
    /// Who decides on the number of pods.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// Workloads, each after those that its gates name.
    pub workloads: Vec<Workload>,
    /// What is not honoured to the letter, or not at all, in the order of their paths.
    pub notes: Vec<Note>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
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
            notes,
        } = self;
        // What they hold is for nobody who reads a log.
        let secrets: Vec<_> =
            secrets.iter().map(|secret| secret.metadata.name.as_deref().unwrap_or_default()).collect();
        f.debug_struct("Plan")
            .field("config_maps", config_maps)
            .field("secrets", &secrets)
            .field("claims", claims)
            .field("network_policies", network_policies)
            .field("network_attachments", network_attachments)
            .field("services", services)
            .field("ingresses", ingresses)
            .field("http_routes", http_routes)
            .field("autoscalers", autoscalers)
            .field("workloads", workloads)
            .field("notes", notes)
            .finish()
    }
}

impl Plan {
    /// The objects to apply, in an order in which each comes after what it refers to.
    pub fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        // Without `..`: a new kind of child has to be thought of here.
        let Self {
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
        } = self;
        let claims = claims.iter().filter_map(|claim| claim.object.as_ref());
        let files = config_maps.iter().map(Object::ConfigMap).chain(secrets.iter().map(Object::Secret));
        let attachments = network_attachments.iter().map(Object::NetworkAttachment);
        let networks = network_policies.iter().map(Object::NetworkPolicy).chain(attachments);
        let routes = ingresses.iter().map(Object::Ingress).chain(http_routes.iter().map(Object::HttpRoute));
        let pods = autoscalers.iter().map(Object::Autoscaler);
        let pods = pods.chain(workloads.iter().map(|workload| Object::Workload(&workload.object)));
        let services = services.iter().map(Object::Service);
        files.chain(claims.map(Object::Claim)).chain(networks).chain(services).chain(routes).chain(pods)
    }

    /// The objects of [`Plan::objects`], each ready to be applied.
    ///
    /// # Errors
    /// As [`Child::new`].
    pub fn children(&self) -> impl Iterator<Item = Result<Child, serde_json::Error>> {
        self.objects().map(Object::child)
    }
}

/// The API of HTTPRoutes, which not every cluster has (gateway-api.sigs.k8s.io).
pub fn http_route_api() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"),
        "httproutes",
    )
}

/// The API of networks beside the cluster's own, which not every cluster has (Multus).
pub fn network_attachment_api() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("k8s.cni.cncf.io", "v1", "NetworkAttachmentDefinition"),
        "network-attachment-definitions",
    )
}

/// The claim of a named volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// The volume's key in the Compose file.
    pub volume: String,
    /// The claim's name.
    pub name: String,
    /// The object to apply; none when the volume is external, and the claim has to be there already.
    pub object: Option<PersistentVolumeClaim>,
}

/// The workload of a Compose service, or one schedule of a Compose job.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The Compose service; a job's further schedules have its name with their number.
    pub service: String,
    /// Whether it comes from the file's `jobs`.
    pub is_job: bool,
    /// The image of its container.
    pub image: String,
    /// The object to apply.
    pub object: WorkloadObject,
    /// What has to come first when the workload is created or its pod template changes.
    pub gates: Vec<Gate>,
    /// What its pods need and is not there yet, such as `Secret token of external secret api`: until it is, no pod is
    /// started.
    pub lacks: Vec<String>,
    /// How the service's name resolves, `VIP` or `Headless`; none when it has no Service.
    pub discovery: Option<&'static str>,
    /// The other services whose containers are in its pods.
    pub members: Vec<Member>,
    /// How an update that fails is told and what is done about it; none when it is left to the cluster.
    pub rollout: Option<Rollout>,
}

/// How an update that fails is told and what is done about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// What is done.
    pub on_failure: OnFailure,
    /// The share of the pods that may fail before it is done, from 0 to 1.
    pub max_failure_ratio: f32,
    /// A pod has failed when its program ends within so many seconds.
    pub monitor_seconds: i64,
    /// A pod has failed when it is not ready for so many seconds.
    pub deadline_seconds: i64,
    /// How pods are replaced on the way back.
    pub back: Pace,
}

/// What is done about an update that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The other pods are replaced all the same.
    Continue,
    /// It stops where it is.
    Pause,
    /// The last good pod template comes back.
    Rollback,
}

/// How pods are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many may be there beyond those that are wanted.
    pub max_surge: IntOrString,
    /// How many of those that are wanted may be away.
    pub max_unavailable: IntOrString,
    /// How many seconds a pod has to be ready before it counts; none for 0.
    pub min_ready_seconds: Option<i32>,
}

/// A service that shares the pods of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The Compose service.
    pub service: String,
    /// The name of its container and of its Service.
    pub name: String,
    /// The image of its container.
    pub image: String,
    /// How its name resolves, as [`Workload::discovery`].
    pub discovery: Option<&'static str>,
}

/// The kinds of workloads.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkloadObject {
    /// Replicas that may overlap with those that they replace.
    Deployment(Box<Deployment>),
    /// Replicas of which none starts before the one that it replaces is gone.
    StatefulSet(Box<StatefulSet>),
    /// One pod on each node.
    DaemonSet(Box<DaemonSet>),
    /// Pods that run to completion.
    Job(Box<Job>),
    /// Pods that run to completion, again and again.
    CronJob(Box<CronJob>),
}

/// Something that a workload waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The Compose service that is waited for.
    pub service: String,
    /// What is waited for.
    pub condition: GateCondition,
    /// Whether its failure holds the workload back; if not, the workload then goes ahead with a warning.
    pub required: bool,
}

/// What a gate waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateCondition {
    /// A pod's container was started.
    Started,
    /// All wanted pods are ready.
    Ready,
    /// The Job succeeded.
    Complete,
}

impl GateCondition {
    /// The word that users know, from `depends_on`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Ready => "service_healthy",
            Self::Complete => "service_completed_successfully",
        }
    }
}

/// Something that is not honoured to the letter, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The attribute's path, such as `services.web.ports[0].host_ip`.
    pub path: String,
    /// How much of it is honoured.
    pub level: NoteLevel,
    /// A short, stable word for programs.
    pub reason: &'static str,
    /// What differs and what to do: lower case, no full stop at the end.
    pub message: String,
}

/// How much of an attribute is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteLevel {
    /// It has no meaning in a cluster.
    Ignored,
    /// It works, with a difference.
    Approximated,
    /// It cannot be honoured; going on without it would lie or break. `spec.unsupported: Warn` goes on.
    Rejected,
    /// The translation cannot go on, whatever `spec.unsupported` says.
    Error,
}

impl NoteLevel {
    /// Whether nothing is applied because of it.
    pub fn stops(self, unsupported: Unsupported) -> bool {
        match self {
            Self::Error => true,
            Self::Rejected => unsupported == Unsupported::Fail,
            Self::Approximated | Self::Ignored => false,
        }
    }

    /// The word that users read in `status.warnings[].level`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "Ignored",
            Self::Approximated => "Approximated",
            Self::Rejected => "Rejected",
            Self::Error => "Error",
        }
    }
}

impl WorkloadObject {
    /// The object without its type.
    ///
    /// # Errors
    /// As [`Child::new`].
    pub fn child(&self) -> Result<Child, serde_json::Error> {
        match self {
            Self::Deployment(object) => Child::new(object.as_ref()),
            Self::StatefulSet(object) => Child::new(object.as_ref()),
            Self::DaemonSet(object) => Child::new(object.as_ref()),
            Self::Job(object) => Child::new(object.as_ref()),
            Self::CronJob(object) => Child::new(object.as_ref()),
        }
    }

    /// The template of its pods.
    pub fn template(&self) -> Option<&PodTemplateSpec> {
        match self {
            Self::Deployment(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::StatefulSet(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::DaemonSet(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::Job(object) => object.spec.as_ref().map(|spec| &spec.template),
            Self::CronJob(object) => object.spec.as_ref()?.job_template.spec.as_ref().map(|spec| &spec.template),
        }
    }
}

impl WorkloadObject {
    /// The template of its pods, to change it.
    pub(super) fn template_mut(&mut self) -> Option<&mut PodTemplateSpec> {
        match self {
            Self::Deployment(object) => object.spec.as_mut().map(|spec| &mut spec.template),
            Self::StatefulSet(object) => object.spec.as_mut().map(|spec| &mut spec.template),
            Self::DaemonSet(object) => object.spec.as_mut().map(|spec| &mut spec.template),
            Self::Job(object) => object.spec.as_mut().map(|spec| &mut spec.template),
            Self::CronJob(object) => object.spec.as_mut()?.job_template.spec.as_mut().map(|spec| &mut spec.template),
        }
    }
}

impl Workload {
    /// The path of what it comes from, such as `services.web` or `jobs.backup`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section(), self.service)
    }

    /// The part of the file that it comes from.
    pub(super) fn section(&self) -> &'static str {
        if self.is_job { "jobs" } else { "services" }
    }
}
