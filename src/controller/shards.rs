//! The shares into which the stacks are divided, and those that this process acts for.

use std::sync::atomic::{AtomicBool, Ordering};

use kube::{Client, ResourceExt};
use sha2::{Digest, Sha256};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::connection::resent;
use super::term::{Term, fenced};

/// All shards. A stack belongs to one of them, by its namespace and name.
pub(super) struct Shards {
    all: Vec<Shard>,
    closing: AtomicBool,
}

/// A share of the stacks.
pub(super) struct Shard {
    /// Whether passes may begin.
    open: AtomicBool,
    /// Held for reading by every running pass, so that the end can wait for them.
    running: RwLock<()>,
    /// How long this process may act for the shard.
    pub(super) term: Term,
    /// The client for all that is written about its stacks: it sends no write when the term is over.
    pub(super) client: Client,
}

impl Shards {
    /// One shard of all stacks, for a process that need not agree with others.
    pub(super) fn whole(client: Client) -> Self {
        let shard = Shard { open: true.into(), running: RwLock::default(), term: Term::none(), client };
        Self { all: vec![shard], closing: false.into() }
    }

    /// Shards that have to be acquired.
    pub(super) fn elected(count: u16, client: &Client, namespace: &str) -> Self {
        let shard = |_| {
            let term = Term::none();
            let client = resent(fenced(client.clone(), term.clone(), namespace), namespace);
            Shard { open: false.into(), running: RwLock::default(), term, client }
        };
        Self { all: (0..count.max(1)).map(shard).collect(), closing: false.into() }
    }

    /// All of them, by their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Shard)> {
        (0..).zip(&self.all)
    }

    /// The shard of this number.
    pub(super) fn get(&self, number: u16) -> Option<&Shard> {
        self.all.get(usize::from(number))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.all.len()).unwrap_or(u16::MAX)
    }

    /// How many this process acts for.
    pub(super) fn open(&self) -> u16 {
        self.iter().map(|(_, shard)| u16::from(shard.is_open())).sum()
    }

    /// The shard that a stack belongs to.
    pub(super) fn of(&self, stack: &impl ResourceExt) -> &Shard {
        &self.all[usize::from(self.number(stack))]
    }

    /// The number of the shard that a stack belongs to.
    pub(super) fn number(&self, stack: &impl ResourceExt) -> u16 {
        number(&stack.namespace().unwrap_or_default(), &stack.name_any(), self.count())
    }

    /// Whether this process is about to end, and takes no further shard.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Waits for all running passes; none begins for as long as the answer is kept.
    pub(super) async fn close(&self) -> Vec<RwLockWriteGuard<'_, ()>> {
        self.closing.store(true, Ordering::SeqCst);
        let mut closed = Vec::new();
        for shard in &self.all {
            closed.push(shard.running.write().await);
        }
        closed
    }
}

impl Shard {
    /// Begins a pass: nothing when this process does not act for the shard. The shard is not given up before the answer is
    /// dropped.
    pub(super) async fn begin(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let running = self.running.read().await;
        self.is_open().then_some(running)
    }

    /// Whether passes may begin.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Lets passes begin, or none any more.
    pub(super) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
    }

    /// Whether no pass runs any more.
    pub(super) fn is_idle(&self) -> bool {
        self.running.try_write().is_ok()
    }
}

/// The number of a stack's shard: the same in every process and every version of the operator.
fn number(namespace: &str, name: &str, count: u16) -> u16 {
    let hash = Sha256::digest(format!("{namespace}/{name}"));
    let hash = hash.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    u16::try_from(hash % u64::from(count)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_are_spread_evenly_and_always_in_the_same_way() {
        assert_eq!(number("shop", "web", 1), 0);
        assert_eq!([number("shop", "web", 4), number("shop", "db", 4), number("blog", "web", 4)], [2, 1, 1]);
        let mut counts = [0_u32; 4];
        for stack in 0..1000 {
            counts[usize::from(number(&format!("team-{}", stack % 50), &format!("app-{stack}"), 4))] += 1;
        }
        assert!(counts.iter().all(|count| (200..300).contains(count)), "{counts:?}");
    }

    #[tokio::test]
    async fn a_shard_is_given_up_when_no_pass_runs() {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::empty()))
        });
        let shards = Shards::elected(2, &Client::new(service, "default"), "default");
        let shard = shards.get(1).unwrap();
        assert!(shard.begin().await.is_none(), "nobody acts for it yet");
        shard.set_open(true);
        assert_eq!(shards.open(), 1);
        let pass = shard.begin().await;
        assert!(pass.is_some() && !shard.is_idle());
        shard.set_open(false);
        assert!(!shard.is_idle(), "the pass goes on");
        drop(pass);
        assert!(shard.is_idle() && shard.begin().await.is_none());
    }
}
