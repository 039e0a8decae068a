//! What is remembered of stacks between passes: nothing that a restarted operator would miss.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::ResourceExt;

use super::Root;
use super::reconcile::key;
use super::stacks::Stacks;
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
    owed: Owed,
}

/// What was asked for by a request, and not done by the pass that answered it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owed {
    /// Reading what is not watched.
    pub(super) verification: bool,
    /// Reading the images.
    pub(super) images: bool,
}

impl Owed {
    /// What a request asks for.
    pub(super) const ALL: Self = Self { verification: true, images: true };
}

impl Default for Remembered {
    fn default() -> Self {
        Self { written: None, verified: Instant::now(), owed: Owed::default() }
    }
}

impl Memory {
    /// The stack with the status that was written last, should the watch not have brought it yet. A pass over an
    /// older status would take what it applied itself for the work of somebody else.
    pub(super) fn latest(&self, cached: &ComposeStack, stacks: &Stacks) -> ComposeStack {
        let mut remembered = self.lock();
        let entry = remembered.entry(key(cached)).or_default();
        match &entry.written {
            Some((version, status)) if is_before(cached, version) => {
                let mut stack = cached.clone();
                stack.status = Some(status.clone());
                stack.metadata.resource_version = Some(version.clone());
                stack
            }
            // What was written may have been forgotten since the pass was given its stack: then it has arrived.
            _ => {
                entry.written = None;
                let arrived = stacks.get(cached);
                let arrived = arrived.as_ref().and_then(|root| root.0.as_ref().ok());
                arrived.filter(|arrived| arrived.metadata.uid == cached.metadata.uid).unwrap_or(cached).clone()
            }
        }
    }

    /// Forgets a written status that the watch has brought, in this version of the stack or a later one. To be called
    /// when the stack is among those that have arrived.
    pub(super) fn arrived(&self, root: &Root) {
        if let Some(entry) = self.lock().get_mut(&key(root))
            && entry.written.as_ref().is_some_and(|(version, _)| !is_before(root, version))
        {
            entry.written = None;
        }
    }

    /// Remembers a status that was written, with the version that the stack then had, until it arrives.
    pub(super) fn wrote(&self, stack: &ComposeStack, version: String, status: ComposeStackStatus, stacks: &Stacks) {
        let mut remembered = self.lock();
        let is_late = stacks.get(stack).is_some_and(|root| !is_before(root.as_ref(), &version));
        remembered.entry(key(stack)).or_default().written = (!is_late).then_some((version, status));
    }

    /// Whether it is time to read what is not watched. A restart counts as such a time that is past, or a restarted operator
    /// would read every object of every stack.
    pub(super) fn is_verification_due(&self, stack: &ComposeStack, interval: Duration) -> bool {
        let mut remembered = self.lock();
        let entry = remembered.entry(key(stack)).or_default();
        entry.verified.elapsed() >= interval * 8 / 10
    }

    /// Remembers that what is not watched was read, and is as it is to be, or needs a person.
    pub(super) fn verified(&self, stack: &ComposeStack) {
        self.lock().entry(key(stack)).or_default().verified = Instant::now();
    }

    /// What is still owed to who asked for a pass.
    pub(super) fn owed(&self, stack: &ComposeStack) -> Owed {
        self.lock().get(&key(stack)).map(|entry| entry.owed).unwrap_or_default()
    }

    /// Remembers what is still owed.
    pub(super) fn owe(&self, stack: &ComposeStack, owed: Owed) {
        self.lock().entry(key(stack)).or_default().owed = owed;
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

/// Whether a stack is as it was before it had this version.
fn is_before(stack: &impl ResourceExt, version: &str) -> bool {
    stack.resource_version().is_some_and(|stack| is_older(&stack, version))
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use kube::runtime::watcher::Event;

    use super::*;

    fn stack(version: &str, summary: Option<&str>) -> ComposeStack {
        let mut stack = ComposeStack::new("app", crate::api::ComposeStackSpec::default());
        stack.metadata.namespace = Some("shop".to_owned());
        stack.metadata.resource_version = Some(version.to_owned());
        stack.status = Some(ComposeStackStatus { summary: summary.map(str::to_owned), ..Default::default() });
        stack
    }

    fn status(summary: &str) -> ComposeStackStatus {
        ComposeStackStatus { summary: Some(summary.to_owned()), ..Default::default() }
    }

    fn summary(stack: ComposeStack) -> Option<String> {
        stack.status?.summary
    }

    #[test]
    fn a_written_status_is_believed_until_the_watch_has_caught_up() {
        let (memory, stacks) = (Memory::default(), Stacks::default());
        memory.wrote(&stack("5", None), "7".to_owned(), status("1/1"), &stacks);
        assert_eq!(summary(memory.latest(&stack("5", None), &stacks)).as_deref(), Some("1/1"));
        assert_eq!(summary(memory.latest(&stack("7", Some("0/1")), &stacks)).as_deref(), Some("0/1"));
        assert_eq!(summary(memory.latest(&stack("5", None), &stacks)), None, "what was caught up with is forgotten");
    }

    #[test]
    fn a_written_status_is_kept_once_at_a_time() {
        let (memory, mut stacks) = (Memory::default(), Stacks::default());
        let mut writer = stacks.begin(None).writer;
        let mut arrive = |stack: ComposeStack| {
            let root = DeserializeGuard(Ok(stack));
            writer.apply_watcher_event(&Event::Apply(root.clone()));
            memory.arrived(&root);
        };
        let is_kept = || memory.lock().get("shop/app").is_some_and(|entry| entry.written.is_some());

        let old = stack("5", None);
        memory.wrote(&old, "7".to_owned(), status("1/1"), &stacks);
        arrive(stack("6", None));
        assert!(is_kept(), "an older version is not what was written");
        arrive(stack("7", Some("1/1")));
        assert!(!is_kept());
        let again = memory.latest(&old, &stacks);
        assert_eq!(summary(again).as_deref(), Some("1/1"), "a pass that was given the stack before it arrived");

        arrive(stack("9", Some("2/2")));
        memory.wrote(&old, "9".to_owned(), status("2/2"), &stacks);
        assert!(!is_kept(), "the watch was faster than the answer");
    }

    #[test]
    fn verification_is_due_after_the_interval_only() {
        let memory = Memory::default();
        assert!(!memory.is_verification_due(&stack("1", None), Duration::from_mins(1)));
        assert!(memory.is_verification_due(&stack("1", None), Duration::ZERO));
    }

    #[test]
    fn a_verification_stays_due_until_it_is_made() {
        let (memory, stack) = (Memory::default(), stack("1", None));
        let moment = Duration::from_millis(20);
        assert!(!memory.is_verification_due(&stack, Duration::from_mins(1)));
        std::thread::sleep(moment);
        assert!(memory.is_verification_due(&stack, moment));
        assert!(memory.is_verification_due(&stack, moment), "the pass failed");
        memory.verified(&stack);
        assert!(!memory.is_verification_due(&stack, Duration::from_mins(1)));
        memory.owe(&stack, Owed::ALL);
        assert_eq!(memory.owed(&stack), Owed::ALL);
    }
}
