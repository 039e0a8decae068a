//! The JSON schema of documents against the loader: what it takes, and what it refuses.
//!
//! The conformance corpus is looked for at `COMPOSE_CORPUS`, or beside the package; without it only the documents here
//! are checked, and the test says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use super::super::{document_schema, parse, report};
use super::Fixture;
use crate::parallel::Threads;

fn validator() -> Validator {
    let schema = document_schema();
    assert!(jsonschema::draft7::meta::is_valid(&schema));
    jsonschema::draft7::new(&schema).unwrap()
}

/// The documents of a text as they are written, but for anchors, merge keys and tags.
fn documents(text: &str) -> Vec<Value> {
    let mut report = report::Report::default();
    let source = report.source(report::Source { name: "compose.yaml".to_owned(), secret: false, object: false });
    parse::parse(text, source, &mut report, Threads::One).iter().map(|parsed| parsed.root.to_json()).collect()
}

/// The first thing that is wrong with one of the documents.
fn fault(validator: &Validator, text: &str) -> Option<String> {
    documents(text).iter().find_map(|document| {
        let error = validator.iter_errors(document).next()?;
        Some(format!("{}: {error}", error.instance_path()))
    })
}

struct Case {
    directory: PathBuf,
    description: Value,
}

fn cases() -> Option<Vec<Case>> {
    let corpus = std::env::var_os("COMPOSE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let mut cases = Vec::new();
    for source in std::fs::read_dir(corpus.join("cases")).ok()?.flatten() {
        for case in std::fs::read_dir(source.path()).unwrap().flatten() {
            let Ok(description) = std::fs::read(case.path().join("case.json")) else { continue };
            cases.push(Case { directory: case.path(), description: serde_json::from_slice(&description).unwrap() });
        }
    }
    Some(cases)
}

impl Case {
    fn name(&self) -> String {
        self.directory.file_name().unwrap().to_string_lossy().into_owned()
    }

    fn fault(&self, validator: &Validator) -> Option<String> {
        self.description["files"].as_array().unwrap().iter().find_map(|file| {
            let text = std::fs::read_to_string(self.directory.join(file.as_str().unwrap())).unwrap();
            fault(validator, &text)
        })
    }
}

/// Cases that the loader and the schema see differently, for the schema sees one document alone and before all merging.
const DIFFERENT: [(&str, &str); 17] = [
    ("merge-jobs-ulimits-sysctls", TRIGGERS),
    ("merge-jobs-ports-volumes", TRIGGERS),
    ("merge-jobs-labels-logging", TRIGGERS),
    ("merge-jobs-command-entrypoint", TRIGGERS),
    ("merge-jobs-depends_on", TRIGGERS),
    ("merge-jobs-networks", TRIGGERS),
    ("merge-jobs-dns-tmpfs", TRIGGERS),
    ("merge-jobs-reset", TRIGGERS),
    ("merge-jobs-environment-map-list", TRIGGERS),
    ("merge-ulimits-partial", "an override gives one of two limits, and the other is in the file before"),
    ("merge-null-service", NULL),
    ("merge-null-scalar", NULL),
    ("extends-jobs", "the specification knows no extends of jobs, which the loader resolves before the check"),
    ("extends-chk-unknown-key", "the loader resolves extends before the check, whatever else is in it"),
    ("include-chk-unknown-key", "the loader resolves include before the check, whatever else is in it"),
    ("include-err-invalid-included", "what is wrong is in an included file"),
    ("yaml-special-floats", "JSON has no infinite numbers to validate"),
];
const TRIGGERS: &str = "an override of a job leaves out its triggers, which are in the file before";
const NULL: &str = "an override without a value changes nothing";

#[test]
fn the_corpus_validates_where_it_loads() {
    let Some(cases) = cases() else {
        eprintln!("not run: the conformance corpus is not there");
        return;
    };
    let validator = validator();
    let mut different = BTreeMap::new();
    let mut compared = 0;
    for case in &cases {
        let loads = match (case.description["result"].as_str(), case.description["error_class"].as_str()) {
            (Some("ok"), _) => true,
            (_, Some("schema")) => false,
            _ => continue,
        };
        compared += 1;
        let fault = case.fault(&validator);
        if fault.is_none() != loads {
            different.insert(case.name(), fault.unwrap_or_else(|| "validates".to_owned()));
        }
    }
    assert!(compared > 1000, "only {compared} cases");
    for (name, reason) in DIFFERENT {
        assert!(different.remove(name).is_some(), "{name} differs no longer: {reason}");
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
fn the_schema_takes_what_the_loader_takes() {
    let validator = validator();
    let service = |lines: &str| format!("services:\n  web:\n    image: nginx\n{lines}");
    let cases = [
        (true, service("    ports: [80, '8080:80', { target: 80, published: '8080' }]\n    x-note: [1]\n")),
        (true, service("    environment: { A: 1, B: true, C: }\n    command: [echo, hello]\n")),
        (true, service("    pull_policy: every_1w2d\n    container_name: shop-web\n")),
        (false, service("    pull_policy: every_2\n")),
        (false, service("    pull_policy: sometimes\n")),
        (false, service("    container_name: '-'\n")),
        (false, service("    imagee: nginx\n")),
        (false, service("    hostname: 1\n")),
        (false, service("    cap_add: [A, B, { c: d }]\n")),
        (false, service("    oom_score_adj: 1001\n")),
        (false, service("    healthcheck: []\n")),
        (false, service("    volumes: [{ target: /data }]\n")),
        (false, "services:\n  'a b':\n    image: nginx\n".to_owned()),
        // Variables in the place of words, numbers and booleans.
        (true, service("    pull_policy: ${POLICY}\n    privileged: ${YES}\n    cpu_count: ${TWO}\n")),
        (
            true,
            service("    depends_on: { db: { condition: service_started, required: '${YES}' } }\n  db: { image: a }\n"),
        ),
        (false, service("    depends_on: { db: { condition: '$$YES', required: true } }\n  db: { image: a }\n")),
    ];
    for (takes, text) in &cases {
        let fixture = Fixture::new(text).variable("YES", "true", false).variable("TWO", "2", false);
        let loaded = fixture.variable("POLICY", "always", false).load();
        assert_eq!(loaded.is_ok(), *takes, "loader, {text}: {loaded:?}");
        let fault = fault(&validator, text);
        assert_eq!(fault.is_none(), *takes, "schema, {text}: {fault:?}");
    }
}
