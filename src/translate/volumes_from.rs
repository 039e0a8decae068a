//! `volumes_from`: the mounts of another service.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::compose::Project;
use crate::compose::model::{Mount, MountKind, Service};

/// Marks a mount that comes from another service. Such keys have no meaning of their own in a Compose file.
const MARK: &str = "x-volumes-from";

/// The project with the mounts that services take from others among their own.
pub(super) fn with_mounts(project: Cow<'_, Project>) -> Cow<'_, Project> {
    if project.services.values().all(|service| service.container.volumes_from.is_empty()) {
        return project;
    }
    let mut changed = project.clone().into_owned();
    for (key, service) in &mut changed.services {
        service.container.volumes = mounts(&project, key, &mut BTreeSet::new());
    }
    Cow::Owned(changed)
}

/// Whether the mount comes from another service.
pub(super) fn is_from_another(mount: &Mount) -> bool {
    mount.extensions.contains_key(MARK)
}

/// The mounts of a service with those that it takes from others, of which the first one at a path counts.
fn mounts(project: &Project, key: &str, seen: &mut BTreeSet<String>) -> Vec<Mount> {
    let Some(service) = project.services.get(key).filter(|_| seen.insert(key.to_owned())) else { return Vec::new() };
    let mut list = service.container.volumes.clone();
    for (source, read_only) in sources(service) {
        for mut mount in mounts(project, source, seen) {
            // tmpfs are never shared in Docker (moby, "volumes-from").
            if mount.kind == MountKind::Tmpfs || list.iter().any(|other| other.target == mount.target) {
                continue;
            }
            mount.read_only |= read_only;
            mount.extensions.insert(MARK.to_owned(), source.into());
            list.push(mount);
        }
    }
    seen.remove(key);
    list
}

/// The services whose mounts a service takes, and whether it may only read them.
fn sources(service: &Service) -> impl Iterator<Item = (&str, bool)> {
    let services = service.container.volumes_from.iter().filter(|text| !text.starts_with("container:"));
    services.map(|text| {
        let (name, mode) = text.split_once(':').unwrap_or((text, ""));
        (name, mode == "ro")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

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
            .map(|mount| (mount.source.as_str(), mount.target.as_str(), mount.read_only, is_from_another(mount)))
            .collect();
        assert_eq!(mounts, [("three", "/two", false, false), ("one", "/one", true, true)]);
    }
}
