//! Alerts and dashboard ask for metrics that there are.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

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
