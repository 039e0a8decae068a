//! Rows of the attribute table, and what a document has under them.

use compose_operator::translate::Treatment;
use serde_json::Value;

/// Whether a row promises something.
pub fn promises(treatment: Treatment) -> bool {
    !matches!(treatment, Treatment::Ignored(_) | Treatment::Rejected(_))
}

/// `a.*.b[].c` as `a`, `*`, `b`, `[]`, `c`.
pub fn steps(row: &str) -> Vec<&str> {
    row.split('.')
        .flat_map(|step| step.strip_suffix("[]").map_or_else(|| vec![step], |list| vec![list, "[]"]))
        .collect()
}

/// Takes away what is at the end of the steps, wherever they lead, and tells whether anything was there.
pub fn remove(value: &mut Value, steps: &[&str]) -> bool {
    let (Some((step, rest)), false) = (steps.split_first(), value.is_null()) else { return false };
    match (*step, value) {
        ("*", Value::Object(entries)) => {
            entries.values_mut().filter_map(|value| remove(value, rest).then_some(())).count() > 0
        }
        ("[]", Value::Array(items)) if rest.is_empty() => !std::mem::take(items).is_empty(),
        ("[]", Value::Array(items)) => {
            items.iter_mut().filter_map(|value| remove(value, rest).then_some(())).count() > 0
        }
        (key, Value::Object(entries)) if rest.is_empty() => entries.remove(key).is_some_and(|value| !value.is_null()),
        (key, Value::Object(entries)) => entries.get_mut(key).is_some_and(|value| remove(value, rest)),
        _ => false,
    }
}

#[test]
fn attributes_are_taken_out_by_their_rows() {
    let project = |text: &str| -> Value { serde_saphyr::from_str(text).unwrap() };
    for (row, left) in [
        ("services.*.ports[].target", "services: {a: {ports: [{published: x}, {}], dns: [q]}, b: {}}"),
        ("services.*.dns[]", "services: {a: {ports: [{published: x, target: 1}, {}], dns: []}, b: {}}"),
        ("services.*.ports", "services: {a: {dns: [q]}, b: {}}"),
    ] {
        let mut value = project("services: {a: {ports: [{published: x, target: 1}, {}], dns: [q]}, b: {}}");
        assert!(remove(&mut value, &steps(row)), "{row}");
        assert_eq!(value, project(left), "{row}");
        assert!(!remove(&mut value, &["services", "*", "absent"]));
    }
}
