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
        let rows = &rows[..rows.iter().take_while(|row| is_below(row)).count()];
        let found = Self { rows, length: self.length + separator.len() + name.len() };
        let is_whole = rows.iter().any(|row| matches!(found.rest(row), [] | [b'.' | b'[', ..]));
        is_whole.then_some(found)
    }

    fn has_keys(self) -> bool {
        let first = self.rows.partition_point(|row| self.rest(row) < b".".as_slice());
        self.rows.get(first).is_some_and(|row| self.rest(row).starts_with(b"."))
    }

    fn key(self, key: &str) -> Option<Self> {
        // A key that users choose is no pattern.
        if key.contains(['.', '[', '*']) {
            return None;
        }
        self.below(if self.length == 0 { "" } else { "." }, key)
    }

    fn any_key(self) -> Option<Self> {
        self.below(".", "*")
    }

    fn items(self) -> Option<Self> {
        self.below("[", "]")
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
        self.own.is_some_and(Rows::has_keys)
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
