//! The chart: what it renders, and what becomes of a release on a real node.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "../harness/mod.rs"]
mod harness;
mod helm;

mod install;
mod manifests;
mod monitoring;
mod pages;
mod render;
mod rights;
mod upgrade;
mod values;
