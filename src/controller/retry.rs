//! When a stack that failed is tried again: the queue tells no number of attempts, so they are counted here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
/// How long the watch is given to bring a stack that changed during a pass. Where it does not, or somebody changes the stack
/// in every pass, or the API server says so to whatever is written, the next pause is longer.
const OVERTAKEN: Duration = Duration::from_millis(200);
/// What an API server that was gone for an hour leaves behind is made good within this time.
const LAST: Duration = Duration::from_mins(1);

/// Failed attempts in a row, by stack.
#[derive(Debug, Default)]
pub(super) struct Retries(Mutex<HashMap<String, u32>>);

impl Retries {
    /// How long to wait after one more failure: a second, doubled each time, a minute at most.
    pub(super) fn failed(&self, stack: &str) -> Duration {
        self.after(stack, FIRST)
    }

    /// The same after a pass during which the stack changed: hardly at all, the first time.
    pub(super) fn overtaken(&self, stack: &str) -> Duration {
        self.after(stack, OVERTAKEN)
    }

    fn after(&self, stack: &str, first: Duration) -> Duration {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.entry(stack.to_owned()).or_insert(0);
        let delay = first.saturating_mul(1 << (*count).min(16)).min(LAST);
        *count += 1;
        delay
    }

    /// Forgets the failures of a stack that went well, or that is gone.
    pub(super) fn succeeded(&self, stack: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stack);
    }
}

/// An interval shortened or lengthened by up to a tenth, so that the stacks of a restarted operator do not come
/// back all at once for ever. The same stack always gets the same share: nothing has to be drawn.
pub(super) fn jittered(interval: Duration, stack: &str) -> Duration {
    let spread = stack.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))) % 2001;
    interval * 9 / 10 + interval.mul_f64(0.2) * u32::try_from(spread).unwrap_or(0) / 2000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_start_anew_after_a_success() {
        let retries = Retries::default();
        let waits: Vec<u64> = (0..12).map(|_| retries.failed("a").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
        assert_eq!(retries.failed("b").as_secs(), 1);
        retries.succeeded("a");
        assert_eq!(retries.failed("a").as_secs(), 1);
    }

    #[test]
    fn a_stack_that_is_overtaken_again_and_again_waits_longer_too() {
        let retries = Retries::default();
        let waits: Vec<u128> = (0..11).map(|_| retries.overtaken("a").as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        assert_eq!(retries.failed("a"), LAST, "they are failures in a row, of whichever kind");
        assert_eq!(retries.overtaken("b").as_millis(), 200);
    }

    /// The pauses are the library's: half a minute at most, and up to as much again by chance.
    #[test]
    fn a_broken_watch_is_tried_again_within_a_minute() {
        let pauses: Vec<Duration> = kube::runtime::watcher::DefaultBackoff::default().take(200).collect();
        assert_eq!(pauses.len(), 200, "it never gives up");
        assert!(pauses.iter().all(|pause| *pause <= LAST), "{pauses:?}");
    }

    #[test]
    fn an_interval_stays_within_a_tenth() {
        let hour = Duration::from_hours(1);
        let waits: Vec<Duration> = (0..200).map(|n| jittered(hour, &format!("uid-{n}"))).collect();
        assert!(waits.iter().all(|wait| *wait >= hour * 9 / 10 && *wait <= hour * 11 / 10));
        assert!(waits.iter().collect::<std::collections::HashSet<_>>().len() > 100);
    }
}
