//! The objects of a plan, whatever their kind.

use std::fmt;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::Resource;
use kube::core::{ApiResource, DynamicObject};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::plan::{WorkloadObject, http_route_api, network_attachment_api};

/// An object of a plan, as the plan has it.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "each is the kind that it is called by")]
pub enum Object<'p> {
    ConfigMap(&'p ConfigMap),
    Secret(&'p Secret),
    Claim(&'p PersistentVolumeClaim),
    NetworkPolicy(&'p NetworkPolicy),
    NetworkAttachment(&'p DynamicObject),
    Service(&'p Service),
    Ingress(&'p Ingress),
    HttpRoute(&'p DynamicObject),
    Autoscaler(&'p HorizontalPodAutoscaler),
    Workload(&'p WorkloadObject),
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.name()).finish()
    }
}

impl Object<'_> {
    /// The object, ready to be applied.
    ///
    /// # Errors
    /// As [`Child::new`].
    pub fn child(self) -> Result<Child, serde_json::Error> {
        match self {
            Self::ConfigMap(object) => Child::new(object),
            Self::Secret(object) => Child::new(object),
            Self::Claim(object) => Child::new(object),
            Self::NetworkPolicy(object) => Child::new(object),
            Self::NetworkAttachment(object) => Child::untyped(network_attachment_api(), object),
            Self::Service(object) => Child::new(object),
            Self::Ingress(object) => Child::new(object),
            Self::HttpRoute(object) => Child::untyped(http_route_api(), object),
            Self::Autoscaler(object) => Child::new(object),
            Self::Workload(object) => object.child(),
        }
    }

    /// The object's name.
    pub(super) fn name(&self) -> &str {
        let name = match self {
            Self::ConfigMap(object) => &object.metadata.name,
            Self::Secret(object) => &object.metadata.name,
            Self::Claim(object) => &object.metadata.name,
            Self::NetworkPolicy(object) => &object.metadata.name,
            Self::NetworkAttachment(object) | Self::HttpRoute(object) => &object.metadata.name,
            Self::Service(object) => &object.metadata.name,
            Self::Ingress(object) => &object.metadata.name,
            Self::Autoscaler(object) => &object.metadata.name,
            Self::Workload(object) => match object {
                WorkloadObject::Deployment(object) => &object.metadata.name,
                WorkloadObject::StatefulSet(object) => &object.metadata.name,
                WorkloadObject::DaemonSet(object) => &object.metadata.name,
                WorkloadObject::Job(object) => &object.metadata.name,
                WorkloadObject::CronJob(object) => &object.metadata.name,
            },
        };
        name.as_deref().unwrap_or_default()
    }
}

/// As it is applied, with `apiVersion` and `kind`.
impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ConfigMap(object) => object.serialize(serializer),
            Self::Secret(object) => object.serialize(serializer),
            Self::Claim(object) => object.serialize(serializer),
            Self::NetworkPolicy(object) => object.serialize(serializer),
            Self::NetworkAttachment(object) | Self::HttpRoute(object) => object.serialize(serializer),
            Self::Service(object) => object.serialize(serializer),
            Self::Ingress(object) => object.serialize(serializer),
            Self::Autoscaler(object) => object.serialize(serializer),
            Self::Workload(object) => object.serialize(serializer),
        }
    }
}

/// As it is applied, with `apiVersion` and `kind`.
impl Serialize for WorkloadObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Deployment(object) => object.serialize(serializer),
            Self::StatefulSet(object) => object.serialize(serializer),
            Self::DaemonSet(object) => object.serialize(serializer),
            Self::Job(object) => object.serialize(serializer),
            Self::CronJob(object) => object.serialize(serializer),
        }
    }
}

/// An object of a plan, ready to be applied whatever its kind.
#[derive(Clone, PartialEq)]
pub struct Child {
    /// Its API.
    pub resource: ApiResource,
    /// Its name.
    pub name: String,
    /// The object, with `apiVersion` and `kind`.
    pub object: Value,
}

/// What a Secret holds is not shown.
impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object: &dyn fmt::Debug = if self.resource.kind == "Secret" { &"***" } else { &self.object };
        f.debug_struct("Child").field("name", &self.name).field("object", object).finish_non_exhaustive()
    }
}

impl Child {
    /// Erases the type of an object.
    ///
    /// # Errors
    /// When the object cannot be serialised, which a test of each kind excludes.
    pub fn new<K>(object: &K) -> Result<Self, serde_json::Error>
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        Ok(Self {
            resource: ApiResource::erase::<K>(&()),
            name: object.meta().name.clone().unwrap_or_default(),
            object: serde_json::to_value(object)?,
        })
    }

    /// An object whose type is known to the cluster alone.
    ///
    /// # Errors
    /// As [`Child::new`].
    pub fn untyped(resource: ApiResource, object: &DynamicObject) -> Result<Self, serde_json::Error> {
        Ok(Self {
            resource,
            name: object.metadata.name.clone().unwrap_or_default(),
            object: serde_json::to_value(object)?,
        })
    }
}
