//! The attributes of a mapping, in the order of their names.
//!
//! Nearly all mappings of a document are small: a node of a B-tree has room for eleven entries, of which a port needs
//! four and a reference to a network none. A sorted vector holds those in the room that they take; a mapping that grows
//! beyond some entries becomes a tree, so that no document makes adding to it slow.

use std::collections::{BTreeMap, btree_map};
use std::{iter, slice, vec};

use either::Either;

use super::node::Node;

/// How many entries a vector holds at most.
pub(super) const FEW: usize = 24;

/// Attributes by name.
#[derive(Clone, Debug)]
pub(super) struct Map(Entries);

#[derive(Clone, Debug)]
#[allow(clippy::box_collection, reason = "without the box every value of a tree would be larger")]
enum Entries {
    /// Sorted by name.
    Few(Vec<(String, Node)>),
    Many(Box<BTreeMap<String, Node>>),
}
use Entries::{Few, Many};

impl Default for Map {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Map {
    pub(super) const fn new() -> Self {
        Self(Few(Vec::new()))
    }

    /// Without attributes yet, with room for so many.
    pub(super) fn with_capacity(entries: usize) -> Self {
        if entries > FEW { Self(Many(Box::default())) } else { Self(Few(Vec::with_capacity(entries))) }
    }

    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Few(entries) => entries.len(),
            Many(tree) => tree.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    // Looking at the lengths of a few names one by one is faster than to compare some of them.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.0 {
            Few(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Many(tree) => tree.get(key),
        }
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.0 {
            Few(entries) => entries.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node),
            Many(tree) => tree.get_mut(key),
        }
    }

    /// Sets an attribute and gives what it was before.
    pub(super) fn insert(&mut self, key: String, node: Node) -> Option<Node> {
        match self.with_room() {
            Few(entries) => match place(entries, &key) {
                Ok(place) => Some(std::mem::replace(&mut entries[place].1, node)),
                Err(place) => {
                    entries.insert(place, (key, node));
                    None
                }
            },
            Many(tree) => tree.insert(key, node),
        }
    }

    /// The attribute, which becomes this value if it is not there.
    pub(super) fn get_or_insert_with(&mut self, key: &str, node: impl FnOnce() -> Node) -> &mut Node {
        match self.with_room() {
            Few(entries) => {
                let place = place(entries, key).unwrap_or_else(|place| {
                    entries.insert(place, (key.to_owned(), node()));
                    place
                });
                &mut entries[place].1
            }
            Many(tree) => tree.entry(key.to_owned()).or_insert_with(node),
        }
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        match &mut self.0 {
            Few(entries) => {
                let place = place(entries, key).ok()?;
                Some(entries.remove(place).1)
            }
            Many(tree) => tree.remove(key),
        }
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    pub(super) fn iter_mut(&mut self) -> IterMut<'_> {
        self.into_iter()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Node> {
        self.iter().map(|(_, node)| node)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.iter_mut().map(|(_, node)| node)
    }

    /// The entries, as a tree if they fill a vector.
    fn with_room(&mut self) -> &mut Entries {
        if let Few(entries) = &mut self.0
            && entries.len() >= FEW
        {
            self.0 = Many(Box::new(std::mem::take(entries).into_iter().collect()));
        }
        &mut self.0
    }
}

/// Where the key is, or where it belongs.
fn place(entries: &[(String, Node)], key: &str) -> Result<usize, usize> {
    entries.binary_search_by(|(other, _)| other.as_str().cmp(key))
}

/// Of several values of a key, the last one counts.
impl FromIterator<(String, Node)> for Map {
    fn from_iter<T: IntoIterator<Item = (String, Node)>>(entries: T) -> Self {
        let mut entries: Vec<(String, Node)> = entries.into_iter().collect();
        if entries.len() > FEW {
            return Self(Many(Box::new(entries.into_iter().collect())));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        entries.shrink_to_fit();
        Self(Few(entries))
    }
}

impl<const N: usize> From<[(String, Node); N]> for Map {
    fn from(entries: [(String, Node); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// The entries of a borrowed mapping.
pub(super) type Iter<'a> = Either<
    iter::Map<slice::Iter<'a, (String, Node)>, fn(&'a (String, Node)) -> (&'a String, &'a Node)>,
    btree_map::Iter<'a, String, Node>,
>;
/// The entries of a mapping whose values may change.
pub(super) type IterMut<'a> = Either<
    iter::Map<slice::IterMut<'a, (String, Node)>, fn(&'a mut (String, Node)) -> (&'a String, &'a mut Node)>,
    btree_map::IterMut<'a, String, Node>,
>;

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a String, &'a Node);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        match &self.0 {
            Few(entries) => Either::Left(entries.iter().map(|(key, node)| (key, node))),
            Many(tree) => Either::Right(tree.iter()),
        }
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = (&'a String, &'a mut Node);
    type IntoIter = IterMut<'a>;

    fn into_iter(self) -> Self::IntoIter {
        match &mut self.0 {
            Few(entries) => Either::Left(entries.iter_mut().map(|(key, node)| (&*key, node))),
            Many(tree) => Either::Right(tree.iter_mut()),
        }
    }
}

impl IntoIterator for Map {
    type Item = (String, Node);
    type IntoIter = Either<vec::IntoIter<(String, Node)>, btree_map::IntoIter<String, Node>>;

    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            Few(entries) => Either::Left(entries.into_iter()),
            Many(tree) => Either::Right(tree.into_iter()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Value;
    use super::*;

    fn number(value: usize) -> Node {
        Node::new(Value::Int(i64::try_from(value).unwrap()), None)
    }

    /// Sets and removes attributes beside a tree, far over the size where the vector becomes one.
    #[test]
    fn it_is_a_sorted_map_whatever_its_size() {
        let mut map = Map::new();
        let mut expected: BTreeMap<String, Node> = BTreeMap::new();
        let same = |map: &Map, expected: &BTreeMap<String, Node>| {
            assert!(map.iter().eq(expected.iter()), "{map:?} {expected:?}");
            assert_eq!(map.len(), expected.len());
        };
        for step in 0..400 {
            let key = format!("key-{}", step * 37 % 61);
            if step % 3 == 2 {
                assert_eq!(map.remove(&key), expected.remove(&key));
            } else if step % 3 == 1 {
                let (own, other) = (map.get_or_insert_with(&key, || number(step)), expected.entry(key.clone()));
                assert_eq!(own, other.or_insert_with(|| number(step)));
            } else {
                assert_eq!(map.insert(key.clone(), number(step)), expected.insert(key.clone(), number(step)));
            }
            assert_eq!(map.get(&key), expected.get(&key));
            same(&map, &expected);
        }
        assert!(matches!(map.0, Many(_)));
        same(&map.clone().into_iter().collect(), &expected);
    }

    #[test]
    fn of_two_values_the_last_one_counts() {
        let pairs = [("b", 1), ("a", 2), ("b", 3), ("b", 4)].map(|(key, value)| (key.to_owned(), number(value)));
        let map: Map = pairs.into_iter().collect();
        let entries: Vec<_> = map.iter().map(|(key, node)| (key.as_str(), node.clone())).collect();
        assert_eq!(entries, [("a", number(2)), ("b", number(4))]);
    }

    #[test]
    fn equality_does_not_know_how_a_map_grew() {
        let small: Map = (0..3).map(|value| (value.to_string(), number(value))).collect();
        let mut shrunk: Map = (0..40).map(|value| (value.to_string(), number(value))).collect();
        for value in 3..40 {
            shrunk.remove(&value.to_string());
        }
        assert_eq!(small, shrunk);
        assert_ne!(small, Map::new());
    }
}
