//! The inventory: what a stack consists of, so that what leaves the stack can be told from what was never part of
//! it. It lives in the status, and is rebuilt by label when the status is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;
use super::record::Record;
use crate::api::v1alpha1::InventoryEntry;
use crate::translate::Plan;

/// The inventory's name of an object. No part holds an underscore: all are DNS names.
pub(super) fn id(namespace: &str, name: &str, kind: Kind) -> String {
    format!("{namespace}_{name}_{}_{kind}", kind.group())
}

/// The object that an entry names, if this version knows its kind.
pub(super) fn object(entry: &InventoryEntry) -> Option<(Kind, &str)> {
    let mut parts = entry.id.splitn(4, '_');
    let (_namespace, name, group, kind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((Kind::find(group, kind)?, name))
}

/// What was remembered, by id.
pub(super) fn records(inventory: &[InventoryEntry]) -> BTreeMap<&str, Record> {
    inventory.iter().map(|entry| (entry.id.as_str(), Record::parse(&entry.hash))).collect()
}

/// An entry.
pub(super) fn entry(namespace: &str, name: &str, kind: Kind, record: &Record) -> InventoryEntry {
    InventoryEntry {
        id: id(namespace, name, kind),
        v: kind.resource().version,
        hash: if *record == Record::default() { String::new() } else { record.to_string() },
    }
}

/// The inventory with the Secrets that a plan is about to make, if any is new. Where Secrets are not watched, nothing else
/// would lead to one whose pass ends before it can tell of it.
pub fn announced(inventory: &[InventoryEntry], plan: &Plan, namespace: &str) -> Option<Vec<InventoryEntry>> {
    let known: BTreeSet<&str> = inventory.iter().map(|entry| entry.id.as_str()).collect();
    let names = plan.secrets.iter().filter_map(|secret| secret.metadata.name.as_deref());
    let new = names.map(|name| entry(namespace, name, Kind::Secret, &Record::default()));
    let new: Vec<_> = new.filter(|entry| !known.contains(entry.id.as_str())).collect();
    if new.is_empty() {
        return None;
    }
    let mut all = [inventory, &new].concat();
    all.sort();
    Some(all)
}

/// Whether an entry is of an object that was applied, and not only announced.
pub fn is_applied(entry: &InventoryEntry) -> bool {
    !entry.hash.is_empty()
}

/// What a stack no longer wants: old entries, and what carries its label, without what is wanted.
pub(super) fn surplus(
    old: &[InventoryEntry],
    labelled: impl IntoIterator<Item = (Kind, String)>,
    wanted: &BTreeSet<String>,
    namespace: &str,
) -> BTreeSet<(Kind, String)> {
    let old = old.iter().filter_map(|entry| object(entry).map(|(kind, name)| (kind, name.to_owned())));
    old.chain(labelled)
        .filter(|(kind, name)| *kind != Kind::Pod && !wanted.contains(&id(namespace, name, *kind)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, kind: Kind) -> InventoryEntry {
        entry("shop", name, kind, &Record::default())
    }

    #[test]
    fn ids_name_objects_and_back() {
        let db = named("db", Kind::StatefulSet);
        assert_eq!(db.id, "shop_db_apps_StatefulSet");
        assert_eq!(db.v, "v1");
        assert_eq!(object(&db), Some((Kind::StatefulSet, "db")));
        let web = named("web.v2", Kind::Service);
        assert_eq!(web.id, "shop_web.v2__Service");
        assert_eq!(object(&web), Some((Kind::Service, "web.v2")));
        assert_eq!(object(&InventoryEntry { id: "shop_x_example.com_Thing".into(), ..Default::default() }), None);
        assert_eq!(object(&InventoryEntry { id: "garbled".into(), ..Default::default() }), None);
    }

    #[test]
    fn only_new_secrets_are_announced_and_count_as_nothing_that_was_applied() {
        use k8s_openapi::api::core::v1::Secret;

        let secret = |name: &str| {
            let mut secret = Secret::default();
            secret.metadata.name = Some(name.to_owned());
            secret
        };
        let plan = Plan { secrets: vec![secret("shop-key-2"), secret("shop-key-1")], ..Plan::default() };
        let applied = InventoryEntry { hash: "x".to_owned(), ..named("shop-key-1", Kind::Secret) };
        let all = announced(std::slice::from_ref(&applied), &plan, "shop").unwrap();
        assert_eq!(all, [applied.clone(), named("shop-key-2", Kind::Secret)]);
        assert_eq!(all.iter().filter(|entry| is_applied(entry)).collect::<Vec<_>>(), [&applied]);
        assert_eq!(announced(&all, &plan, "shop"), None);
    }

    #[test]
    fn what_is_no_longer_wanted_is_surplus_whoever_remembers_it() {
        let old = [named("web", Kind::Deployment), named("old", Kind::Deployment)];
        let labelled = [(Kind::Service, "forgotten".to_owned()), (Kind::Pod, "web-1".to_owned())];
        let wanted = BTreeSet::from([id("shop", "web", Kind::Deployment)]);
        let surplus: Vec<_> = surplus(&old, labelled, &wanted, "shop").into_iter().collect();
        assert_eq!(surplus, [(Kind::Service, "forgotten".to_owned()), (Kind::Deployment, "old".to_owned())]);
    }
}
