//! The stages of a load, in their order.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::attribute::At;
use super::diagnostic::Diagnostics;
use super::diagnostic::ErrorClass;
use super::dotenv::Variables;
use super::extends::Bases;
use super::files::{FileError, ProjectFiles};
use super::locate::Base;
use super::model::Project;
use super::node::{Map, Mark, Node, Value};
use super::parse::{self, Parsed};
use super::positions::Positions;
use super::report::{Report, Source};
use super::{
    DocumentBody, LoadOptions, Variable, adopt, canonical, consistency, decode, defaults, environment, interpolate,
    limits, locate, merge, normalize, path, profiles, schema, settle, unicity, validate,
};

/// A load under way.
pub(super) struct Loader<'a> {
    pub(super) files: &'a dyn ProjectFiles,
    options: &'a LoadOptions,
    pub(super) report: Report,
    /// Included models, by the files that they were loaded from and the variables that these saw.
    pub(super) included: BTreeMap<(String, Rc<Variables>), Map>,
}

/// Where a document stands: what its relative paths and its variables mean.
#[derive(Clone)]
pub(super) struct Scope {
    /// What its path attributes are joined to; relative for an included document, whose includer resolves it further.
    pub(super) directory: String,
    /// The absolute directory that files to load are looked up in.
    pub(super) files: String,
    pub(super) variables: Rc<Variables>,
}

/// A document that was read and not processed yet.
pub(super) struct Input {
    /// The absolute path that tells it from others.
    pub(super) path: String,
    pub(super) parsed: Vec<Parsed>,
    pub(super) source: Mark,
}

/// What is done to a document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Full,
    /// The file of an `extends`: what it includes, extends and gets wrong matters only once it is merged.
    Base,
}

/// The merged, canonical document and what it was loaded with.
struct Model {
    root: Map,
    name: String,
    directory: String,
    variables: Rc<Variables>,
}

/// Loads a project as far as its document.
pub(super) fn load_document(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<serde_json::Value, Diagnostics> {
    let mut loader = Loader::new(files, options);
    let model = loader.root();
    match model {
        Some(mut model) if !loader.report.has_errors() => {
            if !options.skip.normalization {
                let name = Node::new(Value::String(model.name), None);
                model.root.insert("name".to_owned(), name);
            }
            Ok(Node::new(Value::Map(model.root), None).to_json())
        }
        _ => Err(Diagnostics(loader.report.into_diagnostics())),
    }
}

/// Loads a project.
pub(super) fn load(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<Project, Diagnostics> {
    let mut loader = Loader::new(files, options);
    let project = loader.project();
    let failed = loader.report.has_errors();
    let diagnostics = loader.report.into_diagnostics();
    match project {
        Some(mut project) if !failed => {
            project.warnings = diagnostics;
            Ok(project)
        }
        _ => Err(Diagnostics(diagnostics)),
    }
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn ProjectFiles, options: &'a LoadOptions) -> Self {
        Self { files, options, report: Report::within(options.limits), included: BTreeMap::new() }
    }

    fn root(&mut self) -> Option<Model> {
        let directory = path::clean(&self.options.project_directory);
        let inputs = self.inputs(&directory);
        let mut variables = self.variables(&directory);
        let name = self.name(&inputs, &variables);
        variables.insert(
            "COMPOSE_PROJECT_NAME".to_owned(),
            Variable { value: name.clone().unwrap_or_default(), secret: false },
        );
        let scope = Scope { directory: directory.clone(), files: directory.clone(), variables: Rc::new(variables) };
        let mut root = self.model(inputs, &scope, &[]);
        if root.is_empty() && !self.report.has_errors() {
            let message = "the document is empty; it needs at least services";
            self.report.error(&At::ROOT, None, ErrorClass::Yaml, "EmptyDocument", message);
        }
        let name = name.filter(|_| !self.report.is_spent())?;
        if !self.options.skip.normalization {
            normalize::normalize(&mut root, &name, &scope.variables, &mut self.report, self.options.threads);
        }
        Some(Model { root, name, directory, variables: scope.variables })
    }

    fn project(&mut self) -> Option<Project> {
        let Model { mut root, name, directory, variables } = self.root()?;
        let services = ["services", "jobs"].iter().filter_map(|section| root.get(section)?.as_map());
        let bytes = services.map(Map::len).sum::<usize>() * limits::SERVICE_BYTES;
        if !self.report.spend(bytes, &At::ROOT.key("services"), None, ErrorClass::Decode) {
            return None;
        }
        settle::settle(&mut root, &mut self.report, self.options.threads);
        let mut project = decode::project(&root, &mut self.report, self.options.threads);
        project.positions = Positions::new(root, self.report.sources());
        project.name = name;
        project.working_dir = directory;
        if !self.options.skip.consistency {
            consistency::names(&project, &mut self.report);
        }
        let active = self.profiles(&variables);
        profiles::apply(&mut project, &active);
        if !self.options.skip.consistency {
            consistency::check(&mut project, &mut self.report, self.options.threads);
        }
        if !self.options.services.is_empty() {
            profiles::select(&mut project, &self.options.services, &active, &mut self.report);
        }
        environment::resolve_files(&mut project, &variables, self.files, &mut self.report, self.options.skip);
        Some(project)
    }

    fn inputs(&mut self, directory: &str) -> Vec<Input> {
        if self.options.documents.is_empty() {
            self.report.error(
                &At::ROOT,
                None,
                ErrorClass::FileMissing,
                "MissingFile",
                "there is no document to load; give at least one",
            );
        }
        let mut inputs = Vec::new();
        for document in &self.options.documents {
            let object = matches!(document.body, DocumentBody::Object(_));
            let source = Source { name: document.name.clone(), secret: document.secret, object };
            let source = self.report.source(source);
            let parsed = match &document.body {
                DocumentBody::Text(text) => parse::parse(text, source, &mut self.report, self.options.threads),
                DocumentBody::Object(value) => {
                    let mut root = Node::from_json(value, source);
                    if !self.report.spend(root.weight(), &At::ROOT, None, ErrorClass::Yaml) {
                        root.value = Value::Broken;
                    }
                    repair_object(&mut root);
                    vec![Parsed { root, resets: super::reset::Resets::default() }]
                }
            };
            inputs.push(Input { path: path::absolute(directory, &document.name), parsed, source });
        }
        inputs
    }

    /// The variables of the load, with those of the project's `.env` behind them.
    fn variables(&mut self, directory: &str) -> Variables {
        let outer = &self.options.environment;
        if self.options.skip.env_file {
            return outer.clone();
        }
        let mut read = Variables::new();
        let file = path::join(directory, ".env");
        match environment::read_file(self.files, &file, ".env", &mut read, outer, &At::ROOT, &mut self.report) {
            Ok(()) | Err(FileError::NotFound | FileError::IsDirectory) => {}
            Err(error) => {
                self.report.error(&At::ROOT, None, ErrorClass::FileMissing, "MissingFile", format!(".env: {error}"));
            }
        }
        for (name, variable) in outer {
            read.insert(name.clone(), variable.clone());
        }
        read
    }

    /// The project's name: as given, else as the environment says, else as the last document says, else the default.
    fn name(&mut self, inputs: &[Input], variables: &Variables) -> Option<String> {
        let given = self.options.project_name.clone();
        let given = given.or_else(|| {
            variables.get("COMPOSE_PROJECT_NAME").map(|variable| variable.value.clone()).filter(|name| !name.is_empty())
        });
        if let Some(name) = given {
            if normal_name(&name) == name && !name.is_empty() {
                return Some(name);
            }
            let message = format!(
                "{name:?} is no name of a project; use lower case letters, digits, '-' and '_', and begin with a letter \
                 or digit"
            );
            self.report.error(&At::ROOT, None, ErrorClass::ProjectName, "InvalidName", message);
            return None;
        }
        let written =
            inputs.iter().flat_map(|input| &input.parsed).filter_map(|document| document.root.get("name")).rfind(
                |name| {
                    !matches!(name.value, Value::Null | Value::List(_) | Value::Map(_)) && !name.printed().is_empty()
                },
            );
        let name = written.map_or_else(String::new, |written| {
            let mut name = written.text_like(written.printed());
            // What is wrong with it is reported when the document itself is interpolated.
            interpolate::interpolate(&mut name, &At::ROOT, variables, &mut Report::default());
            normal_name(&name.printed())
        });
        if name.is_empty() && self.report.has_errors() {
            return None;
        }
        if let (true, Some(name)) = (name.is_empty(), &self.options.default_project_name) {
            return Some(name.clone());
        }
        if name.is_empty() {
            let mark = written.and_then(|name| name.mark);
            let message = "the project has no name; write name: at the top of the document";
            self.report.error(&At::ROOT.key("name"), mark, ErrorClass::ProjectName, "MissingAttribute", message);
            return None;
        }
        Some(name)
    }

    /// The active profiles: as given, else as the environment says.
    fn profiles(&self, variables: &Variables) -> Vec<String> {
        if !self.options.profiles.is_empty() {
            return self.options.profiles.clone();
        }
        let given = variables.get("COMPOSE_PROFILES").map_or("", |variable| variable.value.as_str());
        given.split(',').map(str::trim).filter(|profile| !profile.is_empty()).map(str::to_owned).collect()
    }

    /// Documents to one checked, canonical model.
    pub(super) fn model(&mut self, inputs: Vec<Input>, scope: &Scope, including: &[String]) -> Map {
        let mut root = Map::new();
        let mut bases = Bases::default();
        for input in inputs {
            self.document(input, scope, including, Depth::Full, &mut root, &mut bases);
        }
        defaults::set(&mut root);
        if !self.options.skip.validation {
            validate::validate(&mut root, &mut self.report);
        }
        if !(self.options.skip.paths && including.is_empty()) {
            self.locate(&mut root, &scope.directory);
        }
        environment::resolve_tree(&mut root, &scope.variables, &mut self.report);
        root
    }

    pub(super) fn locate(&mut self, root: &mut Map, directory: &str) {
        validate::contexts(root, &mut self.report);
        let home = self.options.environment.get("HOME").map(|home| home.value.as_str());
        locate::locate(root, &Base { directory, home });
    }

    /// Merges a document onto those before it.
    pub(super) fn document(
        &mut self,
        input: Input,
        scope: &Scope,
        including: &[String],
        depth: Depth,
        root: &mut Map,
        bases: &mut Bases,
    ) -> Vec<super::reset::Resets> {
        let mut including = including.to_vec();
        let secret = self.report.is_secret(Some(input.source));
        let mut resets = Vec::new();
        for Parsed { root: mut tree, resets: own } in input.parsed {
            if !self.options.skip.interpolation {
                interpolate::document(&mut tree, &scope.variables, &mut self.report, self.options.threads);
            }
            let (mark, kind) = (tree.mark, tree.kind());
            if tree.is_broken() {
                continue;
            }
            let Value::Map(mut tree) = tree.value else {
                let message = format!("the top of a document must be a mapping, and this is {kind}");
                self.report.error(&At::ROOT, mark, ErrorClass::Yaml, "InvalidType", message);
                continue;
            };
            if secret {
                taint(&mut tree);
            }
            if self.report.is_spent() || !canonical::fits(&tree, &mut self.report) {
                continue;
            }
            adopt::adopt(&mut tree, &mut self.report);
            if depth == Depth::Full {
                including.push(input.path.clone());
                self.include(&mut tree, scope, &including, &own);
            }
            own.apply(root);
            if depth == Depth::Full {
                self.extend_all(&mut tree, &input.path, scope, &own, bases);
            }
            merge::merge_maps(root, tree, &At::ROOT, &mut self.report);
            unicity::enforce(root, &mut self.report, self.options.threads);
            if depth == Depth::Full && !self.options.skip.validation {
                schema::check(root, &mut self.report, self.options.threads);
                if let Some(version) = root.remove("version") {
                    let message = "the attribute is obsolete and does nothing; take it out";
                    self.report.warn(&At::ROOT.key("version"), version.key_mark, "ObsoleteAttribute", message);
                }
            }
            canonical::canonical(root, &mut self.report, self.options.threads);
            omit_empty(root);
            unicity::enforce(root, &mut self.report, self.options.threads);
            resets.push(own);
        }
        resets
    }

    /// Whether so many more files may be included or extended from; when not, it is reported once.
    pub(super) fn may_read(&mut self, files: usize, at: &At<'_>, mark: Option<Mark>, class: ErrorClass) -> bool {
        let before = self.report.files;
        self.report.files += files;
        if before <= limits::FILES && self.report.files > limits::FILES {
            let message = format!("more than {} files are included and extended from in all", limits::FILES);
            self.report.error(at, mark, class, "LimitExceeded", message);
        }
        self.report.files <= limits::FILES && !self.report.is_spent()
    }

    /// Reads and parses a file of the project; `None` when that was reported as an error.
    pub(super) fn read(&mut self, file: &str, written: &str, at: &At<'_>, mark: Option<Mark>) -> Option<Input> {
        let content = match self.files.read(file) {
            Ok(content) => content,
            Err(error) => {
                let message = format!("{written}: {error}");
                self.report.error(at, mark, ErrorClass::FileMissing, "MissingFile", message);
                return None;
            }
        };
        let utf16 = matches!(content.content.get(..2), Some([0xff, 0xfe] | [0xfe, 0xff]));
        let Ok(text) = String::from_utf8(content.content) else {
            let kind = if utf16 { "UTF-16; save it as UTF-8" } else { "not UTF-8 text" };
            let message = format!("{written}: the file is {kind}");
            self.report.error(at, mark, ErrorClass::Yaml, "InvalidYaml", message);
            return None;
        };
        let project = path::clean(&self.options.project_directory);
        let name = file.strip_prefix(&format!("{}/", project.trim_end_matches('/'))).unwrap_or(file);
        let source = self.report.source(Source { name: name.to_owned(), secret: content.secret, object: false });
        let parsed = parse::parse(&text, source, &mut self.report, self.options.threads);
        Some(Input { path: file.to_owned(), parsed, source })
    }
}

/// Lower case letters, digits, `-` and `_`, beginning with a letter or digit.
fn normal_name(name: &str) -> String {
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

/// `restart: no` arrives as false in a document that YAML 1.1 was read into an object of.
fn repair_object(root: &mut Node) {
    for service in root.get_mut("services").and_then(Node::as_map_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(restart) = service.get_mut("restart")
            && restart.value == Value::Bool(false)
        {
            restart.value = Value::String("no".to_owned());
        }
    }
}

/// What a document from a Secret says of environments, secrets and configs is as secret as the document.
fn taint(tree: &mut Map) {
    for section in ["services", "jobs"] {
        for entry in tree.get_mut(section).and_then(Node::as_map_mut).into_iter().flat_map(Map::values_mut) {
            if let Some(environment) = entry.get_mut("environment") {
                environment.taint();
            }
            for hooks in ["pre_start", "post_start", "pre_stop"] {
                for hook in entry.get_mut(hooks).and_then(Node::as_list_mut).into_iter().flatten() {
                    if let Some(environment) = hook.get_mut("environment") {
                        environment.taint();
                    }
                }
            }
        }
    }
    for section in ["secrets", "configs"] {
        for entry in tree.get_mut(section).and_then(Node::as_map_mut).into_iter().flat_map(Map::values_mut) {
            if let Some(content) = entry.get_mut("content") {
                content.taint();
            }
        }
    }
}

/// Empty name servers are left out, so that a variable may give none.
fn omit_empty(root: &mut Map) {
    for section in ["services", "jobs"] {
        for entry in root.get_mut(section).and_then(Node::as_map_mut).into_iter().flat_map(Map::values_mut) {
            if let Some(servers) = entry.get_mut("dns").and_then(Node::as_list_mut) {
                servers.retain(|server| !server.is_null() && server.as_str() != Some(""));
            }
        }
    }
}
