//! What a pass did and found.

use std::fmt;
use std::time::Duration;

use super::error::{ApplyError, Class};
use super::kind::Kind;
use crate::api::v1alpha1::{InventoryEntry, ServiceStatus, VolumeStatus};

/// What a pass did and found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What was sent, in order; empty when nothing had to be.
    pub changes: Vec<Change>,
    /// The stack's objects, for the status: the next pass is given them.
    pub inventory: Vec<InventoryEntry>,
    /// Each service, by name.
    pub services: Vec<ServiceStatus>,
    /// Each named volume, by name.
    pub volumes: Vec<VolumeStatus>,
    /// What is waited for, such as `web waits for db: service_healthy, 0/1 ready`. The watches tell when it comes.
    pub waiting: Vec<String>,
    /// The workloads that gave up, and why.
    pub failed: Vec<String>,
    /// The workloads that went back from an update that failed, and why.
    pub rolled_back: Vec<String>,
    /// When there is something to be seen that no watch tells of.
    pub again: Option<Duration>,
    /// The claims of volumes that are no longer in the document: data is never pruned.
    pub left_claims: Vec<String>,
    /// The same that still belong to the stack: who deletes it, deletes them.
    pub owned_claims: Vec<String>,
    /// The names that others hold. Nothing was sent.
    pub conflicts: Vec<Conflict>,
    /// What went wrong.
    pub errors: Vec<ApplyError>,
    /// The namespace is being deleted: there is nothing to do and nobody to tell.
    pub terminating: bool,
}

impl Outcome {
    /// Whether something went wrong that is tried again by itself.
    pub fn is_retried(&self) -> bool {
        self.errors.iter().any(|error| error.class != Class::Terminal)
    }
}

/// Something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The child's kind.
    pub kind: Kind,
    /// The child's name.
    pub name: String,
    /// What was done.
    pub action: Action,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.name, self.action.as_str())
    }
}

/// What is done with a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It was not there.
    Created,
    /// The stack says something new.
    Configured,
    /// Somebody had changed it.
    Repaired,
    /// An update of it failed, and it is as it was before.
    Reverted,
    /// It was deleted to be made anew, for what changed is immutable.
    Replaced,
    /// It left the stack.
    Pruned,
}

impl Action {
    /// The word for events and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Repaired => "repaired",
            Self::Reverted => "reverted",
            Self::Replaced => "replaced",
            Self::Pruned => "pruned",
        }
    }
}

/// A name that somebody else holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The kind of the object.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub reason: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.name, self.reason)
    }
}
