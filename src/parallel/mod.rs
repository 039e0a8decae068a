//! The same work on the parts of a list, on several processors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, mpsc};

use rayon::ThreadPoolBuilder;
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// So few items are not worth a thread.
const FEW: usize = 64;

/// So many items of a sequence go from one thread to another at a time, for each hand-over costs some 40 us. Another such batch may
/// wait.
const BATCH: usize = 1536;
const BATCHES: usize = 1;

/// How many threads there may be at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// The caller's own, and no other.
    #[default]
    One,
    /// One for each processor that the process may use; the caller's own is among them after [`have_main_thread_work`], and
    /// besides them otherwise.
    EachProcessor,
}

/// Whether the thread that asks for others does a share of their work.
static ASKER_WORKS: AtomicBool = AtomicBool::new(false);

/// Has the main thread work as one of those that there are for each processor. To be called by programs that ask for them on
/// that thread alone, which does not end before they do: it saves a thread, its memory, and the way there and back.
pub fn have_main_thread_work() {
    ASKER_WORKS.store(true, Ordering::Relaxed);
}

/// Starts the threads, if they are not there yet.
fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        if ASKER_WORKS.load(Ordering::Relaxed) {
            // It fails where there are such threads already, with which all goes on as well.
            let _ = ThreadPoolBuilder::new().use_current_thread().build_global();
        }
    });
}

impl Threads {
    /// What the work makes of each part of a list, in the list's order. A part has so many items, and the last one what is
    /// left.
    pub fn on_parts<'i, T: Sync, R: Send>(
        self,
        size: usize,
        items: &'i [T],
        work: impl Fn(&'i [T]) -> R + Sync,
    ) -> Vec<R> {
        let work: &(dyn Fn(&'i [T]) -> R + Sync) = &work;
        if self.are_several_for(items.len()) {
            items.par_chunks(size).with_max_len(1).map(work).collect()
        } else {
            items.chunks(size).map(work).collect()
        }
    }

    /// The same for work that changes the items.
    pub fn on_parts_mut<'i, T: Send, R: Send>(
        self,
        size: usize,
        items: &'i mut [T],
        work: impl Fn(&'i mut [T]) -> R + Sync,
    ) -> Vec<R> {
        let work: &(dyn Fn(&'i mut [T]) -> R + Sync) = &work;
        if self.are_several_for(items.len()) {
            items.par_chunks_mut(size).with_max_len(1).map(work).collect()
        } else {
            items.chunks_mut(size).map(work).collect()
        }
    }

    /// What two pieces of work come to that need nothing of each other and are about so many items each.
    pub fn both<A: Send, B: Send>(
        self,
        items: usize,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        if self.are_several_for(items) { rayon::join(|| run(first), || run(second)) } else { (run(first), run(second)) }
    }

    /// Lets a sequence be made ahead of the work that takes its items.
    pub fn ahead<T: Send, R>(
        self,
        mut items: impl Iterator<Item = T> + Send,
        work: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
    ) -> R {
        if !self.are_several() {
            return run_on(&mut items, work);
        }
        rayon::in_place_scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(BATCHES);
            scope.spawn(move |_| {
                loop {
                    let mut batch = Vec::with_capacity(BATCH);
                    batch.extend(items.by_ref().take(BATCH));
                    // Nobody takes the rest of the items if the work is done without them.
                    if batch.is_empty() || sender.send(batch).is_err() {
                        break;
                    }
                }
            });
            run_on(&mut receiver.into_iter().flatten(), work)
        })
    }

    /// Whether so many items are worth several threads, and there are such.
    pub fn are_several_for(self, items: usize) -> bool {
        items >= FEW && self.are_several()
    }

    /// To ask how many there are starts them.
    fn are_several(self) -> bool {
        self == Self::EachProcessor && {
            start();
            rayon::current_num_threads() > 1
        }
    }
}

/// There is one copy of the work in the program, for the pool and for the caller's thread: what small projects need is not to
/// be spread among what large ones do, for each page of the program that is looked at takes memory.
#[inline(never)]
fn run<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The same for work on a sequence.
#[inline(never)]
fn run_on<T, R>(items: &mut dyn Iterator<Item = T>, work: impl FnOnce(&mut dyn Iterator<Item = T>) -> R) -> R {
    work(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_the_same_however_many_threads_there_are() {
        for length in [0, 1, 7, FEW, 5 * FEW + 3] {
            let items: Vec<usize> = (0..length).collect();
            for (size, threads) in [(1, Threads::One), (5, Threads::EachProcessor), (FEW, Threads::EachProcessor)] {
                let parts = threads.on_parts(size, &items, <[usize]>::to_vec);
                assert_eq!(parts.len(), length.div_ceil(size));
                assert_eq!(parts.concat(), items);
                let mut changed = items.clone();
                let parts = threads.on_parts_mut(size, &mut changed, |part| {
                    for item in part.iter_mut() {
                        *item += 1;
                    }
                    part.to_vec()
                });
                assert_eq!(parts.concat(), changed);
                assert!(changed.iter().zip(&items).all(|(changed, item)| *changed == item + 1));
            }
        }
    }

    #[test]
    fn two_pieces_of_work_come_to_the_same_on_one_thread_and_on_two() {
        for items in [0, FEW] {
            for threads in [Threads::One, Threads::EachProcessor] {
                assert_eq!(threads.both(items, || "first", || "second"), ("first", "second"));
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
        // With one processor there is one thread, and nothing to see.
        if !Threads::EachProcessor.are_several() {
            return;
        }
        let both = std::sync::Barrier::new(2);
        let wait = |part: &[i32]| {
            if part[0] < 2 {
                both.wait();
            }
            part.len()
        };
        let items: Vec<i32> = (0..128).collect();
        assert_eq!(Threads::EachProcessor.on_parts(1, &items, wait), [1; 128]);
    }
}
