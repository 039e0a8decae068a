//! Asks the reference implementation (compose-go) what it makes of Compose files.
//!
//! The program under `tests/oracle/` is built once, kept in the project's cache directory under the hash of its
//! sources, and answers thousands of questions a minute.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What to load, and in which surroundings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// The texts of the project's files, by their path relative to its directory.
    pub files: BTreeMap<String, String>,
    /// The paths of the Compose files, in the order of `-f`.
    pub documents: Vec<String>,
    /// The whole process environment.
    pub env: BTreeMap<String, String>,
    /// The active profiles.
    pub profiles: Vec<String>,
    /// The project's name, when it is given explicitly.
    pub project: Option<String>,
}

/// What came of a load: a canonical project or an error. `${DIR}` stands for the project directory, `${ROOT}` for the
/// directory three above it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    /// The canonical project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Value>,
    /// What `docker compose config` prints, where that is not the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Value>,
    /// The project's models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Value>,
    /// The models that services use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned_models: Option<Value>,
    /// The error's text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The error's kind, such as `schema` or `interpolation`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
}

impl Outcome {
    /// What `docker compose config` prints.
    pub fn printed(&self) -> Option<&Value> {
        self.pruned.as_ref().or(self.project.as_ref())
    }
}

#[derive(Serialize)]
struct Request<'a> {
    op: &'static str,
    #[serde(flatten)]
    load: &'a Load,
    repeat: usize,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Answer {
    outcomes: Vec<Outcome>,
    schema: Value,
    fault: String,
}

/// A running oracle.
pub struct Oracle {
    program: PathBuf,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts the oracle, building it when need be; why not, where that cannot be done.
    pub fn start() -> Result<Self, String> {
        let program = build()?;
        let (process, input, output) = spawn(&program)?;
        Ok(Self { program, process, input, output })
    }

    /// Starts the oracle, or says loudly that it was not asked. With `COMPOSE_OPERATOR_ORACLE=required` that is a
    /// failure.
    pub fn start_or_say(instead: &str) -> Option<Self> {
        match Self::start() {
            Ok(oracle) => Some(oracle),
            Err(reason) => {
                let required = std::env::var("COMPOSE_OPERATOR_ORACLE").is_ok_and(|value| value == "required");
                assert!(!required, "the oracle cannot be asked: {reason}");
                // Written around the capture of the test's output, so that it is seen when the test passes.
                let _ = writeln!(
                    std::io::stderr().lock(),
                    "\nTHE ORACLE WAS NOT ASKED: {reason}\nTHE ORACLE WAS NOT ASKED: {instead}\n"
                );
                None
            }
        }
    }

    /// What the reference implementation makes of a load.
    pub fn load(&mut self, load: &Load) -> Outcome {
        self.load_repeatedly(load, 1).swap_remove(0)
    }

    /// The different outcomes of several loads of the same files: the order of Go's maps makes some differ.
    pub fn load_repeatedly(&mut self, load: &Load, repeat: usize) -> Vec<Outcome> {
        let request = serde_json::to_string(&Request { op: "load", load, repeat }).unwrap();
        if let Some(answer) = self.ask(&request) {
            assert!(answer.fault.is_empty(), "the oracle could not load: {}", answer.fault);
            return answer.outcomes;
        }
        // It ends itself when a load does not end.
        let _ = self.process.wait();
        (self.process, self.input, self.output) = spawn(&self.program).unwrap();
        let error = "the load did not end".to_owned();
        vec![Outcome { error, class: "endless".to_owned(), ..Outcome::default() }]
    }

    /// The JSON schema of Compose files that the reference implementation checks them against.
    pub fn schema(&mut self) -> Value {
        self.ask("{\"op\":\"schema\"}").unwrap().schema
    }

    fn ask(&mut self, request: &str) -> Option<Answer> {
        self.input.write_all(request.as_bytes()).and_then(|()| self.input.write_all(b"\n")).ok()?;
        self.input.flush().ok()?;
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(length) if length > 0 => Some(serde_json::from_str(&line).unwrap()),
            _ => None,
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(program: &Path) -> Result<(Child, ChildStdin, BufReader<ChildStdout>), String> {
    let mut process = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} does not start: {error}", program.display()))?;
    let input = process.stdin.take().unwrap();
    let output = BufReader::with_capacity(1 << 20, process.stdout.take().unwrap());
    Ok((process, input, output))
}

fn cache() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("COMPOSE_OPERATOR_CACHE").unwrap_or_else(|| {
        from("XDG_CACHE_HOME")
            .or_else(|| from("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(std::env::temp_dir)
            .join("compose-operator")
    })
}

/// Builds the program unless the cache has it.
fn build() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    let version = Command::new("go").arg("version").output().map_err(|error| format!("go does not start: {error}"))?;
    let mut hash = Sha256::new();
    hash.update(&version.stdout);
    for file in ["go.mod", "go.sum", "main.go", "load.go", "class.go"] {
        hash.update(fs::read(source.join(file)).map_err(|error| format!("tests/oracle/{file}: {error}"))?);
    }
    let name = hash.finalize().iter().take(8).fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
    let directory = cache().join("oracle");
    let program = directory.join(name);
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let part = directory.join(format!("part-{}", std::process::id()));
    let built = Command::new("go")
        .current_dir(&source)
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o"])
        .arg(&part)
        .arg(".")
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env("GOFLAGS", "")
        .output()
        .map_err(|error| format!("go does not start: {error}"))?;
    if !built.status.success() {
        return Err(format!("go build failed:\n{}", String::from_utf8_lossy(&built.stderr)));
    }
    fs::rename(&part, &program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(program)
}
