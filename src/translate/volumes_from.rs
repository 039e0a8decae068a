//! `volumes_from`: the mounts of another service.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::file_object;
use crate::compose::Project;
use crate::compose::model::{ContainerSpec, Extensions, FileReference, Mount, MountKind, Service};

/// Marks a mount that comes from another service. Such keys have no meaning of their own in a Compose file.
const MARK: &str = "x-volumes-from";

/// The project with the mounts that services take from others among their own.
pub(super) fn with_mounts(project: Cow<'_, Project>) -> Cow<'_, Project> {
    let takes_none = |container: &ContainerSpec| container.volumes_from.is_empty();
    if project.services.values().all(|service| containers(service).all(takes_none)) {
        return project;
    }
    let mut changed = project.clone().into_owned();
    for (key, service) in &mut changed.services {
        let taken = mounts(&project, key, &mut BTreeSet::new());
        put(taken, &mut service.container);
        for hook in &mut service.pre_start {
            let taken = with_taken(&project, &hook.container, &mut BTreeSet::from([key.clone()]));
            put(taken, &mut hook.container);
        }
    }
    Cow::Owned(changed)
}

/// The containers of a service that may mount something: its own, and those that prepare it.
fn containers(service: &Service) -> impl Iterator<Item = &ContainerSpec> {
    std::iter::once(&service.container).chain(service.pre_start.iter().map(|hook| &hook.container))
}

/// The mounts of a service, and of what prepares it.
pub(super) fn of_all_containers(service: &Service) -> impl Iterator<Item = &Mount> {
    containers(service).flat_map(|container| &container.volumes)
}

/// Whether a mount, a config or a secret with these `x-` keys comes from another service.
pub(super) fn is_from_another(extensions: &Extensions) -> bool {
    extensions.contains_key(MARK)
}

/// What is mounted into a container, which Docker takes over all alike: configs and secrets are binds there.
#[derive(Default)]
struct Mounts {
    volumes: Vec<Mount>,
    configs: Vec<FileReference>,
    secrets: Vec<FileReference>,
}

impl Mounts {
    fn has(&self, target: &str) -> bool {
        self.volumes.iter().any(|mount| mount.target == target)
            || self.configs.iter().any(|config| file_object::target_of_config(config) == target)
            || self.secrets.iter().any(|secret| file_object::target_of_secret(secret) == target)
    }
}

fn put(mounts: Mounts, container: &mut ContainerSpec) {
    let Mounts { volumes, configs, secrets } = mounts;
    (container.volumes, container.configs, container.secrets) = (volumes, configs, secrets);
}

/// The mounts of a service with those that it takes from others, of which the first one at a path counts.
fn mounts(project: &Project, key: &str, seen: &mut BTreeSet<String>) -> Mounts {
    let Some(service) = project.services.get(key).filter(|_| seen.insert(key.to_owned())) else {
        return Mounts::default();
    };
    let all = with_taken(project, &service.container, seen);
    seen.remove(key);
    all
}

fn with_taken(project: &Project, container: &ContainerSpec, seen: &mut BTreeSet<String>) -> Mounts {
    let ContainerSpec { volumes, configs, secrets, .. } = container.clone();
    let mut all = Mounts { volumes, configs, secrets };
    for (source, read_only) in sources(container) {
        let Mounts { volumes, configs, secrets } = mounts(project, source, seen);
        for mut mount in volumes {
            // tmpfs are never shared in Docker (moby, "volumes-from").
            if mount.kind == MountKind::Tmpfs || all.has(&mount.target) {
                continue;
            }
            mount.read_only |= read_only;
            mount.extensions.insert(MARK.to_owned(), source.into());
            all.volumes.push(mount);
        }
        for mut config in configs {
            if !all.has(&file_object::target_of_config(&config)) {
                config.extensions.insert(MARK.to_owned(), source.into());
                all.configs.push(config);
            }
        }
        for mut secret in secrets {
            if !all.has(&file_object::target_of_secret(&secret)) {
                secret.extensions.insert(MARK.to_owned(), source.into());
                all.secrets.push(secret);
            }
        }
    }
    all
}

/// The services whose mounts a container takes, and whether it may only read them.
fn sources(container: &ContainerSpec) -> impl Iterator<Item = (&str, bool)> {
    let services = container.volumes_from.iter().filter(|text| !text.starts_with("container:"));
    services.map(|text| {
        let (name, mode) = text.split_once(':').unwrap_or((text, ""));
        (name, mode == "ro")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::generated::Generated;
    use crate::translate::{fixture, mount};

    #[test]
    fn mounts_are_taken_over_any_number_of_services() {
        let text = "services: {a: {image: x, volumes: [{type: volume, source: one, target: /one}, {type: tmpfs, target: \
                    /t}]}, b: {image: x, volumes_from: [a], volumes: [{type: volume, source: two, target: /two}]}, c: \
                    {image: x, volumes_from: [\"b:ro\"], volumes: [{type: volume, source: three, target: /two}]}}\n\
                    volumes: {one: {}, two: {}, three: {}}";
        let project = fixture::project(text);
        let expanded = with_mounts(Cow::Borrowed(&project));
        let mounts: Vec<_> = expanded.services["c"]
            .container
            .volumes
            .iter()
            .map(|mount| {
                (mount.source.as_str(), mount.target.as_str(), mount.read_only, is_from_another(&mount.extensions))
            })
            .collect();
        assert_eq!(mounts, [("three", "/two", false, false), ("one", "/one", true, true)]);
    }

    #[test]
    fn configs_and_secrets_are_taken_too() {
        let text = "services: {a: {image: x, configs: [{source: c}, {source: d, target: /d}], secrets: [{source: s, target: \
                    /run/secrets/s}]}, b: {image: x, volumes_from: [a], volumes: [{type: tmpfs, target: /d}]}}\n\
                    configs: {c: {content: c}, d: {content: d}}\nsecrets: {s: {file: /s}}";
        fixture::with(text, |context, notes| {
            let mut generated = Generated::default();
            let (_, mounted) = mount::mounts(context, &context.units["b"], &mut generated, notes).into_lists();
            let paths: Vec<String> = mounted.unwrap().into_iter().map(|mount| mount.mount_path).collect();
            assert_eq!(paths, ["/c", "/d"]);
            // The secret's file is missing.
            assert_eq!(std::mem::take(notes).summary(), ["secrets.s.file: Error"]);
        });
    }

    #[test]
    fn hooks_take_mounts_too() {
        let text = "services: {a: {image: x, volumes: [{type: volume, source: one, target: /one}]}, b: {image: x, pre_start: \
                    [{image: x, volumes_from: [\"a:ro\"]}, {image: x}]}}\nvolumes: {one: {}}";
        let project = fixture::project(text);
        let expanded = with_mounts(Cow::Borrowed(&project));
        let service = &expanded.services["b"];
        let mounts: Vec<_> = of_all_containers(service)
            .map(|mount| {
                (mount.source.as_str(), mount.target.as_str(), mount.read_only, is_from_another(&mount.extensions))
            })
            .collect();
        assert_eq!(mounts, [("one", "/one", true, true)]);
        assert!(service.container.volumes.is_empty() && service.pre_start[1].container.volumes.is_empty());
    }
}
