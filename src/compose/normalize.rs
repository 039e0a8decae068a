//! What a document leaves unsaid (Compose Specification, "networks", "depends_on"): the default network, names of
//! resources, dependencies that follow from other attributes.

use std::sync::atomic::{AtomicBool, Ordering};

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::dotenv::Variables;
use super::entries;
use super::environment;
use super::merge;
use super::node::{Map, Node, Value, weight};
use super::path;
use super::report::Report;
use super::schema;
use crate::parallel::Threads;

/// Normalises a merged, canonical document in place.
pub(super) fn normalize(root: &mut Map, project: &str, variables: &Variables, report: &mut Report, threads: Threads) {
    let default_used = AtomicBool::new(false);
    for section in ["services", "jobs"] {
        entries::each(root, section, report, threads, &|entry, at, report| {
            let Some(map) = entry.as_map_mut() else { return };
            if joins_default(map) {
                default_used.store(true, Ordering::Relaxed);
            }
            if let Some(pid) = map.get("pid").filter(|pid| pid.is_null()) {
                // The schema allows it, and the reference implementation stumbles over it.
                let message = "expected a string such as host; take the key out to share no processes";
                report.error(&at.key("pid"), pid.mark, ErrorClass::Schema, "InvalidType", message);
            }
            container(map, at, variables, report);
        });
    }
    if default_used.into_inner() {
        declare_default(root);
    }
    names(root, project);
}

/// Whether a service is in the default network, as it is when it says nothing else; it says so after this.
fn joins_default(map: &mut Map) -> bool {
    if map.contains_key("provider") || map.contains_key("network_mode") {
        return false;
    }
    match map.get("networks") {
        Some(Node { value: Value::Map(networks), .. }) if !networks.is_empty() => networks.contains_key("default"),
        Some(Node { value: Value::Broken, .. }) => false,
        _ => {
            let networks = Map::from([("default".to_owned(), Node::null())]);
            map.insert("networks".to_owned(), Node::new(Value::Map(networks), None));
            true
        }
    }
}

fn declare_default(root: &mut Map) {
    let networks = root.get_or_insert_with("networks", Node::empty_map);
    if networks.is_null() {
        *networks = Node::empty_map();
    }
    if let Some(networks) = networks.as_map_mut() {
        networks.get_or_insert_with("default", Node::null);
    }
}

fn container(map: &mut Map, at: &At<'_>, variables: &Variables, report: &mut Report) {
    if let Some(policy) = map.get_mut("pull_policy")
        && policy.as_str() == Some("if_not_present")
    {
        policy.value = Value::String("missing".to_owned());
    }
    if let Some(build) = map.get_mut("build").and_then(Node::as_map_mut) {
        let absent = |build: &Map, key: &str| build.get(key).is_none_or(Node::is_null);
        let text = |text: &str| Node::new(Value::String(text.to_owned()), None);
        if absent(build, "context") {
            build.insert("context".to_owned(), text("."));
        }
        if absent(build, "dockerfile") && absent(build, "dockerfile_inline") {
            build.insert("dockerfile".to_owned(), text("Dockerfile"));
        }
        if let Some(args) = build.get_mut("args") {
            environment::fill(args, variables, false, report);
        }
    }
    if let Some(environment) = map.get_mut("environment") {
        environment::fill(environment, variables, true, report);
    }
    dependencies(map, at, report);
    for volume in map.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
        if let Some(Node { value: Value::String(target), .. }) = volume.get_mut("target") {
            *target = path::clean(target);
        }
    }
    hooks(map, at, report);
}

/// Services that are linked, shared with or mounted from come first too.
fn dependencies(map: &mut Map, at: &At<'_>, report: &mut Report) {
    let mut implied: Vec<(String, bool, Node)> = Vec::new();
    for attribute in ["links", "network_mode", "ipc", "pid", "uts", "cgroup", "volumes_from"] {
        if let Some(node) = map.get_mut(attribute).filter(|node| node.holds_taint()) {
            report.secret_name(&at.key(attribute), node.mark, ErrorClass::Consistency);
            node.value = Value::Broken;
        }
    }
    for link in map.get("links").and_then(Node::as_list).unwrap_or_default() {
        let Some(text) = link.as_str() else { continue };
        let parts: Vec<&str> = text.split(':').collect();
        let service = if parts.len() == 2 { parts[0] } else { text };
        implied.push((service.to_owned(), true, link.clone()));
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let Some(node) = map.get(namespace) else { continue };
        if let Some(service) = node.as_str().and_then(|text| text.strip_prefix("service:")) {
            implied.push((service.to_owned(), true, node.clone()));
        }
    }
    for source in map.get("volumes_from").and_then(Node::as_list).unwrap_or_default() {
        let Some(text) = source.as_str().filter(|text| !text.starts_with("container:")) else { continue };
        let service = text.split(':').next().unwrap_or_default();
        implied.push((service.to_owned(), false, source.clone()));
    }
    if implied.is_empty() {
        return;
    }
    let depends_on = map.get_or_insert_with("depends_on", Node::empty_map);
    let Some(depends_on) = depends_on.as_map_mut() else { return };
    for (service, restart, origin) in implied {
        depends_on.get_or_insert_with(&service, || {
            let boolean = |value: bool| Node::new(Value::Bool(value), origin.mark);
            let condition = Node::new(Value::String("service_started".to_owned()), origin.mark);
            let entry = Map::from([
                ("condition".to_owned(), condition),
                ("restart".to_owned(), boolean(restart)),
                ("required".to_owned(), boolean(true)),
            ]);
            Node::new(Value::Map(entry), origin.mark)
        });
    }
}

/// A hook takes over what the service says of its container, but for the mounts.
fn hooks(map: &mut Map, at: &At<'_>, report: &mut Report) {
    if map.get("pre_start").and_then(Node::as_list).is_none_or(<[Node]>::is_empty) {
        return;
    }
    let base: Map = map
        .iter()
        .filter(|(key, _)| *key != "volumes" && schema::is_container_attribute(key))
        .map(|(key, node)| (key.clone(), node.clone()))
        .collect();
    // The merge rules of a service's attributes apply to a hook's, so it stands in the place of a service.
    let services = At::ROOT.key("services");
    let place = services.key("pre_start");
    let bytes = weight(&base);
    for hook in map.get_mut("pre_start").and_then(Node::as_list_mut).into_iter().flatten() {
        let frame = hook.like(Value::Null);
        if !report.spend(bytes, &at.key("pre_start"), hook.mark, ErrorClass::Merge) {
            hook.value = Value::Broken;
        } else if let Value::Map(own) = std::mem::replace(&mut hook.value, Value::Null) {
            let mut merged = base.clone();
            merge::merge_maps(&mut merged, own, &place, report);
            for volume in merged.get_mut("volumes").and_then(Node::as_list_mut).into_iter().flatten() {
                // The reference implementation gives this default to the mounts of services only.
                if let Some(bind) = volume.get_mut("bind").and_then(Node::as_map_mut) {
                    bind.get_or_insert_with("create_host_path", || Node::new(Value::Bool(false), None));
                }
            }
            *hook = frame.like(Value::Map(merged));
        } else {
            hook.value = Value::Broken;
        }
    }
}

/// A resource without a name is called after the project and its key; an external one after its key.
fn names(root: &mut Map, project: &str) {
    for section in ["networks", "volumes", "configs", "secrets"] {
        let Some(entries) = root.get_mut(section).and_then(Node::as_map_mut) else { continue };
        for (key, entry) in entries.iter_mut() {
            if entry.is_null() {
                entry.value = Value::Map(Map::new());
            }
            let Some(map) = entry.as_map_mut() else { continue };
            if map.get("name").is_some_and(|name| !name.is_null()) {
                continue;
            }
            let external = map.get("external").is_some_and(|external| external.value == Value::Bool(true));
            let name = if external { key.clone() } else { format!("{project}_{key}") };
            map.insert("name".to_owned(), Node::new(Value::String(name), None));
        }
    }
}
