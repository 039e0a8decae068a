//! Data flows one way: which module may use which, and which must stay pure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::path::{Path, PathBuf};

/// Modules of the package, what they may use of it, and words that must not appear in them.
const RULES: [(&str, &[&str], &[&str]); 14] = [
    ("api", &["api"], &["tokio", "SystemTime", "kube::Client"]),
    (
        "compose",
        &["compose", "parallel", "yaml"],
        &["kube", "k8s_openapi", "tokio", "SystemTime", "Instant", "std::fs", "std::env", "getrandom"],
    ),
    ("source", &["source", "api", "compose", "translate", "keyed_hash"], &[]),
    (
        "translate",
        &["translate", "api", "compose", "policy", "parallel", "keyed_hash", "yaml"],
        &["kube::Client", "kube::Api", "tokio", "SystemTime", "Instant", "std::fs", "std::env", "getrandom"],
    ),
    (
        "policy",
        &["policy", "translate", "api"],
        &["kube::Client", "kube::Api", "tokio", "SystemTime", "Instant", "std::fs", "std::env", "getrandom"],
    ),
    ("seed", &["seed"], &["kube", "k8s_openapi", "tokio"]),
    ("apply", &["apply", "api", "translate", "keyed_hash"], &["crate::compose"]),
    ("status", &["status", "api", "apply", "translate", "compose", "source"], &[]),
    (
        "controller",
        &["controller", "api", "source", "compose", "translate", "policy", "apply", "status"],
        &["crate::client"],
    ),
    ("keyed_hash", &["keyed_hash"], &["kube", "k8s_openapi", "tokio", "std::fs", "std::env"]),
    ("telemetry", &["telemetry", "api"], &["kube::Client", "kube::Api", "k8s_openapi"]),
    ("parallel", &["parallel"], &["kube", "k8s_openapi", "tokio", "std::fs", "std::env"]),
    ("yaml", &["yaml"], &["kube", "k8s_openapi", "tokio", "std::fs", "std::env"]),
    ("client", &["client", "api", "compose", "translate", "policy", "parallel", "yaml"], &["crate::controller"]),
];

/// The files below a directory, but for those of tests, which may use anything.
fn files_under(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.ends_with("tests") {
                continue;
            }
            files.extend(files_under(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code of a file: without comments, and without its tests, which may use anything.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules of the package that a text names: `crate::module` and `crate::{module, module}`.
fn modules(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, _) in code.match_indices("crate::") {
        let rest = &code[index + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let list = list.split("};").next().unwrap_or_default();
            let mut depth = 0;
            let mut name = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut name)),
                    c if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            found.push(name);
        } else {
            found.push(rest.to_owned());
        }
    }
    found
        .iter()
        .map(|text| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

fn violations(module: &str, allowed: &[&str], forbidden: &[&str], code: &str) -> Vec<String> {
    let used = modules(code)
        .into_iter()
        .filter(|name| !allowed.contains(&name.as_str()))
        .map(|name| format!("{module} uses {name}"));
    let said = forbidden
        .iter()
        .filter(|word| {
            code.match_indices(*word).any(|(index, _)| {
                let before = code[..index].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
                let after = code[index + word.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
                before && after
            })
        })
        .map(|word| format!("{module} names {word}"));
    used.chain(said).collect()
}

#[test]
fn arrows_point_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, allowed, forbidden) in RULES {
        let files = files_under(&source.join(module));
        assert!(!files.is_empty(), "src/{module} has no file");
        for file in files {
            for violation in violations(module, allowed, forbidden, &code(&file)) {
                wrong.push(format!("{}: {violation}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: Vec<&str> = RULES.iter().map(|(module, ..)| *module).collect();
    for entry in std::fs::read_dir(&source).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(known.contains(&module) || ["lib", "bin"].contains(&module), "src/{name} has no rule");
    }
}

#[test]
fn a_reversed_arrow_is_noticed() {
    let wrong = |code: &str| violations("compose", &["compose"], &["kube", "tokio"], code);
    assert!(wrong("use crate::compose::model;\nuse crate::{compose, compose::load};").is_empty());
    assert_eq!(wrong("use crate::apply::Applier;"), ["compose uses apply"]);
    assert_eq!(wrong("use crate::{\n    compose::{a, b},\n    status,\n};"), ["compose uses status"]);
    assert_eq!(wrong("use kube::Client;"), ["compose names kube"]);
    assert!(wrong("let kubeconfig = 1;").is_empty());
}
