//! Every project of the conformance corpus as objects, which a real API server has to accept.
//!
//! The corpus is looked for at `COMPOSE_CORPUS`, or beside the package. Its cases have neither images nor all files that
//! they name: what is missing is made up, so that a project is refused for what it says and not for what was not kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use compose_operator::api::v1alpha1::{ComposeStackSpec, ImageHealthCheck, ImageStatus, ModelEndpoint, Unsupported};
use compose_operator::compose::model::{DependencyCondition, Service};
use compose_operator::compose::{
    Document, DocumentBody, FileError, LoadOptions, Project, ProjectFile, ProjectFiles, ProjectTree, Variable, load,
};
use compose_operator::policy::Policy;
use compose_operator::translate::{
    Child, Facts, Note, NoteLevel, PROJECT_DIRECTORY, Stack, as_relative, attributes_used, file_references, translate,
};
use corpus::{Case, Disk, cases_that_load, corpus};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, ValidationDirective};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;

mod corpus;
mod harness;

const NAMESPACE: &str = "corpus-dry-run";
const NO_CORPUS: &str = "there is no corpus at COMPOSE_CORPUS or ../shared/corpus";

/// The project directory of a case, where the loader has it.
struct ProjectDirectory(PathBuf);

impl ProjectDirectory {
    fn on_disk(&self, path: &str) -> PathBuf {
        as_relative(path).map_or_else(|| PathBuf::from(path), |relative| self.0.join(relative))
    }

    /// Adds what is at a path, or makes up a file.
    fn add(&self, path: &str, tree: &mut ProjectTree) {
        match self.read(path) {
            Ok(file) => tree.insert(path.to_owned(), file),
            Err(FileError::IsDirectory) => {
                for entry in fs::read_dir(self.on_disk(path)).unwrap() {
                    self.add(&format!("{path}/{}", entry.unwrap().file_name().to_string_lossy()), tree);
                }
            }
            Err(_) => {
                let content = b"made up".to_vec();
                tree.insert(path.to_owned(), ProjectFile { content, mode: None, secret: false });
            }
        }
    }
}

impl ProjectFiles for ProjectDirectory {
    fn read(&self, path: &str) -> Result<ProjectFile, FileError> {
        Disk.read(&self.on_disk(path).to_string_lossy())
    }
}

/// What became of a project.
struct Converted {
    case: String,
    /// The objects, or the errors instead.
    children: Result<Vec<Child>, Vec<Note>>,
    /// Whether nothing was rejected, so that `unsupported: Fail` converts it too.
    is_whole: bool,
    /// Attributes that the table does not know.
    vanished: Vec<String>,
}

fn variable(value: &str) -> Variable {
    Variable { value: value.to_owned(), secret: false }
}

/// Everything is allowed.
fn policy() -> Policy {
    Policy {
        host_path_prefixes: vec!["/".to_owned()],
        privileged: true,
        host_namespaces: true,
        capabilities: vec!["*".to_owned()],
        host_ports: true,
        load_balancers: true,
        node_ports: true,
        registries: Vec::new(),
        service_accounts: vec!["*".to_owned()],
        networks: Vec::new(),
        operator_image: None,
    }
}

fn convert(case: &Case) -> Converted {
    let names = case.files();
    let first = case.directory.join(&names[0]);
    let directory = ProjectDirectory(first.parent().unwrap().to_owned());
    let mut options = LoadOptions {
        documents: names
            .iter()
            .map(|name| Document {
                name: name.clone(),
                body: DocumentBody::Text(
                    String::from_utf8_lossy(&fs::read(case.directory.join(name)).unwrap()).into_owned(),
                ),
                secret: false,
            })
            .collect(),
        project_directory: PROJECT_DIRECTORY.to_owned(),
        project_name: case.project().map(str::to_owned),
        environment: case.environment().into_iter().map(|(name, value)| (name, variable(&value))).collect(),
        profiles: case.profiles(),
        ..LoadOptions::default()
    };
    let name = case.name.clone();
    let loaded = |options: &LoadOptions| load(&directory, options).unwrap_or_else(|error| panic!("{name}: {error}"));
    let project = loaded(&options);
    for object in project.configs.values().chain(project.secrets.values()).filter(|object| !object.external) {
        if !object.environment.is_empty() {
            options.environment.entry(object.environment.clone()).or_insert_with(|| variable("made up"));
        }
    }
    let mut project = loaded(&options);
    let built = || "registry.example.com/built".to_owned();
    for service in project.services.values_mut() {
        if service.container.image.is_empty() && service.workload.build.is_some() {
            service.container.image = built();
        }
        for hook in service.pre_start.iter_mut().filter(|hook| hook.container.image.is_empty()) {
            hook.container.image.clone_from(&service.container.image);
        }
    }
    for job in project.jobs.values_mut() {
        if job.container.image.is_empty() && job.workload.build.is_some() {
            job.container.image = built();
        }
    }
    // Where models are served is no part of a Compose file.
    let served = ModelEndpoint { endpoint: "http://models.example.com/v1".to_owned() };
    let models = project.models.keys().map(|key| (key.clone(), served.clone())).collect();
    let stack = Stack {
        name: "corpus".to_owned(),
        namespace: NAMESPACE.to_owned(),
        uid: None,
        spec: ComposeStackSpec { unsupported: Unsupported::Warn, models, ..ComposeStackSpec::default() },
        files: files(&directory, &project),
        environment: options.environment,
        hash_key: b"corpus".to_vec(),
    };
    let plan = translate(&project, &stack, &Facts { images: images(&project), ..Facts::default() }, &policy());
    let errors: Vec<Note> = plan.notes.iter().filter(|note| note.level == NoteLevel::Error).cloned().collect();
    Converted {
        case: name,
        is_whole: plan.notes.iter().all(|note| !note.level.stops(Unsupported::Fail)),
        children: if errors.is_empty() { Ok(plan.children().collect::<Result<_, _>>().unwrap()) } else { Err(errors) },
        vanished: attributes_used(&project)
            .into_iter()
            .filter(|(_, row)| row.is_none())
            .map(|(path, _)| path)
            .collect(),
    }
}

/// The images of services that others wait for to be healthy: without a check in the file, it is in the image.
fn images(project: &Project) -> BTreeMap<String, ImageStatus> {
    let workloads = project.services.values().map(|service| &service.workload);
    let workloads = workloads.chain(project.jobs.values().map(|job| &job.workload));
    let awaited = workloads
        .flat_map(|workload| &workload.depends_on)
        .filter(|(_, dependency)| dependency.condition == DependencyCondition::Healthy)
        .filter_map(|(name, _)| project.services.get(name));
    let check = ImageHealthCheck { test: vec!["CMD".to_owned(), "true".to_owned()], ..ImageHealthCheck::default() };
    let image = |service: &Service| {
        let image = service.container.image.clone();
        (image.clone(), ImageStatus { image, health_check: Some(check.clone()), ..ImageStatus::default() })
    };
    awaited.map(|service| image(service)).collect()
}

/// The files of a project that the translation looks at.
fn files(directory: &ProjectDirectory, project: &Project) -> ProjectTree {
    let mut tree = ProjectTree::default();
    for reference in file_references(project) {
        directory.add(&reference.file, &mut tree);
    }
    tree
}

/// Offers objects without keeping them; what is said against each.
async fn refused(client: &Client, children: &[Child]) -> Vec<String> {
    let parameters = PatchParams {
        dry_run: true,
        force: true,
        field_manager: Some("corpus".to_owned()),
        field_validation: Some(ValidationDirective::Strict),
    };
    let mut refused = Vec::new();
    for child in children {
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &child.resource);
        if let Err(error) = api.patch(&child.name, &parameters, &Patch::Apply(&child.object)).await {
            refused.push(format!("{} {}: {error}", child.resource.kind, child.name));
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_api_server_accepts_what_the_corpus_becomes() {
    let Some(corpus) = corpus() else { return harness::not_run(NO_CORPUS) };
    let Some(cluster) = harness::bare_cluster() else { return };
    let kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let client = Client::try_from(config).unwrap();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } })).unwrap();
    namespaces.create(&PostParams::default(), &namespace).await.unwrap();

    let cases = cases_that_load(&corpus);
    let results: Vec<(Converted, Vec<String>)> = futures::stream::iter(&cases)
        .map(|case| {
            let client = client.clone();
            async move {
                let converted = convert(case);
                let refused = match &converted.children {
                    Ok(children) => refused(&client, children).await,
                    Err(_) => Vec::new(),
                };
                (converted, refused)
            }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    namespaces.delete(NAMESPACE, &DeleteParams::default()).await.unwrap();

    let mut wrong = BTreeSet::new();
    let (mut converted, mut accepted, mut objects) = (0, 0, 0);
    for (result, refused) in &results {
        wrong.extend(refused.iter().map(|error| format!("{}: {error}", result.case)));
        if let Ok(children) = &result.children {
            converted += 1;
            objects += children.len();
            accepted += usize::from(refused.is_empty());
        }
    }
    println!("accepted {accepted} of {converted} ({objects} objects)");
    assert!(converted > 0, "nothing was converted");
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_project_converts() {
    let Some(corpus) = corpus() else { return harness::not_run(NO_CORPUS) };
    let cases = cases_that_load(&corpus);
    let (mut wrong, mut vanished, mut converted, mut whole) = (Vec::new(), 0, 0, 0);
    for result in cases.iter().map(convert) {
        vanished += result.vanished.len();
        converted += usize::from(result.children.is_ok());
        whole += usize::from(result.is_whole);
        wrong.extend(result.vanished.iter().map(|path| format!("{}: {path} is in no row of the table", result.case)));
        let errors = result.children.err().unwrap_or_default();
        wrong.extend(
            errors.iter().map(|note| format!("{}: {} {}: {}", result.case, note.reason, note.path, note.message)),
        );
    }
    println!(
        "converted {converted} of {}, {whole} of them whole and the others without what is rejected; vanished {vanished}",
        cases.len(),
    );
    assert!(whole > 0, "nothing was converted");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
