//! Objects that are gone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::is_older;
use crate::apply::packed::Packed;

/// How many are remembered: more than go while one request is under way.
const REMEMBERED: usize = 4096;

/// The objects of which a watch has told last that they are gone, by uid, with the version that they went with. The
/// answer to an own request may come after that, and what it tells of was before: no event would ever take it back.
#[derive(Debug, Default)]
pub(super) struct Gone(Mutex<(HashMap<Packed, Packed>, VecDeque<Packed>)>);

impl Gone {
    /// Remembers one that is gone, or that no longer has our labels.
    pub(super) fn add(&self, uid: Packed, version: Packed) {
        let mut gone = self.lock();
        let (versions, order) = &mut *gone;
        if versions.insert(uid.clone(), version).is_none() {
            order.push_back(uid);
        }
        if order.len() > REMEMBERED
            && let Some(first) = order.pop_front()
        {
            versions.remove(&first);
        }
    }

    /// Whether a version of an object is from before it went.
    pub(super) fn is_past(&self, uid: &Packed, version: &Packed) -> bool {
        self.lock().0.get(uid).is_some_and(|gone| is_older(&version.text(), &gone.text()))
    }

    // A poisoned lock is taken over: at worst, one is forgotten too late.
    fn lock(&self) -> MutexGuard<'_, (HashMap<Packed, Packed>, VecDeque<Packed>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
