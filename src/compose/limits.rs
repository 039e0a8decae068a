//! Bounds on hostile input, in one place.

/// The longest document or project file that is parsed, in bytes.
pub(super) const DOCUMENT_BYTES: usize = 16 << 20;
/// How deep mappings and lists may nest.
pub(super) const NESTING: usize = 128;
/// How many nodes aliases may add to one document.
pub(super) const ALIAS_NODES: usize = 250_000;
/// How deep includes may nest.
pub(super) const INCLUDE_DEPTH: usize = 32;
/// How many files a load may include in all.
pub(super) const INCLUDED_FILES: usize = 1_000;
/// How long a chain of `extends` may be.
pub(super) const EXTENDS_DEPTH: usize = 64;
/// The longest text that one interpolation may give, in bytes.
pub(super) const INTERPOLATED_BYTES: usize = 1 << 20;
/// What all interpolations of a load may give together, in bytes.
pub(super) const INTERPOLATED_TOTAL: usize = 32 << 20;
/// How deep defaults of variables may nest.
pub(super) const TEMPLATE_DEPTH: usize = 32;
