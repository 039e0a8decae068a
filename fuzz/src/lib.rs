//! What the fuzz targets share: loads of documents that never existed, and what must hold for each of them.
//!
//! The loader is taken in as source, not as a dependency, so that no fuzzer has to build Kubernetes.

#[path = "../../src/compose/mod.rs"]
pub mod compose;

use compose::{
    Diagnostic, Diagnostics, Document, DocumentBody, Level, LoadOptions, Project, ProjectFile, ProjectTree, Variable,
};

/// The value of the variable SECRET; no diagnostic may ever show it.
pub const SECRET: &str = "q7Zx-hidden-Kp2w";

/// The surroundings of every load.
pub fn options(documents: Vec<Document>) -> LoadOptions {
    let variable = |value: &str, secret: bool| Variable { value: value.to_owned(), secret };
    LoadOptions {
        documents,
        project_directory: "/project".to_owned(),
        project_name: Some("demo".to_owned()),
        environment: [
            ("A", variable("a", false)),
            ("EMPTY", variable("", false)),
            ("N", variable("8", false)),
            ("SECRET", variable(SECRET, true)),
            ("HOME", variable("/home/me", false)),
        ]
        .map(|(name, variable)| (name.to_owned(), variable))
        .into(),
        ..LoadOptions::default()
    }
}

/// A file of the project.
pub fn file(content: &[u8], secret: bool) -> ProjectFile {
    ProjectFile { content: content.to_vec(), mode: None, secret }
}

/// One document that arrived as an object.
pub fn object(value: serde_json::Value) -> Document {
    Document { name: "compose.yaml".to_owned(), body: DocumentBody::Object(value), secret: false }
}

/// Loads, and checks what must hold for any input; `input` is all that the fuzzer made up.
pub fn load(files: &ProjectTree, options: &LoadOptions, input: &[u8]) -> Result<Project, Diagnostics> {
    let outcome = compose::load(files, options);
    let diagnostics: &[Diagnostic] = match &outcome {
        Ok(project) => {
            assert!(project.warnings.iter().all(|warning| warning.level == Level::Warning), "an error let a load pass");
            serde_json::to_string(project).expect("a project is JSON");
            &project.warnings
        }
        Err(diagnostics) => {
            let errors = diagnostics.0.iter().filter(|diagnostic| diagnostic.level == Level::Error);
            assert!(errors.count() > 0, "a load failed and nobody said why");
            &diagnostics.0
        }
    };
    assert!(diagnostics.len() <= 501, "{} diagnostics", diagnostics.len());
    let told = String::from_utf8_lossy(input).contains(&SECRET[..4]);
    for diagnostic in diagnostics {
        assert!(told || !diagnostic.to_string().contains(SECRET), "a secret is shown: {diagnostic}");
        assert!(!diagnostic.message.is_empty());
        let counted = diagnostic.message.ends_with("correct those above first");
        assert_eq!(diagnostic.class.is_none(), diagnostic.level == Level::Warning || counted, "{diagnostic}");
    }
    outcome
}
