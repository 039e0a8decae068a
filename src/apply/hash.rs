//! Keyed hashes of objects. They are shown in annotations and in the status, where people read them who may not read
//! Secrets, and the plain hash of a weak password can be guessed.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Half of SHA-256: nobody gains by a collision with an object of their own.
const BYTES: usize = 16;

/// The key of an installation.
#[derive(Clone)]
pub struct HashKey([u8; 32]);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

impl HashKey {
    /// A key of any length.
    pub fn new(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Begins a hash.
    pub(super) fn begin(&self) -> Hasher {
        // HMAC pads keys shorter than a block with zeros.
        let mut block = [0; 64];
        block[..self.0.len()].copy_from_slice(&self.0);
        Hasher(Hmac::new(&block.into()))
    }

    /// The hash of a value.
    pub(super) fn of(&self, value: &Value) -> String {
        let mut hasher = self.begin();
        hasher.value(value);
        hasher.finish()
    }
}

/// A hash that is being made. Everything is written with its kind and length, so that no two inputs run together.
pub(super) struct Hasher(Hmac<Sha256>);

impl Hasher {
    pub(super) fn text(&mut self, text: &str) {
        self.tag(b's', text.len());
        self.0.update(text.as_bytes());
    }

    pub(super) fn absent(&mut self) {
        self.0.update(b"-");
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.update(b"n"),
            Value::Bool(true) => self.0.update(b"t"),
            Value::Bool(false) => self.0.update(b"f"),
            Value::Number(number) => {
                self.0.update(b"#");
                self.text(&number.to_string());
            }
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.tag(b'a', items.len());
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(fields) => {
                self.tag(b'o', fields.len());
                // The map keeps the order of insertion when some crate of the graph asks serde_json for it.
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| *name);
                for (name, field) in fields {
                    self.text(name);
                    self.value(field);
                }
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.0.finalize().into_bytes()[..BYTES].iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
            use fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn tag(&mut self, kind: u8, length: usize) {
        self.0.update(&[kind]);
        self.0.update(&(length as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_fields_is_no_difference_and_the_key_is() {
        let key = HashKey::new(b"one");
        assert_eq!(key.of(&json!({"a": 1, "b": [true]})), key.of(&json!({"b": [true], "a": 1})));
        assert_ne!(key.of(&json!({"a": 1})), key.of(&json!({"a": 2})));
        assert_ne!(key.of(&json!(["ab"])), key.of(&json!(["a", "b"])));
        assert_ne!(key.of(&json!({"a": 1})), HashKey::new(b"two").of(&json!({"a": 1})));
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", HashKey::new(b"hunter2")), "HashKey(***)");
    }
}
