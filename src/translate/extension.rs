//! What `x-kubernetes` asks of volumes, networks, configs and secrets; and where it stands in vain.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Map, Value};

use super::claim::Backing;
use super::context::Context;
use super::dns_label::{is_label, is_subdomain};
use super::drop_in::EXTENSION;
use super::notes::Notes;
use super::quantity::Amount;
use crate::api::v1alpha1::AccessMode;
use crate::compose::Project;
use crate::compose::model::{Extensions, FileObject, Network, Volume};

const ACCESS_MODES: &str = "a list of ReadWriteOnce, ReadOnlyMany, ReadWriteMany and ReadWriteOncePod";
const CLASS: &str = "the name of a StorageClass";
const SIZE: &str = "a size, such as `10Gi`";
const KEY: &str = "the name of a key";
const NAMESPACE: &str = "the name of a namespace";

/// The access modes of a volume's claim.
pub(super) fn access_modes(volume: &Volume) -> Option<Vec<AccessMode>> {
    modes(asked(&volume.extensions)?.get("accessModes")?)
}

/// The StorageClass of a volume's claim; an empty name is a claim without a class.
pub(super) fn storage_class(volume: &Volume) -> Option<String> {
    class(asked(&volume.extensions)?.get("storageClassName")?).map(str::to_owned)
}

/// The size of a volume's claim.
pub(super) fn size(volume: &Volume) -> Option<Quantity> {
    Some(amount(asked(&volume.extensions)?.get("size")?)?.canonical())
}

/// The key of an external config or secret.
pub(super) fn key(object: &FileObject) -> Option<&str> {
    name(asked(&object.extensions)?.get("key")?)
}

/// The namespace of an external network.
pub(super) fn namespace(network: &Network) -> Option<&str> {
    namespace_name(asked(&network.extensions)?.get("namespace")?)
}

fn asked(extensions: &Extensions) -> Option<&Map<String, Value>> {
    extensions.get(EXTENSION)?.as_object()
}

fn modes(value: &Value) -> Option<Vec<AccessMode>> {
    let modes = value.as_array().filter(|modes| !modes.is_empty())?;
    modes.iter().map(|mode| serde_json::from_value(mode.clone()).ok()).collect()
}

fn class(value: &Value) -> Option<&str> {
    value.as_str().filter(|class| class.is_empty() || is_subdomain(class))
}

fn amount(value: &Value) -> Option<Amount> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Amount::parse(&text)
}

fn name(value: &Value) -> Option<&str> {
    value.as_str().filter(|name| !name.is_empty())
}

fn namespace_name(value: &Value) -> Option<&str> {
    value.as_str().filter(|name| is_label(name))
}

/// Says what is not understood, and what has no effect.
pub(super) fn note(context: &Context, notes: &mut Notes) {
    let project = context.project;
    for (key, volume) in project.volumes.iter().filter(|(_, volume)| volume.extensions.contains_key(EXTENSION)) {
        let path = format!("volumes.{key}.{EXTENSION}");
        check(&path, &volume.extensions, notes, |key, value| match key {
            "accessModes" => modes(value).is_none().then_some(ACCESS_MODES),
            "storageClassName" => class(value).is_none().then_some(CLASS),
            "size" => amount(value).is_none().then_some(SIZE),
            _ => Some("one of accessModes, storageClassName and size"),
        });
        note_without_claim(context, key, volume, &path, notes);
    }
    for (section, objects) in [("configs", &project.configs), ("secrets", &project.secrets)] {
        for (key, object) in objects {
            let path = format!("{section}.{key}.{EXTENSION}");
            check(&path, &object.extensions, notes, |key, value| match key {
                "key" => name(value).is_none().then_some(KEY),
                _ => Some("key"),
            });
            if !object.external && self::key(object).is_some() {
                notes.ignored(format!("{path}.key"), "only what is external has keys to choose from");
            }
        }
    }
    for (key, network) in &project.networks {
        let path = format!("networks.{key}.{EXTENSION}");
        check(&path, &network.extensions, notes, |key, value| match key {
            "namespace" => namespace_name(value).is_none().then_some(NAMESPACE),
            _ => Some("namespace"),
        });
        if !network.external && namespace(network).is_some() {
            notes.ignored(format!("{path}.namespace"), "only a network that is external is in another namespace");
        }
    }
    for path in in_vain(project) {
        notes.ignored(path, "means something on services, jobs, volumes, networks, configs and secrets only");
    }
}

/// Says which entries an extension cannot have; `expected` says what it was to be.
fn check(
    path: &str,
    extensions: &Extensions,
    notes: &mut Notes,
    expected: impl Fn(&str, &Value) -> Option<&'static str>,
) {
    let entries = match extensions.get(EXTENSION) {
        None | Some(Value::Null) => return,
        Some(Value::Object(entries)) => entries,
        Some(_) => return notes.error(path, "Invalid", "expected a mapping"),
    };
    for (key, value) in entries {
        if let Some(expected) = expected(key, value) {
            notes.error(format!("{path}.{key}"), "Invalid", format!("expected {expected}"));
        }
    }
}

/// Says what is asked of a claim that the stack does not make.
fn note_without_claim(context: &Context, key: &str, volume: &Volume, path: &str, notes: &mut Notes) {
    let message = match context.backings.get(key) {
        Some(Backing::Claim { external: true, .. }) => "the claim is there already, and stays as it is",
        None | Some(Backing::Claim { .. }) => return,
        Some(_) => "by the options of the volume's driver, no claim is made for it",
    };
    let asks = [
        ("accessModes", access_modes(volume).is_some() && !volume.external),
        ("storageClassName", storage_class(volume).is_some()),
        ("size", size(volume).is_some()),
    ];
    for (attribute, _) in asks.iter().filter(|(_, given)| *given) {
        notes.ignored(format!("{path}.{attribute}"), message);
    }
}

/// Where the extension stands and nobody looks at it.
fn in_vain(project: &Project) -> Vec<String> {
    let looked_at = |path: &str| {
        let Some((section, rest)) = path.split_once('.') else { return false };
        // A volume may be called so itself.
        let key = rest.strip_suffix(EXTENSION).and_then(|owner| owner.strip_suffix('.')).unwrap_or(rest);
        match section {
            "services" => project.services.contains_key(key) || project.disabled_services.contains_key(key),
            "jobs" => project.jobs.contains_key(key),
            "volumes" => project.volumes.contains_key(key),
            "networks" => project.networks.contains_key(key),
            "configs" => project.configs.contains_key(key),
            "secrets" => project.secrets.contains_key(key),
            _ => false,
        }
    };
    let mut paths = project.positions.mappings_called(EXTENSION);
    // A document that is not resolved is not all of the project.
    if project.extensions.contains_key(EXTENSION) {
        paths.push(EXTENSION.to_owned());
    }
    paths.retain(|path| !looked_at(path));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Document, DocumentBody, LoadOptions, ProjectTree, load};
    use crate::translate::fixture;

    fn noted(rest: &str) -> Vec<String> {
        let mount = |volume: &str| format!("{{type: volume, source: {volume}, target: /{volume}}}");
        let text = format!("services: {{db: {{image: x, volumes: [{}, {}]}}}}\n{rest}", mount("data"), mount("more"));
        fixture::with(&text, |context, notes| {
            note(context, notes);
            std::mem::take(notes).summary()
        })
    }

    #[test]
    fn what_is_not_understood_is_said_by_path() {
        for (extension, path) in [
            ("{accessModes: []}", ".accessModes"),
            ("{accessModes: [ReadWriteTwice]}", ".accessModes"),
            ("{storageClassName: 3}", ".storageClassName"),
            ("{storageClassName: A_b}", ".storageClassName"),
            ("{size: much}", ".size"),
            ("{replicas: 2}", ".replicas"),
            ("[a]", ""),
        ] {
            let expected = [format!("volumes.data.x-kubernetes{path}: Error")];
            assert_eq!(noted(&format!("volumes: {{data: {{x-kubernetes: {extension}}}}}")), expected, "{extension}");
        }
        for extension in ["{key: \"\"}", "{key: 1}"] {
            let expected = ["secrets.s.x-kubernetes.key: Error"];
            let text = format!("secrets: {{s: {{external: true, x-kubernetes: {extension}}}}}");
            assert_eq!(noted(&text), expected, "{extension}");
        }
        assert_eq!(
            noted("configs: {c: {external: true, x-kubernetes: {kay: a}}}"),
            ["configs.c.x-kubernetes.kay: Error"]
        );
        for (extension, path) in [("{namespace: A_b}", ".namespace"), ("{name: a}", ".name"), ("a", "")] {
            let expected = [format!("networks.n.x-kubernetes{path}: Error")];
            let text = format!("networks: {{n: {{external: true, x-kubernetes: {extension}}}}}");
            assert_eq!(noted(&text), expected, "{extension}");
        }
    }

    #[test]
    fn what_has_no_effect_is_said() {
        let asks = "x-kubernetes: {accessModes: [ReadWriteMany], storageClassName: fast, size: 2Gi}";
        assert_eq!(noted(&format!("volumes: {{data: {{{asks}}}}}")), Vec::<String>::new());
        assert_eq!(
            noted(&format!(
                "volumes: {{data: {{external: true, {asks}}}, more: {{driver_opts: {{type: tmpfs}}, {asks}}}}}"
            )),
            [
                "volumes.data.x-kubernetes.size: Ignored",
                "volumes.data.x-kubernetes.storageClassName: Ignored",
                "volumes.more.x-kubernetes.accessModes: Ignored",
                "volumes.more.x-kubernetes.size: Ignored",
                "volumes.more.x-kubernetes.storageClassName: Ignored",
            ]
        );
        assert_eq!(
            noted(
                "secrets: {s: {content: x, x-kubernetes: {key: a}}}\nnetworks: {n: {x-kubernetes: {namespace: a}}}\nx-kubernetes: {}"
            ),
            [
                "networks.n.x-kubernetes.namespace: Ignored",
                "secrets.s.x-kubernetes.key: Ignored",
                "x-kubernetes: Ignored"
            ]
        );
    }

    #[test]
    fn it_is_found_wherever_it_stands() {
        let text = "x-base: &base {image: x, x-kubernetes: {replicas: 2}}\n\
                    services: {db: {<<: *base, deploy: {x-kubernetes: {a: b}}, environment: {x-kubernetes: a}, \
                    ports: [{target: 80, x-kubernetes: {a: b}}]}}\n\
                    volumes: {x-kubernetes: {x-kubernetes: {size: 1Gi}}}";
        let document = Document { name: "c".to_owned(), body: DocumentBody::Text(text.to_owned()), secret: false };
        let options = LoadOptions {
            documents: vec![document],
            project_directory: crate::translate::PROJECT_DIRECTORY.to_owned(),
            project_name: Some("p".to_owned()),
            ..LoadOptions::default()
        };
        let project = load(&ProjectTree::default(), &options).unwrap();
        assert_eq!(in_vain(&project), ["services.db.deploy.x-kubernetes", "services.db.ports[0].x-kubernetes"]);
    }
}
