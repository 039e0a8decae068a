//! Values that the specification gives to attributes that a document leaves out.

use super::node::{Map, Node, Value};

/// Fills in the defaults of a merged, canonical document.
pub(super) fn set(root: &mut Map) {
    for section in ["services", "jobs"] {
        let Some(entries) = root.get_mut(section).and_then(Node::as_map_mut) else { continue };
        for entry in entries.values_mut() {
            if let Some(entry) = entry.as_map_mut() {
                container(entry);
            }
        }
    }
    let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else { return };
    for service in services.values_mut() {
        let reservations = service
            .get_mut("deploy")
            .and_then(|deploy| deploy.get_mut("resources"))
            .and_then(|resources| resources.get_mut("reservations"));
        each(reservations.and_then(|reservations| reservations.get_mut("devices")), device_request);
    }
}

fn container(map: &mut Map) {
    if let Some(build) = map.get_mut("build") {
        default(build, "context", |build| build.text_like("."));
    }
    each(map.get_mut("secrets"), |secret| {
        let source = secret.get("source").map(|source| source.printed().into_owned()).unwrap_or_default();
        default(secret, "target", |secret| secret.text_like(format!("/run/secrets/{source}")));
    });
    each(map.get_mut("ports"), |port| {
        default(port, "protocol", |port| port.text_like("tcp"));
        default(port, "mode", |port| port.text_like("ingress"));
    });
    each(map.get_mut("gpus"), device_request);
    each(map.get_mut("volumes"), |volume| {
        if let Some(bind) = volume.get_mut("bind") {
            default(bind, "create_host_path", |bind| bind.like(Value::Bool(true)));
        }
    });
}

fn each(node: Option<&mut Node>, change: impl FnMut(&mut Node)) {
    if let Some(items) = node.and_then(Node::as_list_mut) {
        items.iter_mut().for_each(change);
    }
}

fn default(node: &mut Node, key: &str, value: impl FnOnce(&Node) -> Node) {
    if node.as_map().is_some_and(|map| !map.contains_key(key)) {
        let value = Node { tainted: false, ..value(node) };
        if let Some(map) = node.as_map_mut() {
            map.insert(key.to_owned(), value);
        }
    }
}

fn device_request(node: &mut Node) {
    if node.get("device_ids").is_none() {
        default(node, "count", |node| node.text_like("all"));
    }
}
