//! Named volumes and the claims that keep them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::context::Context;
use super::dns_label;
use super::labels;
use super::notes::Notes;
use super::plan::Claim;
use super::quantity::{Amount, docker_bytes};
use super::{Stack, extension, project_directory, seed, swarm_template, volumes_from};
use crate::api::names::ANNOTATION_SEED;
use crate::api::v1alpha1::{AccessMode, Reclaim, VolumeMode};
use crate::compose::Project;
use crate::compose::model::{MountKind, Service, Volume};

/// The directory of a claim that is mounted: a fresh ext4 holds `lost+found`, and a database refuses a directory
/// that is not empty.
pub(super) const SUB_PATH: &str = "data";

/// kompose's label for the StorageClass of a volume.
const STORAGE_CLASS_LABEL: &str = "kompose.volume.storage-class-name";
/// kompose's label for the label `io.kompose.service` of the PersistentVolume that a volume is bound to.
const SELECTOR_LABEL: &str = "kompose.volume.selector";

/// What a named volume is kept on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Backing {
    /// A claim.
    Claim { name: String, external: bool },
    /// Memory, for driver options `type: tmpfs`.
    Memory { size: Option<i64> },
    /// A share, for driver options `type: nfs`.
    Nfs { server: String, path: String, read_only: bool },
    /// A directory of the node, for driver options `o: bind`.
    HostPath { path: String, read_only: bool },
}

impl Backing {
    pub(super) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory { .. })
    }
}

/// What the volumes that services and their hooks use are kept on, by key.
pub(super) fn backings<'a>(
    project: &'a Project,
    stack: &Stack,
    services: impl Iterator<Item = &'a Service>,
    notes: &mut Notes,
) -> BTreeMap<&'a str, Backing> {
    let mut backings = BTreeMap::new();
    for mount in services.flat_map(volumes_from::of_all_containers) {
        if mount.kind != MountKind::Volume || mount.source.is_empty() || backings.contains_key(mount.source.as_str()) {
            continue;
        }
        let key = mount.source.as_str();
        // The loader refuses a volume that is not declared; the empty one is a claim like any other.
        let backing = match project.volumes.get(key) {
            Some(volume) => backing(project, stack, key, volume, notes),
            None => Backing::Claim { name: claim_name(project, stack, key, ""), external: false },
        };
        backings.insert(key, backing);
    }
    backings
}

fn backing(project: &Project, stack: &Stack, key: &str, volume: &Volume, notes: &mut Notes) -> Backing {
    let path = format!("volumes.{key}");
    let name = claim_name(project, stack, key, &volume.name);
    if swarm_template::is_template(&volume.name) {
        notes.rejected(
            format!("{path}.name"),
            "placeholders of Swarm are not filled in here: a volume is one for all pods, so leave the name out",
        );
    }
    if volume.external {
        return Backing::Claim { name, external: true };
    }
    // What a driver makes of its options, only it knows.
    if has_driver(volume) {
        return Backing::Claim { name, external: false };
    }
    let option = |name: &str| volume.driver_opts.get(name).map_or("", String::as_str);
    let o: Vec<&str> = option("o").split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    let value_of = |name: &str| o.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let read_only = o.contains(&"ro");
    let kept_on = match option("type") {
        "tmpfs" => Some(Backing::Memory { size: value_of("size").and_then(docker_bytes) }),
        "nfs" | "nfs4" => value_of("addr").filter(|server| !server.is_empty()).map(|server| Backing::Nfs {
            server: server.to_owned(),
            path: option("device").trim_start_matches(':').to_owned(),
            read_only,
        }),
        _ if o.contains(&"bind") && option("device").starts_with('/') => {
            Some(Backing::HostPath { path: option("device").to_owned(), read_only })
        }
        _ => None,
    };
    match kept_on {
        // The loader completes a relative path by the project directory, which is on no node.
        Some(Backing::HostPath { path: device, .. }) if project_directory::as_relative(&device).is_some() => {
            notes.error(
                format!("{path}.driver_opts.device"),
                "NotInProject",
                "the project directory is on no node: give an absolute path, or leave out the options for an ordinary \
                 volume",
            );
            return Backing::Claim { name, external: false };
        }
        Some(Backing::Nfs { path: device, .. }) if !device.starts_with('/') => {
            notes.error(
                format!("{path}.driver_opts.device"),
                "Invalid",
                "names no directory of the server: give its absolute path behind a colon, such as `:/srv/data`",
            );
            return Backing::Claim { name, external: false };
        }
        Some(backing) => {
            note_options(&path, &backing, volume, &o, notes);
            return backing;
        }
        None => {}
    }
    for name in volume.driver_opts.keys().filter(|name| *name != "size") {
        notes.rejected(
            format!("{path}.driver_opts.{name}"),
            "only `size`, and the options of tmpfs, nfs and bind volumes are understood: make the volume external and \
             create its PersistentVolumeClaim",
        );
    }
    Backing::Claim { name, external: false }
}

/// Says which options of a mount no pod can have.
fn note_options(path: &str, backing: &Backing, volume: &Volume, o: &[&str], notes: &mut Notes) {
    for word in o {
        let honoured = match (backing, word.split_once('=').unwrap_or((word, ""))) {
            (Backing::Memory { .. }, ("size", size)) => docker_bytes(size).is_some(),
            (_, ("rw", ""))
            | (Backing::Memory { .. }, ("uid" | "gid", "0") | ("mode", "777" | "0777" | "1777" | "01777"))
            | (Backing::Nfs { .. }, ("addr", _) | ("ro", ""))
            | (Backing::HostPath { .. }, ("bind" | "rbind" | "ro", "")) => true,
            _ => false,
        };
        if !honoured {
            let why = match backing {
                Backing::Memory { .. } => "the directory is root's, and everybody may write to it",
                Backing::Nfs { .. } => {
                    "the node decides how it mounts a share: name an external volume whose PersistentVolume has it among \
                     its mountOptions"
                }
                _ => "Kubernetes has no such option of a directory of the node",
            };
            notes.approximated(format!("{path}.driver_opts.o"), format!("`{word}` is not honoured: {why}"));
        }
    }
    for name in volume.driver_opts.keys().filter(|name| !["type", "o", "device"].contains(&name.as_str())) {
        notes.approximated(
            format!("{path}.driver_opts.{name}"),
            "is not honoured: what is kept in memory, on a share or on a node has only `type`, `o` and `device`",
        );
    }
}

/// Whether a volume is to be kept by a driver that Docker Engine has not of its own.
fn has_driver(volume: &Volume) -> bool {
    !matches!(volume.driver.as_str(), "" | "local")
}

/// The claim's name: the one that the file gives, else one that begins with the stack.
fn claim_name(project: &Project, stack: &Stack, key: &str, name: &str) -> String {
    // The loader fills in `<project>_<key>` where the file gives no name.
    if name.is_empty() || swarm_template::is_template(name) || is_default_name(project, key, name) {
        return dns_label::subdomain(&[&stack.name, "-", key].concat());
    }
    dns_label::subdomain(name)
}

/// Whether the name of a volume is the one that it has without one: `<project>_<key>`.
fn is_default_name(project: &Project, key: &str, name: &str) -> bool {
    name.strip_suffix(key).and_then(|rest| rest.strip_suffix('_')) == Some(&*project.name)
}

/// The claims of the volumes in use.
pub(super) fn claims(context: &Context, notes: &mut Notes) -> Vec<Claim> {
    let marks = seed::marks(context);
    context.backings.iter().filter_map(|(key, backing)| of_volume(context, key, backing, &marks, notes)).collect()
}

/// The claim of a volume, unless it is kept on something else. The marks are those of [`seed::marks`].
pub(super) fn of_volume(
    context: &Context,
    key: &str,
    backing: &Backing,
    marks: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> Option<Claim> {
    let Backing::Claim { name, external } = backing else { return None };
    let volume = context.project.volumes.get(key);
    let wanted = volume.map_or("", |volume| volume.name.as_str());
    if *name != wanted
        && !swarm_template::is_template(wanted)
        && !wanted.is_empty()
        && !is_default_name(context.project, key, wanted)
    {
        notes.approximated(
            format!("volumes.{key}.name"),
            format!("the claim is called `{name}`, since `{wanted}` is no name of a Kubernetes object"),
        );
    }
    let object = (!external).then(|| claim(context, key, name, volume, marks.get(name), notes));
    Some(Claim { volume: key.to_owned(), name: name.clone(), object })
}

fn claim(
    context: &Context,
    key: &str,
    name: &str,
    volume: Option<&Volume>,
    mark: Option<&String>,
    notes: &mut Notes,
) -> PersistentVolumeClaim {
    let settings = &context.stack.spec.volumes;
    let mut metadata = labels::stack_metadata(context, name.to_owned());
    // Claims outlive their stack, as volumes outlive `docker compose down`, unless the user asked for the opposite.
    if settings.reclaim == Reclaim::Retain {
        metadata.owner_references = None;
    }
    // Without these, Argo CD reports claims as out of sync and prunes them with the application.
    let mut annotations = BTreeMap::from([
        ("argocd.argoproj.io/compare-options".to_owned(), "IgnoreExtraneous".to_owned()),
        ("argocd.argoproj.io/sync-options".to_owned(), "Prune=false,Delete=false".to_owned()),
    ]);
    if let Some(mark) = mark {
        annotations.insert(ANNOTATION_SEED.to_owned(), mark.clone());
    }
    for (label, value) in volume.iter().flat_map(|volume| &volume.labels) {
        let known = ["kompose.volume.size", STORAGE_CLASS_LABEL, SELECTOR_LABEL].contains(&label.as_str());
        if label.starts_with("kompose.") && !known {
            notes.approximated(
                format!("volumes.{key}.labels.{label}"),
                "is not honoured: kompose has no label of this name for volumes",
            );
        }
        if let Some(problem) = labels::refused(label) {
            notes.ignored(format!("volumes.{key}.labels.{label}"), problem);
        } else {
            annotations.entry(label.clone()).or_insert_with(|| value.clone());
        }
    }
    metadata.annotations = Some(annotations);
    let label = |name: &str| volume.and_then(|volume| volume.labels.get(name)).cloned();
    let of_service = || context.users_of(key).find_map(|unit| unit.kompose.storage_class.clone());
    let selector = label(SELECTOR_LABEL).map(|value| LabelSelector {
        match_labels: Some(BTreeMap::from([("io.kompose.service".to_owned(), value)])),
        ..LabelSelector::default()
    });
    let of_driver = || of_driver(context, volume?);
    let class = volume
        .and_then(extension::storage_class)
        .or_else(|| label(STORAGE_CLASS_LABEL))
        .or_else(of_service)
        .or_else(of_driver)
        .or_else(|| settings.storage_class_name.clone());
    if let Some(volume) = volume.filter(|volume| has_driver(volume)) {
        note_driver(key, volume, class.as_deref(), notes);
    }
    let asked = volume.and_then(extension::size);
    PersistentVolumeClaim {
        metadata,
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(
                access_modes(context, key).into_iter().map(|mode| access_mode(mode).to_owned()).collect(),
            ),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([(
                    "storage".to_owned(),
                    asked.unwrap_or_else(|| size(context, key, volume, notes).canonical()),
                )])),
                ..VolumeResourceRequirements::default()
            }),
            selector,
            storage_class_name: class,
            volume_mode: settings.volume_mode.map(|mode| match mode {
                VolumeMode::Filesystem => "Filesystem".to_owned(),
                VolumeMode::Block => "Block".to_owned(),
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

/// The access modes of a volume's claim; of one that is there already, those that it is taken to have.
pub(super) fn access_modes(context: &Context, key: &str) -> Vec<AccessMode> {
    let of_volume = context.project.volumes.get(key).and_then(extension::access_modes);
    of_volume.unwrap_or_else(|| context.stack.spec.volumes.access_modes.clone())
}

/// The StorageClass that the cluster has for a volume's driver.
fn of_driver(context: &Context, volume: &Volume) -> Option<String> {
    let classes = &context.facts.volume_drivers;
    let driver = volume.driver.as_str();
    classes.get(driver).or_else(|| classes.get(driver.strip_suffix(":latest")?)).cloned()
}

/// Says what keeps the volume instead of the driver.
fn note_driver(key: &str, volume: &Volume, class: Option<&str>, notes: &mut Notes) {
    let (path, driver) = (format!("volumes.{key}"), &volume.driver);
    let options = volume.driver_opts.keys().filter(|option| *option != "size");
    let options = options.map(|option| format!("{path}.driver_opts.{option}"));
    let path = format!("{path}.driver");
    if let Some(class) = class {
        notes.approximated(path, format!("the StorageClass `{class}` keeps the volume, in place of `{driver}`"));
        for path in options {
            notes.approximated(path, format!("is not honoured: the options are those of the StorageClass `{class}`"));
        }
        return;
    }
    notes.rejected(
        path,
        format!(
            "there is no volume driver `{driver}`: name a StorageClass for it by --volume-driver, choose one by \
             spec.volumes.storageClassName, or make the volume external"
        ),
    );
    for path in options {
        notes.rejected(path, "is an option of a driver that is not there: a StorageClass has options of its own");
    }
}

/// The size: the driver's option, in Docker's units; else kompose's label, in Kubernetes'; else the stack's setting.
fn size(context: &Context, key: &str, volume: Option<&Volume>, notes: &mut Notes) -> Amount {
    let sources = volume.into_iter().flat_map(|volume| {
        let option = volume.driver_opts.get("size").map(|text| ("driver_opts.size", text, true));
        let label = volume.labels.get("kompose.volume.size").map(|text| ("labels.kompose.volume.size", text, false));
        [option, label].into_iter().flatten()
    });
    // Drivers of disks count in GiB where no unit is given; Docker Engine, for its own, in bytes.
    let gibibytes = |text: &str| {
        volume.is_some_and(has_driver).then(|| text.parse::<u32>().ok()).flatten().map(|count| i64::from(count) << 30)
    };
    for (attribute, text, docker) in sources {
        let amount = if docker { gibibytes(text).or_else(|| docker_bytes(text)).map(Amount::bytes) } else { None };
        match amount.or_else(|| Amount::parse(text)) {
            Some(amount) => return amount,
            None => notes.error(
                format!("volumes.{key}.{attribute}"),
                "Invalid",
                format!("`{text}` is no size: write it like `10Gi`"),
            ),
        }
    }
    let mut of_services = context.users_of(key).filter_map(|unit| unit.kompose.volume_size.as_deref());
    if let Some(amount) = of_services.find_map(Amount::parse) {
        return amount;
    }
    Amount::parse(&context.stack.spec.volumes.size).unwrap_or_else(|| {
        notes.error("spec.volumes.size", "Invalid", "is no size: write it like `10Gi`");
        Amount::bytes(1 << 30)
    })
}

/// Kubernetes' word for an access mode.
fn access_mode(mode: AccessMode) -> &'static str {
    match mode {
        AccessMode::ReadWriteOnce => "ReadWriteOnce",
        AccessMode::ReadOnlyMany => "ReadOnlyMany",
        AccessMode::ReadWriteMany => "ReadWriteMany",
        AccessMode::ReadWriteOncePod => "ReadWriteOncePod",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    const SERVICE: &str = "services: {db: {image: x, volumes: [{type: volume, source: data, target: /d}]}}\n";

    fn claims_of(volume: &str) -> (Vec<Claim>, Vec<String>) {
        fixture::with(&format!("{SERVICE}volumes: {{data: {volume}}}"), |context, notes| {
            let claims = claims(context, notes);
            (claims, std::mem::take(notes).summary())
        })
    }

    fn size_of(claim: &Claim) -> String {
        let spec = claim.object.clone().unwrap().spec.unwrap();
        spec.resources.unwrap().requests.unwrap()["storage"].0.clone()
    }

    #[test]
    fn a_volume_says_itself_how_it_is_kept() {
        let labels = "labels: {kompose.volume.size: 2Gi, kompose.volume.storage-class-name: slow}";
        let asked = "x-kubernetes: {accessModes: [ReadWriteMany], storageClassName: fast, size: 3Gi}";
        for (volume, mode, class, size) in [
            (format!("{labels}, driver_opts: {{size: 1g}}, {asked}"), "ReadWriteMany", Some("fast"), "3Gi"),
            (labels.to_owned(), "ReadWriteOnce", Some("slow"), "2Gi"),
            ("x-kubernetes: {storageClassName: \"\"}".to_owned(), "ReadWriteOnce", Some(""), "1Gi"),
        ] {
            let (claims, notes) = claims_of(&format!("{{{volume}}}"));
            let spec = claims[0].object.clone().unwrap().spec.unwrap();
            assert_eq!(spec.access_modes.unwrap(), [mode], "{volume}");
            assert_eq!(spec.storage_class_name.as_deref(), class, "{volume}");
            assert_eq!(size_of(&claims[0]), size, "{volume}");
            assert_eq!(notes, Vec::<String>::new(), "{volume}");
        }
    }

    #[test]
    fn a_claim_outlives_its_stack() {
        let (claims, notes) = claims_of("{name: p_data}");
        assert_eq!(claims[0].name, "shop-data");
        let metadata = &claims[0].object.as_ref().unwrap().metadata;
        assert_eq!(metadata.owner_references, None);
        assert!(metadata.annotations.as_ref().unwrap().contains_key("argocd.argoproj.io/sync-options"));
        assert_eq!(size_of(&claims[0]), "1Gi");
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn reclaim_delete_makes_the_stack_the_owner() {
        let text = format!("{SERVICE}volumes: {{data: {{name: p_data}}}}");
        let stack = fixture::stack_with(|spec| spec.volumes.reclaim = Reclaim::Delete);
        fixture::with_stack(&text, &stack, |context, notes| {
            let claims = claims(context, notes);
            assert!(claims[0].object.as_ref().unwrap().metadata.owner_references.is_some());
        });
    }

    #[test]
    fn names_and_sizes_are_the_files_own() {
        let (claims, _) = claims_of("{name: pgdata, driver_opts: {size: 10g}}");
        assert_eq!(claims[0].name, "pgdata");
        assert_eq!(size_of(&claims[0]), "10Gi");
        let (claims, _) = claims_of("{name: p_data, labels: {kompose.volume.size: 2Gi}}");
        assert_eq!(size_of(&claims[0]), "2Gi");
        let (_, notes) = claims_of("{name: p_data, labels: {kompose.volume.size: huge}}");
        assert_eq!(notes, ["volumes.data.labels.kompose.volume.size: Error"]);
    }

    #[test]
    fn labels_of_the_operator_are_its_own() {
        let (claims, notes) = claims_of("{name: p_data, labels: {compose-operator.dev/seed: x, \"a b\": x, own: x}}");
        let metadata = &claims[0].object.as_ref().unwrap().metadata;
        let annotations = metadata.annotations.as_ref().unwrap();
        assert_eq!((annotations.get(ANNOTATION_SEED), annotations.get("own").map(String::as_str)), (None, Some("x")));
        let refused = ["a b", ANNOTATION_SEED].map(|label| format!("volumes.data.labels.{label}: Ignored"));
        assert_eq!(notes, refused);
    }

    #[test]
    fn an_external_volume_is_used_and_not_made() {
        let (claims, _) = claims_of("{name: pgdata, external: true}");
        assert_eq!((claims[0].name.as_str(), claims[0].object.is_none()), ("pgdata", true));
    }

    #[test]
    fn driver_options_choose_the_backing() {
        for (options, backing) in [
            ("{type: tmpfs, device: tmpfs, o: \"size=64m,uid=0\"}", Backing::Memory { size: Some(64 << 20) }),
            (
                "{type: nfs, o: \"addr=10.0.0.1,rw\", device: \":/srv\"}",
                Backing::Nfs { server: "10.0.0.1".to_owned(), path: "/srv".to_owned(), read_only: false },
            ),
            (
                "{type: none, o: \"bind,ro\", device: /srv}",
                Backing::HostPath { path: "/srv".to_owned(), read_only: true },
            ),
        ] {
            let text = format!("{SERVICE}volumes: {{data: {{name: p_data, driver_opts: {options}}}}}");
            fixture::with(&text, |context, notes| {
                assert_eq!(context.backings["data"], backing);
                assert_eq!(std::mem::take(notes).summary(), Vec::<String>::new());
            });
        }
    }

    #[test]
    fn a_share_has_a_directory() {
        for device in ["", ", device: \":\"", ", device: \":srv\""] {
            let (_, notes) = claims_of(&format!("{{driver_opts: {{type: nfs, o: \"addr=10.0.0.1\"{device}}}}}"));
            fixture::with(
                &format!("{SERVICE}volumes: {{data: {{driver_opts: {{type: nfs, o: \"addr=10.0.0.1\"{device}}}}}}}"),
                |context, _| assert!(matches!(context.backings["data"], Backing::Claim { .. }), "{device}"),
            );
            assert_eq!(notes, ["volumes.data.driver_opts.device: Error"], "{device}");
        }
    }

    #[test]
    fn options_that_no_pod_can_have_are_told() {
        for (options, words) in [
            ("{type: tmpfs, device: tmpfs, o: \"size=huge,uid=1000,mode=1777\"}", vec!["size=huge", "uid=1000"]),
            ("{type: nfs, o: \"addr=h,ro,nfsvers=4,soft\", device: \":/srv\"}", vec!["nfsvers=4", "soft"]),
            ("{type: none, o: \"bind,noexec\", device: /srv}", vec!["noexec"]),
        ] {
            let text = format!("{SERVICE}volumes: {{data: {{name: p_data, driver_opts: {options}}}}}");
            fixture::with(&text, |_, notes| {
                let notes = std::mem::take(notes).sorted();
                assert!(notes.iter().all(|note| note.path == "volumes.data.driver_opts.o"), "{notes:?}");
                let told: Vec<_> = notes.iter().map(|note| note.message.split('`').nth(1).unwrap()).collect();
                assert_eq!(told, words, "{options}");
            });
        }
        let (_, notes) = claims_of("{name: p_data, driver_opts: {type: nfs, o: addr=h, device: \":/s\", size: 1g}}");
        assert_eq!(notes, ["volumes.data.driver_opts.size: Approximated"]);
    }

    #[test]
    fn a_driver_is_a_storage_class() {
        let drivers = BTreeMap::from([("rexray/ebs".to_owned(), "gp3".to_owned())]);
        let facts = crate::translate::Facts { volume_drivers: drivers, ..crate::translate::Facts::default() };
        for (volume, class) in [
            ("{name: p_data, driver: \"rexray/ebs:latest\", driver_opts: {size: \"20\", type: nfs}}", Some("gp3")),
            ("{name: p_data, driver: rexray/ebs, labels: {kompose.volume.storage-class-name: slow}}", Some("slow")),
            ("{name: p_data, driver: rexray/efs}", None),
        ] {
            let text = format!("{SERVICE}volumes: {{data: {volume}}}");
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                let spec = claims(context, notes).remove(0).object.unwrap().spec.unwrap();
                assert_eq!(spec.storage_class_name.as_deref(), class, "{volume}");
                let size = spec.resources.unwrap().requests.unwrap()["storage"].0.clone();
                assert_eq!(size, if volume.contains("size") { "20Gi" } else { "1Gi" });
                let noted = std::mem::take(notes).summary();
                let level = if class.is_some() { "Approximated" } else { "Rejected" };
                assert_eq!(noted[0], format!("volumes.data.driver: {level}"), "{volume}");
                assert_eq!(noted.len(), if volume.contains("nfs") { 2 } else { 1 }, "{noted:?}");
            });
        }
    }

    #[test]
    fn unknown_drivers_and_options_are_rejected() {
        let (_, notes) = claims_of("{name: p_data, driver: sshfs, driver_opts: {key: v}}");
        assert_eq!(notes, ["volumes.data.driver: Rejected", "volumes.data.driver_opts.key: Rejected"]);
    }
}
