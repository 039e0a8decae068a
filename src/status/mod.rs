//! The status of a stack: what a pass came to, written when it differs from what is there.

mod next;
mod write;

pub use next::{Finding, Pass, next, until_late};
pub use write::write_if_changed;
