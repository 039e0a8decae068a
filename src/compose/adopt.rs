//! Extensions that became attributes: `x-develop` and `x-initialSync` stand for the attributes of today.

use super::attribute::At;
use super::merge;
use super::node::{Map, Node};
use super::report::Report;

/// Renames the extensions in place; where both stand, the attribute wins.
pub(super) fn adopt(root: &mut Map, report: &mut Report) {
    let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) else { return };
    let services_at = At::ROOT.key("services");
    for (name, service) in services.iter_mut() {
        let at = services_at.key(name);
        let Some(service) = service.as_map_mut() else { continue };
        rename(service, "x-develop", "develop", &at, report);
        let develop_at = at.key("develop");
        let watch_at = develop_at.key("watch");
        let triggers = service.get_mut("develop").and_then(|develop| develop.get_mut("watch"));
        let Some(triggers) = triggers.and_then(Node::as_list_mut) else { continue };
        for (index, trigger) in triggers.iter_mut().enumerate() {
            if let Some(trigger) = trigger.as_map_mut() {
                rename(trigger, "x-initialSync", "initial_sync", &watch_at.item(index), report);
            }
        }
    }
}

fn rename(map: &mut Map, from: &str, to: &str, at: &At<'_>, report: &mut Report) {
    let Some(extension) = map.remove(from) else { return };
    let node = match map.remove(to) {
        Some(attribute) if !attribute.is_null() => merge::merge(extension, attribute, &at.key(to), report),
        _ => extension,
    };
    map.insert(to.to_owned(), node);
}
