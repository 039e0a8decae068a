//! `!reset` and `!override` (Compose Specification, "merge"): where they were written, and what they take away.

use super::node::{Map, Node, Value};

/// The paths that a document resets, as keys from the root.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Resets {
    paths: Vec<Vec<String>>,
}

impl Resets {
    /// Records a path. A path through the alias `x-develop` also stands for the attribute that it became.
    pub(super) fn record(&mut self, path: &[String]) {
        if path.len() > 2 && path[0] == "services" && path[2] == "x-develop" {
            let mut adopted = path.to_vec();
            "develop".clone_into(&mut adopted[2]);
            self.paths.push(adopted);
        }
        self.paths.push(path.to_vec());
    }

    /// Takes over what another part of the document resets.
    pub(super) fn append(&mut self, mut other: Self) {
        self.paths.append(&mut other.paths);
    }

    /// Removes what the paths name from a tree that was merged before the document.
    pub(super) fn apply(&self, tree: &mut Map) {
        for path in &self.paths {
            let borrowed: Vec<&str> = path.iter().map(String::as_str).collect();
            remove(tree, &borrowed);
        }
    }

    /// The same for one entry of a top-level mapping, such as an inherited service.
    pub(super) fn apply_to_entry(&self, section: &str, name: &str, entry: &mut Node) {
        if self.paths.is_empty() {
            return;
        }
        let inner = std::mem::replace(entry, Node::null());
        let section_map = entry.like(Value::Map(Map::from([(name.to_owned(), inner)])));
        let mut tree = Map::from([(section.to_owned(), section_map)]);
        self.apply(&mut tree);
        let kept = tree.get_mut(section).and_then(|section| section.as_map_mut()?.remove(name));
        *entry = kept.unwrap_or_else(Node::empty_map);
    }
}

fn remove(map: &mut Map, path: &[&str]) {
    match path {
        [] => {}
        [last] => {
            map.remove(last);
        }
        [first, rest @ ..] => {
            if let Some(inner) = map.get_mut(first).and_then(Node::as_map_mut) {
                remove(inner, rest);
            }
        }
    }
}
