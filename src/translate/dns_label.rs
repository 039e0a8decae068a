//! Names that Kubernetes accepts.
//!
//! A Service's name is a DNS label that begins with a letter (RFC 1035): at most 63 of `a-z`, `0-9` and `-`. Compose
//! allows capitals, dots and underscores as well.

use sha2::{Digest, Sha256};

/// The longest DNS label.
pub(super) const MAX_LABEL: usize = 63;
/// The longest name of a StatefulSet: its controller appends a hyphen and a hash of ten to it in a label value.
pub(super) const MAX_STATEFUL_SET: usize = 52;
/// The longest name of most objects (RFC 1123 subdomain).
const MAX_SUBDOMAIN: usize = 253;
/// The length of the hash that keeps changed names apart.
const HASH: usize = 6;

/// Whether a Service may have this name.
pub(super) fn is_label(text: &str) -> bool {
    text.len() <= MAX_LABEL
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether an object whose name is no DNS label by itself, such as a claim, may have this name.
pub(super) fn is_subdomain(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= MAX_SUBDOMAIN
        && text
            .split('.')
            .all(|part| part.starts_with(edge) && part.ends_with(edge) && part.chars().all(|c| edge(c) || c == '-'))
}

/// Whether an address in `hostAliases`, and a host name, may be this.
pub(super) fn is_host_name(text: &str) -> bool {
    is_subdomain(text)
}

/// The text itself when it is a label of at most `max`; else one that is derived from it and from its hash, so that
/// `web_a` and `web-a` stay two names.
pub(super) fn label(text: &str, max: usize) -> String {
    if text.len() <= max && is_label(text) {
        return text.to_owned();
    }
    let slug = slug(text);
    let slug = if slug.starts_with(|c: char| c.is_ascii_digit()) { format!("x{slug}") } else { slug };
    let kept = shorten(&slug, max - HASH - 1);
    format!("{kept}-{}", hash(text))
}

/// As [`label`], for names that may be long and have dots.
pub(super) fn subdomain(text: &str) -> String {
    if is_subdomain(text) {
        return text.to_owned();
    }
    format!("{}-{}", shorten(&slug(text), MAX_SUBDOMAIN - HASH - 1), hash(text))
}

/// Lower case letters, digits and single hyphens of the text, to be part of a name; never empty.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "x".to_owned() } else { slug.to_owned() }
}

/// The first `max` characters of a slug, without a hyphen at the end.
pub(super) fn shorten(slug: &str, max: usize) -> &str {
    slug.get(..max).unwrap_or(slug).trim_end_matches('-')
}

/// Whether a label may have this value.
pub(super) fn is_label_value(text: &str) -> bool {
    text.is_empty() || (text.len() <= 63 && is_qualified_part(text))
}

/// Whether a label or an annotation may have this key: a name of at most 63, after an optional DNS prefix and a slash.
pub(super) fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    name.len() <= 63 && is_qualified_part(name) && prefix.is_none_or(is_subdomain)
}

/// A hash of names, which are no secrets: without a key, so that it is the same in every installation.
pub(super) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .take(HASH)
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

fn is_qualified_part(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_names_stay() {
        for name in ["db", "web-1", "a"] {
            assert_eq!(label(name, MAX_LABEL), name);
        }
    }

    #[test]
    fn other_names_become_labels_that_differ() {
        let names = ["web_a", "Web-a", "web.a", "1web", "-", "_", &"x".repeat(64)];
        let mut labels: Vec<String> = names.iter().map(|name| label(name, MAX_LABEL)).collect();
        for name in &labels {
            assert!(is_label(name), "{name}");
        }
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), names.len());
        assert!(label("web_a", MAX_LABEL).starts_with("web-a-"));
    }

    #[test]
    fn names_of_stateful_sets_leave_room_for_a_hash() {
        let long = "d".repeat(60);
        assert_eq!(label(&long, MAX_STATEFUL_SET).len(), 52);
    }

    #[test]
    fn keys_and_values_follow_kubernetes_syntax() {
        assert!(is_qualified_name("traefik.http.routers.x.rule"));
        assert!(is_qualified_name("example.com/key"));
        assert!(!is_qualified_name("Example.com/key"));
        assert!(!is_qualified_name("a b"));
        assert!(!is_qualified_name(&"k".repeat(64)));
        assert!(is_label_value(""));
        assert!(is_label_value("A_b.c"));
        assert!(!is_label_value("a b"));
    }
}
