//! JSON with the indentation and the escapes of Go's `encoding/json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use super::WriteError;
use crate::compose::model::Project;

/// A project with its sections in the order of their names.
pub(super) struct Sections<'p>(pub(super) &'p Project);

impl Serialize for Sections<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn section<M: SerializeMap, T: Serialize>(
            map: &mut M,
            name: &str,
            entries: &BTreeMap<String, T>,
        ) -> Result<(), M::Error> {
            if entries.is_empty() { Ok(()) } else { map.serialize_entry(name, entries) }
        }
        let project = self.0;
        let mut map = serializer.serialize_map(None)?;
        section(&mut map, "configs", &project.configs)?;
        section(&mut map, "jobs", &project.jobs)?;
        map.serialize_entry("name", &project.name)?;
        section(&mut map, "networks", &project.networks)?;
        section(&mut map, "secrets", &project.secrets)?;
        map.serialize_entry("services", &project.services)?;
        section(&mut map, "volumes", &project.volumes)?;
        for (name, value) in &project.extensions {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

pub(super) fn to_string(value: &impl Serialize) -> Result<String, WriteError> {
    let text = serde_json::to_string_pretty(value).map_err(WriteError::custom)?;
    Ok(escaped(text))
}

pub(super) fn compact(value: &impl Serialize) -> Result<String, WriteError> {
    let text = serde_json::to_string(value).map_err(WriteError::custom)?;
    Ok(escaped(text))
}

/// Characters that mean something to HTML or JavaScript, which can only stand within strings, are escaped.
fn escaped(text: String) -> String {
    const MEANINGFUL: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    let mut escaped = Cow::Borrowed("");
    let mut rest = text.as_str();
    while let Some(index) = rest.find(MEANINGFUL) {
        let found = rest[index..].chars().next().unwrap_or_default();
        let out = escaped.to_mut();
        out.push_str(&rest[..index]);
        let _ = write!(out, "\\u{:04x}", u32::from(found));
        rest = &rest[index + found.len_utf8()..];
    }
    if escaped.is_empty() {
        return text;
    }
    let mut escaped = escaped.into_owned();
    escaped.push_str(rest);
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_html_reads_is_escaped() {
        assert_eq!(compact(&"a<b>&\u{2028}c").unwrap(), r#""a\u003cb\u003e\u0026\u2028c""#);
        assert_eq!(compact(&"plain").unwrap(), r#""plain""#);
    }
}
