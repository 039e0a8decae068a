//! Compose files and the objects that they become.
//!
//! A case is a directory below tests/golden: `compose.yaml` and `expected.yaml`, with `settings.yaml` for what is not in
//! the file, and whatever files the project has. `UPDATE_GOLDEN=1` writes what comes out, to be reviewed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    clippy::needless_for_each,
    reason = "a test fails by a panic; its documents are small"
)]

mod golden_case;
mod support_matrix;
mod vanishing;

use std::collections::BTreeMap;
use std::path::Path;

use compose_operator::translate::{Gate, Plan, Rollout};
use compose_operator::yaml::{Kubernetes, to_string};
use golden_case::{Case, cases};
use serde_json::{Value, json};

#[test]
fn golden() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut failures = Vec::new();
    for case in cases() {
        let actual = rendered(&case);
        let path = root.join(&case.name).join("expected.yaml");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &actual).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if actual != expected {
            let diff = similar::TextDiff::from_lines(&expected, &actual);
            failures.push(format!("{}\n{}", case.name, diff.unified_diff().context_radius(3)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The objects and notes of a case.
fn rendered(case: &Case) -> String {
    let plan = case.plan(&case.project);
    assert_eq!(plan, case.plan(&case.project), "{}: the outcome depends on chance", case.name);
    let (text, notes) = case.documents(&case.project);
    assert_eq!(notes, plan.notes, "{}: what is written is said otherwise", case.name);
    assert_eq!(text, written(&plan), "{}: what is written is not the plan", case.name);
    documents(&plan).iter().map(|document| format!("---\n{}", serde_saphyr::to_string(document).unwrap())).collect()
}

/// The plan's objects as `kubectl compose convert` writes them.
fn written(plan: &Plan) -> String {
    plan.objects().map(|object| format!("---\n{}", to_string::<Kubernetes>(&object).unwrap())).collect()
}

/// The plan as documents: what is said first, then the objects in the order in which they are applied.
fn documents(plan: &Plan) -> Vec<Value> {
    let Plan { claims, workloads, notes, .. } = plan;
    let gate = |gate: &Gate| {
        let required = if gate.required { "" } else { ", or its failure" };
        format!("{}: {}{required}", gate.service, gate.condition.as_str())
    };
    let external: Vec<&str> =
        claims.iter().filter(|claim| claim.object.is_none()).map(|claim| claim.name.as_str()).collect();
    let waiting: BTreeMap<&str, Vec<String>> = workloads
        .iter()
        .filter(|workload| !workload.gates.is_empty())
        .map(|workload| (workload.service.as_str(), workload.gates.iter().map(gate).collect()))
        .collect();
    let mut discovery: BTreeMap<&str, Option<&str>> =
        workloads.iter().map(|workload| (workload.service.as_str(), workload.discovery)).collect();
    let members = workloads.iter().flat_map(|workload| &workload.members);
    discovery.extend(members.map(|member| (member.service.as_str(), member.discovery)));
    let said: Vec<String> = notes
        .iter()
        .map(|note| format!("{} {}: {} ({})", note.level.as_str(), note.path, note.message, note.reason))
        .collect();
    let mut about = json!({ "notes": said, "discovery": discovery });
    if !waiting.is_empty() {
        about["waitsFor"] = json!(waiting);
    }
    let failing: BTreeMap<&str, String> = workloads
        .iter()
        .filter_map(|workload| Some((workload.service.as_str(), on_failure(workload.rollout.as_ref()?))))
        .collect();
    if !failing.is_empty() {
        about["whenUpdatesFail"] = json!(failing);
    }
    if !external.is_empty() {
        about["claimsThatHaveToBeThere"] = json!(external);
    }
    let objects = plan.children().map(|child| child.unwrap().object);
    std::iter::once(about).chain(objects).collect()
}

fn on_failure(rollout: &Rollout) -> String {
    let Rollout { on_failure, max_failure_ratio, monitor_seconds, deadline_seconds, back } = rollout;
    let back = serde_json::to_string(&json!([back.max_surge, back.max_unavailable, back.min_ready_seconds])).unwrap();
    format!(
        "{on_failure:?} when more than {max_failure_ratio} end within {monitor_seconds} s or are late by {deadline_seconds} s; surge, unavailable and ready seconds on the way back: {back}"
    )
}
