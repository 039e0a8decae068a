//! Labels of what a service's volumes are kept on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Volume, VolumeMount};

use crate::compose::Project;
use crate::compose::model::{MountKind, Service};
use crate::translate::context::Unit;

/// The label for the kind of a service's volumes.
const TYPE_LABEL: &str = "kompose.volume.type";

/// The project with the volumes that a label makes directories of their pods (`emptyDir`) without their names, as Compose
/// writes volumes that nobody keeps.
pub(in crate::translate) fn with_empty_directories(project: Cow<'_, Project>) -> Cow<'_, Project> {
    let is_empty = |service: &Service| {
        service.container.labels.get(TYPE_LABEL).is_some_and(|kind| kind.eq_ignore_ascii_case("emptyDir"))
    };
    if !project.services.values().any(|service| is_empty(service)) {
        return project;
    }
    let mut changed = project.into_owned();
    for service in changed.services.values_mut().filter(|service| is_empty(service)) {
        for mount in service.container.volumes.iter_mut().filter(|mount| mount.kind == MountKind::Volume) {
            mount.source.clear();
        }
    }
    Cow::Owned(changed)
}

/// The mounts of claims, one directory further down if a label says so.
pub(in crate::translate) fn sub_paths(unit: &Unit, volumes: &[Volume], mounts: &mut [VolumeMount]) {
    let Some(path) = unit.kompose.sub_path.as_ref().filter(|path| !path.is_empty()) else { return };
    let claims: BTreeMap<&str, bool> =
        volumes.iter().map(|volume| (volume.name.as_str(), volume.persistent_volume_claim.is_some())).collect();
    for mount in mounts.iter_mut().filter(|mount| claims.get(mount.name.as_str()) == Some(&true)) {
        let below = mount.sub_path.take().map_or_else(|| path.clone(), |sub_path| format!("{sub_path}/{path}"));
        mount.sub_path = Some(below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    #[test]
    fn volumes_of_a_pod_have_no_names() {
        let volume = "volumes: [{type: volume, source: data, target: /d}]";
        let project = fixture::project(&format!(
            "services: {{a: {{image: x, labels: {{{TYPE_LABEL}: EmptyDir}}, {volume}}}, b: {{image: x, {volume}}}}}\nvolumes: \
             {{data: {{}}}}"
        ));
        let changed = with_empty_directories(Cow::Borrowed(&project));
        let source = |service: &str| changed.services[service].container.volumes[0].source.as_str();
        assert_eq!((source("a"), source("b")), ("", "data"));
    }
}
