//! Keys without a value, which client-side `kubectl apply` drops from objects.
//!
//! `volumes: {db-data:}` is how most people declare a volume. kubectl computes a patch in which a null means
//! "delete", so the key never reaches the API server; the annotation with the last applied configuration still
//! has it.

use serde_json::Value;

use crate::api::without_nulls;

/// A part of the spec with the null-valued keys that it has in the last applied configuration, when the two are
/// otherwise equal; else the part as it is.
pub(super) fn restore_nulls(live: &Value, last_applied: Option<&Value>) -> Value {
    match last_applied {
        Some(applied) if without_nulls(applied) == without_nulls(live) => applied.clone(),
        _ => live.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dropped_keys_come_back() {
        let live = json!({"services": {"db": {"networks": {}}}, "volumes": {}});
        let applied = json!({"services": {"db": {"networks": {"back": null}}}, "volumes": {"db-data": null}});
        assert_eq!(restore_nulls(&live, Some(&applied)), applied);
    }

    #[test]
    fn a_spec_that_was_edited_since_is_left_alone() {
        let live = json!({"services": {"db": {"image": "postgres:14"}}, "volumes": {}});
        let applied = json!({"services": {"db": {"image": "postgres:13"}}, "volumes": {"db-data": null}});
        assert_eq!(restore_nulls(&live, Some(&applied)), live);
        assert_eq!(restore_nulls(&live, None), live);
    }

    #[test]
    fn nulls_that_arrived_stay() {
        let live = json!({"volumes": {"db-data": null}});
        assert_eq!(
            restore_nulls(&live, Some(&json!({"volumes": {"other": null}}))),
            json!({"volumes": {"other": null}})
        );
        assert_eq!(restore_nulls(&live, Some(&json!({"volumes": {"db-data": {}}}))), live);
    }
}
