//! Where attributes were written.

use std::fmt;
use std::sync::Arc;

use super::attribute::At;
use super::diagnostic::Position;
use super::node::{Map, Node, Value};
use super::report::{self, Source};

/// The places in the documents that a project was loaded from, by attribute path. They are looked up in the document
/// itself: an index of every path would be larger than the project.
#[derive(Clone, Default, PartialEq)]
pub struct Positions {
    root: Arc<Map>,
    /// The sources that marks point into.
    sources: Arc<[Source]>,
}

/// Nothing of the documents: they may hold values from Secrets.
impl fmt::Debug for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Positions").finish_non_exhaustive()
    }
}

impl Positions {
    pub(super) fn new(root: Map, sources: &[Source]) -> Self {
        Self { root: Arc::new(root), sources: sources.into() }
    }

    /// Where the attribute of a path such as `services.web.ports[0]` was written: its key, or the item. `None` when it
    /// was written nowhere, or in a document that has no lines.
    pub fn get(&self, path: &str) -> Option<Position> {
        let node = find(&self.root, path)?;
        report::position(&self.sources, node.key_mark.or(node.mark))
    }

    /// The paths of all mappings that are called so, wherever they were written.
    pub(crate) fn mappings_called(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        mappings_called(&self.root, name, &At::ROOT, &mut found);
        found
    }
}

/// The paths of mappings of a name, but for those in what only anchors are for.
fn mappings_called(map: &Map, name: &str, at: &At<'_>, found: &mut Vec<String>) {
    let top = at.depth() == 0;
    for (key, node) in map {
        match &node.value {
            Value::Map(_) if key == name => found.push(at.key(key).to_string()),
            Value::Map(_) | Value::List(_) if !(top && key.starts_with("x-")) => {
                within_node(node, name, &at.key(key), found);
            }
            _ => {}
        }
    }
}

fn within_node(node: &Node, name: &str, at: &At<'_>, found: &mut Vec<String>) {
    match &node.value {
        Value::Map(map) => mappings_called(map, name, at, found),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                within_node(item, name, &at.item(index), found);
            }
        }
        _ => {}
    }
}

/// The node at a path. Keys may have dots themselves, so every beginning of the path may be a key.
fn find<'n>(map: &'n Map, path: &str) -> Option<&'n Node> {
    let ends = path.match_indices(['.', '[']).map(|(end, _)| end).chain([path.len()]);
    ends.into_iter().find_map(|end| within(map.get(&path[..end])?, &path[end..]))
}

fn within<'n>(node: &'n Node, rest: &str) -> Option<&'n Node> {
    if rest.is_empty() {
        return Some(node);
    }
    if let Some(rest) = rest.strip_prefix('.') {
        return find(node.as_map()?, rest);
    }
    let (index, rest) = rest.strip_prefix('[')?.split_once(']')?;
    within(node.as_list()?.get(index.parse::<usize>().ok()?)?, rest)
}
