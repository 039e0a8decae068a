//! The values, their schema and their documentation say the same.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::harness::read;
use crate::helm::{chart, helm};

/// A value as `values.yaml` has it.
struct Documented {
    path: String,
    description: String,
    default: Value,
}

fn defaults() -> Value {
    serde_saphyr::from_str(&read("charts/compose-operator/values.yaml")).unwrap()
}

/// The keys of `values.yaml` that have a comment beginning with `--`, in their order.
fn documented() -> Vec<Documented> {
    let defaults = defaults();
    let mut found = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    let mut comment: Option<String> = None;
    for line in read("charts/compose-operator/values.yaml").lines() {
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix('#') {
            let words = words.trim();
            if let Some(first) = words.strip_prefix("-- ") {
                comment = Some(first.to_owned());
            } else if let Some(comment) = &mut comment {
                write!(comment, " {words}").unwrap();
            }
            continue;
        }
        let Some((key, _)) = text.split_once(':').filter(|(key, _)| !key.starts_with('-')) else { continue };
        keys.truncate((line.len() - text.len()) / 2);
        keys.push(key.to_owned());
        if let Some(description) = comment.take() {
            let default = keys.iter().fold(&defaults, |value, key| &value[key]).clone();
            found.push(Documented { path: keys.join("."), description, default });
        }
    }
    found
}

/// The paths of what is set, without what lies below a documented key.
fn leaves(value: &Value, path: &str, stop: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    match value.as_object().filter(|_| !stop.contains(path)) {
        Some(fields) => {
            for (key, value) in fields {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, stop, found);
            }
        }
        None => {
            found.insert(path.to_owned());
        }
    }
}

fn schema_leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match schema["properties"].as_object().filter(|_| schema["type"] == "object") {
        Some(fields) => {
            for (key, field) in fields {
                schema_leaves(field, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        None => {
            found.insert(path.to_owned());
        }
    }
}

#[test]
fn every_value_is_documented_and_in_the_schema() {
    let documented: BTreeSet<String> = documented().into_iter().map(|value| value.path).collect();
    let mut set = BTreeSet::new();
    leaves(&defaults(), "", &documented, &mut set);
    assert_eq!(documented, set);

    let schema: Value = serde_json::from_str(&read("charts/compose-operator/values.schema.json")).unwrap();
    let mut described = BTreeSet::new();
    schema_leaves(&schema, "", &mut described);
    // Helm hands this one down to every chart.
    assert!(described.remove("global"));
    assert_eq!(documented, described);
}

#[test]
fn the_table_in_the_readme_is_current() {
    let path = chart().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once("<!-- values -->\n").expect("a place for the table");
    let (_, tail) = rest.split_once("<!-- /values -->").expect("an end of the table");
    let mut table = String::from("| value | default | what it is |\n| --- | --- | --- |\n");
    for Documented { path, description, default } in documented() {
        writeln!(table, "| `{path}` | `{default}` | {} |", description.replace('|', "\\|")).unwrap();
    }
    let current = format!("{head}<!-- values -->\n{table}<!-- /values -->{tail}");
    if std::env::var_os("UPDATE_CHART").is_some() {
        std::fs::write(&path, current).unwrap();
    } else {
        assert!(readme == current, "charts/compose-operator/README.md is stale: run `make generate`");
    }
}

#[test]
fn versions_agree() {
    let chart: Value = serde_saphyr::from_str(&read("charts/compose-operator/Chart.yaml")).unwrap();
    for key in ["version", "appVersion"] {
        assert_eq!(chart[key], env!("CARGO_PKG_VERSION"), "{key} in Chart.yaml");
    }
    let images = chart["annotations"]["artifacthub.io/images"].as_str().unwrap();
    assert!(images.contains(&format!("compose-operator:{}", env!("CARGO_PKG_VERSION"))), "{images}");
}

/// What an operator needs behind its last pass: the requests that free its Leases, and the last traces.
const BEHIND_THE_LAST_PASS: u64 = 3 + 3 + 3;

#[test]
fn an_operator_that_ends_has_the_time_of_a_pass() {
    let Some(helm) = helm() else { return };
    let times = |args: &[&str]| {
        let rendered = helm.template(&[&["--show-only", "templates/deployment.yaml"], args].concat());
        let pod = &crate::helm::documents(&rendered)[0]["spec"]["template"]["spec"];
        let args = pod["containers"][0]["args"].as_array().unwrap();
        let pass = args.iter().find_map(|arg| arg.as_str()?.strip_prefix("--reconcile-timeout=")).unwrap();
        (pass.parse::<u64>().unwrap(), pod["terminationGracePeriodSeconds"].as_u64().unwrap())
    };
    for args in [&[][..], &["--set", "reconcileTimeout=900"]] {
        let (pass, grace) = times(args);
        assert!(grace >= pass + BEHIND_THE_LAST_PASS, "{args:?}: {grace} s to end, and a pass may take {pass} s");
    }
    for seconds in [0, 20] {
        assert_eq!(
            times(&["--set", &format!("terminationGracePeriodSeconds={seconds}")]).1,
            seconds,
            "what is set stays"
        );
    }
}

#[test]
fn every_flag_has_a_value_and_every_argument_is_understood() {
    let Some(helm) = helm() else { return };
    let program = env!("CARGO_BIN_EXE_compose-operator");
    let printed = Command::new(program).args(["run", "--help"]).output().unwrap();
    let flags: BTreeSet<String> = String::from_utf8(printed.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--")?.split([' ', '=']).next().map(str::to_owned))
        .collect();
    assert!(flags.contains("allow-host-path"), "{flags:?}");

    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/cases/everything/values.yaml");
    let rendered = helm.template(&["--values", case, "--show-only", "templates/deployment.yaml"]);
    let deployment = &crate::helm::documents(&rendered)[0];
    let args: Vec<&str> = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| arg.as_str().unwrap())
        .collect();
    let given: BTreeSet<String> =
        args.iter().filter_map(|arg| arg.strip_prefix("--")?.split('=').next().map(str::to_owned)).collect();
    assert_eq!(flags, given, "the case `everything` sets every flag of `compose-operator run`");

    // It gets past its arguments, and then finds no cluster.
    let run = Command::new(program)
        .args(&args)
        .env("KUBECONFIG", "/nonexistent")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .unwrap();
    let complaint = String::from_utf8(run.stderr).unwrap();
    assert!(complaint.contains("no cluster configuration"), "{complaint}");
}
