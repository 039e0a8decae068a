//! Lists whose items are told apart by a key (Compose Specification, "merge", "unique resources"): of several items
//! with one key the last one counts, in the place of the first.

use std::borrow::Cow;
use std::collections::HashMap;

use super::attribute::At;
use super::canonical::volumes;
use super::diagnostic::ErrorClass;
use super::entries;
use super::node::{Map, Node, Value};
use super::report::Report;
use crate::parallel::Threads;

/// Removes redefinitions from every such list.
pub(super) fn enforce(root: &mut Map, report: &mut Report, threads: Threads) {
    for (section, rule) in [("services", in_service as Below), ("networks", in_network)] {
        entries::each(root, section, report, threads, &|entry, at, report| {
            walk(entry, at, Rule::Below(rule), report);
        });
    }
}

/// What holds for the value of an attribute.
enum Rule {
    /// The items of the list have keys.
    Items(Index),
    /// Rules hold for attributes of the mapping.
    Below(Below),
}

type Below = fn(&str) -> Option<Rule>;
type Index = fn(&Node, &At<'_>, &mut Report) -> Option<String>;

fn in_service(attribute: &str) -> Option<Rule> {
    Some(match attribute {
        "annotations" | "cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search" | "environment" | "labels"
        | "links" | "profiles" | "sysctls" | "tmpfs" => Rule::Items(key_of),
        "devices" => Rule::Items(device),
        "configs" => Rule::Items(config),
        "secrets" => Rule::Items(secret),
        "env_file" => Rule::Items(env_file),
        "expose" => Rule::Items(expose),
        "ports" => Rule::Items(port),
        "volumes" => Rule::Items(volume),
        "build" => Rule::Below(in_build),
        "deploy" => Rule::Below(|attribute| (attribute == "labels").then_some(Rule::Items(key_of))),
        "networks" => Rule::Below(|_| Some(Rule::Below(in_attachment))),
        _ => return None,
    })
}

fn in_build(attribute: &str) -> Option<Rule> {
    matches!(attribute, "args" | "additional_contexts" | "platform" | "tags" | "labels").then_some(Rule::Items(key_of))
}

fn in_attachment(attribute: &str) -> Option<Rule> {
    matches!(attribute, "aliases" | "link_local_ips").then_some(Rule::Items(key_of))
}

fn in_network(attribute: &str) -> Option<Rule> {
    Some(match attribute {
        "labels" => Rule::Items(key_of),
        "ipam" => Rule::Below(|attribute| (attribute == "options").then_some(Rule::Items(key_of))),
        _ => return None,
    })
}

fn walk(node: &mut Node, at: &At<'_>, rule: Rule, report: &mut Report) {
    match (&mut node.value, rule) {
        (Value::Map(map), Rule::Below(rule)) => {
            for (key, value) in map {
                if let Some(rule) = rule(key) {
                    walk(value, &at.key(key), rule, report);
                }
            }
        }
        (Value::List(items), Rule::Items(index)) => {
            let items = std::mem::take(items);
            let mut number = 0;
            let unique = unique(items, |item| {
                let key = index(item, &at.item(number), report);
                number += 1;
                key
            });
            node.value = unique.map_or(Value::Broken, Value::List);
        }
        _ => {}
    }
}

/// Keeps the last item of each key; `None` when an item has no key.
pub(super) fn unique(items: Vec<Node>, mut key: impl FnMut(&Node) -> Option<String>) -> Option<Vec<Node>> {
    if let [item] = items.as_slice()
        && !item.is_broken()
    {
        return key(item).is_some().then_some(items);
    }
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut whole = true;
    for item in items {
        if item.is_broken() {
            continue;
        }
        let Some(key) = key(&item) else {
            whole = false;
            continue;
        };
        if let Some(&place) = places.get(&key) {
            kept[place] = item;
        } else {
            places.insert(key, kept.len());
            kept.push(item);
        }
    }
    (whole || !kept.is_empty()).then_some(kept)
}

fn unexpected(node: &Node, expected: &str, at: &At<'_>, report: &mut Report) -> Option<String> {
    let message = format!("{} cannot stand here; expected {expected}", node.kind());
    report.error(at, node.mark, ErrorClass::Merge, "InvalidType", message);
    None
}

/// The part before `=`.
pub(super) fn key_of(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match node.as_str() {
        Some(text) => Some(text.split_once('=').map_or(text, |(key, _)| key).to_owned()),
        None => unexpected(node, "a string such as KEY=value", at, report),
    }
}

fn no_target(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    report.error(
        at,
        node.mark,
        ErrorClass::Decode,
        "MissingAttribute",
        "target is missing: say where it goes in the container",
    );
    None
}

fn volume(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::Map(map) => match map.get("target").map(|target| &target.value) {
            Some(Value::String(target)) => Some(target.clone()),
            Some(Value::Broken) => Some(String::new()),
            _ => no_target(node, at, report),
        },
        Value::String(text) => match volumes::parse(text) {
            Ok(volume) => Some(volume.target),
            Err(reason) => {
                let message = format!("{} is no mount: {reason}", report.shown(node));
                report.error(at, node.mark, ErrorClass::Decode, "InvalidVolume", message);
                None
            }
        },
        _ => Some(String::new()),
    }
}

fn device(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::Map(map) => match map.get("target").and_then(Node::as_str) {
            Some(target) => Some(target.to_owned()),
            None => no_target(node, at, report),
        },
        Value::String(text) => {
            let mut parts = text.split(':');
            let source = parts.next().unwrap_or_default();
            Some(parts.next().unwrap_or(source).to_owned())
        }
        _ => Some(String::new()),
    }
}

fn expose(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::String(_) | Value::Int(_) => Some(node.printed().into_owned()),
        _ => unexpected(node, "a port such as 80 or \"80-90/tcp\"", at, report),
    }
}

fn config(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    mount("", node, at, report)
}

fn secret(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    mount("/run/secrets", node, at, report)
}

fn mount(directory: &str, node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::String(source) => Some(format!("{directory}/{source}")),
        Value::Map(map) => match map.get("target") {
            Some(target) => Some(target.printed().into_owned()),
            None => {
                Some(format!("{directory}/{}", map.get("source").map(|source| source.printed()).unwrap_or_default()))
            }
        },
        _ => unexpected(node, "a name or a mapping with source", at, report),
    }
}

fn port(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::Int(_) | Value::String(_) => Some(node.printed().into_owned()),
        Value::Map(map) => {
            let Some(target) = map.get("target") else {
                let message = "target is missing: say which port of the container is meant";
                report.error(at, node.mark, ErrorClass::Decode, "MissingAttribute", message);
                return None;
            };
            // A number and a text of the same digits are different, as in the reference implementation.
            let published = map.get("published").map_or(("", Cow::Borrowed("")), |node| (node.kind(), node.printed()));
            let text = |key: &str, default: &'static str| map.get(key).map_or(Cow::Borrowed(default), Node::printed);
            let quote = if target.as_str().is_some() { "\"" } else { "" };
            let (host_ip, protocol) = (text("host_ip", "0.0.0.0"), text("protocol", "tcp"));
            Some([&*host_ip, ":", published.0, &published.1, ":", quote, &target.printed(), "/", &protocol].concat())
        }
        _ => Some(String::new()),
    }
}

fn env_file(node: &Node, at: &At<'_>, report: &mut Report) -> Option<String> {
    match &node.value {
        Value::String(path) => Some(path.clone()),
        Value::Map(map) => {
            if let Some(path) = map.get("path") {
                Some(path.printed().into_owned())
            } else {
                report.error(at, node.mark, ErrorClass::Decode, "MissingAttribute", "path is missing: name the file");
                None
            }
        }
        _ => Some(String::new()),
    }
}
