//! Registries that did not answer lately. Waiting for one takes a place among those who repair, so one that is gone is
//! not waited for again in each pass.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a registry is left alone that did not answer once. It doubles each time.
const FIRST: Duration = Duration::from_secs(15);
/// How long it is left alone at most.
const LAST: Duration = Duration::from_mins(5);
/// How many registries are remembered. Stacks name them, so there may be any number.
const REMEMBERED: usize = 256;

/// The registries that did not answer when they were asked last, by their hosts.
#[derive(Debug, Default)]
pub(super) struct Silent(Mutex<HashMap<String, Pause>>);

#[derive(Debug)]
struct Pause {
    length: Duration,
    end: Instant,
}

impl Silent {
    /// Whether a registry is to be left alone now.
    pub(super) fn is_paused(&self, host: &str, now: Instant) -> bool {
        self.lock().get(host).is_some_and(|pause| now < pause.end)
    }

    /// It did not answer. What was asked before the pause began does not lengthen it.
    pub(super) fn failed(&self, host: &str, now: Instant) {
        let mut paused = self.lock();
        if paused.len() >= REMEMBERED && !paused.contains_key(host) {
            paused.clear();
        }
        let length = match paused.get(host) {
            Some(pause) if now < pause.end => return,
            Some(pause) => pause.length.saturating_mul(2).min(LAST),
            None => FIRST,
        };
        paused.insert(host.to_owned(), Pause { length, end: now + length });
    }

    /// It answered.
    pub(super) fn answered(&self, host: &str) {
        self.lock().remove(host);
    }

    // A poisoned lock is taken over: entries are replaced whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_each_failure_after_it_and_ends_with_an_answer() {
        let (silent, mut now) = (Silent::default(), Instant::now());
        let second = Duration::from_secs(1);
        for length in [15, 30, 60, 120, 240, 300, 300] {
            assert!(!silent.is_paused("a", now));
            silent.failed("a", now);
            silent.failed("a", now + second);
            assert!(silent.is_paused("a", now + second * (length - 1)), "{length}");
            assert!(!silent.is_paused("b", now));
            now += second * length;
        }
        silent.failed("a", now);
        silent.answered("a");
        assert!(!silent.is_paused("a", now));
        silent.failed("a", now);
        assert!(!silent.is_paused("a", now + FIRST));
        (0..1000).for_each(|host| silent.failed(&host.to_string(), now));
        assert!(silent.lock().len() <= REMEMBERED);
    }
}
