//! `kubectl compose convert` as people run it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use compose_operator::api::v1alpha1::ComposeStackSpec;
use compose_operator::compose::{Document, DocumentBody, LoadOptions, ProjectFile, ProjectTree, Variable, load};
use compose_operator::policy::Policy;
use compose_operator::translate::{Facts, PROJECT_DIRECTORY, Stack, translate};
use serde_json::Value;

/// A project directory that goes with the test.
struct Project(PathBuf);

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let project =
            Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("convert-{}-{count}/shop", std::process::id())));
        for (path, content) in files {
            let path = project.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        project
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-compose"));
        command.arg("convert").args(args).current_dir(&self.0).env_clear();
        command.env("TOKEN", "t0ken").env("UNRELATED", "x");
        command
    }

    fn convert(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn converted(&self, args: &[&str]) -> String {
        let output = self.convert(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

fn documents(text: &str) -> Vec<Value> {
    let documents = text.split("---\n").filter(|document| !document.trim().is_empty());
    documents.map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

fn names(objects: &[Value]) -> Vec<String> {
    let name = |object: &Value| {
        let word = |pointer: &str| object.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        format!("{}/{}", word("/kind"), word("/metadata/name"))
    };
    objects.iter().map(name).collect()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

const SHOP: &[(&str, &str)] = &[
    (
        "compose.yaml",
        "include: [./cache/compose.yaml]\nservices:\n  web:\n    extends: {file: base.yaml, service: base}\n    ports: \
         [\"8080:80\"]\n    env_file: [web.env]\n    environment: {TOKEN: , TAG: \"${TAG}\", ON: \"on\", OCTAL: \
         \"0x10\"}\n    volumes: [\"./conf:/etc/conf:ro\", \"data:/var\"]\n    configs: [logo]\nconfigs: {logo: {file: \
         logo.bin}}\nvolumes: {data: }\n",
    ),
    ("compose.override.yaml", "services: {web: {labels: {team: shop}}}\n"),
    ("cache/compose.yaml", "services: {cache: {image: \"redis:${REDIS:-7}\", env_file: cache.env}}\n"),
    ("cache/cache.env", "SIZE=1\n"),
    ("base.yaml", "services: {base: {image: \"nginx:${TAG}\"}}\n"),
    (".env", "TAG=1.27\n"),
    ("web.env", "COLOUR=red\n"),
    ("conf/a.conf", "a\n"),
    ("conf/sub/b.conf", "b\n"),
    ("logo.bin", "logo"),
];

#[test]
fn the_output_is_the_same_wherever_the_project_lies() {
    let (here, there) = (Project::new(SHOP), Project::new(SHOP));
    let text = here.converted(&[]);
    assert_eq!(text, there.converted(&[]));
    let objects = documents(&text);
    assert!(objects.iter().all(|object| object.pointer("/metadata/namespace").is_none()), "{text}");
    assert!(!text.contains("ownerReferences") && !text.contains("uid:"), "{text}");
    let kinds: Vec<String> = names(&objects).iter().map(|name| name.split('/').next().unwrap().to_owned()).collect();
    let order =
        ["ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy", "Service", "Deployment", "StatefulSet"];
    assert!(kinds.is_sorted_by_key(|kind| order.iter().position(|known| known == kind).unwrap().min(5)), "{kinds:?}");

    let namespaced = documents(&here.converted(&["-n", "prod"]));
    assert!(namespaced.iter().all(|object| object["metadata"]["namespace"] == "prod"));
    let list: Value = serde_json::from_str(&here.converted(&["-o", "json"])).unwrap();
    assert_eq!(list["items"].as_array().unwrap(), &objects);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let project = Project::new(SHOP);
    for args in [&[][..], &["--output=json"], &["--stack"], &["--explain"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = project.command(args).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The operator, given the stack, makes the objects that a conversion writes.
#[test]
fn a_stack_holds_all_that_the_operator_needs() {
    let project = Project::new(SHOP);
    fs::write(project.0.join("logo.bin"), b"\xff\xfe\x00").unwrap();
    let stack = documents(&project.converted(&["--stack", "--set", "volumes.size=2Gi"])).remove(0);
    assert_eq!(stack["metadata"]["name"], "shop");
    let spec: ComposeStackSpec = serde_json::from_value(stack["spec"].clone()).unwrap();
    let env: Vec<(&str, &str)> = spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("TAG", "1.27"), ("TOKEN", "t0ken")]);
    let files: Vec<&str> = spec.files.keys().map(String::as_str).collect();
    let expected = ["base.yaml", "cache/cache.env", "cache/compose.yaml", "conf/a.conf", "conf/sub/b.conf", "web.env"];
    assert_eq!(files, expected);

    let mut tree = ProjectTree::default();
    let mut add = |path: &str, content: Vec<u8>| {
        tree.insert(format!("{PROJECT_DIRECTORY}/{path}"), ProjectFile { content, mode: None, secret: false });
    };
    for (path, text) in &spec.files {
        add(path, text.clone().into_bytes());
    }
    for (path, text) in &spec.binary_files {
        add(path, base64::engine::general_purpose::STANDARD.decode(text).unwrap());
    }
    let texts = std::iter::once(spec.compose_file.clone().unwrap())
        .chain(spec.overrides.iter().map(|text| text.as_str().unwrap().to_owned()));
    let document = |text| Document { name: "spec".to_owned(), body: DocumentBody::Text(text), secret: false };
    let environment: BTreeMap<String, Variable> =
        spec.env.iter().map(|(name, value)| (name.clone(), Variable { value: value.clone(), secret: false })).collect();
    let options = LoadOptions {
        documents: texts.map(document).collect(),
        project_directory: PROJECT_DIRECTORY.to_owned(),
        project_name: Some("shop".to_owned()),
        environment: environment.clone(),
        ..LoadOptions::default()
    };
    let loaded = load(&tree, &options).unwrap();
    let stack = Stack {
        name: "shop".to_owned(),
        namespace: "prod".to_owned(),
        uid: None,
        spec,
        files: tree,
        environment,
        hash_key: b"key".to_vec(),
    };
    let plan = translate(&loaded, &stack, &Facts::default(), &Policy::default());
    let objects: Vec<Value> = plan.children().map(|child| child.unwrap().object).collect();
    fs::write(project.0.join("key"), "key").unwrap();
    let args = ["-n", "prod", "--set", "volumes.size=2Gi", "--hash-key", "key"];
    assert_eq!(documents(&project.converted(&args)), objects);
}

/// What a conversion does not read, its translation takes for missing, and a stack would not hold.
#[test]
fn the_files_of_jobs_and_of_what_prepares_a_service_are_read() {
    let project = Project::new(&[
        (
            "compose.yaml",
            "services: {web: {image: x, pre_start: [{image: x, command: [a], volumes: [\"./seed.sh:/s.sh:ro\"]}], \
             credential_spec: {file: \"file://account.json\"}}}\njobs: {b: {image: x, env_file: [b.env], volumes: \
             [\"./dump.sh:/d.sh:ro\"], triggers: {manual: true}}}\n",
        ),
        ("seed.sh", "seed"),
        ("dump.sh", "dump"),
        ("b.env", "COLOUR=red\n"),
        ("account.json", "{}"),
    ]);
    let text = project.converted(&["--unsupported", "warn"]);
    for held in ["seed.sh: seed", "dump.sh: dump", "gmsaCredentialSpec", "COLOUR"] {
        assert!(text.contains(held), "{held}: {text}");
    }
    let stack = documents(&project.converted(&["--stack"])).remove(0);
    let files: Vec<&String> = stack["spec"]["files"].as_object().unwrap().keys().collect();
    assert_eq!(files, ["account.json", "b.env", "dump.sh", "seed.sh"]);
}

#[test]
fn a_stack_cannot_hold_what_lies_outside() {
    let project = Project::new(&[
        ("compose.yaml", "services: {web: {image: nginx, env_file: ../common.env}}"),
        ("../common.env", "A=1"),
    ]);
    assert!(project.converted(&[]).contains("name: A"));
    let output = project.convert(&["--stack"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("../common.env"), "{error}");
}

#[test]
fn what_is_not_honoured_is_told_by_path_and_decides_on_the_exit() {
    let project = Project::new(&[(
        "compose.yaml",
        "services:\n  web:\n    image: nginx\n    ports: [\"127.0.0.1:80:80\"]\n    use_api_socket: true\n",
    )]);
    let refused = project.convert(&["--warnings=json"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    let said = |lines: &[Value], path: &str, level: &str| {
        lines.iter().any(|line| line["path"] == path && line["level"] == level && line["message"].is_string())
    };
    let found = lines(&refused);
    assert!(said(&found, "services.web.ports[0].host_ip", "Approximated"), "{found:?}");
    assert!(said(&found, "services.web.use_api_socket", "Rejected"), "{found:?}");
    assert!(said(&found, "facts.networkPolicyEnforced", "Assumed"), "{found:?}");

    let text = String::from_utf8(project.convert(&[]).stderr).unwrap();
    assert!(text.contains("compose.yaml:5:5: Rejected services.web.use_api_socket: "), "{text}");
    assert!(text.contains("--unsupported=warn"), "{text}");
    let warned = project.convert(&["--unsupported=warn", "--warnings=json"]);
    assert!(warned.status.success() && !warned.stdout.is_empty());
    assert_eq!(found.len(), lines(&warned).len());
}

#[test]
fn a_file_that_is_wrong_is_told_in_the_same_form() {
    let project = Project::new(&[("compose.yaml", "services: {web: {image: nginx, prots: []}}")]);
    let output = project.convert(&["--warnings=json"]);
    let found = lines(&output);
    assert!(!output.status.success());
    assert_eq!((&found[0]["path"], &found[0]["level"]), (&"services.web.prots".into(), &"Error".into()), "{found:?}");
}

#[test]
fn the_policy_is_the_operators_and_names_its_options() {
    let project = Project::new(&[("compose.yaml", "services: {web: {image: nginx, volumes: [\"/data:/data\"]}}")]);
    let output = project.convert(&[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("--allow-host-path=/data"), "{text}");
    assert!(text.contains("here as in the operator that is to run it"), "{text}");
    assert!(project.converted(&["--allow-host-path=/data"]).contains("hostPath"));
}

#[test]
fn facts_change_what_is_assumed() {
    let project = Project::new(&[
        ("compose.yaml", "services: {web: {image: nginx, secrets: [token]}}\nsecrets: {token: {external: true}}"),
        ("facts.yaml", "secretKeys: {token: [value]}\nnetworkPolicyEnforced: true\n"),
        ("wrong.yaml", "secretKeyz: {}\n"),
    ]);
    assert!(project.converted(&[]).contains("key: token"));
    let output = project.convert(&["--facts", "facts.yaml"]);
    let (objects, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(objects.contains("key: value"), "{objects}");
    assert!(!said.contains("secretKeys none") && said.contains("configMapKeys none"), "{said}");
    let error = String::from_utf8(project.convert(&["--facts", "wrong.yaml"]).stderr).unwrap();
    assert!(error.contains("secretKeyz"), "{error}");
}

#[test]
fn a_directory_holds_one_file_per_object_and_forgets_what_is_gone() {
    let project = Project::new(SHOP);
    let args = ["-o", "dir", "--output-dir", "out", "-n", "prod"];
    assert_eq!(project.converted(&args), "");
    let read = |name: &str| fs::read_to_string(project.0.join("out").join(name)).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&read("kustomization.yaml")).unwrap();
    let listed = |kustomization: &Value| -> Vec<String> {
        kustomization["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let resources = listed(&kustomization);
    assert_eq!(kustomization["namespace"], "prod");
    let files: Vec<Value> = resources.iter().map(|name| serde_saphyr::from_str(&read(name)).unwrap()).collect();
    assert_eq!(files, documents(&project.converted(&["-n", "prod"])));

    fs::write(project.0.join("conf/a.conf"), "changed").unwrap();
    fs::write(project.0.join("out/mine.yaml"), "kept: true").unwrap();
    project.converted(&args);
    let kustomization: Value = serde_saphyr::from_str(&read("kustomization.yaml")).unwrap();
    let mut expected = listed(&kustomization);
    assert_ne!(expected, resources);
    expected.extend(["kustomization.yaml".to_owned(), "mine.yaml".to_owned()]);
    expected.sort();
    let mut found: Vec<String> = fs::read_dir(project.0.join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, expected);

    fs::write(project.0.join("out/kustomization.yaml"), "resources: []").unwrap();
    assert!(!project.convert(&args).status.success());
}

#[test]
fn attributes_are_explained() {
    let project = Project::new(&[(
        "compose.yaml",
        "services: {web: {image: nginx, stdin_open: true, mac_address: \"02:42:ac:11:00:03\", attach: false, \
         hostname: a.b}}",
    )]);
    let text = project.converted(&["--explain"]);
    let has =
        |path: &str, treatment: &str| text.lines().any(|line| line.split_whitespace().take(2).eq([path, treatment]));
    assert!(has("services.web.image", "Mapped") && has("services.web.stdin_open", "Mapped"), "{text}");
    assert!(has("services.web.mac_address", "Approximated") && has("services.web.attach", "Ignored"), "{text}");
}

#[test]
fn settings_are_checked() {
    let project = Project::new(&[("compose.yaml", "services: {web: {image: nginx, ports: [\"80:80\"]}}")]);
    let text = project.converted(&["--set", "publish.type=NodePort", "--allow-node-ports"]);
    assert!(text.contains("type: NodePort"), "{text}");
    let error = String::from_utf8(project.convert(&["--set", "publish.type=Nodeport"]).stderr).unwrap();
    assert!(error.contains("NodePort"), "{error}");
}
