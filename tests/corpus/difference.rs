//! Where two JSON documents differ.

use std::collections::BTreeSet;

use serde_json::Value;

/// Equality in which 1 and 1.0 are one number, and the last bit of a float does not count: reading it back loses it.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let near = |a: f64, b: f64| (a - b).abs() <= a.abs().max(b.abs()) * 4.0 * f64::EPSILON;
            let whole = a.is_i64() && b.is_i64();
            a == b || (!whole && a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| near(a, b)))
        }
        _ => a == b,
    }
}

/// Adds each difference with its path.
pub fn differences(path: &str, expected: &Value, found: &Value, out: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let path = format!("{path}.{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differences(&path, a, b, out),
                    (Some(a), None) => out.push(format!("{path}: expected {a}, found nothing")),
                    (None, Some(b)) => out.push(format!("{path}: expected nothing, found {b}")),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, out);
            }
        }
        _ if same(expected, found) => {}
        _ => out.push(format!("{path}: expected {expected}, found {found}")),
    }
}
