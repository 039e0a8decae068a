//! What is remembered of stacks between passes: nothing that a restarted operator would miss.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::reconcile::key;
use crate::api::{ComposeStack, ComposeStackStatus};
use crate::apply::is_older;

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, Remembered>>);

#[derive(Debug)]
struct Remembered {
    /// The last status that was written, until the watch has brought it.
    written: Option<(String, ComposeStackStatus)>,
    /// When the stack's unwatched objects were last read.
    verified: Instant,
}

impl Default for Remembered {
    fn default() -> Self {
        Self { written: None, verified: Instant::now() }
    }
}

impl Memory {
    /// The stack with the status that was written last, should the watch not have brought it yet. A pass over an
    /// older status would take what it applied itself for the work of somebody else.
    pub(super) fn latest(&self, cached: &ComposeStack) -> ComposeStack {
        let mut stack = cached.clone();
        let mut remembered = self.lock();
        let entry = remembered.entry(key(cached)).or_default();
        match &entry.written {
            Some((version, status))
                if cached.metadata.resource_version.as_deref().is_some_and(|cached| is_older(cached, version)) =>
            {
                stack.status = Some(status.clone());
                stack.metadata.resource_version = Some(version.clone());
            }
            _ => entry.written = None,
        }
        stack
    }

    /// Remembers a status that was written, with the version that the stack then had.
    pub(super) fn wrote(&self, stack: &ComposeStack, version: String, status: ComposeStackStatus) {
        self.lock().entry(key(stack)).or_default().written = Some((version, status));
    }

    /// Whether it is time to read what is not watched; if so, it is then done for this interval. A restart counts
    /// as such a time, or a restarted operator would read every object of every stack.
    pub(super) fn is_verification_due(&self, stack: &ComposeStack, interval: Duration) -> bool {
        let mut remembered = self.lock();
        let entry = remembered.entry(key(stack)).or_default();
        let due = entry.verified.elapsed() >= interval * 8 / 10;
        if due {
            entry.verified = Instant::now();
        }
        due
    }

    /// Forgets a stack that is gone.
    pub(super) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    // A poisoned lock is taken over: entries are replaced whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(version: &str, summary: Option<&str>) -> ComposeStack {
        let mut stack = ComposeStack::new("app", crate::api::ComposeStackSpec::default());
        stack.metadata.resource_version = Some(version.to_owned());
        stack.status = Some(ComposeStackStatus { summary: summary.map(str::to_owned), ..Default::default() });
        stack
    }

    #[test]
    fn a_written_status_is_believed_until_the_watch_has_caught_up() {
        let memory = Memory::default();
        memory.wrote(
            &stack("5", None),
            "7".to_owned(),
            ComposeStackStatus { summary: Some("1/1".to_owned()), ..Default::default() },
        );
        let summary = |stack: ComposeStack| stack.status.unwrap().summary;
        assert_eq!(summary(memory.latest(&stack("5", None))).as_deref(), Some("1/1"));
        assert_eq!(summary(memory.latest(&stack("7", Some("0/1")))).as_deref(), Some("0/1"));
        assert_eq!(summary(memory.latest(&stack("5", None))), None, "what was caught up with is forgotten");
    }

    #[test]
    fn verification_is_due_after_the_interval_only() {
        let memory = Memory::default();
        assert!(!memory.is_verification_due(&stack("1", None), Duration::from_mins(1)));
        assert!(memory.is_verification_due(&stack("1", None), Duration::ZERO));
    }
}
