//! Where in the table an attribute is.

use super::Row;
use super::table::ATTRIBUTES;

/// Jobs and `pre_start` have most attributes in common with services, and their rows: where they have none of their own,
/// these count.
const LIKE_SERVICES: [&str; 2] = ["jobs.*", "services.*.pre_start[]"];

/// The rows whose patterns begin with one pattern, such as `services.*.ports[]`. They follow each other in the table, which
/// is in the order of bytes, so that nothing has to be built before it can be searched.
#[derive(Clone, Copy, Debug)]
struct Rows {
    rows: &'static [Row],
    /// The length of the pattern in bytes.
    length: usize,
}

/// Rows of the same places are the same rows.
impl PartialEq for Rows {
    fn eq(&self, other: &Self) -> bool {
        (self.rows.as_ptr(), self.length) == (other.rows.as_ptr(), other.length)
    }
}

impl Rows {
    const TABLE: Self = Self { rows: ATTRIBUTES, length: 0 };

    /// The pattern that all these rows begin with.
    fn pattern(self) -> &'static str {
        self.rows.first().map_or("", |(pattern, _)| &pattern[..self.length])
    }

    /// What follows the pattern in a row.
    fn rest(self, row: &Row) -> &'static [u8] {
        &row.0.as_bytes()[self.length..]
    }

    /// The row of the pattern itself, which comes before all that begin with it.
    fn row(self) -> Option<Row> {
        self.rows.first().filter(|row| self.rest(row).is_empty()).copied()
    }

    /// The rows that go on with a separator and a name, as a whole: a row may go on with more of the name.
    fn below(self, separator: &str, name: &str) -> Option<Self> {
        let rest_of_row = |row: &Row| {
            let rest = self.rest(row);
            rest.split_at(separator.len().min(rest.len()))
        };
        let wanted = (separator.as_bytes(), name.as_bytes());
        let rows = &self.rows[self.rows.partition_point(|row| rest_of_row(row) < wanted)..];
        let is_below = |row: &Row| {
            let (begin, rest) = rest_of_row(row);
            begin == wanted.0 && rest.starts_with(wanted.1)
        };
        let rows = &rows[..rows.partition_point(is_below)];
        let found = Self { rows, length: self.length + separator.len() + name.len() };
        let is_whole = rows.iter().any(|row| matches!(found.rest(row), [] | [b'.' | b'[', ..]));
        is_whole.then_some(found)
    }

    /// What follows the pattern in the first row that goes on with a key, if any does. Few rows come before it: to look at
    /// them is faster than to search.
    fn first_of_keys(self) -> Option<&'static [u8]> {
        let mut rests = self.rows.iter().map(|row| self.rest(row));
        rests.find(|rest| *rest >= b".".as_slice()).filter(|rest| rest.starts_with(b"."))
    }

    fn key(self, key: &str) -> Option<Self> {
        // A key that users choose is no pattern.
        if key.contains(['.', '[', '*']) {
            return None;
        }
        self.below(if self.length == 0 { "" } else { "." }, key)
    }

    fn any_key(self) -> Option<Self> {
        // An asterisk comes before all letters.
        self.first_of_keys().filter(|rest| rest.starts_with(b".*")).and_then(|_| self.below(".", "*"))
    }

    fn items(self) -> Option<Self> {
        self.below("[", "]")
    }
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    own: Option<Rows>,
    /// The same place of a service.
    of_services: Option<Rows>,
}

impl Place {
    /// The place of an attribute at the top.
    pub(super) fn of_key(key: &str) -> Self {
        Self { own: Some(Rows::TABLE), of_services: None }.key(key)
    }

    /// The row of the pattern itself.
    pub(super) fn row(self) -> Option<Row> {
        self.own?.row()
    }

    /// Whether there are rows below keys.
    pub(super) fn has_keys(self) -> bool {
        self.own.is_some_and(|rows| rows.first_of_keys().is_some())
    }

    /// The place of every key of a mapping, when there is none for single ones.
    pub(super) fn any_key(self) -> Option<Self> {
        self.below(Rows::any_key).filter_own()
    }

    /// The place of every item of a list, when there is one.
    pub(super) fn items(self) -> Option<Self> {
        self.below(Rows::items).filter_own()
    }

    /// The place of a single key of a mapping.
    pub(super) fn key(self, key: &str) -> Self {
        self.below(|rows| rows.key(key))
    }

    /// Whether this is one step from a place, by this key.
    fn is_step(self, from: Self, key: &str) -> bool {
        let Some(own) = self.own.filter(|own| own.pattern().ends_with(key)) else { return false };
        let above = own.length.checked_sub(1 + key.len());
        [from.own, from.of_services].into_iter().flatten().any(|rows| above == Some(rows.length))
    }

    fn filter_own(self) -> Option<Self> {
        self.own.is_some().then_some(self)
    }

    fn below(self, step: impl Fn(Rows) -> Option<Rows>) -> Self {
        let of_services = self.of_services.and_then(&step);
        let own = self.own.and_then(&step).or(of_services);
        if own.is_some_and(|own| LIKE_SERVICES.contains(&own.pattern())) {
            return Self { own, of_services: Self::of_key("services").own.and_then(Rows::any_key) };
        }
        Self { own, of_services }
    }
}

/// Steps that were taken before, from which place to which: what services have in common is searched for once.
pub(super) struct Steps(Vec<Option<(Place, Place)>>);

impl Steps {
    /// How many are kept. A new one goes in the place of another.
    const KEPT: usize = 64;

    pub(super) fn new() -> Self {
        Self(vec![None; Self::KEPT])
    }

    /// The same as [`Place::key`].
    pub(super) fn key(&mut self, from: Place, key: &str) -> Place {
        let ends = key.as_bytes().first().zip(key.as_bytes().last());
        let (first, last) = ends.map_or((0, 0), |(first, last)| (usize::from(*first), usize::from(*last)));
        let rows = from.own.map_or(0, |own| own.rows.as_ptr().addr() / size_of::<Row>());
        let kept = &mut self.0[(rows ^ key.len() ^ (first << 1) ^ (last << 3)) % Self::KEPT];
        match kept {
            Some((place, to)) if *place == from && to.is_step(from, key) => *to,
            _ => {
                let to = from.key(key);
                if to.own.is_some() {
                    *kept = Some((from, to));
                }
                to
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_lead_to_the_same_places_however_often_they_are_taken() {
        let mut steps = Steps::new();
        for (pattern, _) in ATTRIBUTES.iter().chain(ATTRIBUTES) {
            let mut words = pattern.split('.');
            let mut place = Place::of_key(words.next().unwrap());
            for word in words {
                let key = word.trim_end_matches("[]");
                for key in [key, "deploy.labels", "environment", "x-kubernetes", ""] {
                    assert_eq!(steps.key(place, key), place.key(key), "{pattern}: {key}");
                }
                place = if key == "*" { place.any_key().unwrap() } else { place.key(key) };
                if word != key {
                    place = place.items().unwrap();
                }
            }
            assert_eq!(place.row().map(|(row, _)| row), Some(*pattern));
        }
    }
}
