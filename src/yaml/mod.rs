//! Values as YAML in blocks, written as they are walked, without a tree in between.
//!
//! Two programs set the style: Docker Compose (go-yaml) that of projects, and kubectl's habits that of Kubernetes
//! objects. A [`Style`] holds what differs between them.

mod key;
mod kubernetes;
mod serializer;

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::ser::{Error as _, Serialize};

pub(crate) use key::KeyWriter;
pub use kubernetes::Kubernetes;
use serializer::{Place, Writer};

/// Why a value has no text form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WriteError(String);

impl serde::ser::Error for WriteError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// How a program writes YAML.
pub trait Style {
    /// Whether the items of a list stand further to the right than the key that the list belongs to.
    const ITEMS_INDENTED: bool;
    /// A key longer than this, in bytes, stands after a question mark.
    const LONGEST_KEY: usize;

    /// The name of a type's field, as it is written.
    fn field(name: &'static str) -> Cow<'static, str>;
    /// Whether an entry is put into the order of its mapping's keys; the others stay as they come, before those. A
    /// mapping is free when its keys were chosen by the user.
    fn is_sorted(key: &str, free: bool) -> bool;
    /// The order of keys.
    fn compare(a: &str, b: &str) -> Ordering;
    /// Appends a key.
    fn key(out: &mut String, key: &str);
    /// Appends a text, whose further lines are indented by so many spaces.
    fn text(out: &mut String, text: &str, indent: usize);
    /// Appends a number of double precision.
    fn double(out: &mut String, value: f64);
    /// Appends a number of single precision.
    fn single(out: &mut String, value: f32);
}

/// A value as a YAML document, which ends with a line feed.
///
/// # Errors
/// When it holds something that has no form in YAML, such as a key that is no text.
pub fn to_string<S: Style>(value: &(impl Serialize + ?Sized)) -> Result<String, WriteError> {
    let mut out = Out::default();
    append::<S>(&mut out, value)?;
    Ok(out.text)
}

/// Appends a value as a YAML document.
///
/// # Errors
/// As [`to_string`].
pub fn append<S: Style>(out: &mut Out, value: &(impl Serialize + ?Sized)) -> Result<(), WriteError> {
    value.serialize(Writer::<S>::new(out, 0, Place::Root))
}

/// A text under way, with the room that mappings need to sort themselves.
#[derive(Debug, Default)]
pub struct Out {
    /// What is written.
    pub text: String,
    /// The keys of the open mappings' entries to sort, one after the other.
    keys: String,
    /// The open mappings' entries to sort, those of the innermost last.
    entries: Vec<Entry>,
}

/// Where an entry to sort begins and ends, and where its key ends; that begins where the one before ends.
#[derive(Debug)]
struct Entry {
    key: usize,
    start: usize,
    end: usize,
}

fn unsupported<T>(what: &str) -> Result<T, WriteError> {
    Err(WriteError::custom(format!("{what} has no form in YAML")))
}
