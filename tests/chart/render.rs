//! What the chart renders for which values, and that the API server takes it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use similar::TextDiff;

use crate::harness::{bare_cluster, read};
use crate::helm::{chart, documents, helm};

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 3, "{cases:?}");
    cases
}

fn rendered(case: &Path) -> Option<String> {
    // The definition is compared by itself: here it would drown the rest.
    let values = case.join("values.yaml");
    Some(helm()?.template(&["--values", values.to_str().unwrap(), "--set", "crds.enabled=false"]))
}

#[test]
fn templates_render_as_recorded() {
    let mut wrong = Vec::new();
    for case in cases() {
        let Some(rendered) = rendered(&case) else { return };
        let path = case.join("expected.yaml");
        if std::env::var_os("UPDATE_CHART").is_some() {
            std::fs::write(&path, &rendered).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if expected != rendered {
            let diff = TextDiff::from_lines(&expected, &rendered).unified_diff().to_string();
            wrong.push(format!("{}:\n{diff}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "`make generate` writes what is rendered now; read it\n{}", wrong.join("\n"));
}

#[test]
fn the_api_server_takes_every_object() {
    let (Some(cluster), Some(_)) = (bare_cluster(), helm()) else { return };
    let Some(definitions) = std::env::var_os("PROMETHEUS_OPERATOR_CRDS").map(PathBuf::from) else {
        println!("not run: PROMETHEUS_OPERATOR_CRDS names no directory; `make chart-test` sets it");
        return;
    };
    for kind in ["servicemonitors", "prometheusrules"] {
        let file = definitions.join(format!("monitoring.coreos.com_{kind}.yaml"));
        cluster.ok(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
        let name = format!("crd/{kind}.monitoring.coreos.com");
        cluster.ok(&["wait", "--for=condition=Established", &name, "--timeout=30s"]);
    }
    let namespaces = ["compose-operator", "team-a", "team-b"];
    for namespace in namespaces {
        cluster.ok(&["create", "namespace", namespace]);
    }
    for case in cases() {
        let Some(rendered) = rendered(&case) else { return };
        let said = cluster
            .kubectl_with(&["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"], &rendered);
        let complaint = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && complaint.is_empty(), "{}: {complaint}", case.display());
        let taken = String::from_utf8_lossy(&said.stdout).lines().count();
        assert_eq!(taken, documents(&rendered).len(), "{}", case.display());
    }
    for namespace in namespaces {
        cluster.ok(&["delete", "namespace", namespace]);
    }
}

#[test]
fn the_linter_is_content() {
    let Some(helm) = helm() else { return };
    let chart = chart();
    for case in cases() {
        let values = case.join("values.yaml");
        helm.ok(&["lint", "--strict", "--quiet", chart.to_str().unwrap(), "--values", values.to_str().unwrap()]);
    }
}

#[test]
fn the_definition_comes_with_the_release_and_stays_without_it() {
    let Some(helm) = helm() else { return };
    let definition = |args: &[&str]| {
        let stream = helm.template(&[&["--show-only", "templates/crd.yaml"], args].concat());
        documents(&stream).remove(0)
    };
    let mut installed = definition(&[]);
    let annotations = installed["metadata"].as_object_mut().unwrap().remove("annotations").unwrap();
    assert_eq!(annotations["helm.sh/resource-policy"], "keep");
    installed["metadata"].as_object_mut().unwrap().remove("labels").unwrap();
    let generated: Value = serde_saphyr::from_str(&read("crds/composestacks.yaml")).unwrap();
    assert_eq!(without_fractions(installed), without_fractions(generated));

    let gone = definition(&["--set", "crds.keep=false", "--set", "crds.annotations.a=b"]);
    assert_eq!(gone["metadata"]["annotations"], serde_json::json!({"a": "b"}));
    let refusal =
        helm.run(&["template", chart().to_str().unwrap(), "--set", "crds.enabled=false", "-s", "templates/crd.yaml"]);
    assert!(!refusal.status.success());
}

/// Go writes 511.0 as 511.
fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.into_iter().map(without_fractions).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, without_fractions(value))).collect(),
        other => other,
    }
}

#[test]
fn wrong_values_are_refused_by_their_path() {
    let Some(helm) = helm() else { return };
    let chart = chart();
    for (value, words) in [
        ("replicas=-1", "/replicas"),
        ("replicas=2,leaderElection=false", "leaderElection"),
        ("shards=2,leaderElection=false", "leaderElection"),
        ("shards=0", "/shards"),
        ("image.tga=x", "tga"),
        ("image.digest=abc", "/image/digest"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("watchNamespaces[0]=Team_A", "/watchNamespaces/0"),
        ("concurrency=0", "/concurrency"),
        ("networkPolicyEnforced=maybe", "/networkPolicyEnforced"),
        ("policy.hostPaths[0]=data", "/policy/hostPaths/0"),
        ("policy.capabilities[0]=net_admin", "/policy/capabilities/0"),
        ("policy.networks[0]=shared", "/policy/networks/0"),
        ("logging.format=xml", "/logging/format"),
        ("metrics.port=0", "/metrics/port"),
        ("metrics.serviceMonitor.interval=often", "/metrics/serviceMonitor/interval"),
    ] {
        let refusal = helm.refusal(&["template", chart.to_str().unwrap(), "--set", value]);
        assert!(refusal.contains(words), "--set {value}: {refusal}");
    }
}
