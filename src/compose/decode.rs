//! The canonical tree to the typed project.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::entries;
use super::environment::SECRET_VALUE;
use super::model::{
    DependencyCondition, Extensions, FileObject, Hosts, Ipam, IpamPool, Model, MountKind, Network, Project, Ulimits,
    Volume,
};
use super::node::{Map, Node, Value};
use super::report::Report;
use crate::parallel::Threads;

mod container;
mod deploy;
mod scalar;
mod service;

/// A type that a node can be read as. `None` means that an error was reported.
trait Decode: Sized {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self>;
}

/// A type that is read from the attributes of a mapping.
trait Fill {
    fn fill(&mut self, map: &Map, at: &At<'_>, report: &mut Report);
}

/// Reads the listed fields from the attributes of the same names.
macro_rules! fill {
    ($type:ident { $($field:ident $(= $key:literal)? $(by $via:path)?),* $(,)? }
        $(flat { $($flat:ident),* })? $(extensions $extensions:ident)?) => {
        impl $crate::compose::decode::Fill for $type {
            fn fill(
                &mut self,
                map: &$crate::compose::node::Map,
                at: &$crate::compose::attribute::At<'_>,
                report: &mut $crate::compose::report::Report,
            ) {
                $($crate::compose::decode::field(
                    map,
                    $crate::compose::decode::fill!(@key $field $($key)?),
                    at,
                    report,
                    $crate::compose::decode::fill!(@via $($via)?),
                    &mut self.$field,
                );)*
                $($(self.$flat.fill(map, at, report);)*)?
                $(self.$extensions = $crate::compose::decode::extensions(map);)?
            }
        }
        impl $crate::compose::decode::Decode for $type {
            fn decode(
                node: &$crate::compose::node::Node,
                at: &$crate::compose::attribute::At<'_>,
                report: &mut $crate::compose::report::Report,
            ) -> Option<Self> {
                let mut value = Self::default();
                let map = $crate::compose::decode::mapping(node, at, report)?;
                $crate::compose::decode::Fill::fill(&mut value, map, at, report);
                Some(value)
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    (@via) => { $crate::compose::decode::Decode::decode };
    (@via $via:path) => { $via };
}
use fill;

fn field<T>(
    map: &Map,
    key: &str,
    at: &At<'_>,
    report: &mut Report,
    decode: impl FnOnce(&Node, &At<'_>, &mut Report) -> Option<T>,
    field: &mut T,
) {
    let Some(node) = map.get(key) else { return };
    if node.is_null() || node.is_broken() {
        return;
    }
    if let Some(value) = decode(node, &at.key(key), report) {
        *field = value;
    }
}

fn mistyped(node: &Node, expected: &str, at: &At<'_>, report: &mut Report) {
    let message = format!("expected {expected}, and this is {}", node.kind());
    report.error(at, node.mark, ErrorClass::Decode, "InvalidType", message);
}

fn mapping<'n>(node: &'n Node, at: &At<'_>, report: &mut Report) -> Option<&'n Map> {
    let map = node.as_map();
    if map.is_none() {
        mistyped(node, "a mapping", at, report);
    }
    map
}

fn extensions(map: &Map) -> Extensions {
    map.iter()
        .filter(|(key, _)| key.starts_with("x-") && *key != SECRET_VALUE)
        .map(|(key, node)| (key.clone(), node.to_json()))
        .collect()
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        T::decode(node, at, report).map(Some)
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        T::decode(node, at, report).map(Self::new)
    }
}

impl<T: Decode + Default> Decode for Vec<T> {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        if node.as_str().is_some() {
            return T::decode(node, at, report).map(|item| vec![item]);
        }
        let Some(items) = node.as_list() else {
            mistyped(node, "a list", at, report);
            return None;
        };
        let mut list = Self::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if item.is_null() {
                list.push(T::default());
            } else if !item.is_broken() {
                list.extend(T::decode(item, &at.item(index), report));
            }
        }
        Some(list)
    }
}

impl<T: Decode + Default> Decode for BTreeMap<String, T> {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        Some(mapping(node, at, report)?.iter().filter_map(|(key, node)| entry(key, node, at, report)).collect())
    }
}

fn entry<T: Decode + Default>(key: &str, node: &Node, at: &At<'_>, report: &mut Report) -> Option<(String, T)> {
    let value = if node.is_null() || node.is_broken() { T::default() } else { T::decode(node, &at.key(key), report)? };
    Some((key.to_owned(), value))
}

/// Entries of which there may be many.
fn entries<T: Decode + Default + Send>(
    node: &Node,
    at: &At<'_>,
    report: &mut Report,
    threads: Threads,
) -> Option<BTreeMap<String, T>> {
    let nodes: Vec<_> = mapping(node, at, report)?.iter().collect();
    let parts = entries::in_parts(&nodes, report, threads, |nodes, report| {
        nodes.iter().filter_map(|(key, node)| entry(key, node, at, report)).collect::<Vec<_>>()
    });
    Some(parts.into_iter().flatten().collect())
}

/// A mapping whose values are printed as texts, whatever they are.
fn texts(node: &Node, at: &At<'_>, report: &mut Report) -> Option<BTreeMap<String, String>> {
    let map = mapping(node, at, report)?;
    let text = |node: &Node| if node.is_null() { String::new() } else { node.printed().into_owned() };
    Some(map.iter().map(|(key, node)| (key.clone(), text(node))).collect())
}

/// The same, where a key may be without a value.
fn variables(node: &Node, at: &At<'_>, report: &mut Report) -> Option<BTreeMap<String, Option<String>>> {
    let map = mapping(node, at, report)?;
    let text = |node: &Node| (!node.is_null()).then(|| node.printed().into_owned());
    Some(map.iter().map(|(key, node)| (key.clone(), text(node))).collect())
}

/// Names with one address or several, as a mapping or as a list of `name=address`.
fn hosts(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Hosts> {
    let mut hosts = Hosts::default();
    let mut add = |name: &str, addresses: Vec<String>, at: &At<'_>, node: &Node, report: &mut Report| {
        if name.is_empty() || name.contains([':', '=']) {
            let message = "the name of a host must not be empty, nor have ':' or '='";
            report.error(at, node.mark, ErrorClass::Decode, "InvalidName", message);
            return;
        }
        let bare = |address: String| match address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) if !inner.is_empty() => inner.to_owned(),
            _ => address,
        };
        hosts.0.entry(name.to_owned()).or_default().extend(addresses.into_iter().map(bare));
    };
    match &node.value {
        Value::Map(map) => {
            for (name, node) in map {
                let addresses = match &node.value {
                    Value::List(items) => items.iter().map(|item| item.printed().into_owned()).collect(),
                    Value::Null => vec![String::new()],
                    _ => vec![node.printed().into_owned()],
                };
                add(name, addresses, &at.key(name), node, report);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| !item.is_broken()) {
                let at = at.item(index);
                let text = item.printed();
                match text.split_once('=').or_else(|| text.split_once(':')) {
                    Some((name, addresses)) => {
                        add(name, addresses.split(',').map(str::to_owned).collect(), &at, item, report);
                    }
                    None => report.error(
                        &at,
                        item.mark,
                        ErrorClass::Decode,
                        "InvalidValue",
                        "the address is missing; write name=address",
                    ),
                }
            }
        }
        _ => {
            mistyped(node, "a mapping or a list", at, report);
            return None;
        }
    }
    Some(hosts)
}

/// One limit for both bounds, or the two of them; a single 0 is printed as two.
fn ulimit(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Ulimits> {
    if let Some(map) = node.as_map() {
        let mut bound = |key: &str| match map.get(key) {
            Some(Node { value: Value::Int(value), .. }) => Some(*value),
            Some(Node { value: Value::Broken, .. }) | None => Some(0),
            Some(node) => {
                mistyped(node, "a whole number", &at.key(key), report);
                None
            }
        };
        return Some(Ulimits::Range { soft: bound("soft")?, hard: bound("hard")? });
    }
    i64::decode(node, at, report)
        .map(|value| if value == 0 { Ulimits::Range { soft: 0, hard: 0 } } else { Ulimits::Single(value) })
}

fn ulimits(node: &Node, at: &At<'_>, report: &mut Report) -> Option<BTreeMap<String, Ulimits>> {
    let map = mapping(node, at, report)?;
    let mut limits = BTreeMap::new();
    for (name, node) in map.iter().filter(|(_, node)| !node.is_broken()) {
        if let Some(limit) = ulimit(node, &at.key(name), report) {
            limits.insert(name.clone(), limit);
        }
    }
    Some(limits)
}

fn word<T: Copy>(node: &Node, words: &[(&str, T)], at: &At<'_>, report: &mut Report) -> Option<T> {
    let text = String::decode(node, at, report)?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("{} is none of {}", report.shown(node), words.join(", "));
        report.error(at, node.mark, ErrorClass::Decode, "InvalidValue", message);
    }
    found
}

impl Decode for MountKind {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        let words = [
            ("volume", Self::Volume),
            ("bind", Self::Bind),
            ("tmpfs", Self::Tmpfs),
            ("npipe", Self::Npipe),
            ("cluster", Self::Cluster),
            ("image", Self::Image),
        ];
        word(node, &words, at, report)
    }
}

impl Decode for DependencyCondition {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        let words = [Self::Started, Self::Healthy, Self::CompletedSuccessfully].map(|word| (word.as_str(), word));
        word(node, &words, at, report)
    }
}

fill!(Network {
    name, driver, driver_opts by texts, ipam, external, internal, attachable, labels by texts, enable_ipv4, enable_ipv6,
} extensions extensions);
fill!(Ipam { driver, config, options by texts } extensions extensions);
fill!(IpamPool { subnet, gateway, ip_range, aux_addresses by texts } extensions extensions);
fill!(Volume { name, driver, driver_opts by texts, external, labels by texts } extensions extensions);
fill!(FileObject {
    name, file, environment, content, value = "x-#value", external, labels by texts, driver, driver_opts, template_driver,
} extensions extensions);
fill!(Model { name, model, context_size, runtime_flags } extensions extensions);

/// Reads a normalised tree; what cannot be read is reported, and left at its default.
pub(super) fn project(root: &Map, report: &mut Report, threads: Threads) -> Project {
    let mut project = Project::default();
    section(root, "services", report, threads, &mut project.services);
    section(root, "jobs", report, threads, &mut project.jobs);
    section(root, "networks", report, threads, &mut project.networks);
    section(root, "volumes", report, threads, &mut project.volumes);
    section(root, "secrets", report, threads, &mut project.secrets);
    section(root, "configs", report, threads, &mut project.configs);
    section(root, "models", report, threads, &mut project.models);
    // What came of a variable is a source, not the text that the document spells out.
    for config in project.configs.values_mut().filter(|config| !config.environment.is_empty()) {
        config.value = Some(std::mem::take(&mut config.content)).filter(|content| !content.is_empty());
    }
    project.extensions = extensions(root);
    for (key, node) in root {
        taints_of_section(node, &At::ROOT.key(key), report, threads, &mut project.tainted);
    }
    project
}

fn section<T: Decode + Default + Send>(
    root: &Map,
    name: &str,
    report: &mut Report,
    threads: Threads,
    into: &mut BTreeMap<String, T>,
) {
    field(root, name, &At::ROOT, report, |node, at, report| entries(node, at, report, threads), into);
}

/// Records which attributes of a section are tainted, of which there may be many.
fn taints_of_section(node: &Node, at: &At<'_>, report: &mut Report, threads: Threads, tainted: &mut BTreeSet<String>) {
    let Some(map) = node.as_map() else { return taints(node, at, tainted) };
    let nodes: Vec<_> = map.iter().collect();
    let parts = entries::in_parts(&nodes, report, threads, |nodes, _| {
        let mut tainted = BTreeSet::new();
        for (key, node) in nodes {
            taints(node, &at.key(key), &mut tainted);
        }
        tainted
    });
    tainted.extend(parts.into_iter().flatten());
}

/// Records which attributes are tainted.
fn taints(node: &Node, at: &At<'_>, tainted: &mut BTreeSet<String>) {
    if node.tainted {
        let pattern = at.pattern();
        tainted.insert(match *pattern {
            ["secrets" | "configs", name, "x-#value" | "content"] => format!("{}.{name}.content", pattern[0]),
            _ => at.to_string(),
        });
    }
    match &node.value {
        Value::Map(map) => {
            for (key, node) in map {
                taints(node, &at.key(key), tainted);
            }
        }
        Value::List(items) => {
            for (number, item) in items.iter().enumerate() {
                taints(item, &at.item(number), tainted);
            }
        }
        _ => {}
    }
}
