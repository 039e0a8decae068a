//! Values from Secrets stay out of what is said about them: notes are read by whoever may read the stack.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plan::Note;
use crate::compose::Project;

/// What stands for a value from a Secret.
const REDACTED: &str = "(from a Secret)";

/// A value that is shorter is part of too many words; it is looked for in the notes about its own attribute only.
const TELLING: usize = 4;

/// What separates the parts of a value, which a note may speak of one by one.
const SEPARATORS: [char; 8] = ['=', ':', ',', ';', '/', '@', ' ', '\n'];

/// Takes the project's values from Secrets out of the notes.
pub(super) fn redact(project: &Project, notes: &mut [Note]) {
    if project.tainted.is_empty() {
        return;
    }
    let mut values = BTreeSet::new();
    if let Ok(value) = serde_json::to_value(project) {
        collect(&value, "", false, &project.tainted, &mut values);
    }
    let services = project.services.iter().map(|(name, service)| (format!("services.{name}"), &service.extensions));
    for (path, extensions) in services {
        for (key, value) in extensions {
            collect(value, &format!("{path}.{key}"), false, &project.tainted, &mut values);
        }
    }
    // The longest first: one value may be a part of another.
    let mut values: Vec<(String, String)> = values.into_iter().collect();
    values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for note in notes {
        for (value, path) in &values {
            let is_about = note.path.starts_with(path.as_str()) || path.starts_with(note.path.as_str());
            if (value.len() >= TELLING || is_about) && note.message.contains(value.as_str()) {
                note.message = note.message.replace(value.as_str(), REDACTED);
            }
        }
    }
}

/// The texts at or below tainted paths, with their paths.
fn collect(
    value: &Value,
    path: &str,
    below: bool,
    tainted: &BTreeSet<String>,
    values: &mut BTreeSet<(String, String)>,
) {
    let below = below || tainted.contains(path);
    match value {
        Value::String(text) if below && !text.is_empty() => {
            values.insert((text.clone(), path.to_owned()));
            let parts = text.split(SEPARATORS).filter(|part| part.len() >= TELLING);
            values.extend(parts.map(|part| (part.to_owned(), path.to_owned())));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{index}]"), below, tainted, values);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(item, &path, below, tainted, values);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::attributes::populated;
    use crate::translate::{Facts, NoteLevel, Plan, fixture, translate};

    const MARKER: &str = "Zq9-from-a-secret";

    /// Everything of a plan that people without rights on Secrets can read.
    fn readable(plan: &Plan) -> String {
        format!("{:?}", Plan { secrets: Vec::new(), ..plan.clone() })
    }

    /// The paths of all texts of a project, as JSON pointers and as the loader writes them.
    fn texts(value: &Value, pointer: &str, path: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(_) => found.push((pointer.to_owned(), path.to_owned())),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    texts(item, &format!("{pointer}/{index}"), &format!("{path}[{index}]"), found);
                }
            }
            Value::Object(entries) => {
                for (key, item) in entries {
                    let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    texts(item, &format!("{pointer}/{key}"), &below, found);
                }
            }
            _ => {}
        }
    }

    /// Plants a value from a Secret into one text after the other.
    fn plant(project: &Value, markers: &[&str]) -> (usize, Vec<String>) {
        let mut found = Vec::new();
        texts(project, "", "", &mut found);
        let (mut planted, mut leaks) = (0, Vec::new());
        for (pointer, path) in found {
            for marker in markers {
                let mut changed = project.clone();
                *changed.pointer_mut(&pointer).unwrap() = Value::String(marker.replace('#', MARKER));
                // Numbers, sizes and the like are refused by the loader.
                let Ok(mut project) = serde_json::from_value::<Project>(changed) else { continue };
                project.tainted.insert(path.clone());
                planted += 1;
                let plan = translate(&project, &fixture::stack(), &Facts::default(), &Policy::default());
                let said: Vec<&Note> = plan.notes.iter().filter(|note| note.message.contains(MARKER)).collect();
                if !said.is_empty() {
                    leaks.push(format!("{path}: {said:?}"));
                }
                let stopped = plan
                    .notes
                    .iter()
                    .any(|note| note.level == NoteLevel::Error && note.path == path && note.reason == "SecretExposed");
                if !stopped && readable(&Plan { notes: Vec::new(), ..plan }).contains(MARKER) {
                    leaks.push(path.clone());
                }
            }
        }
        (planted, leaks)
    }

    #[test]
    fn a_value_from_a_secret_is_in_secrets_only() {
        let (planted, leaks) = plant(&serde_json::to_value(populated::project()).unwrap(), &["#"]);
        assert!(planted > 200, "only {planted} texts were tried");
        assert_eq!(leaks, Vec::<String>::new());
    }

    #[test]
    fn nor_is_it_where_an_ordinary_file_has_it() {
        let text = "services: {web: {image: x, command: [a], entrypoint: [e], environment: {A: b}, labels: {l: v}, \
                    annotations: {a: v}, hostname: h, container_name: c, user: \"1\", working_dir: /w, tmpfs: [/t], \
                    healthcheck: {test: [CMD, x], interval: 5s}, networks: {n: {aliases: [al]}}, extra_hosts: [\"h=10.0.0.1\"], dns: [1.1.1.1], dns_search: [d], ports: [{target: 80, published: \"80\", protocol: \
                    tcp, mode: ingress}], expose: [\"81\"], volumes: [{type: volume, source: data, target: /d}, {type: \
                    bind, source: /srv, target: /s}], configs: [{source: c, target: /c}], secrets: [{source: s}], deploy: \
                    {labels: {d: v}, placement: {constraints: [node.labels.a==b]}}, runtime: r, sysctls: {net.x: \"1\"}, \
                    security_opt: [\"apparmor:p\"], cap_add: [CHOWN], group_add: [\"7\"], links: [\"db:l\"]}, db: {image: \
                    x}}\nvolumes: {data: {name: nm, labels: {v: w}, driver_opts: {size: 1g}}}\nnetworks: {n: {name: \
                    nn, labels: {a: b}}}\nconfigs: {c: {content: text}}\nsecrets: {s: {environment: E, content: v}}";
        let value = serde_json::to_value(fixture::project(text)).unwrap();
        let (planted, leaks) = plant(&value, &["#", "/#", "#:80", "a=#"]);
        assert!(planted > 100, "only {planted} texts were tried");
        assert_eq!(leaks, Vec::<String>::new());
    }

    #[test]
    fn short_values_are_taken_out_where_they_are_meant() {
        let mut project = fixture::project("services: {web: {image: x, user: \"ab\", runtime: runsc}}");
        project.tainted.insert("services.web.user".to_owned());
        let plan = translate(&project, &fixture::stack(), &Facts::default(), &Policy::default());
        let said: Vec<&str> = plan
            .notes
            .iter()
            .filter(|note| note.path == "services.web.user")
            .map(|note| note.message.as_str())
            .collect();
        assert!(said.iter().all(|message| !message.contains("`ab`")), "{said:?}");
        assert_eq!(said.iter().filter(|message| message.contains(REDACTED)).count(), 1, "{said:?}");
    }
}
