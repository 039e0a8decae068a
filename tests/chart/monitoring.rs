//! Alerts and dashboard ask for metrics that there are.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use compose_operator::api::condition::Reason;

use crate::harness::{Cluster, not_run, read};

/// The metrics that a text names, without the suffixes that their kinds add.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("compose_operator_"))
        .map(|word| {
            let ends = ["_total", "_bucket", "_sum", "_count", "_info"];
            ends.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned()
        })
        .collect()
}

/// The metrics that the code registers.
fn registered() -> BTreeSet<String> {
    let code = read("src/controller/metrics.rs");
    let names = code.split("registry.register(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    names.map(|name| format!("compose_operator_{name}")).collect()
}

/// The labels that a text asks for, each with the values that are asked for.
fn asked(text: &str) -> Vec<(String, Vec<String>)> {
    let text = text.replace('\\', "");
    let pieces: Vec<&str> = text.split('"').collect();
    let mut asked = Vec::new();
    for pair in pieces.windows(2) {
        let before = ["=~", "!~", "!=", "="].iter().find_map(|how| pair[0].strip_suffix(how));
        let Some(before) = before else { continue };
        let label = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
        asked.push((label.to_owned(), pair[1].split('|').map(str::to_owned).collect()));
    }
    asked
}

/// Reads the metrics of the running operator through its Service. One without a sample is not served.
pub fn every_metric_that_is_served_is_registered(cluster: &Cluster) {
    let path = "/api/v1/namespaces/compose-operator/services/compose-operator-metrics:http/proxy/metrics";
    let served = cluster.ok(&["get", "--raw", path]);
    let kinds: BTreeSet<String> =
        served.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)).collect();
    assert!(kinds.len() > 3 && kinds.is_subset(&registered()), "{:?}: {served}", registered());
}

#[test]
fn every_metric_that_is_used_is_registered() {
    let registered = registered();
    for file in ["charts/compose-operator/files/alerts.yaml", "charts/compose-operator/files/dashboard.json"] {
        let text = read(file);
        let used = named(&text);
        assert!(used.len() > 3 && used.is_subset(&registered), "{file} uses {used:?}, and there are {registered:?}");
    }
    // Where people look them up.
    let page = read("docs/operations.md");
    assert_eq!(named(&page), registered);
}

/// Of a word that nobody says, Prometheus finds nothing, and says nothing.
#[test]
fn every_value_that_is_asked_for_is_one_that_is_said() {
    let reasons: BTreeSet<String> = Reason::ALL.iter().map(|reason| reason.as_str().to_owned()).collect();
    let well = [Reason::Succeeded, Reason::Suspended];
    // With these, the operator goes on by itself.
    let goes_on = [
        Reason::Progressing,
        Reason::ProgressingWithRetry,
        Reason::DependencyNotReady,
        Reason::HealthCheckFailed,
        Reason::ApplyFailed,
        Reason::PruneFailed,
    ];
    let said = |row: &str| -> BTreeSet<String> {
        let page = read("docs/operations.md");
        let line = page.lines().find(|line| line.starts_with(&format!("| `compose_operator_{row}`"))).unwrap();
        line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    for file in ["charts/compose-operator/files/alerts.yaml", "charts/compose-operator/files/dashboard.json"] {
        let mut labels = BTreeSet::new();
        for (label, values) in asked(&read(file)) {
            let known = match label.as_str() {
                "reason" => reasons.clone(),
                "ready" => ["True", "False", "Unknown"].map(str::to_owned).into(),
                "result" => said("reconcile_total"),
                "action" => said("apply_total"),
                "namespace" => ["$namespace".to_owned()].into(),
                _ => panic!("{file} asks for the label {label}"),
            };
            let values: BTreeSet<String> = values.into_iter().collect();
            assert!(values.is_subset(&known), "{file} asks for {label} {values:?}, and there are {known:?}");
            if label == "reason" {
                let persons: Vec<String> = Reason::ALL
                    .iter()
                    .filter(|reason| !well.contains(reason) && !goes_on.contains(reason))
                    .map(|reason| reason.as_str().to_owned())
                    .collect();
                let missing: Vec<_> = persons.iter().filter(|reason| !values.contains(*reason)).collect();
                assert!(missing.is_empty(), "{file} does not know that a person has to act for {missing:?}");
            }
            labels.insert(label);
        }
        assert!(labels.len() > 3, "{file} asks for {labels:?} only");
    }
    // What the page says of results and actions is what the code says.
    let code = read("src/controller/passed.rs") + &read("src/apply/outcome.rs");
    for row in ["reconcile_total", "apply_total"] {
        let words = said(row).into_iter().filter(|word| !word.contains("compose_operator_"));
        for word in words.filter(|word| !["result", "kind", "action"].contains(&word.as_str())) {
            assert!(code.contains(&format!("\"{word}\"")), "nothing is counted as {word}");
        }
    }
}

#[test]
fn alerts_fire_when_they_should() {
    let Some(promtool) = std::env::var_os("PROMTOOL").map(PathBuf::from) else {
        not_run("PROMTOOL names no program; `make chart-test` builds one");
        return;
    };
    for args in [
        &["check", "rules", "--lint=all", "--lint-fatal", "charts/compose-operator/files/alerts.yaml"][..],
        &["test", "rules", "tests/chart/alerts_test.yaml"],
    ] {
        let output = Command::new(&promtool).current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {args:?}: {said}");
    }
}
