//! Texts of which there are very many in memory.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// How long a text may be that is kept without an allocation of its own.
const SHORT: usize = 22;

/// A text in as few bytes as it can be had back from. What is kept of an object is little but names, uids and hashes: as a
/// `String`, each would be an allocation, and most of the memory that a stack takes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Packed(Kept);

/// Each text has one way to be kept, so that equal texts are kept equally.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Kept {
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    /// As API servers make them (RFC 9562, section 4): `2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d`.
    Uuid([u8; 16]),
    /// 32 digits, as our hashes are written.
    Hash([u8; 16]),
    Long(Box<str>),
}

impl Packed {
    /// The text.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            // The bytes are those of a text, so they always are one.
            Kept::Short { length, bytes } => {
                Cow::Borrowed(std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default())
            }
            Kept::Uuid(value) => {
                let hex = hex(value);
                let (one, two, three) = (&hex[..8], &hex[8..12], &hex[12..16]);
                Cow::Owned(format!("{one}-{two}-{three}-{}-{}", &hex[16..20], &hex[20..]))
            }
            Kept::Hash(value) => Cow::Owned(hex(value)),
            Kept::Long(text) => Cow::Borrowed(text),
        }
    }
}

impl From<&str> for Packed {
    fn from(text: &str) -> Self {
        Self(if text.len() <= SHORT {
            let mut bytes = [0; SHORT];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            // At most 22.
            Kept::Short { length: u8::try_from(text.len()).unwrap_or_default(), bytes }
        } else if let Some(value) = digits(text.as_bytes()) {
            Kept::Hash(value)
        } else if let Some(value) = uuid(text) {
            Kept::Uuid(value)
        } else {
            Kept::Long(text.into())
        })
    }
}

impl From<String> for Packed {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl Default for Packed {
    fn default() -> Self {
        Self::from("")
    }
}

impl PartialEq<str> for Packed {
    fn eq(&self, other: &str) -> bool {
        match &self.0 {
            Kept::Short { length, bytes } => bytes[..usize::from(*length)] == *other.as_bytes(),
            Kept::Long(text) => **text == *other,
            Kept::Uuid(value) => uuid(other) == Some(*value),
            Kept::Hash(value) => digits(other.as_bytes()) == Some(*value),
        }
    }
}

impl PartialEq<String> for Packed {
    fn eq(&self, other: &String) -> bool {
        *self == **other
    }
}

impl PartialOrd for Packed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As the texts are ordered.
impl Ord for Packed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text(), f)
    }
}

fn hex(value: &[u8; 16]) -> String {
    value
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// The value of 32 digits, if they are written as [`hex`] does.
fn digits(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |character: u8| match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    };
    let mut value = [0; 16];
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    if pairs.len() != value.len() {
        return None;
    }
    for (byte, [high, low]) in value.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(value)
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut packed = [0; 32];
    let mut parts = text.split('-');
    let mut filled = 0;
    for length in [8, 4, 4, 4, 12] {
        let part = parts.next().filter(|part| part.len() == length)?;
        packed[filled..filled + length].copy_from_slice(part.as_bytes());
        filled += length;
    }
    parts.next().is_none().then_some(())?;
    digits(&packed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d";
    const HASH: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn what_there_is_most_of_takes_no_allocation() {
        assert_eq!(size_of::<Option<Packed>>(), 24);
        for text in ["", "web", "1234567890", "compose-operator-shop1", UUID, HASH] {
            let taken = allocation_counter::measure(|| drop(Packed::from(text)));
            assert_eq!(taken.bytes_total, 0, "{text}");
            let packed = Packed::from(text);
            assert!(packed == *text && packed.text() == text, "{text}");
        }
        assert_eq!(allocation_counter::measure(|| drop(Packed::from("a-name-of-23-characters"))).count_total, 1);
    }

    #[test]
    fn what_is_nearly_a_uid_or_a_hash_is_another_text() {
        for text in [UUID, HASH] {
            for other in [text.to_uppercase(), format!("{text}0"), text[1..].to_owned(), text.replace('b', "g")] {
                let packed = Packed::from(other.as_str());
                assert!(packed.text() == other && packed == other && packed != *text, "{other}");
            }
        }
        let moved = "2c5ea4c0-4067-11e9-8ba-d9b1deb4d3b7d";
        assert_eq!(Packed::from(moved).to_string(), moved);
        assert_ne!(Packed::from(UUID), Packed::from(UUID.replace('-', "").as_str()));
    }

    proptest! {
        #[test]
        fn texts_are_had_back_and_ordered_as_they_were(
            one in "[0-9a-f]{20,34}|[0-9a-f]{8}(-[0-9a-f]{3,4}){3}-[0-9a-f]{12}|\\PC{0,30}",
            other in "[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\\PC{0,30}",
        ) {
            let (a, b) = (Packed::from(one.as_str()), Packed::from(other.as_str()));
            prop_assert_eq!(a.text(), one.as_str());
            prop_assert_eq!(b.to_string(), other.as_str());
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
            prop_assert_eq!(a == b, one == other);
            prop_assert_eq!(a == *other, one == other);
        }
    }
}
