//! Bounds on hostile input, in one place.

/// The longest document or file of variables that is parsed, in bytes. The API server takes no larger object.
pub(super) const DOCUMENT_BYTES: usize = 1 << 20;
/// What a load may make of its documents in all, in bytes as the counts below have it: their values, what aliases,
/// variables, ranges of ports, included and extended files add, and the paths of all. Some 1,600 services of a
/// usual size fit.
pub(super) const MADE_BYTES: usize = 24 << 20;
/// What a value counts for besides its text and its path.
pub(super) const NODE_BYTES: usize = 96;
/// What a mapping counts for besides its values, for even a small one takes room for many.
pub(super) const MAP_BYTES: usize = 600;
/// What a value of a mapping counts for besides what it would count for in a list.
pub(super) const ENTRY_BYTES: usize = 64;
/// What a variable of a file counts for besides its text: as much time as room.
pub(super) const VARIABLE_BYTES: usize = 450;
/// What the typed form of a service or job counts for.
pub(super) const SERVICE_BYTES: usize = 4_000;
/// How many values one text may have.
pub(super) const DOCUMENT_NODES: usize = 150_000;
/// How deep mappings and lists may nest.
pub(super) const NESTING: usize = 128;
/// How deep includes may nest.
pub(super) const INCLUDE_DEPTH: usize = 32;
/// How many files a load may include and extend from in all.
pub(super) const FILES: usize = 500;
/// How long a chain of `extends` may be.
pub(super) const EXTENDS_DEPTH: usize = 64;
/// The longest text that one interpolation may give, in bytes.
pub(super) const INTERPOLATED_BYTES: usize = 1 << 20;
/// How deep defaults of variables may nest.
pub(super) const TEMPLATE_DEPTH: usize = 32;
/// How many diagnostics of a load are shown.
pub(super) const DIAGNOSTICS: usize = 500;
