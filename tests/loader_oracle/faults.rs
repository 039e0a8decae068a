//! Mistakes that are planted into a project that loads.

use crate::project::{File, Project};
use crate::random::Random;
use crate::yaml::Yaml;

/// Plants the mistake of a number; its name.
pub fn plant(project: &mut Project, seed: u64, number: usize) -> &'static str {
    let mut random = Random::new(seed ^ 0xFA17 ^ (number as u64) << 20);
    let fault = FAULTS[(number / 5) % FAULTS.len()];
    apply(fault, project, &mut random);
    fault
}

const FAULTS: [&str; 57] = [
    "yaml: a key twice",
    "yaml: unclosed",
    "yaml: no anchor",
    "yaml: a number as key",
    "yaml: a list at the top",
    "yaml: a tab",
    "yaml: another version",
    "schema: unknown attribute",
    "schema: unknown section",
    "schema: a list for a text",
    "schema: a number for a text",
    "schema: a word that is none",
    "schema: required is missing",
    "schema: an item twice",
    "schema: a service that is null",
    "schema: out of bounds",
    "interpolation: unclosed",
    "interpolation: required",
    "interpolation: no boolean",
    "interpolation: no number",
    "interpolation: bad name",
    "decode: size",
    "decode: port",
    "decode: duration",
    "decode: volume",
    "decode: count",
    "decode: ports",
    "decode: command",
    "consistency: network",
    "consistency: volume",
    "consistency: secret",
    "consistency: config",
    "consistency: model",
    "consistency: service",
    "consistency: cycle",
    "consistency: no image",
    "consistency: container name",
    "consistency: sources",
    "consistency: external",
    "consistency: service mode",
    "merge: mapping",
    "merge: list",
    "merge: logging",
    "extends: nobody",
    "extends: nobody in a file",
    "extends: cycle",
    "extends: no service",
    "include: cycle",
    "include: no list",
    "file-missing: env file",
    "file-missing: extends",
    "file-missing: include",
    "file-missing: document",
    "file-missing: label file",
    "dotenv: quotes",
    "dotenv: format",
    "project-name: upper case",
];

fn text(value: &str) -> Yaml {
    Yaml::text(value)
}

fn list<const N: usize>(items: [Yaml; N]) -> Yaml {
    Yaml::List(items.into())
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn apply(fault: &str, project: &mut Project, random: &mut Random) {
    let base = "compose.yaml";
    let mut own = |attribute: &str, value: Yaml| {
        let tree = project.tree_mut(base);
        let services = tree.get_mut("services").unwrap();
        services.set("faulty", Yaml::map([("image", text("f")), (attribute, value)]));
    };
    match fault {
        "yaml: a key twice" => append(project, "services: {}\n"),
        "yaml: unclosed" => append(project, "x-z: [a, \"b\n"),
        "yaml: no anchor" => append(project, "x-z: *nowhere\n"),
        "yaml: a number as key" => append(project, "x-z: {1: a}\n"),
        "yaml: a list at the top" => {
            project.files.insert(base.to_owned(), File::Raw("- a\n".to_owned()));
        }
        "yaml: a tab" => append(project, "x-z:\n\t- a\n"),
        "yaml: another version" => {
            let Some(File::Compose(documents)) = project.files.get(base) else { return };
            let text = format!("%YAML 1.2\n---\n{}", documents[0].document());
            project.files.insert(base.to_owned(), File::Raw(text));
        }
        "schema: unknown attribute" => own("imagee", text("a")),
        "schema: unknown section" => project.tree_mut(base).set("servicess", Yaml::Map(Vec::new())),
        "schema: a list for a text" => own("hostname", list([text("a")])),
        "schema: a number for a text" => own("hostname", Yaml::plain("12")),
        "schema: a word that is none" => own("cgroup", text("other")),
        "schema: required is missing" => {
            own("develop", Yaml::map([("watch", list([Yaml::map([("path", text("a"))])]))]));
        }
        "schema: an item twice" => own("cap_add", list([text("a"), text("a")])),
        "schema: a service that is null" => {
            project.tree_mut(base).get_mut("services").unwrap().set("faulty", Yaml::plain(""));
        }
        "schema: out of bounds" => own("oom_score_adj", Yaml::plain("2000")),
        "interpolation: unclosed" => own("hostname", text("${A")),
        "interpolation: required" => own("hostname", text("${NEVER_SET:?is needed}")),
        "interpolation: no boolean" => own("init", text("perhaps")),
        "interpolation: no number" => own("cpu_shares", text("many")),
        "interpolation: bad name" => own("hostname", text("${1-x}")),
        "decode: size" => own("mem_limit", text("plenty")),
        "decode: port" => own("ports", list([text("http:80")])),
        "decode: duration" => own("stop_grace_period", text("soon")),
        "decode: volume" => own("volumes", list([text(":/a")])),
        "decode: count" => own("gpus", list([Yaml::map([("count", text("some"))])])),
        "decode: ports" => own("ports", list([text("1-2:3-5")])),
        "decode: command" => own("command", text("a 'b")),
        "consistency: network" => own("networks", list([text("nowhere")])),
        "consistency: volume" => own("volumes", list([text("nowhere:/a")])),
        "consistency: secret" => own("secrets", list([text("nowhere")])),
        "consistency: config" => own("configs", list([text("nowhere")])),
        "consistency: model" => own("models", list([text("nowhere")])),
        "consistency: service" => own("depends_on", list([text("nobody")])),
        "consistency: cycle" => own("depends_on", list([text("faulty")])),
        "consistency: no image" => {
            project.tree_mut(base).get_mut("services").unwrap().set("faulty", Yaml::map([("hostname", text("a"))]));
        }
        "consistency: container name" => {
            own("container_name", text("same"));
            let services = project.tree_mut(base).get_mut("services").unwrap();
            services.set("too", Yaml::map([("image", text("f")), ("container_name", text("same"))]));
        }
        "consistency: sources" => {
            let secret = Yaml::map([("file", text("a")), ("environment", text("B"))]);
            project.tree_mut(base).set("secrets", Yaml::map([("faulty", secret)]));
            own_reset(project, base);
        }
        "consistency: external" => {
            let volume = Yaml::map([("external", Yaml::plain("true")), ("driver", text("B"))]);
            add(project, base, "volumes", volume);
        }
        "consistency: service mode" => {
            let mode = Yaml::map([
                ("image", text("f")),
                ("network_mode", text("host")),
                ("networks", list([text("default")])),
            ]);
            project.tree_mut(base).get_mut("services").unwrap().set("faulty", mode);
        }
        "merge: mapping" => over(project, "healthcheck: {test: a}", "healthcheck: [a]"),
        "merge: list" => over(project, "cap_add: [A]", "cap_add: A"),
        "merge: logging" => over(project, "logging: {driver: a}", "logging: a"),
        "extends: nobody" => own("extends", text("nobody")),
        "extends: nobody in a file" => {
            own("extends", Yaml::map([("service", text("nobody")), ("file", text("fault.yaml"))]));
            project.files.insert("fault.yaml".to_owned(), File::Raw("services: {a: {image: a}}\n".to_owned()));
        }
        "extends: cycle" => own("extends", text("faulty")),
        "extends: no service" => own("extends", Yaml::map([("file", text("fault.yaml"))])),
        "include: cycle" => {
            project.files.insert(
                "fault.yaml".to_owned(),
                File::Raw("include: [fault.yaml]\nservices: {f: {image: f}}\n".to_owned()),
            );
            project.tree_mut(base).set("include", list([text("fault.yaml")]));
        }
        "include: no list" => project.tree_mut(base).set("include", text("fault.yaml")),
        "file-missing: env file" => own("env_file", list([text("none.env")])),
        "file-missing: extends" => own("extends", Yaml::map([("service", text("a")), ("file", text("none.yaml"))])),
        "file-missing: include" => project.tree_mut(base).set("include", list([text("none.yaml")])),
        "file-missing: document" => project.documents.push("none.yaml".to_owned()),
        "file-missing: label file" => own("label_file", text("none.labels")),
        "dotenv: quotes" => {
            project.files.insert(".env".to_owned(), File::Raw("A='open\nB=1\n".to_owned()));
        }
        "dotenv: format" => {
            own("env_file", list([Yaml::map([("path", text("fault.env")), ("format", text("strange"))])]));
            project.files.insert("fault.env".to_owned(), File::Raw("A=1\n".to_owned()));
        }
        "project-name: upper case" => project.name = Some(random.word(&["Demo", "-demo", "de mo", "dé"])),
        other => panic!("no fault {other}"),
    }
}

/// A secret that nothing else refers to any more.
fn own_reset(project: &mut Project, base: &str) {
    for service in project.tree_mut(base).get_mut("services").map(|services| services.keys()).unwrap_or_default() {
        if let Some(service) = project.tree_mut(base).get_mut("services").unwrap().get_mut(&service) {
            service.remove("secrets");
        }
    }
}

fn add(project: &mut Project, base: &str, section: &str, value: Yaml) {
    let tree = project.tree_mut(base);
    match tree.get_mut(section) {
        Some(entries) => entries.set("faulty", value),
        None => tree.set(section, Yaml::map([("faulty", value)])),
    }
}

/// Text at the end of the base document.
fn append(project: &mut Project, more: &str) {
    let Some(File::Compose(documents)) = project.files.get("compose.yaml") else { return };
    let text = documents[0].document() + more;
    project.files.insert("compose.yaml".to_owned(), File::Raw(text));
}

/// A service of two documents.
fn over(project: &mut Project, base: &str, over: &str) {
    for (path, attribute) in [("fault1.yaml", base), ("fault2.yaml", over)] {
        let text = format!("services: {{faulty: {{image: f, {attribute}}}}}\n");
        project.files.insert(path.to_owned(), File::Raw(text));
        project.documents.push(path.to_owned());
    }
}
