//! What the model shows of itself in `Debug`: the name of the type, and no value.
//!
//! A value that came from a Secret may be in any attribute, and which of them have one is known to the project alone: a
//! service that is printed by itself cannot tell.

use std::fmt;

use super::{
    BindOptions, BlkioConfig, Build, ContainerSpec, CredentialSpec, Deploy, Develop, DevelopTrigger, DeviceMapping,
    DeviceRequest, DiscreteResource, EnvFile, Extends, FileObject, FileReference, GenericResource, HealthCheck, Hook,
    Hosts, ImageOptions, Ipam, IpamPool, Job, Logging, Model, Mount, Network, Placement, PlacementPreference, Port,
    PreStartHook, Provider, Resource, Resources, RestartPolicy, Schedule, Service, ServiceDependency, ServiceModel,
    ServiceNetwork, SshKey, ThrottleDevice, TmpfsOptions, Triggers, UpdateConfig, Volume, VolumeOptions, WeightDevice,
    WorkloadSpec,
};

macro_rules! without_values {
    ($($name:ident),* $(,)?) => {
        $(
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_struct(stringify!($name)).finish_non_exhaustive()
                }
            }
        )*
    };
}

without_values! {
    BindOptions, BlkioConfig, Build, ContainerSpec, CredentialSpec, Deploy, Develop, DevelopTrigger, DeviceMapping,
    DeviceRequest, DiscreteResource, EnvFile, Extends, FileObject, FileReference, GenericResource, HealthCheck, Hook,
    Hosts, ImageOptions, Ipam, IpamPool, Job, Logging, Model, Mount, Network, Placement, PlacementPreference, Port,
    PreStartHook, Provider, Resource, Resources, RestartPolicy, Schedule, Service, ServiceDependency, ServiceModel,
    ServiceNetwork, SshKey, ThrottleDevice, TmpfsOptions, Triggers, UpdateConfig, Volume, VolumeOptions,
    WeightDevice, WorkloadSpec,
}
