//! The loader against the reference implementation: every case of the conformance corpus.
//!
//! The corpus is looked for at `COMPOSE_CORPUS`, or beside the package; without it the test passes and says so.
//! `compose/known_failures.txt` lists the cases that fail: it can only shrink.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use compose_operator::compose::{
    Diagnostics, Document, DocumentBody, Level, LoadOptions, Project, Skip, Variable, load,
};
use corpus::{Case, Disk, cases, corpus, json, strings};
use difference::differences;
use named::Named;
use not_run::not_run;
use serde_json::Value;

#[path = "../corpus/mod.rs"]
mod corpus;
#[path = "../corpus/difference.rs"]
mod difference;
mod named;
#[path = "../harness/not_run.rs"]
mod not_run;

/// Loads a case; `None` when one of its documents does not exist.
fn run(case: &Case) -> Option<Result<Project, Diagnostics>> {
    let mut documents = Vec::new();
    let mut project_directory = case.directory.clone();
    for (index, file) in case.files().into_iter().enumerate() {
        let path = case.directory.join(&file);
        if index == 0 {
            path.parent().unwrap().clone_into(&mut project_directory);
        }
        let text = String::from_utf8_lossy(&fs::read(&path).ok()?).into_owned();
        let name = path.to_string_lossy().into_owned();
        documents.push(Document { name, body: DocumentBody::Text(text), secret: false });
    }
    let options = LoadOptions {
        documents,
        project_directory: project_directory.to_string_lossy().into_owned(),
        project_name: case.project().map(str::to_owned),
        environment: case
            .environment()
            .into_iter()
            .map(|(name, value)| (name, Variable { value, secret: false }))
            .collect(),
        profiles: case.profiles(),
        skip: Skip { jobs: true, ..Skip::default() },
        ..LoadOptions::default()
    };
    Some(load(&Disk, &options))
}

/// A project as the corpus writes it down.
fn canonical(case: &Case, project: &Project) -> Value {
    let text = serde_json::to_string(project).unwrap();
    serde_json::from_str(&text.replace(&*case.directory.to_string_lossy(), "${DIR}")).unwrap()
}

/// Of all errors, one must be what the reference stops at: of its class, and about the attribute that its message names.
fn judge_error(case: &Case, expected: &Value, diagnostics: &Diagnostics) -> Result<(), String> {
    let description = &case.description;
    let class = description["error_class"].as_str().unwrap();
    let errors: Vec<_> = diagnostics.0.iter().filter(|diagnostic| diagnostic.level == Level::Error).collect();
    // Where the reference crashes, any error is better.
    if class == "panic" {
        return Ok(());
    }
    let messages = match description.get("error_variants") {
        Some(variants) => strings(variants),
        None => strings(&expected["error"]),
    };
    let of_class: Vec<_> = errors.iter().filter(|error| error.class.is_some_and(|own| own.as_str() == class)).collect();
    let found = |error: &str| Err(format!("{error}\n  reference: {}\n  here:\n{diagnostics}", messages.join("\n")));
    if of_class.is_empty() {
        return found(&format!("no error of the class {class}"));
    }
    let paths: Vec<String> = of_class.iter().map(|error| named::spelled(&error.path)).collect();
    for message in &messages {
        let message = message.replace(&*case.directory.to_string_lossy(), "${DIR}");
        let ours = match named::named(class, &message) {
            None => return found("the test does not know what the message names"),
            Some(Named::Nothing) => true,
            Some(Named::Exactly(places)) => places.iter().all(|place| paths.contains(place)),
            Some(Named::Below(place)) => paths
                .iter()
                .any(|path| path.strip_prefix(&place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))),
        };
        if !ours {
            return found(&format!("no error about {:?}", named::named(class, &message)));
        }
    }
    Ok(())
}

fn judge(case: &Case) -> Result<(), String> {
    let description = &case.description;
    let expected = json(&case.directory.join("expected.json"));
    let outcome = run(case);
    if description["result"] == "error" {
        return match outcome {
            // The caller cannot read a document, so that there is nothing to load.
            None if description["error_class"] == "file-missing" => Ok(()),
            None => Err("a document is missing".to_owned()),
            Some(Err(diagnostics)) => judge_error(case, &expected, &diagnostics),
            Some(Ok(_)) => Err(format!("expected an error: {}", expected["error"])),
        };
    }
    let project = match outcome {
        None => return Err("a document is missing".to_owned()),
        Some(Err(diagnostics)) => return Err(format!("unexpected errors:\n{diagnostics}")),
        Some(Ok(project)) => project,
    };
    let mut out = Vec::new();
    differences("", &expected, &canonical(case, &project), &mut out);
    // Where pruning changes nothing, there is no file of its own.
    let pruned = case.directory.join("expected.pruned.json");
    let pruned = if pruned.is_file() { json(&pruned) } else { expected };
    differences("pruned", &pruned, &canonical(case, &project.without_unnecessary_resources()), &mut out);
    if out.is_empty() { Ok(()) } else { Err(out.join("\n")) }
}

#[test]
fn the_corpus_loads_as_the_reference_does() {
    let Some(corpus) = corpus() else {
        not_run("there is no corpus at COMPOSE_CORPUS or ../shared/corpus");
        return;
    };
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/known_failures.txt");
    let known: BTreeSet<String> = fs::read_to_string(known)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect();
    let cases = cases(&corpus);
    let mut failures = BTreeMap::new();
    for case in &cases {
        let outcome = std::panic::catch_unwind(|| judge(case)).unwrap_or_else(|_| Err("it panicked".to_owned()));
        if let Err(reason) = outcome {
            failures.insert(case.name.clone(), reason);
        }
    }
    println!("{} of {} cases equal", cases.len() - failures.len(), cases.len());
    let new: Vec<_> = failures.iter().filter(|(name, _)| !known.contains(*name)).collect();
    for (name, reason) in &new {
        println!("== {name}\n{reason}");
    }
    let fixed: Vec<_> = known
        .iter()
        .filter(|name| cases.iter().any(|case| case.name == **name) && !failures.contains_key(*name))
        .collect();
    assert!(new.is_empty(), "{} cases fail that did not", new.len());
    assert!(fixed.is_empty(), "take what is fixed out of known_failures.txt: {fixed:?}");
}
