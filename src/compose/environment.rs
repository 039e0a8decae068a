//! Variables of the project's environment into attributes that only name them, before and after decoding.

use std::collections::{BTreeMap, BTreeSet};

use super::Skip;
use super::attribute::At;
use super::diagnostic::{Diagnostics, ErrorClass};
use super::dotenv::{self, DotenvError, Variables};
use super::files::{FileError, ProjectFile, ProjectFiles};
use super::limits;
use super::model::{ContainerSpec, Project};
use super::node::{Map, Node, Value};
use super::positions::Positions;
use super::report::{Report, Source};
use super::template::Lookup;

/// The attribute that carries the value of a secret's variable; no document can name it by accident.
pub(super) const SECRET_VALUE: &str = "x-#value";

/// Resolves bare names in lists of variables, and the variables of secrets and configs.
pub(super) fn resolve_tree(root: &mut Map, variables: &Variables, report: &mut Report) {
    for section in ["services", "jobs"] {
        for entry in root.get_mut(section).and_then(Node::as_map_mut).into_iter().flat_map(Map::values_mut) {
            let Some(items) = entry.get_mut("environment").and_then(Node::as_list_mut) else { continue };
            items.retain(|item| item.as_str().is_some());
            for item in items {
                let found = item.as_str().and_then(|name| Some((name, variables.get(name)?)));
                if let Some((name, variable)) = found
                    && report.spend(
                        2 * variable.value.len(),
                        &At::ROOT.key(section),
                        item.mark,
                        ErrorClass::Interpolation,
                    )
                {
                    let text = format!("{name}={}", variable.value);
                    *item = Node { tainted: item.tainted || variable.secret, ..item.text_like(text) };
                }
            }
        }
    }
    for (section, target) in [("secrets", SECRET_VALUE), ("configs", "content")] {
        for entry in root.get_mut(section).and_then(Node::as_map_mut).into_iter().flat_map(Map::values_mut) {
            let Some(name) = entry.get("environment").filter(|name| name.as_str().is_some()).cloned() else { continue };
            let Some(variable) = variables.get(&*name.printed()) else { continue };
            if !report.spend(variable.value.len(), &At::ROOT.key(section), name.mark, ErrorClass::Interpolation) {
                continue;
            }
            let value = Node { tainted: name.tainted || variable.secret, ..name.text_like(variable.value.as_str()) };
            if let Some(map) = entry.as_map_mut() {
                map.insert(target.to_owned(), value);
            }
        }
    }
}

/// Gives the names of a mapping or list of variables their values; with `keep`, those that stay without one are kept.
pub(super) fn fill(node: &mut Node, variables: &Variables, keep: bool, report: &mut Report) {
    let mut fits = |variable: &super::Variable, mark| {
        report.spend(2 * variable.value.len(), &At::ROOT, mark, ErrorClass::Interpolation)
    };
    match &mut node.value {
        Value::Map(map) => {
            let mut unset = Vec::new();
            for (name, value) in map.iter_mut().filter(|(_, value)| value.is_null()) {
                match variables.get(name) {
                    Some(variable) if !fits(variable, value.mark) => value.value = Value::Broken,
                    Some(variable) => {
                        value.tainted |= variable.secret;
                        value.value = Value::String(variable.value.clone());
                    }
                    None => unset.push(name.clone()),
                }
            }
            if !keep {
                for name in unset {
                    map.remove(&name);
                }
            }
        }
        Value::List(items) => {
            items.retain_mut(|item| {
                let Some(name) = item.as_str().filter(|text| !text.contains('=')) else {
                    return item.as_str().is_some();
                };
                let Some(variable) = variables.get(name) else { return keep };
                if !fits(variable, item.mark) {
                    return false;
                }
                let text = format!("{name}={}", variable.value);
                item.tainted |= variable.secret;
                item.value = Value::String(text);
                true
            });
        }
        _ => {}
    }
}

/// Reads the files of labels and of variables that enabled services and jobs name, below what they say themselves.
pub(super) fn resolve_files(
    project: &mut Project,
    variables: &Variables,
    files: &dyn ProjectFiles,
    report: &mut Report,
    skip: Skip,
) {
    let mut reader = Reader { files, variables, report, environments: !skip.environment, cache: BTreeMap::new() };
    let mut tainted = std::mem::take(&mut project.tainted);
    for (name, service) in &mut project.services {
        let path = format!("services.{name}");
        reader.container(&mut service.container, &path, &project.positions, &mut tainted);
        for (index, hook) in service.pre_start.iter_mut().enumerate() {
            let path = format!("{path}.pre_start[{index}]");
            reader.container(&mut hook.container, &path, &project.positions, &mut tainted);
        }
    }
    // The reference implementation leaves jobs as they are written, and nothing else would read their files.
    for (name, job) in project.jobs.iter_mut().filter(|_| !skip.jobs) {
        reader.container(&mut job.container, &format!("jobs.{name}"), &project.positions, &mut tainted);
    }
    project.tainted = tainted;
}

/// Whether there is room for the variables of a file.
fn fits(report: &mut Report, text: &str) -> bool {
    // To count the lines of a file for every service that names it takes time, too.
    if report.is_spent() {
        return false;
    }
    let bytes = 2 * text.len() + text.lines().count() * limits::VARIABLE_BYTES;
    report.spend(bytes, &At::ROOT, None, ErrorClass::Dotenv)
}

struct Reader<'a> {
    files: &'a dyn ProjectFiles,
    variables: &'a Variables,
    report: &'a mut Report,
    environments: bool,
    /// Texts of files, since many services share one, with whether they came from a Secret.
    cache: BTreeMap<String, Result<(String, bool), FileError>>,
}

impl Reader<'_> {
    fn container(
        &mut self,
        container: &mut ContainerSpec,
        path: &str,
        positions: &Positions,
        tainted: &mut BTreeSet<String>,
    ) {
        if self.environments {
            for (name, value) in &mut container.environment {
                if value.is_none()
                    && let Some(variable) = self.variables.get(name)
                {
                    *value = Some(variable.value.clone());
                    if variable.secret {
                        tainted.insert(format!("{path}.environment.{name}"));
                    }
                }
            }
            self.environment(container, path, positions, tainted);
        }
        self.labels(container, path, positions, tainted);
    }

    fn environment(
        &mut self,
        container: &mut ContainerSpec,
        path: &str,
        positions: &Positions,
        tainted: &mut BTreeSet<String>,
    ) {
        if container.env_file.is_empty() {
            return;
        }
        let own: Variables = container
            .environment
            .iter()
            .filter_map(|(name, value)| {
                let secret = tainted.contains(&format!("{path}.environment.{name}"));
                Some((name.clone(), super::Variable { value: value.clone()?, secret }))
            })
            .collect();
        let mut read = own.clone();
        for (index, file) in container.env_file.iter().enumerate() {
            let at = format!("{path}.env_file[{index}]");
            if tainted.contains(&format!("{at}.path")) {
                self.secret_path(at, positions);
                continue;
            }
            let Some((text, secret)) = self.text(&file.path, file.required, &at, positions) else { continue };
            let variables = self.variables;
            let lookup = |name: &str| variables.get(name).or_else(|| own.get(name));
            self.parse(&text, secret, &file.format, &mut read, &lookup, (&file.path, &at));
        }
        for (name, variable) in read {
            if container.environment.contains_key(&name) {
                continue;
            }
            if variable.secret {
                tainted.insert(format!("{path}.environment.{name}"));
            }
            container.environment.insert(name, Some(variable.value));
        }
        container.env_file.clear();
    }

    fn labels(
        &mut self,
        container: &mut ContainerSpec,
        path: &str,
        positions: &Positions,
        tainted: &mut BTreeSet<String>,
    ) {
        let mut all = Variables::new();
        for (index, file) in container.label_file.iter().enumerate() {
            let at = format!("{path}.label_file[{index}]");
            if tainted.contains(&at) {
                self.secret_path(at, positions);
                continue;
            }
            let Some((text, secret)) = self.text(file, true, &at, positions) else { continue };
            let mut read = Variables::new();
            self.parse(&text, secret, "", &mut read, &|name| all.get(name), (file, &at));
            all.append(&mut read);
        }
        for (name, variable) in all {
            if container.labels.contains_key(&name) {
                continue;
            }
            if variable.secret {
                tainted.insert(format!("{path}.labels.{name}"));
            }
            container.labels.insert(name, variable.value);
        }
    }

    fn secret_path(&mut self, at: String, positions: &Positions) {
        let position = positions.get(&at);
        let message = "text from a Secret stands in the path of a file, which messages show; write it out";
        self.report.error_positioned(at, position, ErrorClass::FileMissing, "SecretInName", message);
    }

    fn text(&mut self, path: &str, required: bool, at: &str, positions: &Positions) -> Option<(String, bool)> {
        if !self.cache.contains_key(path) {
            let text = self.files.read(&super::path::clean(path)).and_then(|file| {
                too_long(&file)?;
                let text = String::from_utf8(file.content)
                    .map_err(|_| FileError::Unreadable("it is not UTF-8 text".to_owned()))?;
                Ok((text, file.secret))
            });
            self.cache.insert(path.to_owned(), text);
        }
        match self.cache.get(path) {
            // Each service that names a file takes its variables in.
            Some(Ok((text, _))) if !fits(self.report, text) => None,
            Some(Ok((text, secret))) => Some((text.clone(), *secret)),
            Some(Err(FileError::NotFound)) if !required => None,
            Some(Err(error)) => {
                let cure = if *error == FileError::NotFound && at.contains("env_file") {
                    "; add the file, or say required: false"
                } else {
                    ""
                };
                let message = format!("{path}: {error}{cure}");
                let place =
                    positions.get(at).or_else(|| positions.get(at.rsplit_once('[').map_or(at, |(list, _)| list)));
                self.report.error_positioned(at.to_owned(), place, ErrorClass::FileMissing, "MissingFile", message);
                None
            }
            None => None,
        }
    }

    fn parse(
        &mut self,
        text: &str,
        secret: bool,
        format: &str,
        into: &mut Variables,
        lookup: &Lookup<'_>,
        (file, at): (&str, &str),
    ) {
        let result = match format {
            "" | ".env" => dotenv::parse(text, secret, into, lookup),
            "raw" => dotenv::parse_raw(text, secret, into, lookup),
            _ => {
                let message = format!("{format:?} is no format of variables; write raw, or leave format out");
                self.report.error_positioned(format!("{at}.format"), None, ErrorClass::Dotenv, "InvalidValue", message);
                return;
            }
        };
        if let Err(error) = result {
            report_dotenv(self.report, file, secret, at, error);
        }
    }
}

/// Reports where a file of variables breaks the syntax.
pub(super) fn report_dotenv(report: &mut Report, file: &str, secret: bool, at: &str, error: DotenvError) {
    let mark = report.source(Source { name: file.to_owned(), secret, object: false });
    let mark = super::node::Mark { line: error.line, column: 1, ..mark };
    report.error_at(at.to_owned(), Some(mark), error.class, error.reason, error.message);
}

fn too_long(file: &ProjectFile) -> Result<(), FileError> {
    if file.content.len() > limits::ENV_FILE_BYTES {
        return Err(FileError::Unreadable(format!("it is longer than the limit of {} bytes", limits::ENV_FILE_BYTES)));
    }
    Ok(())
}

/// The variables of a file, on top of those that were there before.
pub(super) fn read_file(
    files: &dyn ProjectFiles,
    path: &str,
    name: &str,
    variables: &mut Variables,
    outer: &Variables,
    at: &At<'_>,
    report: &mut Report,
) -> Result<(), FileError> {
    let file = files.read(path)?;
    too_long(&file)?;
    let text = String::from_utf8(file.content).map_err(|_| FileError::Unreadable("it is not UTF-8 text".to_owned()))?;
    if let Err(error) = dotenv::parse(&text, file.secret, variables, &|name| outer.get(name)) {
        report_dotenv(report, name, file.secret, &at.to_string(), error);
    }
    Ok(())
}

/// Adds the variables of several files to those that are there.
pub(super) fn add_files(
    files: &dyn ProjectFiles,
    paths: &[String],
    variables: &mut Variables,
) -> Result<(), Diagnostics> {
    let mut report = Report::default();
    let mut read = Variables::new();
    for path in paths {
        if let Err(error) = read_file(files, path, path, &mut read, variables, &At::ROOT, &mut report) {
            report.error(&At::ROOT, None, ErrorClass::FileMissing, "MissingFile", format!("{path}: {error}"));
        }
    }
    if report.has_errors() {
        return Err(Diagnostics(report.into_diagnostics()));
    }
    for (name, variable) in read {
        variables.entry(name).or_insert(variable);
    }
    Ok(())
}
