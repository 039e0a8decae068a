//! ConfigMaps and Secrets with content of the project: immutable, and named by a hash of what they hold.
//!
//! A new content is a new name, so that pods roll, as Docker recreates containers whose configuration changed; a file
//! that is mounted by a subPath would never be refreshed otherwise. The hash is keyed, since a plain hash of a weak
//! password could be guessed.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::context::Context;
use super::dns_label::{shorten, slug};
use super::labels;
use super::notes::Notes;
use crate::keyed_hash::KeyedHash;

/// The most that a ConfigMap or a Secret may hold (`MaxSecretSize` in k8s.io/api/core/v1).
const MAX_BYTES: usize = 1_048_576;

/// The objects that were generated so far, by name; equal content is one object.
#[derive(Default)]
pub(super) struct Generated {
    pub(super) config_maps: BTreeMap<String, ConfigMap>,
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// Content by key.
pub(super) type Content = BTreeMap<String, Vec<u8>>;

impl Generated {
    /// Adds what was generated elsewhere.
    pub(super) fn append(&mut self, other: Self) {
        self.config_maps.extend(other.config_maps);
        self.secrets.extend(other.secrets);
    }

    /// Adds a ConfigMap and returns its name.
    pub(super) fn config_map(
        &mut self,
        context: &Context,
        name: &str,
        path: &str,
        entries: Content,
        notes: &mut Notes,
    ) -> String {
        check_size(path, &entries, notes);
        let name = object_name(context, name, &entries);
        let mut data = BTreeMap::new();
        let mut binary_data = BTreeMap::new();
        for (key, bytes) in entries {
            match String::from_utf8(bytes) {
                Ok(text) => {
                    data.insert(key, text);
                }
                Err(error) => {
                    binary_data.insert(key, ByteString(error.into_bytes()));
                }
            }
        }
        let object = ConfigMap {
            metadata: labels::stack_metadata(context, name.clone()),
            data: (!data.is_empty()).then_some(data),
            binary_data: (!binary_data.is_empty()).then_some(binary_data),
            immutable: Some(true),
        };
        self.config_maps.insert(name.clone(), object);
        name
    }

    /// Adds a Secret and returns its name.
    pub(super) fn secret(
        &mut self,
        context: &Context,
        name: &str,
        path: &str,
        entries: Content,
        notes: &mut Notes,
    ) -> String {
        check_size(path, &entries, notes);
        let name = object_name(context, name, &entries);
        let object = Secret {
            metadata: labels::stack_metadata(context, name.clone()),
            // Never stringData: the API server keeps keys that were removed from it (kubernetes/kubernetes#108008).
            data: Some(entries.into_iter().map(|(key, bytes)| (key, ByteString(bytes))).collect()),
            immutable: Some(true),
            type_: Some("Opaque".to_owned()),
            ..Secret::default()
        };
        self.secrets.insert(name.clone(), object);
        name
    }
}

fn object_name(context: &Context, name: &str, entries: &Content) -> String {
    let hash = keyed_hash(&context.stack.hash_key, entries);
    format!("{}-{}-{hash}", context.stack.name, shorten(&slug(name), 100))
}

fn check_size(path: &str, entries: &Content, notes: &mut Notes) {
    let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_BYTES {
        notes.error(
            path,
            "TooLarge",
            format!(
                "holds {bytes} bytes, and a ConfigMap or Secret at most {MAX_BYTES}: put the content into the image, \
                 or onto a volume"
            ),
        );
    }
}

/// Ten hexadecimal digits for the content.
fn keyed_hash(key: &[u8], entries: &Content) -> String {
    let mut hash = KeyedHash::new(key);
    for part in entries.iter().flat_map(|(key, value)| [key.as_bytes(), value]) {
        hash.part(part);
    }
    hash.digits(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(pairs: &[(&str, &str)]) -> Content {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn hash_depends_on_key_names_and_content() {
        let hash = |key: &str, pairs: &[(&str, &str)]| keyed_hash(key.as_bytes(), &content(pairs));
        let one = hash("k", &[("a", "bc")]);
        assert_eq!(one.len(), 10);
        assert_eq!(one, hash("k", &[("a", "bc")]));
        assert_ne!(one, hash("l", &[("a", "bc")]));
        assert_ne!(one, hash("k", &[("ab", "c")]));
        assert_ne!(one, hash(&"k".repeat(65), &[("a", "bc")]));
    }

    /// The same content has the same name in the next version, as Python's `hmac` makes it.
    #[test]
    fn a_hash_stays_what_it_is() {
        let binary = Content::from([("a.conf".to_owned(), b"one\n".to_vec()), ("b".to_owned(), vec![255, 0])]);
        assert_eq!(keyed_hash(b"key", &binary), "754985de25");
        assert_eq!(keyed_hash(&[b'k'; 65], &content(&[("a", "bc")])), "faa247c39f");
    }

    #[test]
    fn content_beyond_the_limit_is_an_error() {
        let mut notes = Notes::default();
        check_size("configs.big", &content(&[("big", &"x".repeat(MAX_BYTES))]), &mut notes);
        assert_eq!(notes.summary(), ["configs.big: Error"]);
    }
}
