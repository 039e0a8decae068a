//! Nodes as written to nodes as meant: aliases are followed, merge keys merged, `!reset` taken out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::attribute::At;
use super::super::diagnostic::ErrorClass;
use super::super::entries;
use super::super::limits;
use super::super::map::FEW;
use super::super::node::{Map, Mark, Node, Value};
use super::super::report::Report;
use super::super::reset::Resets;
use super::super::yaml_scalar;
use super::{Arena, Parsed, Raw, RawKind};
use crate::parallel::Threads;

/// What the keys of a path add up to while a document is walked.
struct Assembler<'a, 't> {
    arena: &'a Arena<'t>,
    report: &'a mut Report,
    resets: Resets,
    /// The keys from the root; `None` where a list was entered, since no rule reaches into lists.
    path: Vec<Option<&'a str>>,
    /// The nodes that are being assembled: an alias to one of them is a cycle.
    open: Vec<usize>,
    /// The length of `path` as text.
    path_bytes: usize,
    overflown: bool,
    threads: Threads,
}

pub(super) fn assemble(arena: &Arena<'_>, root: usize, report: &mut Report, threads: Threads) -> Option<Parsed> {
    let mut assembler = Assembler::new(arena, report, threads);
    // Whatever it holds, a document is merged and checked on its own.
    if !assembler.report.spend(limits::MAP_BYTES, &At::ROOT, Some(arena.nodes[root].mark), ErrorClass::Yaml) {
        return None;
    }
    let root = assembler.node(root, true).unwrap_or_else(Node::null);
    if assembler.overflown {
        return None;
    }
    Some(Parsed { root, resets: assembler.resets })
}

impl<'a, 't> Assembler<'a, 't> {
    fn new(arena: &'a Arena<'t>, report: &'a mut Report, threads: Threads) -> Self {
        Self {
            arena,
            report,
            resets: Resets::default(),
            path: Vec::new(),
            open: Vec::new(),
            path_bytes: 0,
            overflown: false,
            threads,
        }
    }

    /// A node, or nothing when it is reset. `tags` is off below `!override`, where other tags mean nothing.
    fn node(&mut self, index: usize, tags: bool) -> Option<Node> {
        let raw = &self.arena.nodes[index];
        if let RawKind::Alias(target) = raw.kind {
            return self.alias(raw.mark, target, tags);
        }
        if self.overflown || !self.fits(raw) {
            return None;
        }
        let mut tags = tags;
        if tags {
            match raw.tag.as_deref() {
                Some("!reset") => {
                    self.record();
                    return None;
                }
                Some("!override") => {
                    self.record();
                    tags = false;
                }
                _ => {}
            }
        }
        self.open.push(index);
        let value = match &raw.kind {
            RawKind::Scalar { text, plain } => self.scalar(raw, text, *plain),
            RawKind::List(items) => Value::List(self.list(items, tags)),
            RawKind::Map(entries) => Value::Map(self.map(entries, tags)),
            RawKind::Alias(_) => Value::Null,
        };
        self.open.pop();
        Some(Node::new(value, Some(raw.mark)))
    }

    fn alias(&mut self, mark: Mark, target: usize, tags: bool) -> Option<Node> {
        if self.open.contains(&target) {
            let path = self.printed_path();
            let message = "the alias stands inside of the very anchor that it names; it cannot contain itself";
            self.report.error_at(path, Some(mark), ErrorClass::Yaml, "InvalidYaml", message);
            return Some(Node::new(Value::Broken, Some(mark)));
        }
        self.node(target, tags)
    }

    /// Whether there is room for a node, which aliases may put in many places and deep below each other.
    fn fits(&mut self, raw: &Raw<'_>) -> bool {
        if self.open.len() > limits::NESTING {
            let message = format!("aliases nest deeper than the limit of {} levels", limits::NESTING);
            self.report.error(&At::ROOT, Some(raw.mark), ErrorClass::Yaml, "LimitExceeded", message);
            self.overflown = true;
        }
        let own = match &raw.kind {
            RawKind::Scalar { text, .. } => text.len(),
            RawKind::Map(entries) => limits::MAP_BYTES + entries.len() * limits::ENTRY_BYTES,
            RawKind::List(_) | RawKind::Alias(_) => 0,
        };
        let bytes = limits::NODE_BYTES + self.path_bytes + own;
        self.overflown |= !self.report.spend(bytes, &At::ROOT, Some(raw.mark), ErrorClass::Yaml);
        !self.overflown
    }

    fn record(&mut self) {
        if let Some(path) = self.path.iter().map(|key| key.map(str::to_owned)).collect::<Option<Vec<_>>>() {
            self.resets.record(&path);
        }
    }

    fn printed_path(&self) -> String {
        let keys: Vec<&str> = self.path.iter().map_while(|key| *key).collect();
        keys.join(".")
    }

    fn scalar(&mut self, raw: &Raw<'_>, text: &str, plain: bool) -> Value {
        let string = || Value::String(text.to_owned());
        let Some(tag) = raw.tag.as_deref() else {
            return if plain { yaml_scalar::resolve(text) } else { string() };
        };
        let resolved = yaml_scalar::resolve(text);
        let converted = match tag.strip_prefix("tag:yaml.org,2002:").or_else(|| tag.strip_prefix("!!")) {
            Some("binary") => {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok();
                bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map(Value::String)
            }
            Some("int") => matches!(resolved, Value::Int(_) | Value::Uint(_)).then_some(resolved),
            Some("float") => match resolved {
                Value::Float(_) => Some(resolved),
                #[allow(clippy::cast_precision_loss, reason = "the tag asks for a float")]
                Value::Int(value) => Some(Value::Float(value as f64)),
                _ => None,
            },
            Some("bool") => matches!(resolved, Value::Bool(_)).then_some(resolved),
            Some("null") => (resolved == Value::Null).then_some(resolved),
            Some("timestamp") => matches!(resolved, Value::Time(_)).then_some(resolved),
            Some(_) | None => return string(),
        };
        converted.unwrap_or_else(|| {
            let path = self.printed_path();
            let message = format!("the value does not fit its tag {tag}; correct the value or take the tag out");
            self.report.error_at(path, Some(raw.mark), ErrorClass::Yaml, "InvalidYaml", message);
            Value::Broken
        })
    }

    fn list(&mut self, items: &[usize], tags: bool) -> Vec<Node> {
        self.path.push(None);
        let nodes = items.iter().filter_map(|&item| self.node(item, tags)).collect();
        self.path.pop();
        nodes
    }

    fn map(&mut self, entries: &[(usize, usize)], tags: bool) -> Map {
        let mut map = Map::with_capacity(entries.len());
        let mut merged = None;
        let mut seen = Keys::of(entries.len());
        let mut later = self.threads.are_several_for(entries.len()).then(Vec::new);
        for &(key_index, value_index) in entries {
            let arena: &'a Arena<'_> = self.arena;
            let mut key = &arena.nodes[key_index];
            let key_mark = key.mark;
            if let RawKind::Alias(target) = key.kind {
                key = &arena.nodes[target];
            }
            let RawKind::Scalar { text, plain } = &key.kind else {
                self.bad_key(key_mark, "a mapping or a list");
                continue;
            };
            if let Some(first) = seen.first(text, key_mark) {
                let path = self.printed_path();
                let path = if path.is_empty() { text.to_string() } else { format!("{path}.{text}") };
                let message = format!(
                    "the key is defined twice, first on line {}; keep one of the two, or join their contents",
                    first.line
                );
                self.report.error_at(path, Some(key_mark), ErrorClass::Yaml, "DuplicateKey", message);
                continue;
            }
            if text == "<<" && *plain && key.tag.is_none() {
                merged = Some((key_mark, value_index));
                continue;
            }
            let name = match self.scalar(key, text, *plain) {
                Value::String(_) if key.tag.is_some() => text.to_string(),
                Value::String(name) => name,
                other => {
                    self.bad_key(key_mark, Node::new(other, None).kind());
                    continue;
                }
            };
            let entry = RawEntry { key: text, mark: key_mark, value: value_index };
            if let Some(later) = &mut later {
                later.push((name, entry));
            } else if let Some(node) = self.value(&entry, tags) {
                map.insert(name, node);
            }
        }
        if let Some(later) = later {
            self.values(later, tags, &mut map);
        }
        if let Some((mark, value)) = merged {
            self.merge(&mut map, mark, value, tags);
        }
        map
    }

    fn value(&mut self, entry: &RawEntry<'a>, tags: bool) -> Option<Node> {
        self.path.push(Some(entry.key));
        self.path_bytes += entry.key.len();
        let node = self.node(entry.value, tags);
        self.path_bytes -= entry.key.len();
        self.path.pop();
        node.map(|node| Node { key_mark: Some(entry.mark), ..node })
    }

    /// The values of many entries, on several threads.
    fn values(&mut self, entries: Vec<(String, RawEntry<'a>)>, tags: bool, map: &mut Map) {
        let (arena, threads) = (self.arena, self.threads);
        let (path, open, path_bytes) = (&self.path, &self.open, self.path_bytes);
        let parts = entries::in_parts(&entries, self.report, threads, |entries, report| {
            let own = Assembler::new(arena, report, threads);
            let mut own = Assembler { path: path.clone(), open: open.clone(), path_bytes, ..own };
            let nodes: Vec<_> = entries.iter().map(|(_, entry)| own.value(entry, tags)).collect();
            (nodes, own.resets, own.overflown)
        });
        let mut names = entries.into_iter().map(|(name, _)| name);
        for (nodes, resets, overflown) in parts {
            self.resets.append(resets);
            self.overflown |= overflown;
            for (node, name) in nodes.into_iter().zip(&mut names) {
                if let Some(node) = node {
                    map.insert(name, node);
                }
            }
        }
    }

    fn bad_key(&mut self, mark: Mark, kind: &str) {
        let path = self.printed_path();
        let message = format!("a key must be a string, and this one is {kind}; put it into quotes");
        self.report.error_at(path, Some(mark), ErrorClass::Yaml, "InvalidType", message);
    }

    /// A merge key: what the mapping has itself stays, and of several sources the first one wins.
    fn merge(&mut self, map: &mut Map, mark: Mark, value: usize, tags: bool) {
        let mut target = value;
        while let RawKind::Alias(next) = self.arena.nodes[target].kind {
            target = next;
        }
        let sources = match &self.arena.nodes[target].kind {
            RawKind::List(items) => items.clone(),
            _ => vec![value],
        };
        // What a source in a list resets is left out of it, and resets nothing that was merged before.
        let listed = matches!(self.arena.nodes[target].kind, RawKind::List(_));
        for source in sources {
            if listed {
                self.path.push(None);
            }
            let node = self.node(source, tags);
            if listed {
                self.path.pop();
            }
            let Some(node) = node else { continue };
            match node.value {
                Value::Map(source) => {
                    for (key, node) in source {
                        map.get_or_insert_with(&key, || node);
                    }
                }
                Value::Broken => {}
                _ => {
                    let path = self.printed_path();
                    let message = "a merge key takes a mapping or a list of mappings; name an anchor of a mapping";
                    self.report.error_at(path, Some(mark), ErrorClass::Yaml, "InvalidYaml", message);
                }
            }
        }
    }
}

/// An entry as written, by the text of its key and the place of its value among the nodes.
struct RawEntry<'a> {
    key: &'a str,
    mark: Mark,
    value: usize,
}

/// The keys of a mapping so far, with where they were written first.
enum Keys<'a> {
    /// Looking at the lengths of a few keys one by one is faster than to hash them.
    Few(Vec<(&'a str, Mark)>),
    Many(HashMap<&'a str, Mark>),
}

impl<'a> Keys<'a> {
    /// Those of a mapping that is to have so many.
    fn of(entries: usize) -> Self {
        if entries > FEW { Self::Many(HashMap::with_capacity(entries)) } else { Self::Few(Vec::with_capacity(entries)) }
    }

    /// Where the key was written before; if nowhere, it is here.
    fn first(&mut self, key: &'a str, mark: Mark) -> Option<Mark> {
        match self {
            Self::Few(keys) => {
                let before = keys.iter().find(|(other, _)| *other == key).map(|(_, mark)| *mark);
                if before.is_none() {
                    keys.push((key, mark));
                }
                before
            }
            Self::Many(keys) => match keys.entry(key) {
                Entry::Occupied(before) => Some(*before.get()),
                Entry::Vacant(place) => {
                    place.insert(mark);
                    None
                }
            },
        }
    }
}
