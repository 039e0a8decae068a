//! Docker Compose, with the engine that `tests/parity/engine` started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::questions::Subject;
use super::{Side, script};

/// Where the engine is.
pub struct Docker {
    host: String,
    compose: PathBuf,
    network: String,
    engine: String,
}

impl Docker {
    pub fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        Some(Self {
            host: variable("COMPOSE_OPERATOR_DOCKER_HOST")?,
            compose: variable("COMPOSE_OPERATOR_DOCKER_COMPOSE")?.into(),
            network: variable("COMPOSE_OPERATOR_DOCKER_NETNS")?,
            engine: variable("COMPOSE_OPERATOR_DOCKER_VERSION")?,
        })
    }

    pub fn version(&self) -> String {
        let compose = Command::new(&self.compose).args(["version", "--short"]).output().unwrap();
        format!("Docker Engine {}, Docker Compose {}", self.engine, String::from_utf8_lossy(&compose.stdout).trim())
    }

    /// Starts a subject, and returns when its services are started.
    pub fn start<'a>(&'a self, subject: &'a Subject) -> Project<'a> {
        // A copy with the modes and the owner that project files have in the cluster, whoever checked them out.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parity").join(&subject.name);
        let _ = std::fs::remove_dir_all(&directory);
        let copy = Command::new("sh")
            .args(["-c", r#"umask 022 && mkdir -p "$2" && cp -r "$1/." "$2" && chmod -R u=rwX,go=rX "$2""#, "copy"])
            .arg(&subject.directory)
            .arg(&directory)
            .status();
        assert!(copy.unwrap().success());
        let project = Project { docker: self, name: &subject.name, directory };
        // A service that ends at once may make this fail, which is for the questions to find.
        let output = project.compose(&["up", "--detach", "--pull", "never", "--quiet-pull"]);
        if !output.status.success() {
            println!("{}: docker compose up: {}", subject.name, String::from_utf8_lossy(&output.stderr).trim());
        }
        project
    }
}

/// A subject that runs under Docker Compose, until this is dropped.
pub struct Project<'a> {
    docker: &'a Docker,
    name: &'a str,
    directory: PathBuf,
}

impl Project<'_> {
    fn compose(&self, args: &[&str]) -> Output {
        Command::new("timeout")
            .arg("90")
            .arg(&self.docker.compose)
            .env("DOCKER_HOST", &self.docker.host)
            .args(["--project-name", self.name, "--project-directory"])
            .arg(&self.directory)
            .args(args)
            .output()
            .unwrap()
    }

    /// What the containers of a service are doing.
    fn state(&self, service: &str) -> String {
        let output = self.compose(&["ps", "--all", "--format", "json", service]);
        let mut states: Vec<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|container| match (container["State"].as_str(), container["Health"].as_str()) {
                (Some("exited"), _) => format!("exited {}", container["ExitCode"]),
                (Some("running"), Some(health @ ("healthy" | "unhealthy"))) => format!("running, {health}"),
                (state, _) => state.unwrap_or_default().to_owned(),
            })
            .collect();
        states.sort();
        states.join("\n")
    }
}

impl Side for Project<'_> {
    fn ask(&self, subject: &Subject, indices: &[usize]) -> Vec<String> {
        let mut answers: BTreeMap<usize, String> = BTreeMap::new();
        for (service, group) in script::by_service(subject, indices, |question| &question.inside) {
            let output = self.compose(&["exec", "-T", service, "sh", "-c", &script::of(subject, &group)]);
            let text = String::from_utf8_lossy(&output.stdout);
            answers.extend(group.iter().copied().zip(script::answers(subject, &group, &text)));
        }
        for (_, group) in script::by_service(subject, indices, |question| &question.outside) {
            let output = Command::new("nsenter")
                .arg(format!("--net={}", self.docker.network))
                .args(["busybox", "sh", "-c", &script::of(subject, &group)])
                .env("HOST", "127.0.0.1")
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            answers.extend(group.iter().copied().zip(script::answers(subject, &group, &text)));
        }
        for (service, group) in script::by_service(subject, indices, |question| &question.state) {
            let state = self.state(service);
            answers.extend(group.iter().map(|index| (*index, state.clone())));
        }
        for (service, group) in script::by_service(subject, indices, |question| &question.logs) {
            let output = self.compose(&["logs", "--no-log-prefix", "--no-color", service]);
            let text = String::from_utf8_lossy(&output.stdout);
            answers.extend(group.iter().map(|index| (*index, subject.questions[*index].normalised(&text))));
        }
        indices.iter().map(|index| answers.remove(index).unwrap_or_default()).collect()
    }

    fn replace(&self, _: &Subject, service: &str) {
        let output = self.compose(&["up", "--detach", "--pull", "never", "--force-recreate", "--no-deps", service]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        self.compose(&["down", "--volumes", "--timeout", "0", "--remove-orphans"]);
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
