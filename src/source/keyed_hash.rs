//! Hashes that tell whether something changed and from which nothing can be guessed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// An HMAC-SHA256 over parts. Each is preceded by its length, so that no two different lists feed the same bytes.
pub(super) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    pub(super) fn new(key: &[u8]) -> Self {
        // A digest of the key has the length of a block's half, which HMAC fills up with zeros.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Sha256::digest(key));
        Self(Hmac::<Sha256>::new(&block.into()))
    }

    pub(super) fn feed(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// The first sixteen hexadecimal digits.
    pub(super) fn digits(self) -> String {
        let digest = self.0.finalize().into_bytes();
        digest[..8].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
