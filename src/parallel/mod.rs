//! The same work on the parts of a list, on several processors.

use std::num::NonZeroUsize;
use std::sync::{OnceLock, mpsc};
use std::thread;

/// So few items are not worth a thread.
const FEW: usize = 64;

/// So many items of a sequence go from one thread to another at a time, and so many times the sequence may be ahead.
const BATCH: usize = 256;
const BATCHES: usize = 16;

/// How many threads there may be at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// The caller's own, and no other.
    #[default]
    One,
    /// One for each processor that the process may use.
    EachProcessor,
}

impl Threads {
    /// What the work makes of each part of a list, in the list's order.
    pub fn on_parts<'i, T: Sync, R: Send>(self, items: &'i [T], work: impl Fn(&'i [T]) -> R + Sync) -> Vec<R> {
        let most = items.len() / FEW;
        let parts = if most > 1 { self.count().min(most) } else { 1 };
        in_parts(parts, items, work)
    }

    /// What two pieces of work come to that need nothing of each other and are about so many items each.
    pub fn both<A, B: Send>(
        self,
        items: usize,
        here: impl FnOnce() -> A,
        elsewhere: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        if items < FEW || self.count() < 2 {
            return (here(), elsewhere());
        }
        thread::scope(|scope| {
            let elsewhere = scope.spawn(elsewhere);
            let here = here();
            (here, elsewhere.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Lets a sequence be made ahead of the work that takes its items.
    pub fn ahead<T: Send, R>(
        self,
        mut items: impl Iterator<Item = T> + Send,
        work: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
    ) -> R {
        if self.count() < 2 {
            return work(&mut items);
        }
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(BATCHES);
            scope.spawn(move || {
                loop {
                    let batch: Vec<T> = items.by_ref().take(BATCH).collect();
                    // Nobody takes the rest of the items if the work is done without them.
                    if batch.is_empty() || sender.send(batch).is_err() {
                        break;
                    }
                }
            });
            work(&mut receiver.into_iter().flatten())
        })
    }

    /// The system is asked only where it matters, and once: it reads several files for it.
    fn count(self) -> usize {
        static PROCESSORS: OnceLock<usize> = OnceLock::new();
        match self {
            Self::One => 1,
            Self::EachProcessor => {
                *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
            }
        }
    }
}

fn in_parts<'i, T: Sync, R: Send>(count: usize, items: &'i [T], work: impl Fn(&'i [T]) -> R + Sync) -> Vec<R> {
    if count < 2 {
        return vec![work(items)];
    }
    let work = &work;
    thread::scope(|scope| {
        let mut parts = items.chunks(items.len().div_ceil(count).max(1));
        let own = parts.next().unwrap_or_default();
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let mut done = vec![work(own)];
        for other in others {
            done.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_the_same_however_many_threads_there_are() {
        for length in [0, 1, 7, FEW, 5 * FEW + 3] {
            let items: Vec<usize> = (0..length).collect();
            for count in 0..5 {
                let parts = in_parts(count, &items, <[usize]>::to_vec);
                assert!(parts.len() <= count.max(1));
                assert_eq!(parts.concat(), items);
            }
            for threads in [Threads::One, Threads::EachProcessor] {
                assert_eq!(threads.on_parts(&items, <[usize]>::to_vec).concat(), items);
            }
        }
    }

    #[test]
    fn two_pieces_of_work_come_to_the_same_on_one_thread_and_on_two() {
        for items in [0, FEW] {
            for threads in [Threads::One, Threads::EachProcessor] {
                assert_eq!(threads.both(items, || "here", || "elsewhere"), ("here", "elsewhere"));
            }
        }
    }

    #[test]
    fn a_sequence_made_ahead_is_the_same_and_need_not_be_taken_to_its_end() {
        for length in [0, 1, BATCH, 3 * BATCH * BATCHES + 1] {
            for threads in [Threads::One, Threads::EachProcessor] {
                let whole: Vec<usize> = threads.ahead(0..length, |items| items.collect());
                assert!(whole.into_iter().eq(0..length));
                assert_eq!(threads.ahead(0..length, |items| items.next()), (0..length).next());
            }
        }
    }

    #[test]
    fn the_parts_are_worked_on_at_once() {
        let barrier = std::sync::Barrier::new(3);
        let parts = in_parts(3, &[0; 9], |part| {
            barrier.wait();
            part.len()
        });
        assert_eq!(parts, [3, 3, 3]);
    }
}
