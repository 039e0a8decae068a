//! What stacks of Swarm say in a way of their own, in the way of Compose: the engine's own networks as `network_mode`, and
//! cluster volumes as claims.

use std::borrow::Cow;

use super::dns_label::is_subdomain;
use crate::compose::Project;
use crate::compose::model::{ContainerSpec, MountKind, Network, Volume};

/// The networks that every engine has, which are modes for Compose.
const OF_THE_ENGINE: [&str; 2] = ["host", "none"];

/// The project in Compose's own words.
pub(super) fn in_compose(project: Cow<'_, Project>) -> Cow<'_, Project> {
    let is_foreign = |container: &ContainerSpec| {
        container.volumes.iter().any(|mount| mount.kind == MountKind::Cluster) || mode(&project, container).is_some()
    };
    if !project.services.values().any(|service| is_foreign(&service.container)) {
        return project;
    }
    let mut changed = project.clone().into_owned();
    for service in changed.services.values_mut() {
        let hooks = service.pre_start.iter_mut().map(|hook| &mut hook.container);
        for container in std::iter::once(&mut service.container).chain(hooks) {
            if let Some(mode) = mode(&project, container) {
                mode.clone_into(&mut container.network_mode);
                container.networks.clear();
            }
            for mount in container.volumes.iter_mut().filter(|mount| mount.kind == MountKind::Cluster) {
                let is_declared = project.volumes.contains_key(&mount.source);
                // A group stands for one of several volumes, which Swarm chooses.
                if !is_declared && !is_subdomain(&mount.source) {
                    continue;
                }
                mount.kind = MountKind::Volume;
                // Swarm copies nothing into what a plugin provides.
                mount.volume.get_or_insert_default().nocopy = true;
                changed.volumes.entry(mount.source.clone()).or_insert_with(|| Volume {
                    name: mount.source.clone(),
                    external: true,
                    ..Volume::default()
                });
            }
        }
    }
    Cow::Owned(changed)
}

/// The mode of a container whose only network is one of the engine's own.
fn mode(project: &Project, container: &ContainerSpec) -> Option<&'static str> {
    let mut networks = container.networks.keys();
    match (networks.next(), networks.next()) {
        (Some(key), None) => of_the_engine(project.networks.get(key)?),
        _ => None,
    }
}

/// Which of the engine's own networks a network is.
pub(super) fn of_the_engine(network: &Network) -> Option<&'static str> {
    let name = if network.external { &network.name } else { &network.driver };
    OF_THE_ENGINE.into_iter().find(|own| own == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    #[test]
    fn networks_of_the_engine_are_modes() {
        let project = fixture::project(
            "services: {a: {image: x, networks: {h: {aliases: [b]}}}, b: {image: x, networks: {n: null}}, c: {image: x, networks: \
             {h: null, d: null}}, d: {image: x, networks: {d: null}}}\n\
             networks: {h: {external: true, name: host}, n: {driver: none}, d: {}}",
        );
        let changed = in_compose(Cow::Borrowed(&project));
        let mode = |service: &str| changed.services[service].container.network_mode.as_str();
        assert_eq!(["a", "b", "c", "d"].map(mode), ["host", "none", "", ""]);
        assert!(changed.services["a"].container.networks.is_empty());
        assert_eq!(changed.services["c"].container.networks.len(), 2);
    }

    #[test]
    fn cluster_volumes_are_claims() {
        let project = fixture::project(
            "services: {a: {image: x, volumes: [{type: cluster, source: disk, target: /a}, {type: cluster, source: \
             \"group:x\", target: /b}, {type: cluster, source: own, target: /c}]}}\nvolumes: {own: {name: p_own}}",
        );
        let changed = in_compose(Cow::Borrowed(&project));
        let mounts = &changed.services["a"].container.volumes;
        let kinds: Vec<_> = mounts.iter().map(|mount| mount.kind).collect();
        assert_eq!(kinds, [MountKind::Volume, MountKind::Cluster, MountKind::Volume]);
        assert!(mounts[0].volume.as_ref().is_some_and(|volume| volume.nocopy));
        assert!(changed.volumes["disk"].external && !changed.volumes["own"].external);
        assert_eq!(changed.volumes.len(), 2);
    }

    #[test]
    fn what_is_composes_own_stays() {
        let project = fixture::project("services: {a: {image: x, networks: {d: null}}}\nnetworks: {d: {}}");
        assert!(matches!(in_compose(Cow::Borrowed(&project)), Cow::Borrowed(_)));
    }
}
