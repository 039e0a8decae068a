//! The style of go-yaml, as Docker Compose uses it.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::Serialize;

use super::super::yaml_scalar;
use super::{WriteError, natural, scalar};
use crate::yaml::Style;

/// A key longer than this, in bytes, stands after a question mark.
const LONGEST_KEY: usize = 128;

/// Compose projects.
struct Compose;

pub(super) fn to_string(value: &impl Serialize) -> Result<String, WriteError> {
    crate::yaml::to_string::<Compose>(value)
}

impl Style for Compose {
    const ITEMS_INDENTED: bool = true;
    const LONGEST_KEY: usize = LONGEST_KEY;

    /// Some keys of the JSON document are capitalised; in YAML none is.
    fn field(name: &'static str) -> Cow<'static, str> {
        let capital = name.bytes().any(|byte| byte.is_ascii_uppercase());
        if capital { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) }
    }

    /// Extensions come last, in the order of their names.
    fn is_sorted(key: &str, free: bool) -> bool {
        free || key.starts_with("x-")
    }

    fn compare(a: &str, b: &str) -> Ordering {
        natural::compare(a, b)
    }

    fn key(out: &mut String, key: &str) {
        scalar::write(out, key, None);
    }

    fn text(out: &mut String, text: &str, indent: usize) {
        scalar::write(out, text, Some(indent));
    }

    fn double(out: &mut String, value: f64) {
        float(out, value, &yaml_scalar::print_float(value));
    }

    fn single(out: &mut String, value: f32) {
        // The shortest digits of the single precision, not those of the double that it widens to.
        let digits: f64 = value.to_string().parse().unwrap_or_else(|_| f64::from(value));
        float(out, f64::from(value), &yaml_scalar::print_float(digits));
    }
}

/// A number as Go's `strconv.FormatFloat` writes it with the fewest digits.
fn float(out: &mut String, value: f64, printed: &str) {
    if value.is_nan() {
        out.push_str(".nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { ".inf" } else { "-.inf" });
    } else {
        out.push_str(printed);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn collections_stand_in_blocks() {
        let value = json!({
            "b": {"x10": [], "x2": {}},
            "a": [1, [2, "3"], {"k": "v\nw", "l": null}, [{"m": true}]],
            "c": 1.5,
        });
        let expected = "\
a:
  - 1
  - - 2
    - \"3\"
  - k: |-
      v
      w
    l: null
  - - m: true
b:
  x2: {}
  x10: []
c: 1.5
";
        assert_eq!(to_string(&value).unwrap(), expected);
        assert_eq!(to_string(&json!({})).unwrap(), "{}\n");
    }

    #[test]
    fn a_long_key_stands_after_a_question_mark() {
        let key = "k".repeat(LONGEST_KEY + 1);
        assert_eq!(to_string(&json!({ key.clone(): "v" })).unwrap(), format!("? {key}\n: v\n"));
    }
}
