//! The cases below tests/golden, loaded.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use compose_operator::api::v1alpha1::{ComposeStackSpec, ImageStatus};
use compose_operator::compose::{
    Document, DocumentBody, LoadOptions, Project, ProjectFile, ProjectTree, Variable, load,
};
use compose_operator::parallel::Threads;
use compose_operator::policy::Policy;
use compose_operator::translate::{Facts, Note, PROJECT_DIRECTORY, Plan, Stack, documents_on, translate};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a case may say beside its Compose file.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Settings of the stack.
    pub spec: BTreeMap<String, Value>,
    /// Interpolation variables from a Secret.
    pub secret_env: BTreeMap<String, String>,
    /// Files of the project that came from a Secret.
    pub secret_files: BTreeSet<String>,
    /// The keys of Secrets that are in the cluster.
    pub secret_keys: BTreeMap<String, Vec<String>>,
    /// How services were discovered before.
    pub discovery: BTreeMap<String, String>,
    /// The operator's own image.
    pub operator_image: Option<String>,
    /// What images say of themselves.
    pub images: BTreeMap<String, ImageStatus>,
    /// Whether the cluster enforces NetworkPolicies.
    pub network_policy_enforced: Option<bool>,
    /// Whether the cluster has the Gateway API.
    pub gateway_api: bool,
    /// The addresses of the stack's Services.
    pub addresses: Option<BTreeMap<String, String>>,
    /// Whether pods may have any host name.
    pub hostname_override: bool,
    /// Whether the cluster has addresses of version 6.
    pub ipv6: bool,
    /// Whether the cluster has Multus.
    pub network_attachments: bool,
    /// The StorageClasses that keep the volumes of drivers.
    pub volume_drivers: BTreeMap<String, String>,
    /// Whether the policy allows the nodes' namespaces and networks.
    pub allow_host_namespaces: bool,
    /// Host directories that the policy allows.
    pub allow_host_path: Vec<String>,
    /// ServiceAccounts that the policy allows.
    pub allow_service_account: Vec<String>,
    /// Networks that the policy opens to other namespaces.
    pub allow_network: Vec<String>,
}

/// A case, loaded.
pub struct Case {
    pub name: String,
    pub settings: Settings,
    pub project: Project,
    pub stack: Stack,
    pub facts: Facts,
    pub policy: Policy,
    /// What it was loaded with.
    pub options: LoadOptions,
}

impl Case {
    /// The project when something is taken out of its file; none when that was not there.
    pub fn loaded_without(&self, row: &str, take_out: impl FnOnce(&mut Value) -> bool) -> Option<Project> {
        let mut options = self.options.clone();
        let document = options.documents.first_mut()?;
        let DocumentBody::Text(text) = &document.body else { return None };
        if !text.contains(row.trim_end_matches("[]").rsplit('.').next()?) {
            return None;
        }
        let mut file: Value = serde_saphyr::from_str(text).ok()?;
        if !take_out(&mut file) {
            return None;
        }
        document.body = DocumentBody::Object(file);
        load(&self.stack.files, &options).ok()
    }

    /// What becomes of a project in the case's surroundings.
    pub fn plan(&self, project: &Project) -> Plan {
        translate(project, &self.stack, &self.facts, &self.policy)
    }

    /// The same as text, with what there is to say.
    pub fn documents(&self, project: &Project) -> (String, Vec<Note>) {
        let documents = documents_on(Threads::EachProcessor, project, &self.stack, &self.facts, &self.policy).unwrap();
        let mut text = Vec::new();
        documents.write(&mut text).unwrap();
        (String::from_utf8(text).unwrap(), documents.notes)
    }
}

pub fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases.iter().map(|case| read(case)).collect()
}

fn read(case: &Path) -> Case {
    let settings: Settings = match std::fs::read_to_string(case.join("settings.yaml")) {
        Ok(text) => serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case.display())),
        Err(_) => Settings::default(),
    };
    let spec: ComposeStackSpec = serde_json::from_value(json!(settings.spec)).unwrap();
    let mut files = ProjectTree::default();
    add_files(case, case, &settings, &mut files);
    let mut environment: BTreeMap<String, Variable> =
        spec.env.iter().map(|(name, value)| (name.clone(), Variable { value: value.clone(), secret: false })).collect();
    for (name, value) in &settings.secret_env {
        environment.insert(name.clone(), Variable { value: value.clone(), secret: true });
    }
    let options = LoadOptions {
        documents: vec![Document {
            name: "compose.yaml".to_owned(),
            body: DocumentBody::Text(std::fs::read_to_string(case.join("compose.yaml")).unwrap()),
            secret: false,
        }],
        project_directory: PROJECT_DIRECTORY.to_owned(),
        project_name: Some("shop".to_owned()),
        environment: environment.clone(),
        profiles: spec.profiles.clone(),
        ..LoadOptions::default()
    };
    let project = load(&files, &options).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
    let stack = Stack {
        name: "shop".to_owned(),
        namespace: "default".to_owned(),
        uid: None,
        spec,
        files,
        environment,
        hash_key: b"golden".to_vec(),
    };
    let facts = Facts {
        network_policy_enforced: settings.network_policy_enforced,
        secret_keys: settings.secret_keys.clone(),
        discovery: settings.discovery.clone(),
        images: settings.images.clone(),
        gateway_api: settings.gateway_api,
        addresses: settings.addresses.clone(),
        hostname_override: settings.hostname_override,
        ipv6: settings.ipv6,
        network_attachments: settings.network_attachments,
        operator_image: settings.operator_image.clone(),
        volume_drivers: settings.volume_drivers.clone(),
        ..Facts::default()
    };
    let policy = Policy {
        host_namespaces: settings.allow_host_namespaces,
        host_path_prefixes: settings.allow_host_path.clone(),
        service_accounts: settings.allow_service_account.clone(),
        networks: settings.allow_network.iter().map(|network| network.parse().unwrap()).collect(),
        ..Policy::default()
    };
    let name = case.file_name().unwrap().to_str().unwrap().to_owned();
    Case { name, settings, project, stack, facts, policy, options }
}

fn add_files(root: &Path, directory: &Path, settings: &Settings, files: &mut ProjectTree) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_files(root, &path, settings, files);
            continue;
        }
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if ["compose.yaml", "settings.yaml", "expected.yaml"].contains(&relative.as_str()) {
            continue;
        }
        let secret = settings.secret_files.contains(&relative);
        let content = std::fs::read(&path).unwrap();
        files.insert(format!("{PROJECT_DIRECTORY}/{relative}"), ProjectFile { content, mode: None, secret });
    }
}
