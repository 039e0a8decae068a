//! The check of a merged document against the table.
//!
//! An error stands at the attribute that the reference implementation would name, of those that it could name: of the
//! forms that a value may take, the schema is asked for each in turn, and the first one that goes as deep as any says
//! where it went wrong.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::attribute::At;
use super::super::diagnostic::ErrorClass;
use super::super::node::{Map, Mark, Node, Value};
use super::super::report::Report;
use super::{Keys, Object, Shape, resources};
use crate::parallel::Threads;

/// Checks a merged document. What does not fit is reported and taken out of the way of later stages.
pub(in super::super) fn check(root: &mut Map, report: &mut Report, threads: Threads) {
    for (key, node) in root.iter_mut() {
        finite(node, &At::ROOT.key(key), report);
    }
    object(root, &resources::DOCUMENT, &At::ROOT, None, report, threads);
    required(root, &resources::DOCUMENT, &At::ROOT, None, report);
}

/// JSON has no numbers that are infinite or none at all, not even below `x-` keys.
fn finite(node: &mut Node, at: &At<'_>, report: &mut Report) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, node) in map.iter_mut() {
                finite(node, &at.key(key), report);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                finite(item, &at.item(index), report);
            }
        }
        Value::Float(number) if !number.is_finite() => {
            report.error(
                at,
                node.mark,
                ErrorClass::Schema,
                "InvalidValue",
                "the number is not finite; put it into quotes if it is a text",
            );
            node.value = Value::Broken;
        }
        _ => {}
    }
}

fn value(node: &mut Node, shape: &Shape, at: &At<'_>, report: &mut Report, threads: Threads) {
    if node.is_broken() {
        return;
    }
    match shape {
        Shape::Any => {}
        Shape::Scalar(kinds) => {
            if !kinds.accepts(&node.value) {
                mistyped(node, shape, at, report);
            }
        }
        Shape::Bounded(kinds, least, most) => {
            if !kinds.accepts(&node.value) {
                mistyped(node, shape, at, report);
            } else if !within(&node.value, *least, *most) {
                let bounds =
                    if *most == i64::MAX { format!("at least {least}") } else { format!("within {least} and {most}") };
                let message = format!("{} is out of bounds; it must be {bounds}", report.shown(node));
                report.error(at, node.mark, ErrorClass::Schema, "InvalidValue", message);
                node.value = Value::Broken;
            }
        }
        Shape::Word(words) => match node.as_str() {
            None => mistyped(node, shape, at, report),
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let hint = suggestion(text, words.iter().copied());
                let message = format!("{} is none of {}{hint}", report.shown(node), join(words.iter().copied(), "and"));
                report.error(at, node.mark, ErrorClass::Schema, "InvalidValue", message);
                node.value = Value::Broken;
            }
        },
        Shape::Text(pattern, words, _) => match node.as_str() {
            None => mistyped(node, shape, at, report),
            Some(text) if pattern(text) => {}
            Some(_) => {
                let message = format!("{} does not fit; expected {words}", report.shown(node));
                report.error(at, node.mark, ErrorClass::Schema, "InvalidValue", message);
                node.value = Value::Broken;
            }
        },
        Shape::List(item) | Shape::Set(item) => {
            let Some(items) = node.as_list_mut() else { return mistyped(node, shape, at, report) };
            for (index, node) in items.iter_mut().enumerate() {
                value(node, item, &at.item(index), report, threads);
            }
            if matches!(shape, Shape::Set(_)) {
                repeated(items, at, report);
            }
        }
        Shape::Entries(entry, keys) => {
            let mark = node.mark;
            let Some(map) = node.as_map_mut() else { return mistyped(node, shape, at, report) };
            entries(map, entry, *keys, at, mark, report, threads);
        }
        Shape::Object(definition) => {
            let mark = node.mark;
            let Some(map) = node.as_map_mut() else { return mistyped(node, shape, at, report) };
            object(map, definition, at, mark, report, threads);
            required(map, definition, at, mark, report);
        }
        Shape::Either(shapes) => match shapes.iter().position(|shape| shape.takes(&node.value)) {
            Some(chosen) if chosen > 0 => alternative(node, &shapes[chosen], at, report, threads),
            Some(chosen) => value(node, &shapes[chosen], at, report, threads),
            None => mistyped(node, shape, at, report),
        },
    }
}

/// A value in a form that is not the first one. What its mapping lacks is told of the mapping.
fn alternative(node: &mut Node, shape: &Shape, at: &At<'_>, report: &mut Report, threads: Threads) {
    let Shape::Object(definition) = shape else { return value(node, shape, at, report, threads) };
    let mark = node.mark;
    let Some(map) = node.as_map_mut() else { return };
    object(map, definition, at, mark, report, threads);
    for key in definition.required.iter().filter(|key| !map.contains_key(key)) {
        let message = format!("{key} is required here, or the short form without any attributes");
        report.error(at, mark, ErrorClass::Schema, "MissingAttribute", message);
    }
}

/// Whether a number lies within bounds; anything else does.
fn within(value: &Value, least: i64, most: i64) -> bool {
    match value {
        Value::Int(number) => (least..=most).contains(number),
        #[allow(clippy::cast_precision_loss, reason = "bounds are small, or none")]
        Value::Float(number) => *number >= least as f64 && (most == i64::MAX || *number <= most as f64),
        _ => true,
    }
}

fn join<'w>(words: impl Iterator<Item = &'w str>, last: &str) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

fn mistyped(node: &mut Node, shape: &Shape, at: &At<'_>, report: &mut Report) {
    let cure = match (&node.value, shape.takes(&Value::String(String::new()))) {
        (Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_), true) => "; put it into quotes",
        (Value::Null, _) => "; give it a value or take the key out",
        _ => "",
    };
    let message = format!("expected {}, and this is {}{cure}", join(shape.words().into_iter(), "or"), node.kind());
    report.error(at, node.mark.or(node.key_mark), ErrorClass::Schema, "InvalidType", message);
    node.value = Value::Broken;
}

/// Reports and removes items that repeat others.
fn repeated(items: &mut Vec<Node>, at: &At<'_>, report: &mut Report) {
    /// Up to here each item is compared with each one before it.
    const FEW: usize = 20;
    let mut repeats: Vec<(usize, usize)> = Vec::new();
    if items.len() <= FEW {
        for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_broken()) {
            if let Some(first) = items[..index].iter().position(|earlier| repeats_value(item, earlier)) {
                repeats.push((index, first));
            }
        }
    } else {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_broken()) {
            match seen.entry(item.to_json().to_string()) {
                Entry::Occupied(first) => repeats.push((index, *first.get())),
                Entry::Vacant(place) => {
                    place.insert(index);
                }
            }
        }
    }
    for (index, first) in repeats.into_iter().rev() {
        let item = items.remove(index);
        let message = format!("item {index} of the list repeats item {first}; take one of them out");
        report.error(at, item.mark, ErrorClass::Schema, "DuplicateItem", message);
    }
}

/// Whether an item says what an earlier one said. A number repeats an earlier text of the same digits, but a text
/// repeats no number, as in the reference implementation.
fn repeats_value(item: &Node, earlier: &Node) -> bool {
    match (&item.value, &earlier.value) {
        (Value::Map(own), Value::Map(other)) => {
            own.len() == other.len()
                && own.iter().all(|(key, node)| other.get(key).is_some_and(|other| repeats_value(node, other)))
        }
        (Value::List(own), Value::List(other)) => {
            own.len() == other.len() && own.iter().zip(other).all(|(node, other)| repeats_value(node, other))
        }
        (Value::Int(_) | Value::Uint(_) | Value::Float(_), Value::String(text)) => {
            text.parse::<f64>().is_ok_and(|number| item.printed().parse() == Ok(number))
        }
        (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => {
            #[allow(clippy::cast_precision_loss, clippy::float_cmp, reason = "equal digits are meant")]
            let equal = *int as f64 == *float;
            equal
        }
        (own, other) => own == other,
    }
}

fn entries(
    map: &mut Map,
    entry: &Shape,
    keys: Keys,
    at: &At<'_>,
    mark: Option<Mark>,
    report: &mut Report,
    threads: Threads,
) {
    let is_name = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let fits = |key: &str| match keys {
        Keys::Any => !key.is_empty(),
        Keys::Names | Keys::LooseNames => is_name(key),
        Keys::LowerCase => !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase()),
    };
    let mut refused = Vec::new();
    if keys == Keys::Names || (keys == Keys::Any && !matches!(entry, Shape::Any)) {
        refused.extend(map.keys().filter(|key| !fits(key)).cloned());
    }
    super::super::entries::all(map, at, report, threads, &|node, at, report| {
        if at.name().is_some_and(fits) {
            value(node, entry, at, report, threads);
        }
    });
    for key in refused {
        let node = map.remove(&key);
        let mark = node.and_then(|node| node.key_mark).or(mark);
        if report.is_secret(mark) {
            let message = "a key is no name; use letters, digits, '.', '_' and '-'";
            report.error(at, mark, ErrorClass::Schema, "InvalidName", message);
        } else {
            let message = format!("{key:?} is no name; use letters, digits, '.', '_' and '-'");
            report.error(&at.key(&key), mark, ErrorClass::Schema, "InvalidName", message);
        }
    }
}

fn object(map: &mut Map, definition: &Object, at: &At<'_>, mark: Option<Mark>, report: &mut Report, threads: Threads) {
    let mut unknown = Vec::new();
    for (key, node) in map.iter_mut() {
        match definition.find(key) {
            Some(shape) => value(node, shape, &at.key(key), report, threads),
            None if definition.open || (definition.extensions && key.starts_with("x-")) => {}
            None => unknown.push(key.clone()),
        }
    }
    for key in unknown {
        let node = map.remove(&key);
        let is_service = node.as_ref().is_some_and(|node| node.get("image").or_else(|| node.get("build")).is_some());
        let mark = node.and_then(|node| node.key_mark).or(mark);
        let hint = if report.is_full() {
            String::new()
        } else if at.depth() == 0 && is_service {
            "; it looks like a service, and services stand under services:".to_owned()
        } else {
            suggestion(&key, definition.names())
        };
        if report.is_secret(mark) && hint.is_empty() {
            report.error(
                at,
                mark,
                ErrorClass::Schema,
                "UnknownAttribute",
                "the specification does not know an attribute here",
            );
        } else {
            let message = format!("the specification does not know this attribute{hint}");
            report.error(&at.key(&key), mark, ErrorClass::Schema, "UnknownAttribute", message);
        }
    }
}

fn required(map: &Map, definition: &Object, at: &At<'_>, mark: Option<Mark>, report: &mut Report) {
    for key in definition.required.iter().filter(|key| !map.contains_key(key)) {
        let message = "the attribute is required here";
        report.error(&at.key(key), mark, ErrorClass::Schema, "MissingAttribute", message);
    }
    if let Some(first) = definition.any_of.first()
        && !definition.any_of.iter().any(|key| map.contains_key(key))
    {
        let message = format!("one of {} is required", join(definition.any_of.iter().copied(), "and"));
        report.error(&at.key(first), mark, ErrorClass::Schema, "MissingAttribute", message);
    }
}

/// The known word that comes closest, if any comes close.
fn suggestion<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> String {
    /// Longer words are no attribute misspelt.
    const LONGEST: usize = 64;
    let most = if word.len() <= 4 { 1 } else { 1 + word.len() / 5 };
    known
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= most && word.len() <= LONGEST)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.len())
        .min()
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean {candidate}?"))
}
