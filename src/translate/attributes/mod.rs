//! Every attribute of a canonical project is looked up in one table, so that none is dropped in silence.

#[cfg(test)]
pub(super) mod populated;
mod table;

pub use table::ATTRIBUTES;

use serde_json::Value;

use super::notes::Notes;
use crate::compose::Project;

/// How an attribute is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It means the same as in Docker Compose.
    Mapped,
    /// It depends on the value: the mapping says what differs. The text is for the documentation.
    ByValue(&'static str),
    /// It works, with this difference.
    Approximated(&'static str),
    /// It has no meaning in a cluster, for this reason; without a reason, nobody misses it and nothing is said.
    Ignored(&'static str),
    /// It cannot be honoured, for this reason.
    Rejected(&'static str),
}

/// Where a value from a Secret may stand: these end up in Secrets, or name one.
const SECRET_HOLDERS: [&str; 5] =
    ["services.*.environment", "configs.*.content", "configs.*.file", "secrets.*.file", "services.*.env_file"];

/// Notes every attribute that is not mapped, and every value from a Secret that would become readable.
pub(super) fn note(project: &Project, notes: &mut Notes) {
    let Ok(value) = serde_json::to_value(project) else {
        notes.error("", "Invalid", "the project cannot be written as JSON");
        return;
    };
    let Value::Object(mut top) = value else { return };
    top.get_mut("services").into_iter().for_each(take_inherited_out);
    for (key, value) in &top {
        if !key.starts_with("x-") {
            visit(project, key, key, value, notes);
        }
    }
    if !project.models.is_empty() {
        notes.ignored("models", "models are not run in the cluster: services that use one say so");
    }
    // It becomes part of the objects, where everybody could read what came from a Secret.
    for name in project.services.keys() {
        note_taint(project, &format!("services.{name}.x-kubernetes"), "services.*.x-kubernetes", notes);
    }
    for name in project.jobs.keys() {
        note_taint(project, &format!("jobs.{name}.x-kubernetes"), "jobs.*.x-kubernetes", notes);
    }
}

fn visit(project: &Project, path: &str, pattern: &str, value: &Value, notes: &mut Notes) {
    if is_absent(value) {
        return;
    }
    let treatment = treatment(pattern);
    match treatment {
        Some(Treatment::Approximated(message)) => notes.approximated(path, message),
        Some(Treatment::Ignored(message)) => {
            if !message.is_empty() {
                notes.ignored(path, message);
            }
            return;
        }
        Some(Treatment::Rejected(message)) => {
            notes.rejected(path, message);
            return;
        }
        Some(Treatment::Mapped | Treatment::ByValue(_)) | None => {}
    }
    match value {
        Value::Object(entries) if has_rows_below(pattern, ".") => {
            let is_map = has_rows_below(pattern, ".*");
            for (key, value) in entries {
                let below = if is_map { format!("{pattern}.*") } else { format!("{pattern}.{key}") };
                visit(project, &format!("{path}.{key}"), &shared(below), value, notes);
            }
        }
        Value::Array(items) if has_rows_below(pattern, "[]") => {
            for (index, value) in items.iter().enumerate() {
                visit(project, &format!("{path}[{index}]"), &format!("{pattern}[]"), value, notes);
            }
        }
        _ if treatment.is_none() => notes.rejected(path, "is not supported yet"),
        _ => note_taint(project, path, pattern, notes),
    }
}

/// A mapped value that came from a Secret would be readable in the objects that it becomes part of.
fn note_taint(project: &Project, path: &str, pattern: &str, notes: &mut Notes) {
    if SECRET_HOLDERS.contains(&pattern) {
        return;
    }
    let below = project.tainted.range(path.to_owned()..).take_while(|tainted| tainted.starts_with(path));
    for tainted in below {
        let rest = &tainted[path.len()..];
        if rest.is_empty() || rest.starts_with(['.', '[']) {
            notes.error(
                tainted.clone(),
                "SecretExposed",
                "holds a value from a Secret, which everybody could read here: pass it by `environment`, `secrets` or \
                 `configs`, and read it in the container",
            );
        }
    }
}

/// Whether the canonical form says nothing by it.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(entries) => entries.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Takes out of the `pre_start` of services what the loader has handed on to them: the service says it itself.
fn take_inherited_out(services: &mut Value) {
    for service in services.as_object_mut().into_iter().flat_map(|services| services.values_mut()) {
        let of_service = service.clone();
        let hooks = service.get_mut("pre_start").and_then(Value::as_array_mut);
        for hook in hooks.into_iter().flatten().filter_map(Value::as_object_mut) {
            hook.retain(|key, value| of_service.get(key) != Some(value));
        }
    }
}

/// Jobs and `pre_start` have most attributes in common with services, and their rows.
fn shared(pattern: String) -> String {
    match pattern.strip_prefix("jobs.*.").or_else(|| pattern.strip_prefix("services.*.pre_start[].")) {
        Some(rest) if !has_rows_below(&pattern, "") => format!("services.*.{rest}"),
        _ => pattern,
    }
}

fn treatment(pattern: &str) -> Option<Treatment> {
    let at = ATTRIBUTES.binary_search_by(|(row, _)| (*row).cmp(pattern)).ok()?;
    Some(ATTRIBUTES[at].1)
}

fn has_rows_below(pattern: &str, separator: &str) -> bool {
    let prefix = format!("{pattern}{separator}");
    let at = ATTRIBUTES.partition_point(|(row, _)| *row < prefix.as_str());
    ATTRIBUTES.get(at).is_some_and(|(row, _)| row.starts_with(&prefix))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::translate::fixture;

    fn noted(project: &Project) -> Vec<String> {
        let mut notes = Notes::default();
        note(project, &mut notes);
        notes.summary()
    }

    #[test]
    fn rows_are_sorted_for_the_search() {
        assert!(ATTRIBUTES.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn messages_begin_small_and_have_no_full_stop() {
        for (row, treatment) in ATTRIBUTES {
            let (Treatment::Approximated(text)
            | Treatment::Ignored(text)
            | Treatment::Rejected(text)
            | Treatment::ByValue(text)) = treatment
            else {
                continue;
            };
            assert!(!text.ends_with('.'), "{row}: {text}");
            let acronym = text.chars().nth(1).is_some_and(char::is_uppercase);
            let proper = ["Kubernetes", "Docker", "Windows"].iter().any(|word| text.starts_with(word));
            assert!(acronym || proper || !text.starts_with(char::is_uppercase), "{row}: {text}");
        }
    }

    /// The project names every field of the model (its literals have no `..`), so that a field without a row, or a row
    /// without a field, fails here.
    #[test]
    fn every_attribute_has_a_row_and_every_row_an_attribute() {
        let project = populated::project();
        let value = serde_json::to_value(&project).unwrap();
        let mut seen = BTreeSet::new();
        let mut missing = Vec::new();
        for (key, value) in value.as_object().unwrap() {
            walk(key, value, &mut seen, &mut missing);
        }
        assert_eq!(missing, Vec::<String>::new(), "attributes without a row");
        let unused: Vec<&str> = ATTRIBUTES.iter().map(|(row, _)| *row).filter(|row| !seen.contains(*row)).collect();
        assert_eq!(unused, Vec::<&str>::new(), "rows without an attribute");
    }

    fn walk(pattern: &str, value: &Value, seen: &mut BTreeSet<String>, missing: &mut Vec<String>) {
        assert!(!is_absent(value), "{pattern} is not populated");
        let treatment = treatment(pattern);
        if treatment.is_some() {
            seen.insert(pattern.to_owned());
        }
        if matches!(treatment, Some(Treatment::Ignored(_) | Treatment::Rejected(_))) {
            return;
        }
        match value {
            Value::Object(entries) if has_rows_below(pattern, ".") => {
                let is_map = has_rows_below(pattern, ".*");
                for (key, value) in entries {
                    let below = if is_map { format!("{pattern}.*") } else { format!("{pattern}.{key}") };
                    walk(&shared(below), value, seen, missing);
                }
            }
            Value::Array(items) if has_rows_below(pattern, "[]") => {
                for item in items {
                    walk(&format!("{pattern}[]"), item, seen, missing);
                }
            }
            _ if treatment.is_none() => missing.push(pattern.to_owned()),
            _ => {}
        }
    }

    #[test]
    fn paths_are_those_of_the_file() {
        let text = "services: {web: {image: x, ulimits: {nofile: 1024}, devices: [{source: /dev/fuse}], attach: false}}\n\
                    networks: {back: {ipam: {driver: x}}}";
        assert_eq!(
            noted(&fixture::project(text)),
            [
                "networks.back.ipam: Approximated",
                "services.web.devices: Rejected",
                "services.web.ulimits: Approximated"
            ]
        );
    }

    #[test]
    fn secrets_may_not_become_readable() {
        let text = "services: {web: {image: x, command: [a, s3cret], environment: {A: s3cret}, labels: {b: s3cret}}}";
        let mut project = fixture::project(text);
        for path in ["command[1]", "environment.A", "labels.b"] {
            project.tainted.insert(format!("services.web.{path}"));
        }
        assert_eq!(noted(&project), ["services.web.command[1]: Error", "services.web.labels.b: Error"]);
    }
}
