//! Short syntaxes to long ones, so that every later stage knows a single form of each attribute.

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::entries;
use super::limits;
use super::node::{Map, Node, Value};
use super::report::Report;
use crate::parallel::Threads;

pub(super) mod ports;
pub(super) mod volumes;

/// Rewrites the whole tree.
pub(super) fn canonical(root: &mut Map, report: &mut Report, threads: Threads) {
    for section in ["services", "jobs"] {
        entries::each(root, section, report, threads, &|entry, at, report| {
            let Some(entry) = entry.as_map_mut() else { return };
            container(entry, at, report);
            workload(entry, at, report);
            if section == "services" {
                service(entry, at, report);
            } else if let Some(schedule) = entry.get_mut("triggers").and_then(|triggers| triggers.get_mut("schedule")) {
                each(schedule, |item| named(item, "cron"));
            }
        });
    }
    for section in ["volumes", "networks", "secrets", "configs"] {
        entries::each(root, section, report, Threads::One, &external);
    }
}

/// Whether there is room for the long forms of a document's short ones, which are mappings and hold mappings.
pub(super) fn fits(root: &Map, report: &mut Report) -> bool {
    const SHORT: [&str; 9] =
        ["volumes", "ports", "devices", "secrets", "configs", "env_file", "depends_on", "networks", "models"];
    fn count(map: &Map) -> usize {
        let short = |items: &[Node]| items.iter().filter(|item| !matches!(item.value, Value::Map(_))).count();
        let own: usize = SHORT.iter().filter_map(|key| map.get(key)?.as_list()).map(short).sum();
        let hooks = map.get("pre_start").and_then(Node::as_list).unwrap_or_default();
        own + hooks.iter().filter_map(Node::as_map).map(count).sum::<usize>()
    }
    let sections = ["services", "jobs"].iter().filter_map(|section| root.get(section)?.as_map());
    let count: usize = sections.flat_map(Map::values).filter_map(Node::as_map).map(count).sum();
    let bytes = count * (2 * limits::MAP_BYTES + 4 * (limits::NODE_BYTES + limits::ENTRY_BYTES));
    count == 0 || report.spend(bytes, &At::ROOT.key("services"), None, ErrorClass::Decode)
}

/// What every container has: of services, jobs and `pre_start` hooks.
fn container(map: &mut Map, at: &At<'_>, report: &mut Report) {
    if let Some(node) = map.get_mut("env_file") {
        string_to_list(node);
        each(node, env_file);
    }
    for key in ["label_file", "dns"] {
        if let Some(node) = map.get_mut(key) {
            string_to_list(node);
        }
    }
    if let Some(node) = map.get_mut("gpus")
        && node.as_str().is_some()
    {
        let all = node.like(Value::Map(Map::from([("count".to_owned(), node.text_like("all"))])));
        node.value = Value::List(vec![all]);
    }
    for key in ["networks", "models"] {
        if let Some(node) = map.get_mut(key) {
            names(node, &at.key(key), report, |name| name.like(Value::Null));
        }
    }
    if let Some(node) = map.get_mut("volumes") {
        let at = at.key("volumes");
        volumes::canonical(node, &at, report);
    }
    if let Some(node) = map.get_mut("devices") {
        let at = at.key("devices");
        each_at(node, &at, |item, at| device(item, at, report));
    }
    for key in ["secrets", "configs"] {
        if let Some(node) = map.get_mut(key) {
            each(node, |item| named(item, "source"));
        }
    }
    if let Some(node) = map.get_mut("ulimits") {
        ulimits(node, &at.key("ulimits"), report);
    }
}

/// What services and jobs have besides the container.
fn workload(map: &mut Map, at: &At<'_>, report: &mut Report) {
    if let Some(node) = map.get_mut("build") {
        named(node, "context");
        let build_at = at.key("build");
        if let Some(build) = node.as_map_mut() {
            build_attributes(build, &build_at, report);
        }
    }
    if let Some(node) = map.get_mut("depends_on") {
        names(node, &at.key("depends_on"), report, dependency);
        if let Some(entries) = node.as_map_mut() {
            for entry in entries.values_mut() {
                dependency_defaults(entry);
            }
        }
    }
    if let Some(node) = map.get_mut("extends") {
        named(node, "service");
    }
    if let Some(node) = map.get_mut("ports") {
        let at = at.key("ports");
        ports::canonical(node, &at, report);
    }
}

fn service(map: &mut Map, at: &At<'_>, report: &mut Report) {
    if let Some(hooks) = map.get_mut("pre_start") {
        let at = at.key("pre_start");
        each_at(hooks, &at, |hook, at| {
            if let Some(hook) = hook.as_map_mut() {
                container(hook, at, report);
            }
        });
    }
    if let Some(watch) = map.get_mut("develop").and_then(|develop| develop.get_mut("watch")) {
        each(watch, |trigger| {
            for key in ["ignore", "include"] {
                if let Some(node) = trigger.get_mut(key) {
                    string_to_list(node);
                }
            }
        });
    }
}

fn build_attributes(build: &mut Map, at: &At<'_>, report: &mut Report) {
    if let Some(secrets) = build.get_mut("secrets") {
        each(secrets, |item| named(item, "source"));
    }
    for key in ["provenance", "sbom"] {
        if let Some(node) = build.get_mut(key)
            && !node.is_broken()
        {
            *node = node.text_like(node.printed());
        }
    }
    if let Some(node) = build.get_mut("additional_contexts") {
        pairs(node, &at.key("additional_contexts"), report, |_| None);
    }
    if let Some(node) = build.get_mut("ssh") {
        pairs(node, &at.key("ssh"), report, |id| (id == "default").then_some(Value::Null));
    }
    if let Some(node) = build.get_mut("ulimits") {
        ulimits(node, &at.key("ulimits"), report);
    }
}

fn each(node: &mut Node, mut change: impl FnMut(&mut Node)) {
    if let Some(items) = node.as_list_mut() {
        items.iter_mut().for_each(&mut change);
    }
}

fn each_at(node: &mut Node, at: &At<'_>, mut change: impl FnMut(&mut Node, &At<'_>)) {
    if let Some(items) = node.as_list_mut() {
        for (index, item) in items.iter_mut().enumerate() {
            change(item, &at.item(index));
        }
    }
}

fn string_to_list(node: &mut Node) {
    if node.as_str().is_some() {
        let item = node.clone();
        node.value = Value::List(vec![item]);
        node.tainted = false;
    }
}

/// A text becomes a mapping with it under one key.
fn named(node: &mut Node, key: &str) {
    if node.as_str().is_some() {
        let mut text = node.clone();
        text.key_mark = None;
        node.value = Value::Map(Map::from([(key.to_owned(), text)]));
        node.tainted = false;
    }
}

/// A list of names becomes a mapping of them. Text from a Secret cannot be a name: names are part of every message.
fn names(node: &mut Node, at: &At<'_>, report: &mut Report, entry: impl Fn(&Node) -> Node) {
    let Some(items) = node.as_list_mut() else { return };
    let mut map = Map::new();
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        if item.tainted {
            report.secret_name(&at.item(index), item.mark, ErrorClass::Decode);
        } else if let Some(name) = item.as_str() {
            let mut entry = entry(&item);
            entry.key_mark = item.mark;
            map.insert(name.to_owned(), entry);
        }
    }
    node.value = Value::Map(map);
}

/// The long form of a name in `depends_on`.
pub(super) fn dependency(name: &Node) -> Node {
    let mut node = name.like(Value::Map(Map::new()));
    dependency_defaults(&mut node);
    node
}

fn dependency_defaults(node: &mut Node) {
    let (condition, required) = (node.text_like("service_started"), node.like(Value::Bool(true)));
    if let Some(map) = node.as_map_mut() {
        map.get_or_insert_with("condition", || condition);
        map.get_or_insert_with("required", || required);
    }
}

fn env_file(node: &mut Node) {
    named(node, "path");
    let required = node.like(Value::Bool(true));
    if let Some(map) = node.as_map_mut() {
        map.get_or_insert_with("required", || required);
    }
}

fn device(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let Some(text) = node.as_str() else { return };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match *parts.as_slice() {
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => {
            let message = format!("{} has too many colons; write source, target and permissions", report.shown(node));
            report.error(at, node.mark, ErrorClass::Decode, "InvalidDevice", message);
            node.value = Value::Broken;
            return;
        }
    };
    let target = if target.is_empty() { source } else { target };
    let entry = |key: &str, text: &str| (key.to_owned(), Node { key_mark: None, ..node.text_like(text) });
    let map = Map::from([entry("source", source), entry("target", target), entry("permissions", permissions)]);
    node.value = Value::Map(map);
    node.tainted = false;
}

fn ulimits(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let Some(map) = node.as_map_mut() else { return };
    for (name, limit) in map.iter_mut() {
        if !matches!(limit.value, Value::Map(_) | Value::Int(_) | Value::Broken) {
            let message = format!("{} is no limit; write a whole number, or soft and hard", limit.kind());
            report.error(&at.key(name), limit.mark, ErrorClass::Decode, "InvalidType", message);
            limit.value = Value::Broken;
        }
    }
}

/// A list of `key=value` becomes a mapping; `bare` says what a key without a value may mean.
fn pairs(node: &mut Node, at: &At<'_>, report: &mut Report, bare: impl Fn(&str) -> Option<Value>) {
    let Some(items) = node.as_list_mut() else { return };
    let mut map = Map::new();
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let Some(text) = item.as_str() else { continue };
        if let Some((key, value)) = text.split_once('=') {
            map.insert(key.to_owned(), Node { key_mark: item.mark, ..item.text_like(value) });
        } else if let Some(value) = bare(text) {
            map.insert(text.to_owned(), Node { key_mark: item.mark, ..item.like(value) });
        } else {
            let message = format!("{} has no value; write key=value", report.shown(&item));
            report.error(&at.item(index), item.mark, ErrorClass::Decode, "InvalidType", message);
        }
    }
    node.value = Value::Map(map);
}

/// `external: {name: x}` is the old way to write `external: true` and `name: x`.
fn external(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let Some(map) = node.as_map_mut() else { return };
    let Some(old) = map.get("external").filter(|external| external.as_map().is_some()).cloned() else { return };
    map.insert("external".to_owned(), old.like(Value::Bool(true)));
    let Some(old_name) = old.get("name") else { return };
    report.warn(
        &at.key("external"),
        old.mark,
        "ObsoleteAttribute",
        "external.name is obsolete; write external: true and name beside it",
    );
    match map.get("name") {
        None => {
            map.insert("name".to_owned(), old_name.clone());
        }
        Some(name) if name == old_name => {}
        Some(name) => {
            let message = "name and external.name differ; keep name only";
            report.error(&at.key("name"), name.mark, ErrorClass::Consistency, "Conflict", message);
        }
    }
}
