//! The loader against the reference implementation, which is asked through `tests/oracle/`: the project's own cases,
//! and documents that are generated from the schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../oracle_client/mod.rs"]
mod oracle_client;

mod cases;
mod compare;
mod ours;
mod schema;
