//! Every attribute of a canonical project is looked up in one table, so that none is dropped in silence.

mod place;
#[cfg(test)]
pub(super) mod populated;
mod table;
mod visit;

pub use table::ATTRIBUTES;

use std::collections::BTreeMap;
use std::ops::Bound;

use place::{Place, Steps};
use serde::Serialize;
use serde::ser::Error as _;
use serde_json::Value;
use visit::Visitor;

use super::notes::Notes;
use crate::compose::Project;
use crate::compose::model::Service;
use crate::yaml::WriteError;

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
    if walk(project, &mut |path, row| note_one(project, path, row, notes)).is_err() {
        notes.error("", "Invalid", "the project cannot be written as JSON");
        return;
    }
    if project.tainted.is_empty() {
        return;
    }
    for name in project.models.keys() {
        note_taint(project, &format!("models.{name}"), "models.*", notes);
    }
    // It becomes part of the objects, where everybody could read what came from a Secret.
    for name in project.services.keys() {
        note_taint(project, &format!("services.{name}.x-kubernetes"), "services.*.x-kubernetes", notes);
    }
    let sections = [
        ("configs", project.configs.keys().collect::<Vec<_>>()),
        ("secrets", project.secrets.keys().collect()),
        ("volumes", project.volumes.keys().collect()),
    ];
    for (section, names) in sections {
        for name in names {
            note_taint(project, &format!("{section}.{name}.x-kubernetes"), "volumes.*.x-kubernetes", notes);
        }
    }
    for name in project.jobs.keys() {
        note_taint(project, &format!("jobs.{name}.x-kubernetes"), "jobs.*.x-kubernetes", notes);
    }
}

fn note_one(project: &Project, path: &str, row: Option<Row>, notes: &mut Notes) {
    match row {
        Some((_, Treatment::Ignored(""))) => {}
        Some((_, Treatment::Ignored(message))) => notes.ignored(path, message),
        Some((_, Treatment::Rejected(message))) => notes.rejected(path, message),
        Some((pattern, Treatment::Approximated(message))) => {
            notes.approximated(path, message);
            note_taint(project, path, pattern, notes);
        }
        Some((pattern, Treatment::Mapped | Treatment::ByValue(_))) => note_taint(project, path, pattern, notes),
        None => notes.rejected(path, "is not supported yet"),
    }
}

/// A row of the table.
type Row = (&'static str, Treatment);

/// Every attribute that a project uses, by its path, with its row of the table and how that row treats it; no row when
/// the table does not know it.
pub fn attributes_used(project: &Project) -> Vec<(String, Option<Row>)> {
    let mut used = Vec::new();
    let walked = walk(project, &mut |path, row| used.push((path.to_owned(), row)));
    if walked.is_ok() { used } else { Vec::new() }
}

/// Shows every attribute of a project by its path, such as `services.web.ports[0].target`, with its row, as deep as the
/// table has rows.
fn walk(project: &Project, each: &mut impl FnMut(&str, Option<Row>)) -> Result<(), WriteError> {
    // Without `..`: a new section has to be thought of here.
    let Project {
        name,
        services,
        jobs,
        networks,
        volumes,
        secrets,
        configs,
        // Services have what they ask for in their environment.
        models: _,
        extensions: _,
        disabled_services: _,
        working_dir: _,
        warnings: _,
        tainted: _,
        positions: _,
    } = project;
    let steps = &mut Steps::new();
    show("name".to_owned(), Place::of_key("name"), name, steps, each)?;
    section("configs", configs, steps, each)?;
    section("jobs", jobs, steps, each)?;
    section("networks", networks, steps, each)?;
    section("secrets", secrets, steps, each)?;
    section("volumes", volumes, steps, each)?;
    let place = place_of_entries("services");
    for (key, service) in services {
        let path = ["services.", key].concat();
        if service.pre_start.is_empty() {
            show(path, place, service, steps, each)?;
        } else {
            show(path, place, &as_written(service)?, steps, each)?;
        }
    }
    Ok(())
}

fn section<T: Serialize>(
    name: &str,
    entries: &BTreeMap<String, T>,
    steps: &mut Steps,
    each: &mut impl FnMut(&str, Option<Row>),
) -> Result<(), WriteError> {
    if entries.is_empty() {
        return Ok(());
    }
    let place = place_of_entries(name);
    entries.iter().try_for_each(|(key, entry)| show([name, ".", key].concat(), place, entry, steps, each))
}

fn place_of_entries(section: &str) -> Place {
    let place = Place::of_key(section);
    place.any_key().unwrap_or(place)
}

fn show(
    mut path: String,
    place: Place,
    value: &(impl Serialize + ?Sized),
    steps: &mut Steps,
    each: &mut impl FnMut(&str, Option<Row>),
) -> Result<(), WriteError> {
    value.serialize(Visitor { path: &mut path, place, steps, each })
}

/// A mapped value that came from a Secret would be readable in the objects that it becomes part of.
fn note_taint(project: &Project, path: &str, pattern: &str, notes: &mut Notes) {
    if SECRET_HOLDERS.contains(&pattern) {
        return;
    }
    let after = (Bound::Included(path), Bound::Unbounded);
    for tainted in project.tainted.range::<str, _>(after).take_while(|tainted| tainted.starts_with(path)) {
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

/// A service without what the loader has handed on to its `pre_start`: the service says it itself.
fn as_written(service: &Service) -> Result<Value, WriteError> {
    let mut service = serde_json::to_value(service).map_err(WriteError::custom)?;
    let Some(mut hooks) = service.get_mut("pre_start").map(Value::take) else { return Ok(service) };
    for hook in hooks.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        hook.retain(|key, value| service.get(key) != Some(value));
    }
    service["pre_start"] = hooks;
    Ok(service)
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
        let mut seen = BTreeSet::new();
        let mut missing = Vec::new();
        for (path, row) in attributes_used(&project) {
            match row {
                Some((row, _)) => {
                    seen.insert(row);
                }
                None => missing.push(path),
            }
        }
        assert_eq!(missing, Vec::<String>::new(), "attributes without a row");
        let unused: Vec<&str> = ATTRIBUTES.iter().map(|(row, _)| *row).filter(|row| !seen.contains(row)).collect();
        assert_eq!(unused, Vec::<&str>::new(), "rows without an attribute");
    }

    /// What the loader accepts is in the table: by a row of its own, by one above it, or by those below it.
    #[test]
    fn every_attribute_of_the_schema_is_known() {
        // The loader deals with these itself, and the canonical project has no trace of them.
        let resolved = ["include", "version", "models"];
        let is_known = |path: &str| {
            let mut places: Vec<Place> = Vec::new();
            for part in path.split('.') {
                let key = part.trim_end_matches("[]");
                let place = match places.last() {
                    None => Place::of_key(key),
                    Some(place) if key == "*" => place.any_key().unwrap_or_else(|| place.key(key)),
                    Some(place) => place.key(key),
                };
                places.push(place);
                for _ in 0..(part.len() - key.len()) / 2 {
                    places.extend(places.last().and_then(|place| place.items()));
                }
            }
            let has_row = |place: &Place| place.row().is_some();
            let goes_on = |place: &Place| place.has_keys() || place.items().is_some();
            places.iter().any(has_row)
                || places.last().is_some_and(goes_on)
                || path.split(['.', '[']).next().is_some_and(|section| resolved.contains(&section))
        };
        let paths = crate::compose::attribute_paths();
        assert!(paths.len() > 300, "{}", paths.len());
        let unknown: Vec<String> = paths.into_iter().filter(|path| !is_known(path)).collect();
        assert_eq!(unknown, Vec::<String>::new());
    }

    #[test]
    fn paths_are_those_of_the_file() {
        let text = "services: {web: {image: x, ulimits: {nofile: 1024}, net: a, attach: false}}\n\
                    configs: {back: {content: x, driver: x}}";
        assert_eq!(
            noted(&fixture::project(text)),
            ["configs.back.driver: Rejected", "services.web.net: Rejected", "services.web.ulimits: Approximated"]
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
