//! Configs and secrets: single files, each at its own path.
//!
//! They are mounted one by one by a subPath. A directory mounted at /run/secrets would hide, or be hidden by, the
//! token of the pod's ServiceAccount (kubernetes/kubernetes#65835).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount};

use super::context::{Context, Unit};
use super::generated::{Content, Generated};
use super::mount::{Mounts, volume_name};
use super::notes::Notes;
use super::{dns_label, extension, external, labels, project_directory, volumes_from};
use crate::compose::ProjectFiles;
use crate::compose::model::{FileMode, FileObject, FileReference};

/// World-readable, as Docker mounts both.
const MODE: i64 = 0o444;

/// The two kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Config,
    Secret,
}

impl Kind {
    fn plural(self) -> &'static str {
        match self {
            Self::Config => "configs",
            Self::Secret => "secrets",
        }
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Config => "/",
            Self::Secret => "/run/secrets/",
        }
    }
}

/// What a file is kept in.
enum Source {
    ConfigMap { name: String, key: String },
    Secret { name: String, key: String },
}

/// Mounts the configs and secrets of a service.
pub(super) fn mounts(
    context: &Context,
    unit: &Unit,
    generated: &mut Generated,
    mounts: &mut Mounts,
    notes: &mut Notes,
) {
    let container = &unit.service.container;
    for (kind, references) in [(Kind::Config, &container.configs), (Kind::Secret, &container.secrets)] {
        for (index, reference) in references.iter().enumerate() {
            let path = if volumes_from::is_from_another(&reference.extensions) {
                format!("{}.volumes_from", unit.path)
            } else {
                format!("{}.{}[{index}]", unit.path, kind.plural())
            };
            mount(context, kind, reference, &path, generated, mounts, notes);
        }
    }
}

fn mount(
    context: &Context,
    kind: Kind,
    reference: &FileReference,
    path: &str,
    generated: &mut Generated,
    mounts: &mut Mounts,
    notes: &mut Notes,
) {
    let objects = match kind {
        Kind::Config => &context.project.configs,
        Kind::Secret => &context.project.secrets,
    };
    let Some(object) = objects.get(&reference.source) else {
        notes.error(path, "NotFound", format!("there is no `{}` among the {}", reference.source, kind.plural()));
        return;
    };
    let Some(source) = source(context, kind, &reference.source, object, generated, notes) else { return };
    for (attribute, value) in [("uid", &reference.uid), ("gid", &reference.gid)] {
        if !matches!(value.as_str(), "" | "0") {
            notes.approximated(
                format!("{path}.{attribute}"),
                "the file belongs to root: its mode decides who reads it (everybody, by default)",
            );
        }
    }
    let mode = reference.mode.unwrap_or(FileMode(MODE)).0;
    let target = target(kind, reference);
    let singular = kind.plural().trim_end_matches('s');
    let suffix = if mode == MODE { String::new() } else { format!(":{mode:o}") };
    let mut volume =
        Volume { name: volume_name(singular, &format!("{}{suffix}", reference.source)), ..Volume::default() };
    let item = |key: String| {
        // The mode's special bits have no place in a volume.
        let mode = i32::try_from(mode & 0o777).ok();
        vec![KeyToPath { path: reference.source.clone(), key, mode }]
    };
    match source {
        Source::ConfigMap { name, key } => {
            volume.config_map =
                Some(ConfigMapVolumeSource { name, items: Some(item(key)), ..ConfigMapVolumeSource::default() });
        }
        Source::Secret { name, key } => {
            volume.secret = Some(SecretVolumeSource {
                secret_name: Some(name),
                items: Some(item(key)),
                ..SecretVolumeSource::default()
            });
        }
    }
    let volume_mount = VolumeMount {
        mount_path: target,
        read_only: Some(true),
        sub_path: Some(reference.source.clone()),
        ..VolumeMount::default()
    };
    mounts.add(volume, volume_mount, path, notes);
}

/// Where a container finds a config.
pub(super) fn target_of_config(reference: &FileReference) -> String {
    target(Kind::Config, reference)
}

/// Where a container finds a secret.
pub(super) fn target_of_secret(reference: &FileReference) -> String {
    target(Kind::Secret, reference)
}

fn target(kind: Kind, reference: &FileReference) -> String {
    match reference.target.as_str() {
        "" => format!("{}{}", kind.directory(), reference.source),
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => format!("{}{relative}", kind.directory()),
    }
}

fn source(
    context: &Context,
    kind: Kind,
    key: &str,
    object: &FileObject,
    generated: &mut Generated,
    notes: &mut Notes,
) -> Option<Source> {
    let path = format!("{}.{key}", kind.plural());
    labels::note_refused(&format!("{path}.labels"), &object.labels, notes);
    if object.external {
        return in_cluster(context, kind, key, object, &path, notes);
    }
    let (attribute, bytes, secret) = if !object.file.is_empty() {
        let (bytes, secret) = file(context, object, &path, notes)?;
        ("file", bytes, secret)
    } else if !object.environment.is_empty() {
        let (value, secret) = variable(context, object, &path, notes)?;
        ("environment", value.into_bytes(), secret)
    } else {
        ("content", object.content.clone().into_bytes(), false)
    };
    // The loader says of a variable's value, too, that it is tainted as a content.
    let secret = secret || kind == Kind::Secret || context.project.tainted.contains(&format!("{path}.content"));
    let path = format!("{path}.{attribute}");
    let entries = Content::from([(key.to_owned(), bytes)]);
    let key = key.to_owned();
    let annotations = labels::annotations(&object.labels);
    Some(if secret {
        let name = generated.secret(context, &key, &path, entries, notes);
        if let Some(made) = generated.secrets.get_mut(&name) {
            made.metadata.annotations = annotations;
        }
        Source::Secret { name, key }
    } else {
        let name = generated.config_map(context, &key, &path, entries, notes);
        if let Some(made) = generated.config_maps.get_mut(&name) {
            made.metadata.annotations = annotations;
        }
        Source::ConfigMap { name, key }
    })
}

/// The value of a variable: the loader's, which knows the project's `.env` as well, else the stack's.
fn variable(context: &Context, object: &FileObject, path: &str, notes: &mut Notes) -> Option<(String, bool)> {
    let variable = context.stack.environment.get(&object.environment);
    let secret = variable.is_some_and(|variable| variable.secret);
    let value = object.value.clone().or_else(|| variable.map(|variable| variable.value.clone()));
    if value.is_none() {
        notes.error(
            format!("{path}.environment"),
            "NotFound",
            format!("there is no variable `{}`: set it by spec.env or spec.envFrom", object.environment),
        );
    }
    Some((value?, secret))
}

fn file(context: &Context, object: &FileObject, path: &str, notes: &mut Notes) -> Option<(Vec<u8>, bool)> {
    match context.stack.files.read(&object.file) {
        Ok(file) => Some((file.content, file.secret)),
        Err(error) => {
            notes.error(
                format!("{path}.file"),
                "NotInProject",
                format!(
                    "`{}`: {error} among the project's files; add it to spec.files or spec.filesFrom",
                    project_directory::shown(&object.file)
                ),
            );
            None
        }
    }
}

/// The name of the ConfigMap or Secret that an external config or secret is: the engine's, or one that is derived from
/// it where no object can be called so.
pub fn external_name(key: &str, object: &FileObject) -> String {
    dns_label::subdomain(if object.name.is_empty() { key } else { &object.name })
}

/// A ConfigMap or Secret that is there already, by its engine's name.
fn in_cluster(
    context: &Context,
    kind: Kind,
    key: &str,
    object: &FileObject,
    path: &str,
    notes: &mut Notes,
) -> Option<Source> {
    let name = &external_name(key, object);
    let engine_name = if object.name.is_empty() { key } else { &object.name };
    if name != engine_name {
        notes.approximated(
            format!("{path}.name"),
            format!(
                "`{name}` is used, since no object can be called `{engine_name}`: give the name of the object in the \
                 cluster by `name:`"
            ),
        );
    }
    let known: &BTreeMap<String, Vec<String>> = match kind {
        Kind::Config => &context.facts.config_map_keys,
        Kind::Secret => &context.facts.secret_keys,
    };
    let asked = extension::key(object);
    let wanted = if let Some(keys) = known.get(name) {
        let Some(wanted) = external::wanted_key(keys, key, asked) else {
            let keys = keys.join(", ");
            match asked {
                Some(asked) => notes.error(
                    format!("{path}.x-kubernetes.key"),
                    "NotFound",
                    format!("`{name}` has no key `{asked}`: expected one of {keys}"),
                ),
                None => notes.error(
                    path,
                    "AmbiguousKey",
                    format!("`{name}` has the keys {keys}: name one of them by `x-kubernetes: {{key: ...}}`"),
                ),
            }
            return None;
        };
        wanted.clone()
    } else {
        let (what, wanted) = (if kind == Kind::Secret { "Secret" } else { "ConfigMap" }, asked.unwrap_or(key));
        notes.approximated(path, format!("pods wait until there is a {what} `{name}` with a key `{wanted}`"));
        wanted.to_owned()
    };
    let name = name.to_owned();
    Some(match kind {
        Kind::Config => Source::ConfigMap { name, key: wanted },
        Kind::Secret => Source::Secret { name, key: wanted },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Variable;
    use crate::translate::{Facts, PROJECT_DIRECTORY, Stack, fixture};

    fn mounted_in(text: &str, stack: &Stack, facts: &Facts) -> (Vec<Volume>, Vec<VolumeMount>, Generated, Vec<String>) {
        fixture::with_facts(text, stack, facts, |context, notes| {
            let mut generated = Generated::default();
            let mut gathered = Mounts::default();
            mounts(context, &context.units["web"], &mut generated, &mut gathered, notes);
            let (volumes, mounts) = gathered.into_lists();
            let notes = std::mem::take(notes).summary();
            (volumes.unwrap_or_default(), mounts.unwrap_or_default(), generated, notes)
        })
    }

    fn web(rest: &str, top: &str) -> String {
        format!("services: {{web: {{image: x, {rest}}}}}\n{top}")
    }

    #[test]
    fn secrets_are_files_below_run_secrets() {
        let mut stack = fixture::stack();
        fixture::add_file(&mut stack, "pw.txt", b"hunter2", true);
        let text = web(
            "secrets: [{source: db_password, target: /run/secrets/db_password}]",
            &format!("secrets: {{db_password: {{name: p_db_password, file: {PROJECT_DIRECTORY}/pw.txt}}}}"),
        );
        let (volumes, mounts, generated, notes) = mounted_in(&text, &stack, &Facts::default());
        let (name, secret) = generated.secrets.first_key_value().unwrap();
        assert!(name.starts_with("shop-db-password-"), "{name}");
        assert_eq!(secret.data.as_ref().unwrap()["db_password"].0, b"hunter2");
        let source = volumes[0].secret.clone().unwrap();
        assert_eq!(source.items.unwrap()[0].mode, Some(0o444));
        assert_eq!(mounts[0].mount_path, "/run/secrets/db_password");
        assert_eq!(mounts[0].sub_path.as_deref(), Some("db_password"));
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn configs_lie_at_the_root_unless_told_otherwise() {
        let text = web(
            "configs: [{source: a}, {source: a, target: etc/a.conf, mode: \"0400\", uid: \"103\"}]",
            "configs: {a: {name: p_a, content: text}}",
        );
        let (volumes, mounts, generated, notes) = mounted_in(&text, &fixture::stack(), &Facts::default());
        let paths: Vec<_> = mounts.iter().map(|mount| mount.mount_path.as_str()).collect();
        assert_eq!(paths, ["/a", "/etc/a.conf"]);
        assert_eq!((volumes.len(), generated.config_maps.len()), (2, 1));
        assert_eq!(notes, ["services.web.configs[1].uid: Approximated"]);
    }

    #[test]
    fn a_content_becomes_what_its_kind_is_kept_in() {
        let text = web(
            "configs: [{source: a}], secrets: [{source: b}]",
            "configs: {a: {content: one}}\nsecrets: {b: {content: two}}",
        );
        let (_, _, generated, _) = mounted_in(&text, &fixture::stack(), &Facts::default());
        let config_map = generated.config_maps.values().next().unwrap();
        assert_eq!(config_map.data.as_ref().unwrap()["a"], "one");
        let secret = generated.secrets.values().next().unwrap();
        assert_eq!(secret.data.as_ref().unwrap()["b"].0, b"two");
    }

    #[test]
    fn variables_are_a_source_and_secret_ones_make_secrets() {
        let mut stack = fixture::stack();
        let variable = Variable { value: "v".to_owned(), secret: true };
        stack.environment.insert("TOKEN".to_owned(), variable);
        let text = web(
            "configs: [{source: a}, {source: b}]",
            "configs: {a: {name: p_a, environment: TOKEN}, b: {name: p_b, environment: NONE}}",
        );
        let (volumes, _, generated, notes) = mounted_in(&text, &stack, &Facts::default());
        assert!(volumes[0].secret.is_some() && generated.config_maps.is_empty());
        assert_eq!(notes, ["configs.b.environment: Error"]);
    }

    /// Which key of the Secret `db-auth` with these keys, if it is there, is mounted, and what is said first.
    fn key_of_external(text: &str, keys: Option<Vec<&str>>) -> (Option<String>, Option<String>) {
        let keys = keys.map(|keys| ("db-auth".to_owned(), keys.into_iter().map(str::to_owned).collect()));
        let facts = Facts { secret_keys: keys.into_iter().collect(), ..Facts::default() };
        let (volumes, _, _, notes) = mounted_in(text, &fixture::stack(), &facts);
        let key = volumes.first().map(|volume| volume.secret.clone().unwrap().items.unwrap()[0].key.clone());
        (key, notes.first().cloned())
    }

    #[test]
    fn external_objects_are_mounted_by_key() {
        let text = web("secrets: [{source: db}]", "secrets: {db: {name: db-auth, external: true}}");
        for (keys, expected, level) in [
            (Some(vec!["password"]), Some("password"), None),
            (Some(vec!["x", "db"]), Some("db"), None),
            (Some(vec!["x", "file"]), Some("file"), None),
            (Some(vec!["x", "y"]), None, Some("secrets.db: Error")),
            (None, Some("db"), Some("secrets.db: Approximated")),
        ] {
            let (key, note) = key_of_external(&text, keys);
            assert_eq!((key.as_deref(), note.as_deref()), (expected, level));
        }
    }

    #[test]
    fn the_key_of_an_external_object_can_be_chosen() {
        let asked = "{name: db-auth, external: true, x-kubernetes: {key: token}}";
        let text = web("secrets: [{source: db}]", &format!("secrets: {{db: {asked}}}"));
        for (keys, expected, level) in [
            (Some(vec!["x", "db", "token"]), Some("token"), None),
            (Some(vec!["x"]), None, Some("secrets.db.x-kubernetes.key: Error")),
            (None, Some("token"), Some("secrets.db: Approximated")),
        ] {
            let (key, note) = key_of_external(&text, keys);
            assert_eq!((key.as_deref(), note.as_deref()), (expected, level));
        }
    }

    #[test]
    fn external_objects_have_names_that_objects_can_have() {
        let text = web("secrets: [{source: db_pw}]", "secrets: {db_pw: {name: db_pw, external: true}}");
        let facts = Facts {
            secret_keys: BTreeMap::from([(dns_label::subdomain("db_pw"), vec!["password".to_owned()])]),
            ..Facts::default()
        };
        let (volumes, .., notes) = mounted_in(&text, &fixture::stack(), &facts);
        let secret = volumes[0].secret.clone().unwrap();
        assert_eq!(secret.items.unwrap()[0].key, "password");
        let name = secret.secret_name.unwrap();
        assert!(dns_label::is_subdomain(&name) && name.starts_with("db-pw-"), "{name}");
        assert_eq!(notes, ["secrets.db_pw.name: Approximated"]);
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let text = web("secrets: [{source: a}]", &format!("secrets: {{a: {{file: {PROJECT_DIRECTORY}/none}}}}"));
        let (.., notes) = mounted_in(&text, &fixture::stack(), &Facts::default());
        assert_eq!(notes, ["secrets.a.file: Error"]);
    }
}
