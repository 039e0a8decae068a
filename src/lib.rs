//! compose-operator runs Docker Compose applications on Kubernetes.
//!
//! Data flows one way, and each step knows only what the one before it produced:
//!
//! ```text
//! ComposeStack ─► source ─► compose ─► translate ─► policy ─► apply ─► status
//!                (IO in)    (pure)     (pure)      (pure)   (IO out)  (pure + one write)
//! ```
//!
//! [`controller`] drives the flow for every stack, [`client`] holds the commands that people run, [`telemetry`] says where
//! logs and traces go.
#![forbid(unsafe_code)]

pub mod api;
pub mod apply;
pub mod client;
pub mod compose;
pub mod controller;
mod keyed_hash;
pub mod parallel;
pub mod policy;
pub mod seed;
pub mod source;
pub mod status;
pub mod telemetry;
pub mod translate;
pub mod yaml;
