//! Helm as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The chart's directory.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/compose-operator")
}

/// The helm that the environment names. Without one, says so and returns nothing.
pub fn helm() -> Option<Helm> {
    let program = std::env::var_os("HELM").map(PathBuf::from);
    if program.is_none() {
        println!("not run: HELM names no program; `make chart-test` builds one");
    }
    program.map(|program| Helm { program })
}

pub struct Helm {
    program: PathBuf,
}

impl Helm {
    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(&self.program).args(args).output().expect("HELM has to name helm")
    }

    /// Runs helm, which has to succeed, and returns what it prints.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What helm says when it refuses; it has to.
    pub fn refusal(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "helm {args:?} has to fail");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Renders the chart as the release `compose-operator` in the namespace of that name.
    pub fn template(&self, args: &[&str]) -> String {
        let chart = chart();
        let release = ["template", "compose-operator", chart.to_str().unwrap(), "--namespace", "compose-operator"];
        self.ok(&[&release, args].concat())
    }
}

/// The documents of a YAML stream.
pub fn documents(stream: &str) -> Vec<serde_json::Value> {
    stream
        .split("\n---\n")
        .map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}")))
        .filter(|document: &serde_json::Value| !document.is_null())
        .collect()
}
