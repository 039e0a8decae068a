//! The Kubernetes API of the operator: what users write and read.

pub mod condition;
pub mod names;
pub mod v1alpha1;

pub use v1alpha1::{ComposeStack, ComposeStackSpec, ComposeStackStatus};
