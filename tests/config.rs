//! `kubectl compose config` against `docker compose config`: what both print for the cases of the conformance corpus.
//!
//! Docker Compose is looked for at `DOCKER_COMPOSE`, where `hack/docker-compose` builds it, and on the path; the corpus
//! at `COMPOSE_CORPUS`, or beside the package. Without one of them nothing is compared, and the test says so. Every
//! 12th case is compared, or with `CONFIG_CASES=all` every one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use corpus::{Case, cases_that_load, corpus};
use not_run::not_run;
use serde_json::Value;

mod corpus;
#[path = "harness/not_run.rs"]
mod not_run;

/// The version of Docker Compose that is compared with, by `docker-compose version --short`.
const VERSION: &str = "5.6.0";

fn docker_compose() -> Option<PathBuf> {
    let cache = std::env::var_os("COMPOSE_OPERATOR_CACHE").map(PathBuf::from).or_else(|| {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?.join("compose-operator"))
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::var_os("DOCKER_COMPOSE")
        .map(PathBuf::from)
        .into_iter()
        .chain(cache.map(|cache| cache.join("tools/bin/docker-compose")))
        .chain(std::env::split_paths(&path).map(|directory| directory.join("docker-compose")));
    candidates.filter(|program| program.is_file()).find(|program| {
        let version = Command::new(program).args(["version", "--short"]).output();
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v') == VERSION)
    })
}

/// Runs a program on a case, with the case's environment and nothing else.
fn run(program: &Path, case: &Case, options_first: bool, more: &[&str]) -> Output {
    let mut options: Vec<OsString> = Vec::new();
    for file in case.files() {
        options.extend(["-f".into(), file.into()]);
    }
    for profile in case.profiles() {
        options.extend(["--profile".into(), profile.into()]);
    }
    if let Some(name) = case.project() {
        options.extend(["-p".into(), name.into()]);
    }
    let mut command = Command::new(program);
    if options_first {
        command.args(&options).arg("config");
    } else {
        command.arg("config").args(&options);
    }
    command.args(more).current_dir(&case.directory).env_clear().stdin(Stdio::null());
    command.envs(case.environment());
    command.output().unwrap()
}

/// Lines in one order: Docker Compose lists some names in a random one.
fn sorted(text: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = String::from_utf8_lossy(text).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// How the two outputs differ, for a person.
fn difference(docker: &str, ours: &str) -> String {
    similar::TextDiff::from_lines(docker, ours).unified_diff().context_radius(2).header("docker", "ours").to_string()
}

/// How the outputs for a case differ. `None` when Docker Compose refuses it: the corpus has cases that only load with what
/// the command line cannot say.
fn judge(docker: &Path, case: &Case) -> Option<Vec<String>> {
    let ours = Path::new(env!("CARGO_BIN_EXE_kubectl-compose"));
    let mut differences = Vec::new();
    let both = |more: &[&str]| (run(docker, case, true, more), run(ours, case, false, more));
    let (theirs, own) = both(&[]);
    if !theirs.status.success() {
        return None;
    }
    let (theirs, own_text) = (String::from_utf8_lossy(&theirs.stdout), String::from_utf8_lossy(&own.stdout));
    if theirs != own_text {
        let errors = if own.status.success() { "".into() } else { String::from_utf8_lossy(&own.stderr) };
        differences.push(format!("YAML:\n{}{errors}", difference(&theirs, &own_text)));
    }
    let (theirs, own) = both(&["--format", "json"]);
    let parsed = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
    if !same(&parsed(&theirs), &parsed(&own)) {
        let texts = [&theirs, &own].map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        differences.push(format!("JSON:\n{}", difference(&texts[0], &texts[1])));
    }
    for option in [&["--hash", "*"][..], &["--images"], &["--profiles"]] {
        let (theirs, own) = both(option);
        if sorted(&theirs.stdout) != sorted(&own.stdout) {
            let texts = [&theirs, &own].map(|output| sorted(&output.stdout).join("\n") + "\n");
            differences.push(format!("{option:?}:\n{}", difference(&texts[0], &texts[1])));
        }
    }
    Some(differences)
}

/// Equality in which 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn config_prints_what_docker_compose_prints() {
    let Some(docker) = docker_compose() else {
        not_run(&format!("there is no Docker Compose {VERSION}; hack/docker-compose builds it"));
        return;
    };
    let Some(corpus) = corpus() else {
        not_run("there is no corpus at COMPOSE_CORPUS or ../shared/corpus");
        return;
    };
    let step = if std::env::var_os("CONFIG_CASES").is_some_and(|value| value == "all") { 1 } else { 12 };
    let cases: Vec<Case> = cases_that_load(&corpus).into_iter().step_by(step).collect();
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/config_differences.txt");
    let known = fs::read_to_string(known).unwrap();
    let known: Vec<&str> = known.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let (next, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(differences) = judge(&docker, case) else {
                        refused.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    let is_known = known.contains(&&*case.name);
                    if is_known == differences.is_empty() {
                        let text = if is_known { "no longer differs".to_owned() } else { differences.join("") };
                        failures.lock().unwrap().push(format!("== {}\n{text}", case.name));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let refused = refused.into_inner();
    let compared = cases.len() - refused;
    println!("{} of {compared} cases as expected; Docker Compose refuses {refused}", compared - failures.len());
    assert!(compared > cases.len() / 2, "Docker Compose refuses {refused} of {} cases", cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
