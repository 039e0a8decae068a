//! The same figures for kompose and for this project: how many projects are converted, how many of these a real API server
//! accepts, and which attributes vanish without a word.
//!
//! Both are asked as programs, with the same files in the same environment. `make compare` counts over the corpus, where
//! it is, and over the golden cases; the tests here see to it that the counting is right.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod converter;
#[path = "../corpus/mod.rs"]
mod corpus;
mod figures;
#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../golden_case/row.rs"]
mod row;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use converter::{Converter, Input};
use figures::{Figures, Vanishing, count, vanishing};

/// A directory for a test, empty.
fn scratch(purpose: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("comparison").join(purpose);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The directories of the golden cases.
fn golden() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn corpus_inputs() -> Option<Vec<Input>> {
    let corpus = corpus::corpus()?;
    let inputs = corpus::cases_that_load(&corpus).into_iter().map(|case| Input {
        files: case.files(),
        profiles: case.profiles(),
        project: case.project().map(str::to_owned),
        environment: case.environment(),
        directory: case.directory,
    });
    Some(inputs.collect())
}

#[test]
fn kompose_beside_this_project() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(kompose) = Converter::on_path("kompose", &path) else {
        harness::not_run("no kompose on PATH");
        return;
    };
    if std::env::var_os("COMPARE").is_none() {
        harness::not_run("it takes several minutes; `make compare` does");
        return;
    }
    let Some(cluster) = harness::bare_cluster() else { return };
    cluster.ok(&["create", "namespace", "comparison"]);
    let accepts = |manifests: &str| {
        let args = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict"];
        let args = [&args[..], &["-n", "comparison", "-f", "-"]].concat();
        cluster.kubectl_with(&args, manifests).status.success()
    };
    let golden = golden();
    let cases: Vec<Input> = golden.iter().map(|case| Input::of_directory(case, "compose.yaml")).collect();
    let corpus = corpus_inputs();
    for converter in [Converter::kompose(kompose), Converter::ours()] {
        println!("{}, golden cases: {}", converter.name, count(&converter, &cases, accepts));
        match &corpus {
            Some(corpus) => println!("{}, corpus: {}", converter.name, count(&converter, corpus, accepts)),
            None => println!("{}: not run: there is no corpus at COMPOSE_CORPUS or ../shared/corpus", converter.name),
        }
        let directories: Vec<&Path> = golden.iter().map(PathBuf::as_path).collect();
        let Vanishing { tried, vanished } = vanishing(&converter, &directories, &scratch("figures"));
        let list: Vec<&str> = vanished.iter().map(String::as_str).collect();
        println!("{}: {} of {tried} attributes vanish without a word: {}", converter.name, list.len(), list.join(", "));
    }
    cluster.ok(&["delete", "namespace", "comparison", "--wait=false"]);
}

/// What stands for kompose: it panics, prints nothing, refuses or warns as the file's image says, and knows of nothing but
/// images and commands.
const FAKE: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = -f ] && file=$2; shift; done
grep -q panics "$file" && { echo "panic: nil map" >&2; echo "goroutine 1 [running]:" >&2; exit 2; }
grep -q refused "$file" && { echo "FATA no" >&2; exit 1; }
grep -q nothing "$file" && exit 0
grep -q '"cap_add"' "$file" && echo "WARN cap_add is not known" >&2
echo "kind: Deployment"
grep -o '"image":"[^"]*"' "$file" | sed 's/^/# /'
grep -o '"command":\[[^]]*\]' "$file" | sed 's/^/# /'
exit 0
"#;

fn fake() -> Converter {
    let directory = scratch("path");
    let program = directory.join("kompose");
    fs::write(&program, FAKE).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths([Path::new("/nowhere"), &directory]).unwrap();
    assert_eq!(Converter::on_path("kompose", "/nowhere".as_ref()), None);
    Converter::kompose(Converter::on_path("kompose", &path).unwrap())
}

fn case(root: &Path, name: &str, file: &str) -> PathBuf {
    let directory = root.join(name);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("compose.yaml"), file).unwrap();
    directory
}

#[test]
fn outcomes_and_attributes_are_counted() {
    let (fake, root) = (fake(), scratch("cases"));
    let file = |image: &str| format!("services: {{a: {{image: {image}}}}}");
    let cases: Vec<Input> = ["good", "better", "panics", "refused", "nothing"]
        .map(|name| Input::of_directory(&case(&root, name, &file(name)), "compose.yaml"))
        .into();
    let figures = count(&fake, &cases, |manifests| manifests.contains("kind: Deployment"));
    let expected = Figures { projects: 5, converted: 2, accepted: 2, refused: 1, panicked: 1, empty: 1 };
    assert_eq!(figures, expected);
    assert_eq!(count(&fake, &cases, |_| false), Figures { accepted: 0, ..expected });

    let rich = "services: {a: {image: good, command: [run], cap_add: [KILL], stop_signal: SIGINT, ports: ['80:80'], attach: true}}";
    let plain = case(&root, "plain", "services: {a: {image: good, stop_grace_period: 1m}}");
    let rich = case(&root, "rich", rich);
    let Vanishing { tried, vanished } = vanishing(&fake, &[&rich, &plain], &scratch("vanishing"));
    let expected = ["services.*.ports", "services.*.stop_grace_period", "services.*.stop_signal"];
    assert_eq!(vanished, expected.map(str::to_owned).into());
    assert_eq!(tried, 6);
}

#[test]
fn this_project_is_asked_in_the_same_way() {
    let root = scratch("ours");
    let good = case(&root, "good", "services: {a: {image: good, stop_signal: SIGINT, attach: true}}");
    let bad = case(&root, "bad", "services: {a: {image: [b]}}");
    let inputs = [&good, &bad].map(|directory| Input::of_directory(directory, "compose.yaml"));
    let figures = count(&Converter::ours(), &inputs, |manifests| manifests.contains("image: good"));
    assert_eq!(figures, Figures { projects: 2, converted: 1, accepted: 1, refused: 1, panicked: 0, empty: 0 });
    let vanishing = vanishing(&Converter::ours(), &[&good], &scratch("ours-vanishing"));
    assert_eq!(vanishing, Vanishing { tried: 2, vanished: [].into() });
}
