//! Rules within one attribute that its type does not tell: what excludes what, and what must be an address.

use super::attribute::At;
use super::canonical::ports;
use super::diagnostic::ErrorClass;
use super::node::{Map, Node, Value};
use super::report::Report;

/// Checks a merged, canonical document.
pub(super) fn validate(root: &mut Map, report: &mut Report) {
    entries(root, "volumes", report, volume);
    entries(root, "configs", report, |map, at, report| {
        sources(map, &["file", "environment", "content"], at, report);
    });
    entries(root, "secrets", report, |map, at, report| sources(map, &["file", "environment"], at, report));
    entries(root, "services", report, service);
}

/// Checks that the contexts of builds are texts. This comes after all merges, where paths are resolved: merging a list
/// onto a mapping makes texts of numbers.
pub(super) fn contexts(root: &mut Map, report: &mut Report) {
    for section in ["services", "jobs"] {
        entries(root, section, report, additional_contexts);
    }
}

fn additional_contexts(map: &mut Map, at: &At<'_>, report: &mut Report) {
    let at = at.key("build");
    let at = at.key("additional_contexts");
    let contexts = map.get_mut("build").and_then(|build| build.get_mut("additional_contexts"));
    for (name, context) in contexts.and_then(Node::as_map_mut).into_iter().flatten() {
        if context.as_str().is_none() && !context.is_broken() {
            let message = format!("expected a string, and this is {}", context.kind());
            report.error(&at.key(name), context.mark, ErrorClass::Decode, "InvalidType", message);
            context.value = Value::Broken;
        }
    }
}

fn entries(root: &mut Map, section: &str, report: &mut Report, check: impl Fn(&mut Map, &At<'_>, &mut Report)) {
    let section_at = At::ROOT.key(section);
    let Some(entries) = root.get_mut(section).and_then(Node::as_map_mut) else { return };
    for (name, entry) in entries.iter_mut() {
        if let Some(map) = entry.as_map_mut() {
            check(map, &section_at.key(name), report);
        }
    }
}

fn volume(map: &mut Map, at: &At<'_>, report: &mut Report) {
    let Some(Value::Bool(true)) = map.get("external").map(|external| &external.value) else { return };
    for (key, node) in map.iter() {
        if !matches!(key.as_str(), "name" | "external") && !key.starts_with("x-") {
            let message = "an external volume exists already; take this attribute out, or external";
            report.error(&at.key(key), node.key_mark, ErrorClass::Consistency, "Conflict", message);
        }
    }
}

fn sources(map: &mut Map, keys: &[&str], at: &At<'_>, report: &mut Report) {
    let given: Vec<&&str> = keys.iter().filter(|key| map.contains_key(key)).collect();
    match given.as_slice() {
        [] if !map.contains_key("driver") && !map.contains_key("external") && !report.is_broken(&at.to_string()) => {
            let message = format!("its content comes from nowhere; give one of {}", keys.join(", "));
            report.error(at, None, ErrorClass::Consistency, "MissingAttribute", message);
        }
        [first, second, ..] => {
            let mark = map.get(second).and_then(|node| node.key_mark);
            let message = format!("{first} and {second} exclude each other; keep one of them");
            report.error(&at.key(second), mark, ErrorClass::Consistency, "Conflict", message);
        }
        _ => {}
    }
}

fn service(map: &mut Map, at: &At<'_>, report: &mut Report) {
    let ports_at = at.key("ports");
    for (index, port) in items(map.get_mut("ports")) {
        let item_at = ports_at.item(index);
        let Some(address) = port.get_mut("host_ip") else { continue };
        if let Some(text) = address.as_str()
            && !ports::is_ip(text)
        {
            let message = format!("{} is no IP address", report.shown(address));
            report.error(&item_at.key("host_ip"), address.mark, ErrorClass::Consistency, "InvalidPort", message);
            address.value = Value::Broken;
        }
    }
    let develop_at = at.key("develop");
    let watch_at = develop_at.key("watch");
    for (index, trigger) in items(map.get_mut("develop").and_then(|develop| develop.get_mut("watch"))) {
        let item_at = watch_at.item(index);
        if let Some(path) = trigger.get("path").filter(|path| path.as_str() == Some("")) {
            report.error(
                &item_at.key("path"),
                path.mark,
                ErrorClass::Consistency,
                "InvalidValue",
                "the path must not be empty",
            );
        }
    }
    let gpus_at = at.key("gpus");
    devices(map.get_mut("gpus"), &gpus_at, report);
    let deploy_at = at.key("deploy");
    let resources_at = deploy_at.key("resources");
    let reservations_at = resources_at.key("reservations");
    let reservations = map
        .get_mut("deploy")
        .and_then(|deploy| deploy.get_mut("resources"))
        .and_then(|resources| resources.get_mut("reservations"));
    let requests = reservations.and_then(|reservations| reservations.get_mut("devices"));
    devices(requests, &reservations_at.key("devices"), report);
}

fn items(node: Option<&mut Node>) -> impl Iterator<Item = (usize, &mut Node)> {
    node.and_then(Node::as_list_mut).map(|items| items.iter_mut().enumerate()).into_iter().flatten()
}

fn devices(node: Option<&mut Node>, at: &At<'_>, report: &mut Report) {
    for (index, request) in items(node) {
        if let (Some(count), Some(_)) = (request.get("count"), request.get("device_ids")) {
            let message = "count and device_ids exclude each other; keep one of them";
            report.error(&at.item(index).key("count"), count.key_mark, ErrorClass::Consistency, "Conflict", message);
        }
    }
}
