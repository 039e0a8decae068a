//! Hashes that tell whether something changed, and from which nothing can be guessed: they are shown in names, annotations
//! and the status, where people read them who may not read Secrets, and the plain hash of a weak password can be guessed.
//!
//! Names of objects and records in their annotations are made of them: another hash for the same input would restart every
//! pod of every cluster.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// A block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// An HMAC-SHA256 that is being made. Cloned before anything is fed, it makes many with one key.
#[derive(Clone)]
pub(crate) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// With a key of any length (RFC 2104, section 2): a longer one than a block is hashed, a shorter one is filled up with
    /// zeros.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if let Some(start) = block.get_mut(..key.len()) {
            start.copy_from_slice(key);
        } else {
            block[..32].copy_from_slice(&Sha256::digest(key));
        }
        Self(Hmac::new(&block.into()))
    }

    /// With the SHA-256 of a key in the key's place, so that it has nothing in common with [`KeyedHash::new`]'s.
    pub(crate) fn with_digest_of(key: &[u8]) -> Self {
        Self::new(&Sha256::digest(key))
    }

    /// Feeds a part behind its length, so that no two different lists of parts feed the same bytes.
    pub(crate) fn part(&mut self, part: &[u8]) {
        self.length(part.len());
        self.bytes(part);
    }

    /// Feeds a length.
    pub(crate) fn length(&mut self, length: usize) {
        self.bytes(&(length as u64).to_be_bytes());
    }

    /// Feeds bytes as they are: whoever feeds them sees to it that they cannot be taken for others.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The first hexadecimal digits, 64 at most.
    pub(crate) fn digits(self, count: usize) -> String {
        let halves = self.0.finalize().into_bytes().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
        halves.take(count).filter_map(|half| char::from_digit(half.into(), 16)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `hmac` makes of the same bytes.
    #[test]
    fn it_is_the_hmac_that_others_make() {
        let hash = |mut hash: KeyedHash, parts: &[&str]| {
            for part in parts {
                hash.part(part.as_bytes());
            }
            hash.digits(16)
        };
        assert_eq!(hash(KeyedHash::new(b"key"), &["ab", "c"]), "6792a685701881d3");
        assert_eq!(hash(KeyedHash::new(&[b'k'; 65]), &["ab"]), "10208e24227d2828");
        assert_eq!(hash(KeyedHash::with_digest_of(b"key"), &["hunter2"]), "8a70f56a9b7a8e06");
        assert_ne!(hash(KeyedHash::new(b"key"), &["a", "bc"]), hash(KeyedHash::new(b"key"), &["ab", "c"]));
    }

    #[test]
    fn a_clone_starts_where_it_was_cloned() {
        let first = KeyedHash::new(b"key");
        let mut second = first.clone();
        second.part(b"ab");
        let mut third = first;
        third.part(b"ab");
        assert_eq!(second.digits(64), third.digits(64));
    }
}
