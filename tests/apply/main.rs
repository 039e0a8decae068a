//! Applying plans to a real API server with the cluster's own controllers, without nodes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../harness/mod.rs"]
mod harness;
mod plans;
mod stage;

mod creation;
mod jobs;
mod kinds;
mod ordering;
mod ownership;
mod pruning;
mod rollouts;
mod status;
