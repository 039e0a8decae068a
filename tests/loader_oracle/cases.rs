//! The project's own cases: `tests/compose/cases/AREA/CASE/` holds the input files beside `case.yaml` (which documents,
//! environment, profiles and project name), and `expected.json`, what the reference implementation made of them.
//!
//! The recordings are compared where the oracle cannot be asked. `UPDATE_ORACLE=1` records anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::compare::{ask, differences};
use crate::oracle_client::{Load, Oracle, Outcome};
use crate::ours::ours;
use crate::schema::{self, Shape};

const DESCRIPTION: &str = "case.yaml";
const RECORDING: &str = "expected.json";
/// How often each path of the schema has to occur in the cases.
const TIMES: usize = 2;
/// How often each class of errors has to occur.
const CLASSES: [&str; 12] = [
    "yaml",
    "schema",
    "interpolation",
    "decode",
    "consistency",
    "merge",
    "extends",
    "include",
    "file-missing",
    "dotenv",
    "project-name",
    "panic",
];

struct Case {
    name: String,
    directory: PathBuf,
    load: Load,
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose")
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for area in fs::read_dir(home().join("cases")).unwrap().flatten() {
        for case in fs::read_dir(area.path()).unwrap().flatten() {
            let name = format!("{}/{}", area.file_name().to_string_lossy(), case.file_name().to_string_lossy());
            let text =
                fs::read_to_string(case.path().join(DESCRIPTION)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut load: Load = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            read(&case.path(), "", &mut load.files);
            cases.push(Case { name, directory: case.path(), load });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

fn read(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            read(&entry.path(), &format!("{name}/"), files);
        } else if name != DESCRIPTION && name != RECORDING {
            files.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

fn recorded(case: &Case) -> Outcome {
    let text = fs::read(case.directory.join(RECORDING))
        .unwrap_or_else(|error| panic!("{}: {error}; record it with UPDATE_ORACLE=1", case.name));
    serde_json::from_slice(&text).unwrap()
}

/// Whether an outcome is the recorded one; which of several errors is found first is a matter of chance.
fn agrees(outcome: &Outcome, recorded: &Outcome) -> bool {
    outcome == recorded || (outcome.project.is_none() && recorded.project.is_none() && outcome.class == recorded.class)
}

#[test]
fn our_cases_load_as_the_reference_does() {
    let record = std::env::var_os("UPDATE_ORACLE").is_some();
    let mut oracle = Oracle::start_or_say("our cases are compared with what was recorded of it");
    assert!(oracle.is_some() || !record, "nothing can be recorded without the oracle");
    let cases = cases();
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    let mut stale = Vec::new();
    for case in &cases {
        let found = match &mut oracle {
            Some(oracle) => {
                let verdict = ask(oracle, &case.load, true);
                if record {
                    let text = format!("{}\n", serde_json::to_string_pretty(&verdict.expected).unwrap());
                    fs::write(case.directory.join(RECORDING), text).unwrap();
                } else if !verdict.by_chance && !agrees(&verdict.expected, &recorded(case)) {
                    stale.push(case.name.as_str());
                }
                verdict.differences
            }
            None => differences(&recorded(case), &ours(&case.load), true),
        };
        if !found.is_empty() {
            failures.push(format!("== {}\n{}", case.name, found.join("\n")));
        }
    }
    println!("{} of {} cases equal", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{} cases differ\n{}", failures.len(), failures.join("\n"));
    assert!(stale.is_empty(), "the recording is old: {stale:?}; record them with UPDATE_ORACLE=1");
}

#[test]
fn our_cases_cover_the_schema_and_every_class_of_errors() {
    let list = home().join("schema_paths.txt");
    if let Some(mut oracle) = Oracle::start_or_say("the schema's paths are those that were recorded of it") {
        let shape = Shape::read(&oracle.schema());
        let text: String = shape.paths().keys().fold(String::new(), |text, path| text + &path.join(".") + "\n");
        if std::env::var_os("UPDATE_ORACLE").is_some() {
            // What is recorded of the cases is written at the same time: the next run counts.
            fs::write(&list, text).unwrap();
            return;
        }
        assert_eq!(text, fs::read_to_string(&list).unwrap(), "record the schema's paths with UPDATE_ORACLE=1");
    }
    let paths = fs::read_to_string(&list).unwrap();
    let paths: BTreeSet<Vec<&str>> = paths.lines().map(|line| line.split('.').collect()).collect();
    let mut counts: BTreeMap<schema::Path, usize> = BTreeMap::new();
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        let outcome = recorded(&case);
        if outcome.project.is_none() {
            *classes.entry(outcome.class).or_default() += 1;
            continue;
        }
        let documents =
            case.load.files.iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|e| e == "yaml"));
        for (_, text) in documents {
            let read = serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{}: {error}", case.name));
            let read: Vec<Value> = read;
            for document in &read {
                occurring(document, &mut Vec::new(), &paths, &mut counts);
            }
        }
    }
    let missing: Vec<String> = paths
        .iter()
        .map(|path| path.join("."))
        .filter(|path| {
            counts.get(&path.split('.').map(str::to_owned).collect::<Vec<_>>()).copied().unwrap_or(0) < TIMES
        })
        .collect();
    assert!(missing.is_empty(), "{} paths of the schema occur too seldom:\n{}", missing.len(), missing.join("\n"));
    let missing: Vec<_> = CLASSES.iter().filter(|class| classes.get(**class).copied().unwrap_or(0) < TIMES).collect();
    assert!(missing.is_empty(), "classes of errors occur too seldom: {missing:?}");
}

/// Counts the schema's paths that occur in a document.
fn occurring(
    node: &Value,
    path: &mut Vec<String>,
    known: &BTreeSet<Vec<&str>>,
    counts: &mut BTreeMap<schema::Path, usize>,
) {
    if !path.is_empty() {
        *counts.entry(path.clone()).or_default() += 1;
    }
    let mut enter = |key: &str, node: &Value, path: &mut Vec<String>| {
        path.push(key.to_owned());
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        if known.contains(&view) {
            occurring(node, path, known, counts);
        }
        path.pop();
    };
    match node {
        Value::Object(map) => {
            for (key, node) in map {
                let mut named: Vec<&str> = path.iter().map(String::as_str).collect();
                named.push(key);
                if known.contains(&named) {
                    enter(key, node, path);
                } else if key.starts_with("x-") {
                    enter("x-", node, path);
                } else {
                    enter("*", node, path);
                }
            }
        }
        Value::Array(items) => {
            for node in items {
                enter("[]", node, path);
            }
        }
        _ => {}
    }
}
