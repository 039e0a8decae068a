//! The kinds of objects that stacks consist of.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::core::ApiResource;

use crate::api::names::{LABEL_MANAGED_BY, LABEL_STACK, MANAGED_BY};
use crate::translate::{http_route_api, network_attachment_api};

/// A kind of objects that are applied, or (pods) only watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1 ConfigMap`.
    ConfigMap,
    /// `v1 Secret`.
    Secret,
    /// `v1 PersistentVolumeClaim`.
    PersistentVolumeClaim,
    /// `networking.k8s.io/v1 NetworkPolicy`.
    NetworkPolicy,
    /// `k8s.cni.cncf.io/v1 NetworkAttachmentDefinition`, where it is served.
    NetworkAttachmentDefinition,
    /// `v1 Service`.
    Service,
    /// `networking.k8s.io/v1 Ingress`.
    Ingress,
    /// `gateway.networking.k8s.io/v1 HTTPRoute`, where it is served.
    HttpRoute,
    /// `autoscaling/v2 HorizontalPodAutoscaler`.
    HorizontalPodAutoscaler,
    /// `apps/v1 Deployment`.
    Deployment,
    /// `apps/v1 StatefulSet`.
    StatefulSet,
    /// `apps/v1 DaemonSet`.
    DaemonSet,
    /// `batch/v1 Job`.
    Job,
    /// `batch/v1 CronJob`.
    CronJob,
    /// `v1 Pod`: made by the cluster for the workloads, never by the operator.
    Pod,
}

impl Kind {
    /// Every kind, in the order in which they are applied.
    pub const ALL: [Self; 15] = [
        Self::ConfigMap,
        Self::Secret,
        Self::PersistentVolumeClaim,
        Self::NetworkPolicy,
        Self::NetworkAttachmentDefinition,
        Self::Service,
        Self::Ingress,
        Self::HttpRoute,
        Self::HorizontalPodAutoscaler,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::Pod,
    ];

    /// The kinds that not every cluster serves.
    pub const OPTIONAL: [Self; 2] = [Self::NetworkAttachmentDefinition, Self::HttpRoute];

    /// The kinds that run a service's containers.
    pub const WORKLOADS: [Self; 5] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Job, Self::CronJob];

    /// The API that serves it.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::PersistentVolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::NetworkAttachmentDefinition => network_attachment_api(),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::Ingress => ApiResource::erase::<Ingress>(&()),
            Self::HttpRoute => http_route_api(),
            Self::HorizontalPodAutoscaler => ApiResource::erase::<HorizontalPodAutoscaler>(&()),
            Self::Deployment => ApiResource::erase::<Deployment>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
            Self::Job => ApiResource::erase::<Job>(&()),
            Self::CronJob => ApiResource::erase::<CronJob>(&()),
            Self::Pod => ApiResource::erase::<Pod>(&()),
        }
    }

    /// The name that users know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::NetworkAttachmentDefinition => "NetworkAttachmentDefinition",
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Pod => "Pod",
        }
    }

    /// Its API group; empty for the core.
    pub fn group(self) -> &'static str {
        match self {
            Self::ConfigMap | Self::Secret | Self::PersistentVolumeClaim | Self::Service | Self::Pod => "",
            Self::NetworkPolicy | Self::Ingress => "networking.k8s.io",
            Self::NetworkAttachmentDefinition => "k8s.cni.cncf.io",
            Self::HttpRoute => "gateway.networking.k8s.io",
            Self::HorizontalPodAutoscaler => "autoscaling",
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps",
            Self::Job | Self::CronJob => "batch",
        }
    }

    /// The kind with this group and name, if a stack may hold it.
    pub fn find(group: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.group() == group && known.as_str() == kind)
    }

    /// The label selector of its watch. Pods are told by the stack alone: what a person puts into a pod template
    /// by an override may not hide them. Claims of external volumes have no label of ours, so all are watched.
    pub fn selector(self) -> Option<String> {
        match self {
            Self::Pod => Some(LABEL_STACK.to_owned()),
            Self::PersistentVolumeClaim => None,
            _ => Some(format!("{LABEL_MANAGED_BY}={MANAGED_BY}")),
        }
    }

    /// Whether it runs a service's containers.
    pub fn is_workload(self) -> bool {
        Self::WORKLOADS.contains(&self)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
