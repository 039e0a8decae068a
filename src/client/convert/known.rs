//! What is known of the cluster, and what is assumed.

use std::path::Path;

use serde_json::Value;

use super::super::ClientError;
use crate::translate::Facts;

/// The facts of a file; without one, nothing is known.
pub(super) fn facts(path: Option<&Path>) -> Result<Facts, ClientError> {
    let Some(path) = path else { return Ok(Facts::default()) };
    let text = String::from_utf8(read(path)?)
        .map_err(|_| ClientError::Usage(format!("{}: facts are YAML, and this is not UTF-8 text", path.display())))?;
    serde_saphyr::from_str(&text).map_err(|error| ClientError::Usage(format!("{}: {error}", path.display())))
}

/// A file's bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ClientError> {
    std::fs::read(path).map_err(|error| ClientError::Usage(format!("cannot read {}: {error}", path.display())))
}

/// Each fact with what is assumed where nothing is known: `unknown`, `no`, or `none` of a list. Facts that were not given are
/// all unknown.
pub(super) fn assumed(facts: &Facts, given: bool) -> Result<Vec<(String, &'static str)>, ClientError> {
    let object = |facts| serde_json::to_value(facts).map_err(|error| ClientError::Output(error.to_string()));
    let (value, nothing) = (object(facts)?, if given { Some(object(&Facts::default())?) } else { None });
    let is_unknown = |name: &str, value| nothing.as_ref().is_none_or(|nothing| nothing.get(name) == Some(value));
    let unknown = value.as_object().into_iter().flatten().filter(|(name, value)| is_unknown(name, *value));
    let word = |value: &Value| match value {
        Value::Null => "unknown",
        Value::Bool(_) => "no",
        _ => "none",
    };
    Ok(unknown.map(|(name, value)| (name.clone(), word(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_is_not_assumed() {
        let facts: Facts = serde_saphyr::from_str("networkPolicyEnforced: false\nsecretKeys: {token: [a]}").unwrap();
        let assumed = assumed(&facts, true).unwrap();
        assert!(assumed.contains(&("configMapKeys".to_owned(), "none")));
        assert!(assumed.contains(&("gatewayApi".to_owned(), "no")));
        assert!(!assumed.iter().any(|(name, _)| name == "networkPolicyEnforced" || name == "secretKeys"));
        assert!(serde_saphyr::from_str::<Facts>("networkPolicyEnforce: true").is_err());
    }

    /// The documentation names every fact.
    #[test]
    fn facts_are_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/convert.md");
        let page = std::fs::read_to_string(path).unwrap();
        let facts = serde_json::to_value(Facts::default()).unwrap();
        for name in facts.as_object().unwrap().keys() {
            assert!(page.contains(&format!("| `{name}` |")), "docs/convert.md does not tell of {name}");
        }
    }
}
