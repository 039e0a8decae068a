//! Keyed hashes of objects.

use std::fmt;

use serde_json::Value;

use crate::keyed_hash::KeyedHash;

/// Half of SHA-256, in hexadecimal digits: nobody gains by a collision with an object of their own.
const DIGITS: usize = 32;

/// The key of an installation.
#[derive(Clone)]
pub struct HashKey(KeyedHash);

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

impl HashKey {
    /// A key of any length.
    pub fn new(key: &[u8]) -> Self {
        Self(KeyedHash::with_digest_of(key))
    }

    /// Begins a hash.
    pub(super) fn begin(&self) -> Hasher {
        Hasher(self.0.clone())
    }

    /// The hash of a value.
    pub(super) fn of(&self, value: &Value) -> String {
        let mut hasher = self.begin();
        hasher.value(value);
        hasher.finish()
    }
}

/// A hash that is being made. Everything is written with its kind and length, so that no two inputs run together.
pub(super) struct Hasher(KeyedHash);

impl Hasher {
    pub(super) fn text(&mut self, text: &str) {
        self.0.bytes(b"s");
        self.0.part(text.as_bytes());
    }

    pub(super) fn absent(&mut self) {
        self.0.bytes(b"-");
    }

    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.bytes(b"n"),
            Value::Bool(true) => self.0.bytes(b"t"),
            Value::Bool(false) => self.0.bytes(b"f"),
            Value::Number(number) => {
                self.0.bytes(b"#");
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
        self.0.digits(DIGITS)
    }

    fn tag(&mut self, kind: u8, length: usize) {
        self.0.bytes(&[kind]);
        self.0.length(length);
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

    /// What was applied by one version is taken for unchanged by the next: the hashes are as Python's `hmac` makes them.
    #[test]
    fn a_hash_stays_what_it_is() {
        let key = HashKey::new(b"key");
        let value = json!({"b": {}, "a": [null, true, false, 1.5, "x"]});
        assert_eq!(key.of(&value), "ac02dd2cc04248f3996112191a0e301c");
        let mut hasher = key.begin();
        hasher.text("f:x");
        hasher.absent();
        assert_eq!(hasher.finish(), "6bc980c88e060d58aeafcd148790118d");
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", HashKey::new(b"hunter2")), "HashKey(***)");
    }
}
