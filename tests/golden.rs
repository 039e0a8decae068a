//! Compose files and the objects that they become.
//!
//! A case is a directory below tests/golden: `compose.yaml` and `expected.yaml`, with `settings.yaml` for what is not in
//! the file, and whatever files the project has. `UPDATE_GOLDEN=1` writes what comes out, to be reviewed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    clippy::needless_for_each,
    reason = "a test fails by a panic; its documents are small"
)]

mod support_matrix;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use compose_operator::api::v1alpha1::{ComposeStackSpec, ImageStatus};
use compose_operator::compose::{
    Document, DocumentBody, LoadOptions, Project, ProjectFile, ProjectTree, Variable, load,
};
use compose_operator::policy::Policy;
use compose_operator::translate::{Facts, Gate, PROJECT_DIRECTORY, Plan, Stack, translate};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a case may say beside its Compose file.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// Settings of the stack.
    spec: BTreeMap<String, Value>,
    /// Interpolation variables from a Secret.
    secret_env: BTreeMap<String, String>,
    /// Files of the project that came from a Secret.
    secret_files: BTreeSet<String>,
    /// The keys of Secrets that are in the cluster.
    secret_keys: BTreeMap<String, Vec<String>>,
    /// How services were discovered before.
    discovery: BTreeMap<String, String>,
    /// The operator's own image.
    operator_image: Option<String>,
    /// What images say of themselves.
    images: BTreeMap<String, ImageStatus>,
    /// Whether the cluster enforces NetworkPolicies.
    network_policy_enforced: Option<bool>,
    /// Whether the cluster has the Gateway API.
    gateway_api: bool,
    /// The addresses of the stack's Services.
    addresses: Option<BTreeMap<String, String>>,
    /// Whether pods may have any host name.
    hostname_override: bool,
    /// Whether the cluster has Multus.
    network_attachments: bool,
    /// Whether the policy allows the nodes' namespaces and networks.
    allow_host_namespaces: bool,
    /// Host directories that the policy allows.
    allow_host_path: Vec<String>,
    /// ServiceAccounts that the policy allows.
    allow_service_account: Vec<String>,
}

#[test]
fn golden() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut failures = Vec::new();
    for case in cases() {
        let actual = rendered(&case);
        let path = root.join(&case.name).join("expected.yaml");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &actual).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if actual != expected {
            let diff = similar::TextDiff::from_lines(&expected, &actual);
            failures.push(format!("{}\n{}", case.name, diff.unified_diff().context_radius(3)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A case, loaded.
struct Case {
    name: String,
    project: Project,
    stack: Stack,
    facts: Facts,
    policy: Policy,
    /// What it was loaded with.
    options: LoadOptions,
}

impl Case {
    /// The project when something is taken out of its file; none when that was not there.
    fn loaded_without(&self, row: &str, take_out: impl FnOnce(&mut Value) -> bool) -> Option<Project> {
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
    fn plan(&self, project: &Project) -> Plan {
        translate(project, &self.stack, &self.facts, &self.policy)
    }
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases.iter().map(|case| read(case)).collect()
}

/// The objects and notes of a case.
fn rendered(case: &Case) -> String {
    let plan = case.plan(&case.project);
    assert_eq!(plan, case.plan(&case.project), "{}: the outcome depends on chance", case.name);
    documents(&plan).iter().map(|document| format!("---\n{}", serde_saphyr::to_string(document).unwrap())).collect()
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
        secret_keys: settings.secret_keys,
        discovery: settings.discovery,
        images: settings.images,
        gateway_api: settings.gateway_api,
        addresses: settings.addresses,
        hostname_override: settings.hostname_override,
        network_attachments: settings.network_attachments,
        operator_image: settings.operator_image,
        ..Facts::default()
    };
    let policy = Policy {
        host_namespaces: settings.allow_host_namespaces,
        host_path_prefixes: settings.allow_host_path,
        service_accounts: settings.allow_service_account,
        ..Policy::default()
    };
    let name = case.file_name().unwrap().to_str().unwrap().to_owned();
    Case { name, project, stack, facts, policy, options }
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

/// The plan as documents: what is said first, then the objects in the order in which they are applied.
fn documents(plan: &Plan) -> Vec<Value> {
    let Plan { claims, workloads, notes, .. } = plan;
    let gate = |gate: &Gate| {
        let required = if gate.required { "" } else { ", or its failure" };
        format!("{}: {}{required}", gate.service, gate.condition.as_str())
    };
    let external: Vec<&str> =
        claims.iter().filter(|claim| claim.object.is_none()).map(|claim| claim.name.as_str()).collect();
    let waiting: BTreeMap<&str, Vec<String>> = workloads
        .iter()
        .filter(|workload| !workload.gates.is_empty())
        .map(|workload| (workload.service.as_str(), workload.gates.iter().map(gate).collect()))
        .collect();
    let mut discovery: BTreeMap<&str, Option<&str>> =
        workloads.iter().map(|workload| (workload.service.as_str(), workload.discovery)).collect();
    let members = workloads.iter().flat_map(|workload| &workload.members);
    discovery.extend(members.map(|member| (member.service.as_str(), member.discovery)));
    let said: Vec<String> = notes
        .iter()
        .map(|note| format!("{} {}: {} ({})", note.level.as_str(), note.path, note.message, note.reason))
        .collect();
    let mut about = json!({ "notes": said, "discovery": discovery });
    if !waiting.is_empty() {
        about["waitsFor"] = json!(waiting);
    }
    if !external.is_empty() {
        about["claimsThatHaveToBeThere"] = json!(external);
    }
    let objects = plan.children().map(|child| child.unwrap().object);
    std::iter::once(about).chain(objects).collect()
}
