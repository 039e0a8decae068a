//! Mounts: the volumes of a pod and where its container sees them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, HostPathVolumeSource, ImageVolumeSource, NFSVolumeSource, PersistentVolumeClaimVolumeSource,
    Volume, VolumeMount,
};

use super::claim::{Backing, SUB_PATH};
use super::context::{Context, Unit};
use super::dns_label::{MAX_LABEL, hash, label, shorten, slug};
use super::generated::Generated;
use super::notes::Notes;
use super::quantity::{Amount, docker_bytes};
use super::{file_object, file_reference, kompose, project_directory, project_file, swarm_template, volumes_from};
use crate::compose::model::{BindOptions, Mount, MountKind, VolumeOptions};

/// What differs where Docker has one host.
const OF_THE_NODE: &str = "is the directory of the node that the pod happens to run on; each node has its own";

/// The mounts of a service, gathered one by one.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    /// In boxes: a tree has room for eleven of what takes four kilobytes.
    volumes: BTreeMap<String, Box<Volume>>,
    mounts: BTreeMap<String, (VolumeMount, String)>,
}

impl Mounts {
    /// Adds a mount of a volume; equal volumes are one.
    pub(super) fn add(&mut self, volume: Volume, mut mount: VolumeMount, path: &str, notes: &mut Notes) {
        mount.name.clone_from(&volume.name);
        if !mount.mount_path.starts_with('/') || mount.mount_path.contains(':') {
            notes.rejected(
                path,
                format!(
                    "`{}` is no place in the container: expected an absolute path without a colon",
                    mount.mount_path
                ),
            );
            return;
        }
        if let Some((_, other)) = self.mounts.get(&mount.mount_path) {
            notes.rejected(
                path,
                format!("`{}` is the target of {other} already: a path has one mount", mount.mount_path),
            );
            return;
        }
        self.volumes.insert(volume.name.clone(), Box::new(volume));
        self.mounts.insert(mount.mount_path.clone(), (mount, path.to_owned()));
    }

    /// The volumes by name and the mounts by path: their order in the file has no meaning, and a new order would
    /// restart pods.
    pub(super) fn into_lists(self) -> (Option<Vec<Volume>>, Option<Vec<VolumeMount>>) {
        let volumes: Vec<_> = self.volumes.into_values().map(|volume| *volume).collect();
        let mounts: Vec<_> = self.mounts.into_values().map(|(mount, _)| mount).collect();
        ((!volumes.is_empty()).then_some(volumes), (!mounts.is_empty()).then_some(mounts))
    }
}

/// The name of a pod's volume: its kind and what tells it apart.
pub(super) fn volume_name(kind: &str, what: &str) -> String {
    let plain = format!("{kind}-{what}");
    if what.starts_with('/') || what.contains(['/', ':']) {
        return format!("{}-{}", shorten(&slug(&plain), MAX_LABEL - 7), hash(what));
    }
    label(&plain, MAX_LABEL)
}

/// All mounts of a service.
pub(super) fn mounts(context: &Context, unit: &Unit, generated: &mut Generated, notes: &mut Notes) -> Mounts {
    let mut mounts = Mounts::default();
    let container = &unit.service.container;
    for (index, mount) in container.volumes.iter().enumerate() {
        let path = unit.mount_path(index);
        let Some(mount) = filled(context, unit, mount, &path, notes) else { continue };
        let mount = mount.as_ref();
        match mount.kind {
            MountKind::Volume if mount.source.is_empty() && volumes_from::is_from_another(&mount.extensions) => notes
                .rejected(
                    path,
                    format!(
                        "the volume at {} lives as long as the other service's pod: give it a name to share it",
                        mount.target
                    ),
                ),
            MountKind::Volume if mount.source.is_empty() => anonymous(context, unit, mount, &path, &mut mounts, notes),
            MountKind::Volume => named(context, mount, &path, &mut mounts, notes),
            MountKind::Bind => bind(context, unit, mount, &path, generated, &mut mounts, notes),
            MountKind::Tmpfs => {
                let options = mount.tmpfs.clone().unwrap_or_default();
                if !matches!(options.mode, 0 | 0o777 | 0o1777) {
                    notes.approximated(
                        format!("{path}.tmpfs.mode"),
                        "is not honoured: everybody may write to the directory",
                    );
                }
                memory(&mount.target, bytes(options.size.0), mount.read_only, &path, &mut mounts, notes);
            }
            MountKind::Image => image(context, mount, &path, &mut mounts, notes),
            MountKind::Npipe => notes.rejected(path, "named pipes of Windows cannot be mounted"),
            MountKind::Cluster => notes.rejected(
                path,
                "a group of volumes is Swarm's: name one volume, which is a PersistentVolumeClaim here",
            ),
        }
    }
    for (index, text) in container.tmpfs.iter().enumerate() {
        tmpfs(text, &format!("{}.tmpfs[{index}]", unit.path), &mut mounts, notes);
    }
    if container.shm_size.0 > 0 {
        let path = format!("{}.shm_size", unit.path);
        memory("/dev/shm", bytes(container.shm_size.0), false, &path, &mut mounts, notes);
    }
    file_object::mounts(context, unit, generated, &mut mounts, notes);
    note_other_sources(unit, notes);
    mounts
}

/// The mount with Swarm's placeholders filled in; none when they differ from pod to pod.
fn filled<'m>(
    context: &Context,
    unit: &Unit,
    mount: &'m Mount,
    path: &str,
    notes: &mut Notes,
) -> Option<Cow<'m, Mount>> {
    if !swarm_template::is_template(&mount.source) && !swarm_template::is_template(&mount.target) {
        return Some(Cow::Borrowed(mount));
    }
    let mut filled = mount.clone();
    for (attribute, text) in [("source", &mut filled.source), ("target", &mut filled.target)] {
        match swarm_template::constant(context, unit, text) {
            Ok(constant) => *text = constant,
            Err(problem) => {
                notes.rejected(format!("{path}.{attribute}"), problem);
                return None;
            }
        }
    }
    Some(Cow::Owned(filled))
}

/// What `volumes_from` names and nobody can mount here.
fn note_other_sources(unit: &Unit, notes: &mut Notes) {
    for (index, text) in unit.service.container.volumes_from.iter().enumerate() {
        let path = format!("{}.volumes_from[{index}]", unit.path);
        if text.starts_with("container:") {
            notes.rejected(path, "a container that is no service of this file has no volumes here: mount them by name");
        }
    }
}

fn named(context: &Context, mount: &Mount, path: &str, mounts: &mut Mounts, notes: &mut Notes) {
    let options = mount.volume.clone().unwrap_or_default();
    let subpath = options.subpath.trim_matches('/');
    let mut read_only = mount.read_only;
    let mut volume = Volume { name: volume_name("volume", &mount.source), ..Volume::default() };
    let mut sub_path = (!subpath.is_empty()).then(|| subpath.to_owned());
    match context.backings.get(mount.source.as_str()) {
        Some(Backing::Claim { name, external }) => {
            volume.persistent_volume_claim =
                Some(PersistentVolumeClaimVolumeSource { claim_name: name.clone(), read_only: None });
            // A claim of somebody else's is mounted as it is: its content lies at its root.
            if !external {
                sub_path = Some(sub_path.map_or_else(|| SUB_PATH.to_owned(), |path| format!("{SUB_PATH}/{path}")));
                if !options.nocopy && context.facts.operator_image.is_none() {
                    notes.approximated(
                        path,
                        "a new volume is empty: what the image holds at this path is not copied into it, for the \
                         operator was not told its own image (--operator-image)",
                    );
                }
            }
        }
        Some(Backing::Memory { size }) => {
            volume.empty_dir = Some(memory_source(*size));
            notes.approximated(path, "is memory of each pod by itself: pods do not share it");
        }
        Some(Backing::Nfs { server, path: directory, read_only: everywhere }) => {
            read_only |= everywhere;
            // Whether a share is read-only is said by each mount.
            volume.nfs = Some(NFSVolumeSource { server: server.clone(), path: directory.clone(), read_only: None });
            note_unseeded(&options, path, notes);
        }
        Some(Backing::HostPath { path: directory, read_only: everywhere }) => {
            read_only |= everywhere;
            volume.host_path = Some(HostPathVolumeSource { path: directory.clone(), type_: None });
            notes.approximated(path, OF_THE_NODE);
            note_unseeded(&options, path, notes);
        }
        None => return,
    }
    let mount = VolumeMount { sub_path, ..at(&mount.target, read_only) };
    mounts.add(volume, mount, path, notes);
}

/// Docker fills any new volume that is mounted as a whole.
fn note_unseeded(options: &VolumeOptions, path: &str, notes: &mut Notes) {
    if !options.nocopy && options.subpath.is_empty() {
        notes.approximated(path, "what the image holds at this path is not copied into the volume when it is empty");
    }
}

fn anonymous(context: &Context, unit: &Unit, mount: &Mount, path: &str, mounts: &mut Mounts, notes: &mut Notes) {
    if is_left_to_the_image(context, unit, mount) {
        notes.approximated(
            path,
            "is no volume: the container has what its image holds at this path, as Docker copies it, but begins with it \
             anew whenever it is started again; name the volume to keep its content",
        );
        return;
    }
    notes.approximated(
        path,
        "is a directory that lives as long as its pod, and empty at first: name the volume to keep its content",
    );
    let volume = Volume {
        name: volume_name("anonymous", &mount.target),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    mounts.add(volume, at(&mount.target, mount.read_only), path, notes);
}

/// Whether an anonymous volume only keeps a path of the image from being hidden by the build context, which is bound above
/// it and is not here: an empty directory would hide what Docker copies into the volume. Anywhere else, nobody knows
/// whether the image has the path at all, and a program finds the directory in Docker.
fn is_left_to_the_image(context: &Context, unit: &Unit, mount: &Mount) -> bool {
    let container = &unit.service.container;
    let is_above = |target: &str| Path::new(&mount.target).starts_with(target);
    let (contexts, others): (Vec<&Mount>, Vec<&Mount>) = container
        .volumes
        .iter()
        .filter(|other| *other != mount && is_above(&other.target))
        .partition(|other| file_reference::is_bound_context(unit.service, other));
    let in_memory = container.tmpfs.iter().any(|text| is_above(text.split(':').next().unwrap_or(text)));
    // What prepares each replica writes to the same directory; it is no service itself, but of one.
    let service = context.units.get(unit.key).map_or(unit.service, |unit| unit.service);
    let is_shared = service.pre_start.iter().any(|hook| hook.per_replica);
    let is_writable = !container.read_only && !mount.read_only;
    !contexts.is_empty()
        && others.is_empty()
        && !in_memory
        && !is_shared
        && is_writable
        && !kompose::has_empty_directories(unit.service)
}

fn bind(
    context: &Context,
    unit: &Unit,
    mount: &Mount,
    path: &str,
    generated: &mut Generated,
    mounts: &mut Mounts,
    notes: &mut Notes,
) {
    let source = mount.source.trim_end_matches('/');
    if project_directory::as_relative(source).is_some() {
        project_file::mount(context, unit, mount, path, generated, mounts, notes);
        return;
    }
    if source.ends_with("/docker.sock") {
        notes.rejected(path, "a cluster has no Docker engine to talk to");
        return;
    }
    if is_of_windows(&mount.source) {
        notes.rejected(
            path,
            format!("`{}` is a path of Windows, and on no node of Linux: mount a volume", mount.source),
        );
        return;
    }
    if !mount.source.starts_with('/') {
        notes.error(
            path,
            "NotInProject",
            format!("`{}` is a path of the machine that the file was written on: give an absolute path", mount.source),
        );
        return;
    }
    let options = mount.bind.clone().unwrap_or_default();
    let mut volume_mount = at(&mount.target, mount.read_only);
    bind_options(&options, &mut volume_mount, path, notes);
    // Without a type, the runtime creates a directory where nothing is, and takes a file where one is: as Docker does.
    let source = if source.is_empty() { "/" } else { source };
    let volume = Volume {
        name: volume_name("host", source),
        host_path: Some(HostPathVolumeSource { path: source.to_owned(), type_: None }),
        ..Volume::default()
    };
    notes.approximated(path, OF_THE_NODE);
    mounts.add(volume, volume_mount, path, notes);
}

/// Whether a path begins with a drive, as in `C:\\data`, or with a backslash.
fn is_of_windows(path: &str) -> bool {
    let mut characters = path.chars();
    match (characters.next(), characters.next()) {
        (Some('\\'), _) => true,
        (Some(drive), Some(':')) => drive.is_ascii_alphabetic(),
        _ => false,
    }
}

fn bind_options(options: &BindOptions, mount: &mut VolumeMount, path: &str, notes: &mut Notes) {
    match options.propagation.as_str() {
        "" | "private" | "rprivate" => {}
        "slave" | "rslave" => mount.mount_propagation = Some("HostToContainer".to_owned()),
        "shared" | "rshared" => mount.mount_propagation = Some("Bidirectional".to_owned()),
        other => notes.rejected(
            format!("{path}.bind.propagation"),
            format!("`{other}` is not known: use rprivate, rslave or rshared"),
        ),
    }
    match options.recursive.as_str() {
        "readonly" if mount.read_only == Some(true) => mount.recursive_read_only = Some("Enabled".to_owned()),
        "" | "enabled" | "writable" => {}
        _ => notes.approximated(format!("{path}.bind.recursive"), "mounts below the path are mounted as well"),
    }
    if !options.create_host_path {
        notes.approximated(
            format!("{path}.bind.create_host_path"),
            "container runtimes create a missing directory of the node in any case",
        );
    }
}

/// `services.*.tmpfs`: a path, with options after a colon.
fn tmpfs(text: &str, path: &str, mounts: &mut Mounts, notes: &mut Notes) {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let mut size = None;
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=').unwrap_or((option, "")) {
            ("size", value) => match docker_bytes(value) {
                Some(bytes) => size = Some(bytes),
                None => notes.rejected(path, format!("`{value}` is no size that a cluster knows: write it like `64m`")),
            },
            ("ro", "") => read_only = true,
            ("rw" | "exec" | "suid" | "dev", "")
            | ("mode", "777" | "0777" | "1777" | "01777")
            | ("uid" | "gid", "0") => {}
            ("mode" | "uid" | "gid", _) => notes.approximated(
                path,
                format!("`{option}` is not honoured: the directory is root's, and everybody may write to it"),
            ),
            ("noexec", "") => notes.approximated(
                path,
                "`noexec` is not honoured: programs can be started from the directory, as nodes mount it",
            ),
            _ => notes
                .approximated(path, format!("`{option}` is not honoured: Kubernetes has no such option of a mount")),
        }
    }
    memory(target, size, read_only, path, mounts, notes);
}

fn memory(target: &str, size: Option<i64>, read_only: bool, path: &str, mounts: &mut Mounts, notes: &mut Notes) {
    let volume =
        Volume { name: volume_name("tmpfs", target), empty_dir: Some(memory_source(size)), ..Volume::default() };
    mounts.add(volume, at(target, read_only), path, notes);
}

fn image(context: &Context, mount: &Mount, path: &str, mounts: &mut Mounts, notes: &mut Notes) {
    if mount.source.is_empty() {
        notes.rejected(format!("{path}.source"), "is empty: name the image, or the service whose image it is");
        return;
    }
    match context.facts.image_volumes {
        Some(true) => {}
        Some(false) => {
            notes.rejected(
                path,
                "is an image, which the cluster cannot mount: copy its files into a named volume, or upgrade the cluster \
                 to Kubernetes 1.35",
            );
            return;
        }
        None => notes.approximated(
            path,
            "needs a cluster with image volumes (Kubernetes 1.35, or the feature gate ImageVolume)",
        ),
    }
    // The source may be a service, whose image is meant (Compose Specification, "volumes").
    let reference =
        context.units.get(mount.source.as_str()).map_or(mount.source.as_str(), |u| &u.service.container.image);
    let volume = Volume {
        name: volume_name("image", reference),
        image: Some(ImageVolumeSource {
            reference: Some(reference.to_owned()),
            pull_policy: Some("IfNotPresent".to_owned()),
        }),
        ..Volume::default()
    };
    let subpath = mount.image.as_ref().map_or("", |image| image.subpath.trim_matches('/'));
    let mut volume_mount = at(&mount.target, true);
    volume_mount.sub_path = (!subpath.is_empty()).then(|| subpath.to_owned());
    mounts.add(volume, volume_mount, path, notes);
}

fn at(target: &str, read_only: bool) -> VolumeMount {
    VolumeMount { mount_path: target.to_owned(), read_only: read_only.then_some(true), ..VolumeMount::default() }
}

fn memory_source(size: Option<i64>) -> EmptyDirVolumeSource {
    EmptyDirVolumeSource {
        medium: Some("Memory".to_owned()),
        size_limit: size.map(|size| Amount::bytes(size).canonical()),
    }
}

fn bytes(size: i64) -> Option<i64> {
    (size > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    fn mounted(service: &str) -> (Vec<Volume>, Vec<VolumeMount>, Vec<String>) {
        let text = format!(
            "services: {{web: {{image: x, {service}}}}}\nvolumes: {{data: {{name: p_data}}, ext: {{name: ext, external: true}}}}"
        );
        fixture::with(&text, |context, notes| {
            let mounts = mounts(context, &context.units["web"], &mut Generated::default(), notes);
            let (volumes, mounts) = mounts.into_lists();
            (volumes.unwrap_or_default(), mounts.unwrap_or_default(), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn a_named_volume_is_mounted_at_a_sub_path_of_its_claim() {
        let (volumes, mounts, notes) = mounted(
            "volumes: [{type: volume, source: data, target: /d}, {type: volume, source: data, target: /e, read_only: \
             true, volume: {subpath: logs}}]",
        );
        assert_eq!(volumes.len(), 1);
        assert_eq!(volumes[0].persistent_volume_claim.as_ref().unwrap().claim_name, "shop-data");
        assert_eq!(mounts[0].sub_path.as_deref(), Some("data"));
        assert_eq!((mounts[1].sub_path.as_deref(), mounts[1].read_only), (Some("data/logs"), Some(true)));
        assert_eq!(notes, ["services.web.volumes[0]: Approximated", "services.web.volumes[1]: Approximated"]);
    }

    #[test]
    fn an_external_claim_is_mounted_at_its_root() {
        let (_, mounts, notes) = mounted("volumes: [{type: volume, source: ext, target: /d}]");
        assert_eq!(mounts[0].sub_path, None);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn each_mount_of_a_share_says_whether_it_is_read_only() {
        let text = "services: {web: {image: x, volumes: [{type: volume, source: s, target: /a}, {type: volume, source: s, \
                    target: /b, read_only: true}]}}\nvolumes: {s: {driver_opts: {type: nfs, o: addr=h, device: \":/s\"}}}";
        fixture::with(text, |context, notes| {
            let mounts = mounts(context, &context.units["web"], &mut Generated::default(), notes);
            let (volumes, mounts) = mounts.into_lists();
            assert_eq!(volumes.unwrap()[0].nfs.as_ref().unwrap().read_only, None);
            let read_only: Vec<_> = mounts.unwrap().iter().map(|mount| mount.read_only).collect();
            assert_eq!(read_only, [None, Some(true)]);
        });
    }

    #[test]
    fn shares_and_directories_of_nodes_tell_what_differs() {
        for (options, read_only, notes) in [
            ("{type: nfs, o: \"addr=h,ro\", device: \":/s\"}", Some(true), 1),
            ("{type: none, o: bind, device: /srv}", None, 2),
        ] {
            let text = format!(
                "services: {{web: {{image: x, volumes: [{{type: volume, source: s, target: /a}}]}}}}\nvolumes: {{s: \
                 {{driver_opts: {options}}}}}"
            );
            fixture::with(&text, |context, said| {
                let mounts = mounts(context, &context.units["web"], &mut Generated::default(), said).into_lists().1;
                assert_eq!(mounts.unwrap()[0].read_only, read_only);
                let said = std::mem::take(said).summary();
                assert_eq!(said, vec!["services.web.volumes[0]: Approximated"; notes]);
            });
        }
    }

    #[test]
    fn an_image_has_to_be_named() {
        let (volumes, mounts, notes) = mounted("volumes: [{type: image, target: /assets}]");
        assert!(volumes.is_empty() && mounts.is_empty());
        assert_eq!(notes, ["services.web.volumes[0].source: Rejected"]);
    }

    #[test]
    fn images_are_mounted_where_the_cluster_can() {
        let text = "services: {web: {image: x, volumes: [{type: image, source: files, target: /i}]}}";
        for (image_volumes, count, expected) in
            [(None, 1, Some("Approximated")), (Some(true), 1, None), (Some(false), 0, Some("Rejected"))]
        {
            let facts = Facts { image_volumes, ..Facts::default() };
            fixture::with_facts(text, &fixture::stack(), &facts, |context, notes| {
                let mounts = mounts(context, &context.units["web"], &mut Generated::default(), notes);
                let (volumes, _) = mounts.into_lists();
                assert_eq!(volumes.unwrap_or_default().len(), count, "{image_volumes:?}");
                let expected: Vec<_> =
                    expected.iter().map(|level| format!("services.web.volumes[0]: {level}")).collect();
                assert_eq!(std::mem::take(notes).summary(), expected, "{image_volumes:?}");
            });
        }
    }

    #[test]
    fn memory_has_its_size() {
        let (volumes, mounts, notes) = mounted(
            "tmpfs: [\"/run:size=64m\", /tmp], shm_size: \"134217728\", volumes: [{type: tmpfs, target: /cache, tmpfs: \
             {size: \"1024\"}}]",
        );
        let paths: Vec<_> = mounts.iter().map(|mount| mount.mount_path.as_str()).collect();
        assert_eq!(paths, ["/cache", "/dev/shm", "/run", "/tmp"]);
        let limit = |name: &str| {
            let volume = volumes.iter().find(|volume| volume.name.starts_with(name)).unwrap();
            volume.empty_dir.clone().unwrap().size_limit.map(|limit| limit.0)
        };
        assert_eq!(limit("tmpfs-run-").as_deref(), Some("64Mi"));
        assert_eq!(limit("tmpfs-dev-shm-").as_deref(), Some("128Mi"));
        assert_eq!(limit("tmpfs-tmp-"), None);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn absolute_binds_are_directories_of_the_node() {
        let (volumes, mounts, notes) = mounted(
            "volumes: [{type: bind, source: /etc/localtime, target: /etc/localtime, read_only: true, bind: \
             {propagation: rslave}}, {type: bind, source: /var/run/docker.sock, target: /var/run/docker.sock}]",
        );
        assert_eq!(volumes[0].host_path.as_ref().unwrap().path, "/etc/localtime");
        assert_eq!(mounts[0].mount_propagation.as_deref(), Some("HostToContainer"));
        assert_eq!(notes, ["services.web.volumes[0]: Approximated", "services.web.volumes[1]: Rejected"]);
    }

    #[test]
    fn a_path_has_one_mount() {
        let (_, mounts, notes) = mounted("tmpfs: [/run], volumes: [{type: volume, target: /run}]");
        assert_eq!(mounts.len(), 1);
        assert_eq!(notes, ["services.web.tmpfs[0]: Rejected", "services.web.volumes[0]: Approximated"]);
    }

    #[test]
    fn what_the_image_holds_is_not_hidden_below_its_build_context() {
        let directory = crate::translate::PROJECT_DIRECTORY;
        let idiom = format!(
            "build: {{context: {directory}}}, volumes: [{{type: bind, source: {directory}, target: /app}}, {{type: volume, \
             target: /app/node_modules}}"
        );
        let (volumes, _, notes) = mounted(&format!("{idiom}]"));
        assert!(volumes.is_empty(), "{volumes:?}");
        assert_eq!(notes, ["services.web.volumes[0]: Ignored", "services.web.volumes[1]: Approximated"]);
        for hidden in [
            format!("{idiom}, {{type: volume, source: data, target: /app}}]"),
            format!("{idiom}], tmpfs: [\"/app:size=1m\"]"),
            format!("{idiom}], read_only: true"),
            format!("{idiom}], labels: {{kompose.volume.type: emptyDir}}"),
            format!("{idiom}], pre_start: [{{image: x, command: [a], per_replica: true}}]"),
            "volumes: [{type: volume, target: /app/node_modules}]".to_owned(),
            idiom.replace("target: /app}", "target: /application}") + "]",
        ] {
            let (volumes, ..) = mounted(&hidden);
            assert!(volumes.iter().any(|volume| volume.name.starts_with("anonymous-")), "{hidden}");
        }
    }

    #[test]
    fn what_no_container_can_have_is_left_out() {
        let (volumes, mounts, notes) = mounted(
            "volumes: [{type: volume, target: data}, {type: volume, source: data, target: '/a:b'}, {type: bind, source: \
             'C:\\x', target: /x}, {type: bind, source: '\\\\host\\x', target: /y}, {type: bind, source: \"~/x\", target: /z}]",
        );
        assert!(volumes.is_empty() && mounts.is_empty(), "{mounts:?}");
        let of = |index: usize| notes.iter().any(|it| *it == format!("services.web.volumes[{index}]: Rejected"));
        assert!((0..4).all(of), "{notes:?}");
        assert!(notes.contains(&"services.web.volumes[4]: Error".to_owned()), "{notes:?}");
    }

    #[test]
    fn images_may_be_named_by_service() {
        let (volumes, ..) = mounted("volumes: [{type: image, source: web, target: /i}]");
        assert_eq!(volumes[0].image.as_ref().unwrap().reference.as_deref(), Some("x"));
    }
}
