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
    let Ok(value) = written(project) else {
        notes.error("", "Invalid", "the project cannot be written as JSON");
        return;
    };
    walk(&value, &mut |attribute| {
        let Attribute { path, pattern, treatment } = attribute;
        match treatment {
            Some(Treatment::Ignored("")) => {}
            Some(Treatment::Ignored(message)) => notes.ignored(path, message),
            Some(Treatment::Rejected(message)) => notes.rejected(path, message),
            Some(Treatment::Approximated(message)) => {
                notes.approximated(path, message);
                note_taint(project, path, pattern, notes);
            }
            Some(Treatment::Mapped | Treatment::ByValue(_)) => note_taint(project, path, pattern, notes),
            None => notes.rejected(path, "is not supported yet"),
        }
    });
    for name in project.models.keys() {
        note_taint(project, &format!("models.{name}"), "models.*", notes);
    }
    // It becomes part of the objects, where everybody could read what came from a Secret.
    for name in project.services.keys() {
        note_taint(project, &format!("services.{name}.x-kubernetes"), "services.*.x-kubernetes", notes);
    }
    for name in project.jobs.keys() {
        note_taint(project, &format!("jobs.{name}.x-kubernetes"), "jobs.*.x-kubernetes", notes);
    }
}

/// An attribute that a project uses.
struct Attribute<'a> {
    /// Its path, such as `services.web.ports[0].target`.
    path: &'a str,
    /// The row that it would have, such as `services.*.ports[].target`.
    pattern: &'a str,
    /// The treatment of that row; none when there is no row.
    treatment: Option<Treatment>,
}

/// Every attribute that a project uses, by its path, with its row of the table and how that row treats it; no row when
/// the table does not know it.
pub fn attributes_used(project: &Project) -> Vec<(String, Option<(&'static str, Treatment)>)> {
    let mut used = Vec::new();
    if let Ok(value) = written(project) {
        walk(&value, &mut |attribute| used.push((attribute.path.to_owned(), row(attribute.pattern))));
    }
    used
}

/// Shows every attribute of a project in its JSON form, as deep as the table has rows.
fn walk(project: &Value, each: &mut impl FnMut(Attribute)) {
    for (key, value) in project.as_object().into_iter().flatten().filter(|(key, _)| !key.starts_with("x-")) {
        visit(key, key, value, each);
    }
}

fn visit(path: &str, pattern: &str, value: &Value, each: &mut impl FnMut(Attribute)) {
    if is_absent(value) {
        return;
    }
    let treatment = row(pattern).map(|(_, treatment)| treatment);
    if matches!(treatment, Some(Treatment::Ignored(_) | Treatment::Rejected(_))) {
        return each(Attribute { path, pattern, treatment });
    }
    match value {
        Value::Object(entries) if has_rows_below(pattern, ".") => {
            let is_map = has_rows_below(pattern, ".*");
            for (key, value) in entries {
                let below = if is_map { format!("{pattern}.*") } else { format!("{pattern}.{key}") };
                visit(&format!("{path}.{key}"), &shared(below), value, each);
            }
        }
        Value::Array(items) if has_rows_below(pattern, "[]") => {
            for (index, value) in items.iter().enumerate() {
                visit(&format!("{path}[{index}]"), &format!("{pattern}[]"), value, each);
            }
        }
        _ => each(Attribute { path, pattern, treatment }),
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

/// What the file says, as JSON.
fn written(project: &Project) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(project)?;
    value.get_mut("services").into_iter().for_each(take_inherited_out);
    Ok(value)
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

fn row(pattern: &str) -> Option<(&'static str, Treatment)> {
    let at = ATTRIBUTES.binary_search_by(|(row, _)| (*row).cmp(pattern)).ok()?;
    Some(ATTRIBUTES[at])
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
        walk(&value, &mut |attribute| match attribute.treatment {
            Some(_) => {
                seen.insert(attribute.pattern.to_owned());
            }
            None => missing.push(attribute.pattern.to_owned()),
        });
        assert_eq!(missing, Vec::<String>::new(), "attributes without a row");
        let unused: Vec<&str> = ATTRIBUTES.iter().map(|(row, _)| *row).filter(|row| !seen.contains(*row)).collect();
        assert_eq!(unused, Vec::<&str>::new(), "rows without an attribute");
    }

    /// What the loader accepts is in the table: by a row of its own, by one above it, or by those below it.
    #[test]
    fn every_attribute_of_the_schema_is_known() {
        // The loader deals with these itself, and the canonical project has no trace of them.
        let resolved = ["include", "version", "models"];
        let is_known = |path: &str| {
            let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
            ends.map(|end| &path[..end]).any(|above| row(above).is_some() || resolved.contains(&above))
                || has_rows_below(path, "")
        };
        let paths = crate::compose::attribute_paths();
        assert!(paths.len() > 300, "{}", paths.len());
        let unknown: Vec<String> = paths.into_iter().map(shared).filter(|path| !is_known(path)).collect();
        assert_eq!(unknown, Vec::<String>::new());
    }

    #[test]
    fn paths_are_those_of_the_file() {
        let text = "services: {web: {image: x, ulimits: {nofile: 1024}, device_cgroup_rules: [a], attach: false}}\n\
                    configs: {back: {content: x, driver: x}}";
        assert_eq!(
            noted(&fixture::project(text)),
            [
                "configs.back.driver: Rejected",
                "services.web.device_cgroup_rules: Rejected",
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
