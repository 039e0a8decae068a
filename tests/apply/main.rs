//! Applying plans to a real API server with the cluster's own controllers, without nodes.

mod plans;
mod stage;

mod creation;
mod jobs;
mod ordering;
mod ownership;
mod pruning;
mod status;
