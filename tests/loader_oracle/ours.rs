//! The loader's own answer to what the oracle is asked.

use std::collections::BTreeMap;

use compose_operator::compose::{
    Document, DocumentBody, ErrorClass, LoadOptions, ProjectFile, ProjectTree, Skip, Variable, load,
};
use serde_json::Value;

use crate::oracle_client::{Load, Outcome};

const ROOT: &str = "/oracle-root";
const DIRECTORY: &str = "/oracle-root/one/two/project";

/// What came of a load here.
pub struct Ours {
    /// The same as the oracle says of its load; the class of an error is not set.
    pub outcome: Outcome,
    /// The classes of the errors, as the oracle tells them apart.
    pub classes: Vec<&'static str>,
}

/// Loads from memory.
pub fn ours(request: &Load) -> Ours {
    match std::panic::catch_unwind(|| outcome(request)) {
        Ok(ours) => ours,
        Err(_) => failed("the loader panicked".to_owned(), Vec::new()),
    }
}

fn outcome(request: &Load) -> Ours {
    let mut tree = ProjectTree::default();
    for (path, text) in &request.files {
        let file = ProjectFile { content: text.clone().into_bytes(), mode: None, secret: false };
        tree.insert(clean(&format!("{DIRECTORY}/{path}")), file);
    }
    let mut documents = Vec::new();
    for path in &request.documents {
        let Some(text) = request.files.get(path) else {
            return failed(format!("{path}: no such file"), vec!["file-missing"]);
        };
        let name = clean(&format!("{DIRECTORY}/{path}"));
        documents.push(Document { name, body: DocumentBody::Text(text.clone()), secret: false });
    }
    let first = &documents[0].name;
    let project_directory = first[..first.rfind('/').unwrap()].to_owned();
    let directory_name = project_directory.rsplit('/').next().unwrap().to_owned();
    let environment: BTreeMap<String, Variable> = request
        .env
        .iter()
        .map(|(name, value)| (name.clone(), Variable { value: value.clone(), secret: false }))
        .collect();
    let options = LoadOptions {
        documents,
        project_directory,
        project_name: request.project.clone(),
        default_project_name: Some(directory_name),
        environment,
        profiles: request.profiles.clone(),
        skip: Skip { jobs: true, ..Skip::default() },
        ..LoadOptions::default()
    };
    match load(&tree, &options) {
        Ok(project) => {
            let needed = project.clone().without_unnecessary_resources();
            let all = masked(&serde_json::to_string(&project).unwrap());
            let pruned = masked(&serde_json::to_string(&needed).unwrap());
            let models = |models: &BTreeMap<_, _>| (!models.is_empty()).then(|| serde_json::to_value(models).unwrap());
            let outcome = Outcome {
                pruned: (pruned != all).then_some(pruned),
                project: Some(all),
                models: models(&project.models),
                pruned_models: models(&needed.models),
                ..Outcome::default()
            };
            Ours { outcome, classes: Vec::new() }
        }
        Err(diagnostics) => {
            let classes = diagnostics.0.iter().filter_map(|diagnostic| diagnostic.class.map(ErrorClass::as_str));
            failed(diagnostics.to_string(), classes.collect())
        }
    }
}

fn masked(text: &str) -> Value {
    serde_json::from_str(&text.replace(DIRECTORY, "${DIR}").replace(ROOT, "${ROOT}")).unwrap()
}

fn failed(error: String, classes: Vec<&'static str>) -> Ours {
    Ours { outcome: Outcome { error, ..Outcome::default() }, classes }
}

/// The path without `.` and `..`.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
