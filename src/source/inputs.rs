//! Documents, project files and variables of a stack.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::ResourceExt;
use serde_json::Value;

use super::last_applied::restore_nulls;
use super::reader::{Data, Reader};
use super::{DIGITS, Missing, SourceError};
use crate::api::ComposeStack;
use crate::api::names::ANNOTATION_LAST_APPLIED;
use crate::compose::{Document, DocumentBody, LoadOptions, ProjectFile, ProjectTree, Variable};
use crate::keyed_hash::KeyedHash;
use crate::translate::PROJECT_DIRECTORY;

/// What a stack consists of.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// What to load.
    pub options: LoadOptions,
    /// The project directory.
    pub files: ProjectTree,
}

impl Inputs {
    /// A keyed hash of all inputs, of sixteen hexadecimal digits: equal inputs have equal revisions, and none can be guessed.
    pub fn revision(&self, key: &[u8]) -> String {
        let mut hash = KeyedHash::with_digest_of(key);
        let mut feed = |part: &[u8]| hash.part(part);
        for document in &self.options.documents {
            match &document.body {
                DocumentBody::Text(text) => feed(text.as_bytes()),
                DocumentBody::Object(object) => feed(object.to_string().as_bytes()),
            }
        }
        for (name, variable) in &self.options.environment {
            feed(name.as_bytes());
            feed(variable.value.as_bytes());
        }
        for profile in &self.options.profiles {
            feed(profile.as_bytes());
        }
        for (path, file) in self.files.under(PROJECT_DIRECTORY) {
            feed(path.as_bytes());
            feed(&file.content);
        }
        hash.digits(DIGITS)
    }
}

/// Reads what a stack refers to and puts it together with what the stack says itself.
///
/// # Errors
/// When references lead nowhere, all of which are named; when one may not be followed, or a field cannot be used.
pub async fn gather(reader: &Reader<'_>, stack: &ComposeStack) -> Result<Inputs, SourceError> {
    let mut missing = Vec::new();
    let files = files(reader, stack, &mut missing).await?;
    let documents = documents(reader, stack, &mut missing).await?;
    let environment = environment(reader, stack, &mut missing).await?;
    if !missing.is_empty() {
        return Err(SourceError::NotFound(missing));
    }
    Ok(Inputs {
        options: LoadOptions {
            documents,
            project_directory: PROJECT_DIRECTORY.to_owned(),
            project_name: Some(stack.name_any()),
            environment,
            profiles: stack.spec.profiles.clone(),
            ..LoadOptions::default()
        },
        files,
    })
}

/// What was read; nothing when it is not there, which is put aside, so that all that is missing is named at once.
fn unless_missing(read: Result<Data, SourceError>, missing: &mut Vec<Missing>) -> Result<Option<Data>, SourceError> {
    match read {
        Ok(data) => Ok(Some(data)),
        Err(SourceError::NotFound(what)) => {
            missing.extend(what);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn files(
    reader: &Reader<'_>,
    stack: &ComposeStack,
    missing: &mut Vec<Missing>,
) -> Result<ProjectTree, SourceError> {
    let mut files = inline_files(stack)?;
    for (index, source) in stack.spec.files_from.iter().enumerate() {
        let field = format!("spec.filesFrom[{index}]");
        let (read, reference, secret) = match (&source.config_map_ref, &source.secret_ref) {
            (Some(reference), _) => {
                (reader.config_map(&format!("{field}.configMapRef"), &reference.name).await, reference, false)
            }
            (_, Some(reference)) => {
                (reader.secret(&format!("{field}.secretRef"), &reference.name).await, reference, true)
            }
            _ => continue,
        };
        let Some(data) = unless_missing(read, missing)? else { continue };
        if reference.items.is_empty() {
            for (key, content) in data {
                files.insert(project_path(&field, &key)?, ProjectFile { content, mode: None, secret });
            }
            continue;
        }
        for item in &reference.items {
            let Some(content) = data.get(&item.key) else {
                missing.push(reader.missing_key(&field, secret, &reference.name, &item.key));
                continue;
            };
            let mode = item.mode.and_then(|mode| u32::try_from(mode).ok());
            files.insert(project_path(&field, &item.path)?, ProjectFile { content: content.clone(), mode, secret });
        }
    }
    Ok(files)
}

async fn documents(
    reader: &Reader<'_>,
    stack: &ComposeStack,
    missing: &mut Vec<Missing>,
) -> Result<Vec<Document>, SourceError> {
    let last_applied: Option<Value> =
        stack.annotations().get(ANNOTATION_LAST_APPLIED).and_then(|text| serde_json::from_str(text).ok());
    let applied = |pointer: &str| last_applied.as_ref().and_then(|object| object.pointer(pointer));
    let mut documents = Vec::new();
    if let Some(text) = &stack.spec.compose_file {
        documents.push(Document {
            name: "spec.composeFile".to_owned(),
            body: DocumentBody::Text(text.clone()),
            secret: false,
        });
    }
    if let Some(object) = &stack.spec.compose {
        let object = restore_nulls(object, applied("/spec/compose"));
        documents.push(Document { name: "spec.compose".to_owned(), body: DocumentBody::Object(object), secret: false });
    }
    for (index, source) in stack.spec.compose_from.iter().flatten().enumerate() {
        let field = format!("spec.composeFrom[{index}]");
        let (read, reference, secret) = match (&source.config_map_key_ref, &source.secret_key_ref) {
            (Some(reference), _) => (reader.config_map(&field, &reference.name).await, reference, false),
            (_, Some(reference)) => (reader.secret(&field, &reference.name).await, reference, true),
            _ => continue,
        };
        let Some(data) = unless_missing(read, missing)? else { continue };
        let Some(content) = data.get(&reference.key) else {
            missing.push(reader.missing_key(&field, secret, &reference.name, &reference.key));
            continue;
        };
        let text = String::from_utf8(content.clone()).map_err(|_| SourceError::Invalid {
            field: field.clone(),
            message: format!(
                "key {:?} of {:?} is not UTF-8 text, a Compose file was expected",
                reference.key, reference.name
            ),
        })?;
        documents.push(Document { name: field, body: DocumentBody::Text(text), secret });
    }
    for (index, value) in stack.spec.overrides.iter().enumerate() {
        let name = format!("spec.overrides[{index}]");
        let body = match value {
            Value::String(text) => DocumentBody::Text(text.clone()),
            Value::Object(_) => {
                DocumentBody::Object(restore_nulls(value, applied(&format!("/spec/overrides/{index}"))))
            }
            _ => {
                return Err(SourceError::Invalid {
                    field: name,
                    message: "expected an object or the text of a Compose file".to_owned(),
                });
            }
        };
        documents.push(Document { name, body, secret: false });
    }
    Ok(documents)
}

async fn environment(
    reader: &Reader<'_>,
    stack: &ComposeStack,
    missing: &mut Vec<Missing>,
) -> Result<BTreeMap<String, Variable>, SourceError> {
    let mut environment = BTreeMap::new();
    for (index, source) in stack.spec.env_from.iter().enumerate() {
        let field = format!("spec.envFrom[{index}]");
        let (read, name, secret) = match (&source.config_map_ref, &source.secret_ref) {
            (Some(reference), _) => (reader.config_map(&field, &reference.name).await, &reference.name, false),
            (_, Some(reference)) => (reader.secret(&field, &reference.name).await, &reference.name, true),
            _ => continue,
        };
        let Some(data) = unless_missing(read, missing)? else { continue };
        for (key, content) in data {
            let value = String::from_utf8(content).map_err(|_| SourceError::Invalid {
                field: field.clone(),
                message: format!("key {key:?} of {name:?} is not UTF-8 text, a variable's value was expected"),
            })?;
            environment.insert(key, Variable { value, secret });
        }
    }
    let inline =
        stack.spec.env.iter().map(|(key, value)| (key.clone(), Variable { value: value.clone(), secret: false }));
    environment.extend(inline);
    Ok(environment)
}

fn inline_files(stack: &ComposeStack) -> Result<ProjectTree, SourceError> {
    let mut files = ProjectTree::default();
    for (path, text) in &stack.spec.files {
        let file = ProjectFile { content: text.clone().into_bytes(), mode: None, secret: false };
        files.insert(project_path("spec.files", path)?, file);
    }
    for (path, text) in &stack.spec.binary_files {
        let content =
            STANDARD.decode(text.split_whitespace().collect::<String>()).map_err(|error| SourceError::Invalid {
                field: format!("spec.binaryFiles[{path:?}]"),
                message: format!("not base64: {error}"),
            })?;
        files.insert(project_path("spec.binaryFiles", path)?, ProjectFile { content, mode: None, secret: false });
    }
    Ok(files)
}

/// The absolute path of a project file. Files stay inside of the project directory: a path that leaves it would
/// name a file that no Compose file can mean.
fn project_path(field: &str, path: &str) -> Result<String, SourceError> {
    let inside = path.split('/').try_fold(Vec::new(), |mut parts, part| {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
        Some(parts)
    });
    match inside.filter(|parts| !parts.is_empty() && !path.starts_with('/')) {
        Some(parts) => Ok(format!("{PROJECT_DIRECTORY}/{}", parts.join("/"))),
        None => Err(SourceError::Invalid {
            field: format!("{field}[{path:?}]"),
            message: "expected the relative path of a file inside of the project directory, such as conf/app.ini"
                .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_paths_are_cleaned_and_stay_inside() {
        assert_eq!(project_path("spec.files", "./a//b/../c").unwrap(), format!("{PROJECT_DIRECTORY}/a/c"));
        for path in ["/etc/passwd", "../x", "a/../../x", "", "."] {
            assert!(project_path("spec.files", path).is_err(), "{path:?} should be refused");
        }
    }

    #[test]
    fn a_revision_changes_with_every_input_and_with_the_key() {
        let mut inputs = Inputs {
            options: LoadOptions { profiles: vec!["a".to_owned()], ..LoadOptions::default() },
            files: ProjectTree::default(),
        };
        let first = inputs.revision(b"key");
        assert_eq!(first, inputs.revision(b"key"));
        assert_ne!(first, inputs.revision(b"other"));
        inputs.options.profiles.push("b".to_owned());
        assert_ne!(first, inputs.revision(b"key"));
    }

    /// A stack that did not change keeps its revision in the next version, as Python's `hmac` makes it.
    #[test]
    fn a_revision_stays_what_it_is() {
        let variable = Variable { value: "1".to_owned(), secret: false };
        let document = Document {
            name: "compose.yaml".to_owned(),
            body: DocumentBody::Text("services: {}".to_owned()),
            secret: false,
        };
        let options = LoadOptions {
            documents: vec![document],
            environment: [("TAG".to_owned(), variable)].into(),
            profiles: vec!["debug".to_owned()],
            ..LoadOptions::default()
        };
        let inputs = Inputs { options, files: ProjectTree::default() };
        assert_eq!(inputs.revision(b"key"), "15b9518e8dbe7bd7");
    }
}
