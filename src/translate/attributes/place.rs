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

    /// The rows that go on with this.
    fn with(self, text: &str) -> Self {
        let text = text.as_bytes();
        let first = self.rows.partition_point(|row| self.rest(row) < text);
        let rows = &self.rows[first..];
        let rows = &rows[..rows.partition_point(|row| self.rest(row).starts_with(text))];
        Self { rows, length: self.length + text.len() }
    }

    /// These rows, if the pattern is whole: a row may go on with more of the last key.
    fn whole(self) -> Option<Self> {
        let is_whole = self.row().is_some() || !self.with(".").rows.is_empty() || !self.with("[").rows.is_empty();
        is_whole.then_some(self)
    }

    fn key(self, key: &str) -> Option<Self> {
        // A key that users choose is no pattern.
        if key.contains(['.', '[', '*']) {
            return None;
        }
        let keys = if self.length == 0 { self } else { self.with(".") };
        keys.with(key).whole()
    }

    fn any_key(self) -> Option<Self> {
        self.with(".*").whole()
    }

    fn items(self) -> Option<Self> {
        self.with("[]").whole()
    }
}

/// A place in the table.
#[derive(Clone, Copy, Debug)]
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
        self.own.is_some_and(|own| !own.with(".").rows.is_empty())
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
