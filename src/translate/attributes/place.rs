//! Where in the table an attribute is.

use super::Treatment;
use super::table::ATTRIBUTES;

/// The rows of a pattern, such as `services.*.ports[]`, and of all below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    own: Rows,
    /// Jobs and `pre_start` have most attributes in common with services, and their rows: where they have none of their
    /// own, these count.
    of_services: Option<Rows>,
}

/// Rows whose texts begin alike; the table is sorted, so that they are neighbours.
#[derive(Clone, Copy, Debug)]
struct Rows {
    rows: &'static [(&'static str, Treatment)],
    /// How much of each text is the pattern.
    length: usize,
}

impl Rows {
    fn all() -> Self {
        Self { rows: ATTRIBUTES, length: 0 }
    }

    /// The rows whose texts go on with this.
    fn with(self, part: &str) -> Self {
        let rest = |row: &(&'static str, Treatment)| row.0.as_bytes().get(self.length..).unwrap_or_default();
        let start = self.rows.partition_point(|row| rest(row) < part.as_bytes());
        let rows = &self.rows[start..];
        let end = rows.partition_point(|row| rest(row).starts_with(part.as_bytes()));
        Self { rows: &rows[..end], length: self.length + part.len() }
    }

    fn is_pattern(self, pattern: &str) -> bool {
        self.length == pattern.len() && self.rows.first().is_some_and(|(row, _)| row.starts_with(pattern))
    }
}

impl Place {
    /// The place of an attribute at the top.
    pub(super) fn of_key(key: &str) -> Self {
        Self { own: Rows::all().with(key), of_services: None }
    }

    /// The row of the pattern itself.
    pub(super) fn row(self) -> Option<(&'static str, Treatment)> {
        self.own.rows.first().copied().filter(|(row, _)| row.len() == self.own.length)
    }

    /// The place of every key of a mapping, when there is none for single ones.
    pub(super) fn of_any_key(self) -> Option<Self> {
        let place = self.below(".*");
        (!place.own.rows.is_empty()).then_some(place)
    }

    /// Whether there are rows for single keys.
    pub(super) fn has_keys(self) -> bool {
        !self.own.with(".").rows.is_empty()
    }

    /// The place of every item of a list, when there is one.
    pub(super) fn of_items(self) -> Option<Self> {
        let place = self.below("[]");
        (!place.own.rows.is_empty()).then_some(place)
    }

    /// The place that the pattern and this make.
    pub(super) fn below(self, part: &str) -> Self {
        let (own, of_services) = (self.own.with(part), self.of_services.map(|rows| rows.with(part)));
        let own = match of_services {
            Some(rows) if own.rows.is_empty() => rows,
            _ => own,
        };
        if own.is_pattern("jobs.*") || own.is_pattern("services.*.pre_start[]") {
            return Self { own, of_services: Some(Rows::all().with("services.*")) };
        }
        Self { own, of_services }
    }
}
