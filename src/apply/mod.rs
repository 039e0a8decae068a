//! Brings the cluster to what a [`Plan`] says: creates, changes, repairs and prunes, and tells how far it is.
//!
//! A pass never waits. What has to wait is returned, and the watches that fill the [`LiveStore`] bring the stack back
//! when it is time. A stack that has converged costs no request at all.
//!
//! Nothing here knows of Compose.

mod addresses;
mod bring;
mod error;
mod gate;
mod hash;
mod held_up;
mod history;
mod inventory;
mod kind;
mod live;
mod look;
mod outcome;
mod owned;
mod packed;
mod pass;
mod pod;
mod prune;
mod quantity;
mod readiness;
mod record;
mod report;
mod reports;
mod rollout;
mod seeding;
mod send;
mod standing;
mod view;
mod wanted;
mod watch;

pub use addresses::addresses;
pub use error::{ApplyError, Category, Class};
pub use hash::HashKey;
pub use inventory::{announced, is_applied};
pub use kind::Kind;
pub use live::{Feed, LiveStore, Observed, OwnerRef, StackRef, is_older};
pub use outcome::{Action, Change, Conflict, Outcome};
pub use packed::Packed;
pub use pod::{Ended, PodFacts};
pub use readiness::{ClaimFacts, Facts, JobFacts, Progress, Replicas, ServiceFacts};
pub use record::{Applied, Record, RolledBack};
pub use reports::{ReportFeed, VulnerabilityReport};
pub use seeding::{claims, shared_claims};
pub use watch::changes;

use kube::Client;

use self::pass::Pass;
use self::send::Sender;
use crate::api::v1alpha1::InventoryEntry;
use crate::translate::Plan;

/// The stack that children belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
}

/// Applies plans of one stack.
#[derive(Clone)]
pub struct Applier<'a> {
    client: &'a Client,
    live: &'a LiveStore,
    owner: &'a Owner,
}

/// What a pass is to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What is to be in the cluster.
    pub plan: &'a Plan,
    /// What the last pass left, from the status.
    pub inventory: &'a [InventoryEntry],
    /// Whether objects that left the plan are deleted.
    pub prune: bool,
    /// Whether claims outlive the stack: then those that left the plan do too, whatever was asked for when they were made.
    pub retain: bool,
    /// Whether what is not watched is read and compared too.
    pub verify: bool,
    /// Whether a former pass over the same plan has found that no name of it is somebody else's.
    pub looked: bool,
}

impl<'a> Applier<'a> {
    /// Applies with this client, which acts as the stack's identity.
    pub fn new(client: &'a Client, live: &'a LiveStore, owner: &'a Owner) -> Self {
        Self { client, live, owner }
    }

    /// Makes one pass.
    pub async fn apply(&self, request: Request<'_>) -> Outcome {
        let sender = Sender { client: self.client, live: self.live, owner: self.owner };
        Pass::new(sender, request).run().await
    }
}
