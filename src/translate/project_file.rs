//! Binds of the project's own files: the cluster has no project directory, so that they become ConfigMaps, or Secrets
//! when they came from one.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount};

use super::context::{Context, Unit};
use super::dns_label::hash;
use super::file_reference::is_build_context;
use super::generated::{Content, Generated};
use super::mount::{Mounts, volume_name};
use super::notes::Notes;
use super::project_directory::shown;
use crate::compose::model::Mount;
use crate::compose::{FileError, ProjectFile, ProjectFiles};

/// The mode of a file whose own is not known.
const MODE: u32 = 0o644;

/// Mounts a file or a directory of the project.
pub(super) fn mount(
    context: &Context,
    unit: &Unit,
    mount: &Mount,
    path: &str,
    generated: &mut Generated,
    mounts: &mut Mounts,
    notes: &mut Notes,
) {
    let source = mount.source.trim_end_matches('/');
    let relative = shown(source);
    if is_build_context(&unit.service.workload, source) {
        notes.ignored(path, "is the build context, and the image holds its content already");
        return;
    }
    let files = &context.stack.files;
    // The containers of a pod may have other files at the same place.
    let volume_name = volume_name("files", &format!("{}:{relative}:{}", unit.key, mount.target));
    match files.read(source) {
        Ok(file) => {
            let name = relative.rsplit('/').next().unwrap_or(&relative);
            let object = format!("{}-{name}", unit.key);
            let volume = volume(context, &object, path, &[(name, &file)], generated, notes);
            let volume_mount = VolumeMount {
                mount_path: mount.target.clone(),
                read_only: Some(true),
                sub_path: Some(name.to_owned()),
                ..VolumeMount::default()
            };
            mounts.add(Volume { name: volume_name, ..volume }, volume_mount, path, notes);
        }
        Err(FileError::IsDirectory) => {
            let entries: Vec<(&str, &ProjectFile)> = files.under(source).collect();
            let name = if relative == "." { "project" } else { &relative };
            let object = format!("{}-{name}", unit.key);
            let volume = volume(context, &object, path, &entries, generated, notes);
            let volume_mount =
                VolumeMount { mount_path: mount.target.clone(), read_only: Some(true), ..VolumeMount::default() };
            mounts.add(Volume { name: volume_name, ..volume }, volume_mount, path, notes);
        }
        Err(FileError::NotFound | FileError::Unreadable(_)) => {
            notes.error(
                path,
                "NotInProject",
                format!(
                    "`{relative}` is not among the project's files: add it to spec.files or spec.filesFrom, or use a named \
                     volume if it holds data, or remove the mount if the image holds its content"
                ),
            );
            return;
        }
    }
    if !mount.read_only {
        notes.approximated(path, "the project's files are read-only here: use a named volume for what is written");
    }
}

/// A volume with files: a Secret as soon as one of them came from a Secret.
fn volume(
    context: &Context,
    object: &str,
    path: &str,
    files: &[(&str, &ProjectFile)],
    generated: &mut Generated,
    notes: &mut Notes,
) -> Volume {
    let entries: Content = files.iter().map(|(path, file)| (key(path), file.content.clone())).collect();
    let items: Vec<KeyToPath> = files
        .iter()
        .map(|(path, file)| KeyToPath {
            key: key(path),
            mode: file.mode.filter(|mode| *mode != MODE).and_then(|mode| i32::try_from(mode & 0o777).ok()),
            path: (*path).to_owned(),
        })
        .collect();
    let mut volume = Volume::default();
    if files.iter().any(|(_, file)| file.secret) {
        volume.secret = Some(SecretVolumeSource {
            secret_name: Some(generated.secret(context, object, path, entries, notes)),
            items: Some(items),
            default_mode: i32::try_from(MODE).ok(),
            ..SecretVolumeSource::default()
        });
    } else {
        volume.config_map = Some(ConfigMapVolumeSource {
            name: generated.config_map(context, object, path, entries, notes),
            items: Some(items),
            default_mode: i32::try_from(MODE).ok(),
            ..ConfigMapVolumeSource::default()
        });
    }
    volume
}

/// The key under which an object keeps a file: its path where that is a key (`[-._a-zA-Z0-9]+`), else one with a hash.
fn key(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if path.len() <= 253 && path.chars().all(is_plain) && !matches!(path, "." | "..") && !path.starts_with("..") {
        return path.to_owned();
    }
    let readable: String = path.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let start = readable.len().saturating_sub(200);
    format!("{}_{}", hash(path), &readable[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, PROJECT_DIRECTORY, fixture, translate};

    fn mounted(service: &str) -> (Vec<Volume>, Vec<VolumeMount>, Generated, Vec<String>) {
        let mut stack = fixture::stack();
        fixture::add_file(&mut stack, "nginx.conf", b"server {}", false);
        fixture::add_file(&mut stack, "html/index.html", b"<p>", false);
        fixture::add_file(&mut stack, "html/css/a.css", b"\xff\xfe", false);
        fixture::add_file(&mut stack, "keys/id", b"secret", true);
        fixture::with_stack(&format!("services: {{web: {{image: x, {service}}}}}"), &stack, |context, notes| {
            let mut generated = Generated::default();
            let mounts = super::super::mount::mounts(context, &context.units["web"], &mut generated, notes);
            let (volumes, mounts) = mounts.into_lists();
            let notes = std::mem::take(notes).summary();
            (volumes.unwrap_or_default(), mounts.unwrap_or_default(), generated, notes)
        })
    }

    fn bind(source: &str) -> String {
        format!("{{type: bind, source: {PROJECT_DIRECTORY}{source}, target: /t, read_only: true}}")
    }

    #[test]
    fn a_file_is_mounted_by_itself() {
        let (volumes, mounts, generated, notes) = mounted(&format!("volumes: [{}]", bind("/nginx.conf")));
        let (name, config_map) = generated.config_maps.first_key_value().unwrap();
        assert!(name.starts_with("shop-web-nginx-conf-"), "{name}");
        assert_eq!(config_map.data.as_ref().unwrap()["nginx.conf"], "server {}");
        assert_eq!(volumes[0].config_map.as_ref().unwrap().name, *name);
        assert_eq!(mounts[0].sub_path.as_deref(), Some("nginx.conf"));
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn a_directory_keeps_its_tree_and_its_bytes() {
        let (volumes, mounts, generated, _) = mounted(&format!("volumes: [{}]", bind("/html/")));
        let config_map = generated.config_maps.values().next().unwrap();
        assert_eq!(config_map.data.as_ref().unwrap()["index.html"], "<p>");
        assert_eq!(config_map.binary_data.as_ref().unwrap().len(), 1);
        let items = volumes[0].config_map.clone().unwrap().items.unwrap();
        let paths: Vec<_> = items.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(paths, ["css/a.css", "index.html"]);
        assert_eq!(mounts[0].sub_path, None);
    }

    #[test]
    fn a_file_from_a_secret_is_in_a_secret() {
        let (volumes, _, generated, _) = mounted(&format!("volumes: [{}]", bind("/keys")));
        assert!(volumes[0].secret.is_some() && generated.config_maps.is_empty());
    }

    #[test]
    fn each_container_of_a_pod_sees_its_own_files() {
        let mut stack = fixture::stack();
        for path in ["vpn/a", "web/a", "seed/a"] {
            fixture::add_file(&mut stack, path, path.as_bytes(), false);
        }
        let config = |source: &str| {
            format!("volumes: [{{type: bind, source: {PROJECT_DIRECTORY}{source}, target: /config, read_only: true}}]")
        };
        let text = format!(
            "services: {{vpn: {{image: v, {}}}, web: {{image: w, network_mode: \"service:vpn\", {}, pre_start: [{{image: s, \
             command: [s], per_replica: true, {}}}]}}}}",
            config("/vpn"),
            config("/web"),
            config("/seed/a"),
        );
        let plan = translate(&fixture::project(&text), &stack, &Facts::default(), &Policy::default());
        let pod = plan.workloads[0].object.template().unwrap().spec.clone().unwrap();
        let volumes = pod.volumes.unwrap();
        let content = |container: &k8s_openapi::api::core::v1::Container| {
            let name = &container.volume_mounts.as_ref().unwrap()[0].name;
            let volume = volumes.iter().find(|volume| volume.name == *name).unwrap();
            let config_map = &volume.config_map.as_ref().unwrap().name;
            let object =
                plan.config_maps.iter().find(|object| object.metadata.name.as_ref() == Some(config_map)).unwrap();
            object.data.clone().unwrap()["a"].clone()
        };
        let containers = pod.init_containers.iter().flatten().chain(&pod.containers);
        assert_eq!(containers.map(content).collect::<Vec<_>>(), ["seed/a", "vpn/a", "web/a"]);
    }

    #[test]
    fn the_build_context_is_in_the_image() {
        let service = format!("build: {{context: {PROJECT_DIRECTORY}}}, volumes: [{}]", bind(""));
        let (volumes, _, _, notes) = mounted(&service);
        assert_eq!((volumes.len(), notes), (0, vec!["services.web.volumes[0]: Ignored".to_owned()]));
    }

    #[test]
    fn a_path_that_is_not_there_is_an_error() {
        let (_, _, _, notes) = mounted(&format!("volumes: [{}]", bind("/data")));
        assert_eq!(notes, ["services.web.volumes[0]: Error"]);
    }

    #[test]
    fn what_lies_beside_the_project_is_not_taken_for_a_path_of_the_node() {
        let beside = format!("{}/data", PROJECT_DIRECTORY.rsplit_once('/').unwrap().0);
        let service = format!("volumes: [{{type: bind, source: {beside}, target: /t}}]");
        assert_eq!(mounted(&service).3, ["services.web.volumes[0]: Error"]);
    }

    #[test]
    fn keys_are_valid_and_differ() {
        for path in ["a/b", "a_b", "a b", "..data", &"x/".repeat(200)] {
            let key = key(path);
            assert!(key.len() <= 253 && !key.starts_with(".."), "{key}");
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{key}");
        }
        assert_ne!(key("a/b"), key("a_b"));
    }
}
