//! Where in the table an attribute is.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::Row;
use super::table::ATTRIBUTES;

/// The table as a tree.
static TABLE: LazyLock<Branch> = LazyLock::new(Branch::of_table);

/// What begins with a pattern, such as `services.*.ports[]`.
#[derive(Debug, Default)]
struct Branch {
    /// The row of the pattern itself.
    row: Option<Row>,
    /// By single keys.
    keys: BTreeMap<&'static str, Self>,
    /// What holds for every key of a mapping.
    any_key: Option<Box<Self>>,
    /// What holds for every item of a list.
    items: Option<Box<Self>>,
    /// Jobs and `pre_start` have most attributes in common with services, and their rows: where they have none of their
    /// own, these count.
    is_like_service: bool,
}

impl Branch {
    fn of_table() -> Self {
        let mut table = Self::default();
        for row in ATTRIBUTES {
            table.grow(row.0).row = Some(*row);
        }
        for pattern in ["jobs.*", "services.*.pre_start[]"] {
            table.grow(pattern).is_like_service = true;
        }
        table
    }

    fn grow(&mut self, pattern: &'static str) -> &mut Self {
        pattern.split('.').fold(self, |branch, part| {
            let key = part.trim_end_matches("[]");
            let branch = match key {
                "*" => branch.any_key.get_or_insert_default(),
                _ => branch.keys.entry(key).or_default(),
            };
            (0..(part.len() - key.len()) / "[]".len()).fold(branch, |branch, _| branch.items.get_or_insert_default())
        })
    }
}

/// A place in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    own: Option<&'static Branch>,
    /// The same place of a service.
    of_services: Option<&'static Branch>,
}

impl Place {
    /// The place of an attribute at the top.
    pub(super) fn of_key(key: &str) -> Self {
        Self { own: Some(&TABLE), of_services: None }.key(key)
    }

    /// The row of the pattern itself.
    pub(super) fn row(self) -> Option<Row> {
        self.own?.row
    }

    /// Whether there are rows below keys.
    pub(super) fn has_keys(self) -> bool {
        self.own.is_some_and(|own| !own.keys.is_empty() || own.any_key.is_some())
    }

    /// The place of every key of a mapping, when there is none for single ones.
    pub(super) fn any_key(self) -> Option<Self> {
        self.below(|branch| branch.any_key.as_deref()).filter_own()
    }

    /// The place of every item of a list, when there is one.
    pub(super) fn items(self) -> Option<Self> {
        self.below(|branch| branch.items.as_deref()).filter_own()
    }

    /// The place of a single key of a mapping.
    pub(super) fn key(self, key: &str) -> Self {
        self.below(|branch| branch.keys.get(key))
    }

    fn filter_own(self) -> Option<Self> {
        self.own.is_some().then_some(self)
    }

    fn below(self, step: impl Fn(&'static Branch) -> Option<&'static Branch>) -> Self {
        let of_services = self.of_services.and_then(&step);
        let own = self.own.and_then(&step).or(of_services);
        if own.is_some_and(|own| own.is_like_service) {
            let service = TABLE.keys.get("services").and_then(|services| services.any_key.as_deref());
            return Self { own, of_services: service };
        }
        Self { own, of_services }
    }
}
