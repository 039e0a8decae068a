//! Whole loads of small documents, one file for each subject.

use std::collections::BTreeMap;

use super::{
    Diagnostics, Document, DocumentBody, Level, LoadOptions, Project, ProjectFile, ProjectTree, Variable, load,
};

mod canonical;
mod editor_schema;
mod errors;
mod extends;
mod hostile;
mod include;
mod merge;
mod necessary;
mod object;
mod properties;
mod taint;
mod threads;

/// A load in a project directory of its own.
#[derive(Default)]
struct Fixture {
    files: ProjectTree,
    options: LoadOptions,
}

impl Fixture {
    /// One document.
    fn new(text: &str) -> Self {
        let options = LoadOptions {
            project_directory: "/project".to_owned(),
            project_name: Some("demo".to_owned()),
            default_project_name: None,
            ..LoadOptions::default()
        };
        Self { files: ProjectTree::default(), options }.and(text)
    }

    /// A further document, merged onto those before.
    fn and(self, text: &str) -> Self {
        self.document(DocumentBody::Text(text.to_owned()), false)
    }

    fn document(mut self, body: DocumentBody, secret: bool) -> Self {
        let name = match self.options.documents.len() {
            0 => "compose.yaml".to_owned(),
            index => format!("override-{index}.yaml"),
        };
        self.options.documents.push(Document { name, body, secret });
        self
    }

    fn file(self, path: &str, content: &str) -> Self {
        self.any_file(path, content, false)
    }

    fn any_file(mut self, path: &str, content: &str, secret: bool) -> Self {
        let file = ProjectFile { content: content.as_bytes().to_vec(), mode: None, secret };
        self.files.insert(format!("/project/{path}"), file);
        self
    }

    fn variable(mut self, name: &str, value: &str, secret: bool) -> Self {
        self.options.environment.insert(name.to_owned(), Variable { value: value.to_owned(), secret });
        self
    }

    fn profiles(mut self, profiles: &[&str]) -> Self {
        self.options.profiles = profiles.iter().map(|profile| (*profile).to_owned()).collect();
        self
    }

    fn load(&self) -> Result<Project, Diagnostics> {
        load(&self.files, &self.options)
    }

    fn project(&self) -> Project {
        match self.load() {
            Ok(project) => project,
            Err(diagnostics) => panic!("unexpected errors:\n{diagnostics}"),
        }
    }

    /// The project as its JSON document.
    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self.project()).unwrap()
    }

    /// Reason and path of every error.
    fn errors(&self) -> Vec<(&'static str, String)> {
        let diagnostics = self.load().expect_err("an error is expected").0;
        let errors = diagnostics.into_iter().filter(|diagnostic| diagnostic.level == Level::Error);
        errors.map(|error| (error.reason, error.path)).collect()
    }

    /// Everything that an unsuccessful load says.
    fn complaint(&self) -> String {
        self.load().expect_err("an error is expected").to_string()
    }
}

fn paths(errors: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    errors.iter().map(|(reason, path)| (*reason, (*path).to_owned())).collect()
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, Option<String>> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
}
