//! The loader against the reference implementation, which is asked through `tests/oracle/`: the project's own cases,
//! and documents that are generated from the schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../corpus/difference.rs"]
mod difference;
#[path = "../oracle_client/mod.rs"]
mod oracle_client;

mod attributes;
mod cases;
mod compare;
mod coverage;
mod dress;
mod faults;
mod generate;
mod ours;
mod planted;
mod project;
mod property;
mod random;
mod schema;
mod shrink;
mod values;
mod yaml;
