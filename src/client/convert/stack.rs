//! `--stack`: the ComposeStack that becomes, in a cluster, what the conversion writes.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::ClientError;

use super::project_disk::ProjectDisk;
use super::report::{Finding, Report};
use crate::compose::{DocumentBody, LoadOptions, Project, ProjectFile, Variable, load};
use crate::translate::as_relative;
use crate::yaml::{Kubernetes, to_string};

/// Beyond this, client-side `kubectl apply` cannot keep the object in its annotation
/// (`TotalAnnotationSizeLimitB` in k8s.io/apimachinery).
const MAX_CLIENT_SIDE: usize = 256 << 10;
/// Beyond this, a cluster hardly stores an object: etcd's default limit of a request is 1.5 MiB.
const MAX_STORED: usize = 1 << 20;

/// The name of the stack that a project becomes: Compose allows underscores in names, and a stack's name is a DNS
/// label.
pub(super) fn name(project: &str) -> Result<String, ClientError> {
    let name = project.replace('_', "-");
    let name = name.trim_end_matches('-');
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= 40 {
        return Ok(name.to_owned());
    }
    Err(ClientError::Usage(format!(
        "the project is called {project:?}, and a stack's name begins with a letter and has at most 40 characters: give \
         another name with --project-name"
    )))
}

/// The stack of a project that was loaded from disk.
pub(super) fn compose_stack(
    namespace: Option<&str>,
    options: &LoadOptions,
    disk: &ProjectDisk,
    project: &Project,
    mut spec: Map<String, Value>,
    report: &mut Report,
) -> Result<Value, ClientError> {
    let mut files = disk.read_by_loader();
    let (referred_to, _) = disk.referred_to(project);
    files.extend(referred_to.under("/").map(|(path, file)| (format!("/{path}"), file.clone())));
    let environment = needed(options, disk, project, &files);

    let mut texts = options.documents.iter().map(|document| match &document.body {
        DocumentBody::Text(text) => Value::String(text.clone()),
        DocumentBody::Object(object) => object.clone(),
    });
    spec.insert("composeFile".to_owned(), texts.next().unwrap_or_default());
    let overrides: Vec<Value> = texts.collect();
    if !overrides.is_empty() {
        spec.insert("overrides".to_owned(), json!(overrides));
    }
    if !options.profiles.is_empty() {
        spec.insert("profiles".to_owned(), json!(options.profiles));
    }
    if !environment.is_empty() {
        let names: Vec<&str> = environment.keys().map(String::as_str).collect();
        let message = format!(
            "holds what {} had here, for everybody to read who may read the stack: what is secret belongs into a \
             Secret that `envFrom` names",
            names.join(", ")
        );
        report.say(&Finding::of_stack("spec.env", "EnvironmentCopied", message));
        let values = environment.into_iter().map(|(name, variable)| (name, json!(variable.value)));
        spec.insert("env".to_owned(), Value::Object(values.collect()));
    }
    pack(&files, &mut spec, report)?;

    let mut metadata = json!({ "name": project.name });
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    let stack = json!({
        "apiVersion": "compose-operator.dev/v1alpha1",
        "kind": "ComposeStack",
        "metadata": metadata,
        "spec": spec,
    });
    note_size(to_string::<Kubernetes>(&stack)?.len(), report);
    Ok(stack)
}

/// Puts files into `files` and `binaryFiles`.
fn pack(
    files: &BTreeMap<String, ProjectFile>,
    spec: &mut Map<String, Value>,
    report: &mut Report,
) -> Result<(), ClientError> {
    let (mut texts, mut binaries) = (Map::new(), Map::new());
    let mut outside = BTreeSet::new();
    for (path, file) in files {
        let relative = as_relative(path).filter(|relative| !relative.starts_with("..") && relative != ".");
        let Some(relative) = relative else {
            outside.insert(as_relative(path).unwrap_or_else(|| path.clone()));
            continue;
        };
        if file.mode.is_some() {
            let message = format!(
                "is a program here and a plain file in the cluster: run it by its interpreter (`sh {relative}`), or give \
                 it by `filesFrom`, which has a mode"
            );
            report.say(&Finding::of_stack(format!("spec.files.{relative}"), "NotExecutable", message));
        }
        match std::str::from_utf8(&file.content) {
            Ok(text) => texts.insert(relative, json!(text)),
            Err(_) => binaries.insert(relative, json!(STANDARD.encode(&file.content))),
        };
    }
    if !outside.is_empty() {
        let list: Vec<String> = outside.into_iter().collect();
        return Err(ClientError::Usage(format!(
            "a stack holds files of the project directory, and the project refers to others: {}; copy them into it, or \
             convert without --stack",
            list.join(", ")
        )));
    }
    for (field, files) in [("files", texts), ("binaryFiles", binaries)] {
        if !files.is_empty() {
            spec.insert(field.to_owned(), Value::Object(files));
        }
    }
    Ok(())
}

/// The variables of the environment without which the project would be another one.
fn needed(
    options: &LoadOptions,
    disk: &ProjectDisk,
    project: &Project,
    files: &BTreeMap<String, ProjectFile>,
) -> BTreeMap<String, Variable> {
    let documents = options.documents.iter().filter_map(|document| match &document.body {
        DocumentBody::Text(text) => Some(text.as_bytes()),
        DocumentBody::Object(_) => None,
    });
    let texts: Vec<&[u8]> = documents.chain(files.values().map(|file| file.content.as_slice())).collect();
    let words: BTreeSet<&[u8]> =
        texts.iter().flat_map(|text| text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')).collect();
    let has_home = texts.iter().any(|text| text.contains(&b'~'));
    let mut trial = options.clone();
    let has_effect = |name: &str| match name {
        "COMPOSE_PROFILES" => true,
        "HOME" => has_home || words.contains("HOME".as_bytes()),
        name => words.contains(name.as_bytes()),
    };
    trial.environment.retain(|name, _| has_effect(name));
    let names: Vec<String> = trial.environment.keys().cloned().collect();
    for name in names {
        let Some(variable) = trial.environment.remove(&name) else { continue };
        if load(disk, &trial).as_ref() != Ok(project) {
            trial.environment.insert(name, variable);
        }
    }
    trial.environment
}

fn note_size(bytes: usize, report: &mut Report) {
    let message = if bytes > MAX_STORED {
        "clusters store objects of about 1 MiB at most: put files into ConfigMaps that `filesFrom` names, or into the image"
    } else if bytes > MAX_CLIENT_SIDE {
        "client-side apply refuses more than 256 KiB: use `kubectl apply --server-side`"
    } else {
        return;
    };
    report.say(&Finding::of_stack("spec", "TooLarge", format!("the stack has {bytes} bytes, and {message}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_projects_become_names_of_stacks() {
        assert_eq!(name("my_shop").unwrap(), "my-shop");
        assert_eq!(name("shop_").unwrap(), "shop");
        for wrong in ["1st", &"x".repeat(41)] {
            assert!(name(wrong).unwrap_err().to_string().contains("--project-name"));
        }
    }
}
