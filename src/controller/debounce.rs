//! Waits a moment before a stack is looked at again: what changes together is answered together.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use futures::stream::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

/// How long a change waits for others of the same stack. The cluster's own controllers write the status of what they run
/// several times within moments, and each time costs a pass and a status that nobody could read.
pub(super) const MOMENT: Duration = Duration::from_millis(20);

/// Passes items on a moment after they came, and an item that comes again within that moment once. Unlike the delay of
/// the queue itself, it does not begin anew with each change: an item that comes all the time is passed on all the time.
pub(super) async fn debounced<T: Clone + Eq + Hash>(
    mut items: impl Stream<Item = T> + Unpin,
    moment: Duration,
    mut pass: impl FnMut(T) -> bool,
) {
    let mut waiting: HashSet<T> = HashSet::new();
    // All wait for the same time, so the first that came is the first to go.
    let mut due: VecDeque<(Instant, T)> = VecDeque::new();
    loop {
        let next = due.front().map(|(at, _)| *at);
        tokio::select! {
            item = items.next() => match item {
                Some(item) if waiting.insert(item.clone()) => due.push_back((Instant::now() + moment, item)),
                Some(_) => {}
                None => return,
            },
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                if let Some((_, item)) = due.pop_front() {
                    waiting.remove(&item);
                    if !pass(item) {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;

    use super::*;

    #[tokio::test]
    async fn what_comes_within_a_moment_is_passed_on_once_and_no_later_than_that() {
        let (sender, items) = mpsc::unbounded();
        let (out, passed) = mpsc::unbounded();
        let start = Instant::now();
        let moment = Duration::from_millis(200);
        let work = tokio::spawn(debounced(items, moment, move |item: &str| {
            out.unbounded_send((item, start.elapsed())).is_ok()
        }));
        for _ in 0..5 {
            sender.unbounded_send("a").unwrap();
            tokio::time::sleep(moment / 10).await;
        }
        sender.unbounded_send("b").unwrap();
        let mut passed = passed;
        let (first, at) = passed.next().await.unwrap();
        assert!(first == "a" && at >= moment && at < moment * 3 / 2, "{first} after {at:?}");
        // It was passed on, so that it comes again.
        sender.unbounded_send("a").unwrap();
        let (second, _) = passed.next().await.unwrap();
        let (third, at) = passed.next().await.unwrap();
        assert!(second == "b" && third == "a" && at >= moment * 2, "{second}, {third} after {at:?}");
        drop(sender);
        work.await.unwrap();
        assert!(passed.next().await.is_none());
    }
}
