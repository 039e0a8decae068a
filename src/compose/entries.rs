//! The same work on each entry of a section, on several threads where there are many.

use super::attribute::At;
use super::node::{Map, Node};
use super::report::Report;
use crate::parallel::Threads;

/// So many entries are worked on by one thread at a time.
const AT_ONCE: usize = 64;

/// What is done to an entry, at its place.
type Change<'c> = &'c (dyn Fn(&mut Node, &At<'_>, &mut Report) + Sync);

/// Changes the entries of a section of the document, each on its own; what they report stands in their order.
pub(super) fn each(root: &mut Map, section: &str, report: &mut Report, threads: Threads, change: Change) {
    if let Some(entries) = root.get_mut(section).and_then(Node::as_map_mut) {
        all(entries, &At::ROOT.key(section), report, threads, change);
    }
}

/// The same for the entries of any mapping.
pub(super) fn all(entries: &mut Map, at: &At<'_>, report: &mut Report, threads: Threads, change: Change) {
    if !threads.are_several_for(entries.len()) {
        for (name, entry) in entries.iter_mut() {
            change(entry, &at.key(name), report);
        }
        return;
    }
    let mut entries: Vec<_> = entries.iter_mut().collect();
    let blank = report.blank();
    let parts = threads.on_parts_mut(AT_ONCE, &mut entries, |entries| {
        let mut report = blank.clone();
        for (name, entry) in entries {
            change(entry, &at.key(name), &mut report);
        }
        report
    });
    for found in parts {
        report.append(found);
    }
}

/// What is made of entries, some at a time; what is reported stands in their order.
pub(super) fn in_parts<T: Sync, R: Send>(
    entries: &[T],
    report: &mut Report,
    threads: Threads,
    make: impl Fn(&[T], &mut Report) -> R + Sync,
) -> Vec<R> {
    let blank = report.blank();
    let parts = threads.on_parts(AT_ONCE, entries, |entries| {
        let mut report = blank.clone();
        (make(entries, &mut report), report)
    });
    let each = parts.into_iter().map(|(made, found)| {
        report.append(found);
        made
    });
    each.collect()
}
