//! Labels of what a service's volumes are kept on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Volume, VolumeMount};

use crate::compose::Project;
use crate::compose::model::{MountKind, Service};
use crate::translate::context::Unit;
use crate::translate::notes::Notes;

/// The label for the kind of a service's volumes.
const TYPE_LABEL: &str = "kompose.volume.type";

/// The project with the volumes that a label makes directories of their pods (`emptyDir`) without their names, as Compose
/// writes volumes that nobody keeps.
pub(in crate::translate) fn with_empty_directories(project: Cow<'_, Project>) -> Cow<'_, Project> {
    if !project.services.values().any(|service| has_empty_directories(service)) {
        return project;
    }
    let mut changed = project.into_owned();
    for service in changed.services.values_mut().filter(|service| has_empty_directories(service)) {
        for mount in service.container.volumes.iter_mut().filter(|mount| mount.kind == MountKind::Volume) {
            mount.source.clear();
        }
    }
    Cow::Owned(changed)
}

/// Whether a label asks for empty directories in place of the service's volumes.
pub(in crate::translate) fn has_empty_directories(service: &Service) -> bool {
    service.container.labels.get(TYPE_LABEL).is_some_and(|kind| kind.eq_ignore_ascii_case("emptyDir"))
}

/// Says for which mounts of the service the kind that a label names is another one: the label rules volumes only.
pub(super) fn note_binds(path: &str, service: &Service, notes: &mut Notes) {
    let Some(kind) = service.container.labels.get(TYPE_LABEL) else { return };
    let of_volumes = ["persistentVolumeClaim", "emptyDir"].iter().any(|known| kind.eq_ignore_ascii_case(known));
    if of_volumes && service.container.volumes.iter().any(|mount| mount.kind == MountKind::Bind) {
        notes.approximated(
            format!("{path}.labels.{TYPE_LABEL}"),
            "is not so for binds, which are files of the project or directories of the node: use volumes instead",
        );
    }
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
    fn a_kind_of_volumes_is_not_that_of_binds() {
        let noted = |kind: &str, mount: &str| {
            let text = format!("services: {{a: {{image: x, labels: {{{TYPE_LABEL}: {kind}}}, volumes: [{mount}]}}}}");
            let mut notes = Notes::default();
            note_binds("services.a", &fixture::project(&text).services["a"], &mut notes);
            notes.summary()
        };
        let bind = "{type: bind, source: /srv, target: /d}";
        for kind in ["persistentVolumeClaim", "emptydir"] {
            assert_eq!(noted(kind, bind), ["services.a.labels.kompose.volume.type: Approximated"]);
            assert_eq!(noted(kind, "{type: volume, source: data, target: /d}"), Vec::<String>::new());
        }
        assert_eq!(noted("hostPath", bind), Vec::<String>::new());
    }

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
