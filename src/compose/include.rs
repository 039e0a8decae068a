//! Other Compose applications as parts of this one (Compose Specification, "include").

use std::rc::Rc;

use super::Variable;
use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::dotenv::Variables;
use super::environment;
use super::files::FileError;
use super::limits;
use super::load::{Loader, Scope};
use super::merge;
use super::node::{Map, Mark, Node, Value, weight};
use super::path;
use super::reset::Resets;

/// One entry of `include`.
#[derive(Default)]
struct Include {
    paths: Vec<String>,
    project_directory: String,
    env_files: Vec<String>,
    mark: Option<Mark>,
}

const SECTIONS: [&str; 7] = ["services", "jobs", "volumes", "networks", "secrets", "configs", "models"];

impl Loader<'_> {
    /// Brings what a document includes into it. `including` are the documents on the way to this one.
    pub(super) fn include(&mut self, tree: &mut Map, scope: &Scope, including: &[String], resets: &Resets) {
        let Some(include) = tree.remove("include") else { return };
        let include_at = At::ROOT.key("include");
        let mark = include.mark;
        let items = match include.value {
            Value::List(items) => items,
            Value::Null | Value::Broken => return,
            _ => {
                self.report.error(
                    &include_at,
                    mark,
                    ErrorClass::Include,
                    "InvalidType",
                    "expected a list of files to include",
                );
                return;
            }
        };
        for (index, item) in items.iter().enumerate() {
            let at = include_at.item(index);
            let Some(include) = self.entry(item, &at) else { continue };
            if let Some(model) = self.included_model(&include, scope, including, &at) {
                self.import(model, tree, resets);
            }
        }
    }

    fn entry(&mut self, node: &Node, at: &At<'_>) -> Option<Include> {
        let mut include = Include { mark: node.mark, ..Include::default() };
        if node.holds_taint() {
            self.report.secret_name(at, node.mark, ErrorClass::Include);
            return None;
        }
        match &node.value {
            Value::String(path) => include.paths.push(path.clone()),
            Value::Map(map) => {
                for (key, value) in map {
                    match (key.as_str(), &value.value) {
                        ("path", _) => include.paths = self.texts(value, &at.key(key))?,
                        ("env_file", _) => include.env_files = self.texts(value, &at.key(key))?,
                        ("project_directory", Value::String(text)) => include.project_directory.clone_from(text),
                        (_, Value::Broken | Value::Null) => {}
                        _ => {
                            let message = "include knows path, env_file and project_directory; this does nothing";
                            self.report.warn(&at.key(key), value.key_mark, "UnknownAttribute", message);
                        }
                    }
                }
            }
            Value::Broken => return None,
            _ => {
                let message = format!("expected a file or a mapping with path, and this is {}", node.kind());
                self.report.error(at, node.mark, ErrorClass::Include, "InvalidType", message);
                return None;
            }
        }
        Some(include)
    }

    fn texts(&mut self, node: &Node, at: &At<'_>) -> Option<Vec<String>> {
        let texts = match &node.value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Null => Some(Vec::new()),
            Value::List(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        if texts.is_none() {
            self.report.error(at, node.mark, ErrorClass::Include, "InvalidType", "expected a text or a list of texts");
        }
        texts
    }

    fn included_model(&mut self, include: &Include, scope: &Scope, including: &[String], at: &At<'_>) -> Option<Map> {
        let paths: Vec<String> = include.paths.iter().map(|file| path::absolute(&scope.files, file)).collect();
        let main = paths.first()?;
        if including.contains(main) {
            let message = format!("the files include each other in a ring: {} -> {main}", including.join(" -> "));
            self.report.error(at, include.mark, ErrorClass::Include, "IncludeCycle", message);
            return None;
        }
        if including.len() > limits::INCLUDE_DEPTH {
            let message = format!("includes nest deeper than {} files", limits::INCLUDE_DEPTH);
            self.report.error(at, include.mark, ErrorClass::Include, "LimitExceeded", message);
            return None;
        }
        if !self.may_read(paths.len(), at, include.mark, ErrorClass::Include) {
            return None;
        }
        let given = include.project_directory.as_str();
        let files = if given.is_empty() { path::parent(main) } else { path::absolute(&scope.files, given) };
        let directory = if given.starts_with('/') { given.to_owned() } else { path::relative(&scope.files, &files) };
        let variables = self.included_variables(include, scope, &files, at)?;

        let key = (format!("{files}\0{directory}\0{}", paths.join("\0")), variables);
        if let Some(model) = self.included.get(&key) {
            let fits = self.report.spend(weight(model), at, include.mark, ErrorClass::Include);
            return fits.then(|| model.clone());
        }
        let variables = Rc::clone(&key.1);
        let mut inputs = Vec::new();
        for (file, written) in paths.iter().zip(&include.paths) {
            inputs.push(self.read(file, written, at, include.mark)?);
        }
        let scope = Scope { directory, files, variables };
        let model = self.model(inputs, &scope, including);
        self.included.insert(key, model.clone());
        Some(model)
    }

    /// The includer's variables, with those of the included project's files behind them.
    fn included_variables(
        &mut self,
        include: &Include,
        scope: &Scope,
        directory: &str,
        at: &At<'_>,
    ) -> Option<Rc<Variables>> {
        let mut read = Variables::new();
        let own = [path::join(directory, ".env")];
        let (files, optional): (Vec<String>, bool) = if include.env_files.is_empty() {
            (own.to_vec(), true)
        } else {
            (include.env_files.iter().filter(|file| *file != "/dev/null").cloned().collect(), false)
        };
        for written in files {
            let file = path::absolute(&scope.files, &written);
            let name = if optional { ".env" } else { &written };
            let result =
                environment::read_file(self.files, &file, name, &mut read, &scope.variables, at, &mut self.report);
            match result {
                Ok(()) => {}
                Err(FileError::NotFound | FileError::IsDirectory) if optional => {}
                Err(error) => {
                    let message = format!("{name}: {error}");
                    let class =
                        if error == FileError::IsDirectory { ErrorClass::Include } else { ErrorClass::FileMissing };
                    self.report.error(&at.key("env_file"), include.mark, class, "MissingFile", message);
                    return None;
                }
            }
        }
        if read.is_empty() {
            return Some(Rc::clone(&scope.variables));
        }
        for (name, variable) in scope.variables.iter() {
            read.insert(name.clone(), variable.clone());
        }
        let bytes =
            |(name, variable): (&String, &Variable)| limits::VARIABLE_BYTES + name.len() + 2 * variable.value.len();
        let bytes = read.iter().map(bytes).sum();
        self.report.spend(bytes, at, include.mark, ErrorClass::Include).then(|| Rc::new(read))
    }

    /// The resources of an included model go below those of the including document.
    fn import(&mut self, mut model: Map, tree: &mut Map, resets: &Resets) {
        for section in SECTIONS {
            let Some(Value::Map(from)) = model.remove(section).map(|node| node.value) else { continue };
            let to = tree.get_or_insert_with(section, Node::empty_map);
            if to.is_null() {
                *to = Node::empty_map();
            }
            let section_at = At::ROOT.key(section);
            let Some(to) = to.as_map_mut() else { continue };
            for (name, mut imported) in from {
                let merged = match to.remove(&name) {
                    None => imported,
                    // One file may come in by several ways; merging it with itself would repeat its lists.
                    Some(own) if own == imported => own,
                    Some(own) => {
                        resets.apply_to_entry(section, &name, &mut imported);
                        merge::merge(imported, own, &section_at.key(&name), &mut self.report)
                    }
                };
                to.insert(name, merged);
            }
        }
    }
}
