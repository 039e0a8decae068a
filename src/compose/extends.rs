//! Services that start from others (Compose Specification, "extends").

use std::collections::HashMap;
use std::rc::Rc;

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::limits;
use super::load::{Depth, Loader, Scope};
use super::merge;
use super::node::{Map, Mark, Node, Value};
use super::path;
use super::reset::Resets;

/// The services of files that were extended from, by path.
#[derive(Default)]
pub(super) struct Bases(HashMap<String, Option<Rc<Base>>>);

struct Base {
    services: Map,
    resets: Resets,
}

/// Where a service is extended.
struct Place<'a> {
    section: &'a str,
    /// The absolute path of the document.
    file: &'a str,
    resets: &'a Resets,
}

impl Loader<'_> {
    /// Resolves every `extends` of a document.
    pub(super) fn extend_all(&mut self, tree: &mut Map, file: &str, scope: &Scope, resets: &Resets, bases: &mut Bases) {
        for section in ["services", "jobs"] {
            let Some(node) = tree.get_mut(section) else { continue };
            if node.is_null() {
                let message = "expected a mapping, and this is null; define something below, or take the key out";
                self.report.error(&At::ROOT.key(section), node.key_mark, ErrorClass::Schema, "InvalidType", message);
            }
            let Some(entries) = node.as_map_mut() else { continue };
            if !entries.values().any(|entry| entry.get("extends").is_some()) {
                continue;
            }
            let names: Vec<String> = entries.keys().cloned().collect();
            for name in names {
                let place = Place { section, file, resets };
                self.extend(&name, entries, &place, scope, bases, &mut Vec::new());
            }
        }
    }

    fn extend(
        &mut self,
        name: &str,
        entries: &mut Map,
        place: &Place<'_>,
        scope: &Scope,
        bases: &mut Bases,
        chain: &mut Vec<(String, String)>,
    ) {
        let Some(extends) = entries.get(name).and_then(|entry| entry.get("extends")).cloned() else { return };
        let section_at = At::ROOT.key(place.section);
        let entry_at = section_at.key(name);
        let at = entry_at.key("extends");
        let mark = extends.mark;
        let drop = |entries: &mut Map| {
            if let Some(map) = entries.get_mut(name).and_then(Node::as_map_mut) {
                map.remove("extends");
            }
        };
        if extends.is_broken() {
            return drop(entries);
        }
        if extends.holds_taint() {
            self.report.secret_name(&at, mark, ErrorClass::Extends);
            return drop(entries);
        }
        let file = extends.get("file").and_then(Node::as_str).map(str::to_owned);
        let service = match extends.as_map() {
            Some(map) => map.get("service").and_then(Node::as_str),
            None => extends.as_str(),
        };
        let Some(service) = service.map(str::to_owned) else {
            let message = "extends must name a service; write extends: {service: NAME}";
            self.report.error(&at, mark, ErrorClass::Extends, "MissingAttribute", message);
            return drop(entries);
        };

        let link = (place.file.to_owned(), name.to_owned());
        if chain.len() > limits::EXTENDS_DEPTH {
            let message = format!("more than {} services extend each other in turn", limits::EXTENDS_DEPTH);
            self.report.error(&at, mark, ErrorClass::Extends, "LimitExceeded", message);
            return drop(entries);
        }
        if chain.contains(&link) {
            let ring: Vec<String> = chain.iter().map(|(_, name)| name.clone()).collect();
            let message = format!("services extend each other in a ring: {} -> {name}", ring.join(" -> "));
            self.report.error(&at, mark, ErrorClass::Extends, "ExtendsCycle", message);
            return drop(entries);
        }
        chain.push(link);
        let base = self.base(&service, file.as_deref(), entries, place, scope, bases, chain, (&at, mark));
        chain.pop();
        let Some(mut base) = base else { return drop(entries) };
        if base.is_null() {
            return;
        }
        place.resets.apply_to_entry("services", name, &mut base);
        let Some(mut own) = entries.remove(name) else { return };
        if let Some(map) = own.as_map_mut() {
            map.remove("extends");
        }
        let (mark, key_mark) = (own.mark, own.key_mark);
        // The rules of a service's attributes apply to a job's too.
        let services = At::ROOT.key("services");
        let mut merged = merge::merge(base, own, &services.key(name), &mut self.report);
        if let Some(map) = merged.as_map_mut() {
            map.remove("extends");
        }
        entries.insert(name.to_owned(), Node { mark, key_mark, ..merged });
    }

    /// The service that is extended, with its own `extends` resolved; `None` when that was reported as an error.
    #[allow(clippy::too_many_arguments, reason = "the frame of a recursion")]
    fn base(
        &mut self,
        service: &str,
        file: Option<&str>,
        entries: &mut Map,
        place: &Place<'_>,
        scope: &Scope,
        bases: &mut Bases,
        chain: &mut Vec<(String, String)>,
        (at, mark): (&At<'_>, Option<Mark>),
    ) -> Option<Node> {
        let Some(file) = file else {
            if !entries.contains_key(service) {
                let message = format!("there is no service {service} in this document; name one that it defines");
                self.report.error(at, mark, ErrorClass::Extends, "UndefinedService", message);
                return None;
            }
            self.extend(service, entries, place, scope, bases, chain);
            return self.copy(entries.get(service)?, at, mark);
        };
        let path = path::absolute(&scope.files, file);
        let base = self.base_file(&path, file, scope, bases, (at, mark))?;
        let Some(found) = base.services.get(service) else {
            let message = format!("there is no service {service} in {file}; name one that it defines");
            self.report.error(at, mark, ErrorClass::Extends, "UndefinedService", message);
            return None;
        };
        if found.get("extends").is_none() {
            return self.copy(found, at, mark);
        }
        let mut services = self.chain(service, &base.services, at, mark)?;
        let place = Place { section: "services", file: &path, resets: &base.resets };
        self.extend(service, &mut services, &place, scope, bases, chain);
        services.remove(service)
    }

    fn copy(&mut self, service: &Node, at: &At<'_>, mark: Option<Mark>) -> Option<Node> {
        self.report.spend(service.weight(), at, mark, ErrorClass::Extends).then(|| service.clone())
    }

    /// Copies of the services that one extends from in turn within its file, and of itself.
    fn chain(&mut self, service: &str, services: &Map, at: &At<'_>, mark: Option<Mark>) -> Option<Map> {
        let mut copies = Map::new();
        let mut next = Some(service);
        while let Some(name) = next.filter(|name| !copies.contains_key(name)) {
            let Some(found) = services.get(name) else { break };
            copies.insert(name.to_owned(), self.copy(found, at, mark)?);
            let extends = found.get("extends").filter(|extends| extends.get("file").is_none());
            next = extends.and_then(|extends| extends.as_str().or_else(|| extends.get("service")?.as_str()));
        }
        Some(copies)
    }

    fn base_file(
        &mut self,
        path: &str,
        written: &str,
        scope: &Scope,
        bases: &mut Bases,
        (at, mark): (&At<'_>, Option<Mark>),
    ) -> Option<Rc<Base>> {
        if let Some(base) = bases.0.get(path) {
            return base.clone();
        }
        // What is wrong with a file is reported once.
        bases.0.insert(path.to_owned(), None);
        let file_at = at.key("file");
        if !self.may_read(1, &file_at, mark, ErrorClass::Extends) {
            return None;
        }
        let input = self.read(path, written, &file_at, mark)?;
        let mut root = Map::new();
        let resets = self.document(input, scope, &[], Depth::Base, &mut root, &mut Bases::default());
        self.locate(&mut root, &path::relative(&scope.files, &path::parent(path)));
        let Some(Value::Map(services)) = root.remove("services").map(|services| services.value) else {
            let message = format!("{written} defines no services to extend");
            self.report.error(&file_at, mark, ErrorClass::Extends, "UndefinedService", message);
            return None;
        };
        let base = Rc::new(Base { services, resets: resets.into_iter().next_back().unwrap_or_default() });
        bases.0.insert(path.to_owned(), Some(Rc::clone(&base)));
        Some(base)
    }
}
