//! A program that converts Compose files, and what it makes of one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A converter by its program and its way of being asked.
pub struct Converter {
    pub name: &'static str,
    pub program: PathBuf,
    /// What stands before the files.
    pub before: Vec<String>,
    /// What stands after them.
    pub after: Vec<String>,
    /// Whether it can be told the project's name by `--project-name`.
    pub takes_project: bool,
}

/// A project as it lies on the disk.
pub struct Input {
    pub directory: PathBuf,
    pub files: Vec<String>,
    pub profiles: Vec<String>,
    pub project: Option<String>,
    /// The whole environment, but for `PATH`.
    pub environment: Vec<(String, String)>,
}

/// What a converter made of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub succeeded: bool,
    pub panicked: bool,
    /// The manifests.
    pub manifests: String,
    /// What it said beside them.
    pub said: String,
}

impl Output {
    /// Whether there are objects in it.
    pub fn is_empty(&self) -> bool {
        !self.manifests.contains("kind:")
    }

    pub fn is_converted(&self) -> bool {
        self.succeeded && !self.panicked && !self.is_empty()
    }
}

impl Converter {
    /// This project's own, which is allowed everything that the policy can allow.
    pub fn ours() -> Self {
        let allowed = [
            "--allow-host-path=/",
            "--allow-privileged",
            "--allow-host-namespaces",
            "--allow-capability=*",
            "--allow-host-ports",
            "--allow-load-balancers",
            "--allow-node-ports",
            "--allow-service-account=*",
        ];
        Self {
            name: "kubectl compose",
            program: env!("CARGO_BIN_EXE_kubectl-compose").into(),
            before: vec!["convert".to_owned(), "--unsupported=warn".to_owned()],
            after: allowed.map(str::to_owned).to_vec(),
            takes_project: true,
        }
    }

    pub fn kompose(program: PathBuf) -> Self {
        Self {
            name: "kompose",
            program,
            before: vec!["convert".to_owned(), "--stdout".to_owned()],
            after: Vec::new(),
            takes_project: false,
        }
    }

    /// The program of a name on a search path.
    pub fn on_path(name: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
        std::env::split_paths(path).map(|directory| directory.join(name)).find(|program| program.is_file())
    }

    pub fn convert(&self, input: &Input) -> Output {
        let mut command = Command::new("timeout");
        command.arg("20").arg(&self.program).args(&self.before);
        for file in &input.files {
            command.arg("-f").arg(file);
        }
        for profile in &input.profiles {
            command.arg("--profile").arg(profile);
        }
        if let Some(project) = input.project.as_ref().filter(|_| self.takes_project) {
            command.arg("--project-name").arg(project);
        }
        command.args(&self.after).current_dir(&input.directory).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let output = command.envs(input.environment.iter().cloned()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Go ends a program that panics with 2, Rust with 101.
        let go = output.status.code() == Some(2) && said.contains("panic: ") && said.contains("goroutine ");
        let rust = output.status.code() == Some(101) && said.contains("panicked at");
        Output {
            succeeded: output.status.success(),
            panicked: go || rust,
            manifests: String::from_utf8_lossy(&output.stdout).into_owned(),
            said,
        }
    }
}

impl Input {
    /// A project of one file in a directory.
    pub fn of_directory(directory: &Path, file: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            files: vec![file.to_owned()],
            profiles: Vec::new(),
            project: None,
            environment: Vec::new(),
        }
    }
}
