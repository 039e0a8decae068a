//! The two documents that a project is written as. Docker Compose's YAML has more than its JSON, extensions and models,
//! and leaves out more that is empty; serde tells a field nothing of its document, so a switch of the thread does.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::Job;

thread_local! {
    static YAML: Cell<bool> = const { Cell::new(false) };
}

/// Serialises within the closure as YAML; everywhere else is JSON.
pub(crate) fn in_yaml<T>(write: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            YAML.set(self.0);
        }
    }
    let _restore = Restore(YAML.replace(true));
    write()
}

/// What JSON never has: it is left out there, and in YAML when it is empty.
pub(super) fn only_in_yaml<T: Default + PartialEq>(value: &T) -> bool {
    !YAML.get() || *value == T::default()
}

/// What JSON always has: it is left out in YAML when it is empty.
pub(super) fn empty_in_yaml<T: Default + PartialEq>(value: &T) -> bool {
    YAML.get() && *value == T::default()
}

/// What YAML always has: it is left out in JSON when it is empty.
pub(super) fn empty_in_json<T: Default + PartialEq>(value: &T) -> bool {
    !YAML.get() && *value == T::default()
}

/// A number of single precision, written without a point when it is whole.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn number<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    /// Whole numbers up to here are exact.
    const EXACT: f32 = 16_777_216.0;
    if value.fract() == 0.0 && value.abs() <= EXACT && !YAML.get() {
        #[allow(clippy::cast_possible_truncation, reason = "the number is whole and within bounds")]
        return serializer.serialize_i64(*value as i64);
    }
    serializer.serialize_f32(*value)
}

/// Jobs, which carry their names in YAML.
pub(super) fn jobs<S: Serializer>(jobs: &BTreeMap<String, Job>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'j> {
        name: &'j str,
        #[serde(flatten)]
        job: &'j Job,
    }
    if YAML.get() {
        serializer.collect_map(jobs.iter().map(|(name, job)| (name, Named { name, job })))
    } else {
        jobs.serialize(serializer)
    }
}
