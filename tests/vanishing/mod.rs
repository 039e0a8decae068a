//! Attributes that vanish: taken out of every golden case that uses them, they change neither what is made nor what is
//! said.
//!
//! What jobs and `pre_start` share with services has the services' rows, so that these are tried there as well: every
//! service of a case gets a job, and then a hook, that says whatever of the service's own attributes it can.

use std::collections::BTreeMap;

use compose_operator::compose::{DocumentBody, Project, load};
use compose_operator::translate::{ATTRIBUTES, Treatment};
use serde_json::{Map, Value, json};

use super::golden_case::row::{remove, steps};
use super::golden_case::{Case, cases};

/// Where the attributes of services can stand.
const PLACES: [&str; 3] = ["services.*", "jobs.*", "services.*.pre_start[]"];
const SERVICES: &str = "services.*.";

fn loaded(case: &Case, file: &Value) -> Option<Project> {
    let mut options = case.options.clone();
    options.documents.first_mut()?.body = DocumentBody::Object(file.clone());
    load(&case.stack.files, &options).ok()
}

fn file(case: &Case) -> Option<Value> {
    let DocumentBody::Text(text) = &case.options.documents.first()?.body else { return None };
    serde_saphyr::from_str(text).ok()
}

/// The attributes of a service that something beside it can have, one by one.
fn shared(case: &Case, file: &Value, service: &Map<String, Value>, put: &dyn Fn(&mut Value, Value)) -> Option<Value> {
    let body = |mut entries: Map<String, Value>| {
        entries.insert("image".to_owned(), json!("registry.example.com/beside:1"));
        entries.entry("command").or_insert_with(|| json!(["true"]));
        Value::Object(entries)
    };
    let loads = |entries: Map<String, Value>| {
        let mut with = file.clone();
        put(&mut with, body(entries));
        loaded(case, &with).is_some()
    };
    let entries: Map<String, Value> = service
        .iter()
        .filter(|(key, value)| loads(Map::from_iter([((*key).clone(), (*value).clone())])))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    loads(entries.clone()).then(|| body(entries))
}

/// A case's file when what its services say is said in a place.
fn said_in(case: &Case, file: &Value, place: &str) -> Option<Value> {
    let mut all = file.clone();
    if place == PLACES[0] {
        return Some(all);
    }
    for (name, service) in file.get("services")?.as_object()? {
        let service = service.as_object()?;
        let put = |file: &mut Value, body: Value| {
            if place == "jobs.*" {
                file["jobs"][format!("{name}-again")] = body;
                return;
            }
            // A hook has from its service whatever it does not say itself.
            let hook = body.as_object().into_iter().flatten().filter(|(key, _)| *key != "image");
            if let Some(service) = file["services"][name].as_object_mut() {
                hook.for_each(|(key, _)| drop(service.remove(key)));
            }
            file["services"][name]["pre_start"] = json!([body]);
        };
        if let Some(body) = shared(case, file, service, &put) {
            put(&mut all, body);
        }
    }
    Some(all)
}

/// The rows that mean something to what runs, and lists with a short form of their items as a whole.
fn rows() -> Vec<&'static str> {
    let rows = ATTRIBUTES.iter().filter(|(_, treatment)| *treatment != Treatment::Ignored("")).map(|(row, _)| *row);
    let mut rows: Vec<&str> = rows.flat_map(|row| [row, row.split("[]").next().unwrap()]).collect();
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// The rows to try in a file where services say in a place what they say; in that of the case itself, all.
fn rows_in(place: &str, rows: &[&str]) -> Vec<String> {
    let is_own = place == PLACES[0];
    let places = PLACES.into_iter().filter(|other| is_own || *other == place);
    let in_places = places
        .flat_map(|place| rows.iter().filter_map(move |row| Some(format!("{place}.{}", row.strip_prefix(SERVICES)?))));
    let others = rows.iter().filter(|row| is_own && !row.starts_with(SERVICES)).map(|row| (*row).to_owned());
    in_places.chain(others).collect()
}

/// Whether each attribute that some case uses makes a difference.
fn differences() -> BTreeMap<String, bool> {
    let mut differs = BTreeMap::new();
    let rows = rows();
    for case in &cases() {
        let Some(file) = file(case) else { continue };
        for place in PLACES {
            let Some(all) = said_in(case, &file, place) else { continue };
            let Some(plan) = loaded(case, &all).map(|project| case.plan(&project)) else { continue };
            for row in rows_in(place, &rows) {
                let mut without = all.clone();
                if differs.get(&row) == Some(&true) || !remove(&mut without, &steps(&row)) {
                    continue;
                }
                // What cannot be left out does not vanish.
                let changed = loaded(case, &without).is_none_or(|project| case.plan(&project) != plan);
                *differs.entry(row).or_default() |= changed;
            }
        }
    }
    differs
}

#[test]
fn nothing_vanishes_without_a_word() {
    let differs = differences();
    let vanished: Vec<&str> = differs.iter().filter(|(_, differs)| !**differs).map(|(row, _)| row.as_str()).collect();
    println!("{} of {} attributes vanish: {}", vanished.len(), differs.len(), vanished.join(", "));
    assert!(vanished.is_empty(), "attributes change neither what is made nor what is said: {}", vanished.join(", "));
}
