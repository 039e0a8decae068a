//! The pages of the documentation, whose commands are run as they stand.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A fenced block of a page.
pub struct Block<'a> {
    pub language: &'a str,
    pub text: &'a str,
    /// Why it is not run, from the comment `<!-- not run: ... -->` right before it.
    pub not_run: Option<&'a str>,
}

/// The blocks of a page, or of a part of one.
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let parts: Vec<&str> = page.split("```").collect();
    parts
        .chunks_exact(2)
        .map(|pair| {
            let (language, text) = pair[1].split_once('\n').unwrap();
            let last = pair[0].trim_end().lines().next_back().unwrap_or_default();
            let not_run = last.strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
            Block { language, text, not_run }
        })
        .collect()
}

/// The part of a page below a heading of the second level.
pub fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading `{heading}`")) + 1;
    let rest = &page[start..];
    rest.find("\n## ").map_or(rest, |end| &rest[..=end])
}

/// Somebody who follows a page: in a directory, with a cluster.
pub struct Reader {
    directory: PathBuf,
    kubeconfig: PathBuf,
    path: String,
}

impl Reader {
    /// `programs` come before what is on PATH.
    pub fn new(name: &str, kubeconfig: &Path, programs: &[&Path]) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let own = directory.join("kubeconfig");
        std::fs::copy(kubeconfig, &own).unwrap();
        let programs = programs.iter().map(|program| program.to_str().unwrap().to_owned());
        let path = programs.chain(std::env::var("PATH")).collect::<Vec<_>>().join(":");
        Self { directory, kubeconfig: own, path }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The namespace that kubectl works in from now on.
    pub fn work_in(&self, namespace: &str) {
        self.run(&format!("kubectl config set-context --current --namespace={namespace}"));
    }

    /// Runs a script, which has to succeed, and returns what it prints.
    pub fn run(&self, script: &str) -> String {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(&self.directory)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("PATH", &self.path)
            .output()
            .unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{script}\n{out}{error}");
        out
    }

    /// Writes the files of a text and runs its commands, in order; returns how many blocks of commands there were.
    pub fn follow(&self, text: &str) -> usize {
        let mut commands = 0;
        for block in blocks(text) {
            let file = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
            match (block.language, file, block.not_run) {
                ("yaml", Some(file), _) => std::fs::write(self.directory.join(file), block.text).unwrap(),
                // A part of a file, or what is printed.
                ("yaml" | "console" | "json" | "text", ..) => {}
                ("sh", _, Some(reason)) => super::not_run(&format!("{reason}:\n{}", block.text)),
                ("sh", _, None) => {
                    self.run(block.text);
                    commands += 1;
                }
                (language, ..) => panic!("what is to be done with this block of {language}?\n{}", block.text),
            }
        }
        commands
    }
}
