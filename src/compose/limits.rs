//! Bounds on hostile input, in one place.

/// What one load may take: what it is given, and what it makes of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest document, in bytes.
    pub document_bytes: usize,
    /// How many values, keys among them, one document may have.
    pub document_values: usize,
    /// What a load may make of its documents in all, in bytes as it estimates them: their values, what aliases,
    /// variables, ranges of ports, included and extended files add, and the paths of all.
    pub made_bytes: usize,
    /// How much more it may make for each byte of its documents.
    pub made_per_byte: usize,
}

impl Limits {
    /// For people's own files on their own machine: a long document may become a large project, and yet a short one
    /// may not grow out of all proportion.
    pub const LOCAL: Self =
        Self { document_bytes: 4 << 20, document_values: 600_000, made_bytes: 24 << 20, made_per_byte: 96 };
}

/// For documents of strangers, many of which one process may load: some 1,600 services of a usual size fit, and the
/// API server takes no larger object.
impl Default for Limits {
    fn default() -> Self {
        Self { document_bytes: 1 << 20, document_values: 150_000, made_bytes: 24 << 20, made_per_byte: 0 }
    }
}

/// The longest file of variables, and the most that its values may grow to, in bytes.
pub(super) const ENV_FILE_BYTES: usize = 1 << 20;
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
