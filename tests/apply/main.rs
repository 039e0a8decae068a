//! Applying plans to a real API server with the cluster's own controllers, without nodes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod plans;
mod stage;

mod creation;
mod jobs;
mod ordering;
mod ownership;
mod pruning;
mod status;
