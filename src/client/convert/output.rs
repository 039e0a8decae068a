//! Objects as text: documents, a list, or a directory.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::{ClientError, print, printed};
use super::Output;
use crate::translate::Documents;
use crate::yaml::{Kubernetes, Out, append, to_string};

/// The first line of a kustomization.yaml that a conversion may replace, with the files that it names.
const HEADER: &str = "# Written by `kubectl compose convert`, which replaces this file and those that it names.";

/// Writes the objects in their order.
pub(super) fn write<T: Serialize>(
    objects: &[T],
    output: Output,
    directory: &Path,
    namespace: Option<&str>,
) -> Result<(), ClientError> {
    match output {
        Output::Yaml => print(&documents(objects)?),
        Output::Json => {
            let objects: Vec<Value> = objects.iter().map(value).collect::<Result<_, _>>()?;
            let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
            let list = serde_json::to_string_pretty(&list).map_err(|error| ClientError::Output(error.to_string()))?;
            print(&(list + "\n"))
        }
        Output::Dir => write_directory(objects, directory, namespace),
    }
}

/// Writes documents in their order.
pub(super) fn write_documents(documents: &Documents) -> Result<(), ClientError> {
    let mut stdout = std::io::stdout().lock();
    printed(documents.write(&mut stdout).and_then(|()| stdout.flush()))
}

fn documents<T: Serialize>(objects: &[T]) -> Result<String, ClientError> {
    let mut out = Out::default();
    for object in objects {
        out.text.push_str("---\n");
        append::<Kubernetes>(&mut out, object)?;
    }
    Ok(out.text)
}

fn value(object: &impl Serialize) -> Result<Value, ClientError> {
    serde_json::to_value(object).map_err(|error| ClientError::Output(error.to_string()))
}

fn write_directory<T: Serialize>(objects: &[T], directory: &Path, namespace: Option<&str>) -> Result<(), ClientError> {
    let failed =
        |path: &Path, error: std::io::Error| ClientError::Usage(format!("cannot write {}: {error}", path.display()));
    let kustomization = directory.join("kustomization.yaml");
    let before = fs::read_to_string(&kustomization).unwrap_or_default();
    if !before.is_empty() && !before.starts_with(HEADER) {
        return Err(ClientError::Usage(format!(
            "{} was written by somebody else: choose another directory with --output-dir, and name it as a resource there",
            kustomization.display()
        )));
    }
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let mut names = Vec::new();
    for object in objects {
        let object = value(object)?;
        let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = format!("{}-{}.yaml", word("/kind").to_lowercase(), word("/metadata/name"));
        let path = directory.join(&name);
        fs::write(&path, to_string::<Kubernetes>(&object)?).map_err(|error| failed(&path, error))?;
        names.push(name);
    }
    let mut content = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": names,
        // The order is that of the list.
        "sortOptions": { "order": "fifo" },
    });
    if let Some(namespace) = namespace {
        content["namespace"] = json!(namespace);
    }
    let content = format!("{HEADER}\n{}", to_string::<Kubernetes>(&content)?);
    fs::write(&kustomization, content).map_err(|error| failed(&kustomization, error))?;
    for stale in stale(&before, &names.into_iter().collect()) {
        let path = directory.join(&stale);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path, error)),
            _ => {}
        }
    }
    Ok(())
}

/// The files that the kustomization before named and this one does not.
fn stale(before: &str, names: &BTreeSet<String>) -> Vec<String> {
    let before: Value = serde_saphyr::from_str(before).unwrap_or_default();
    let resources = before["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    resources.filter(|name| !name.contains(['/', '\\']) && !names.contains(*name)).map(str::to_owned).collect()
}
