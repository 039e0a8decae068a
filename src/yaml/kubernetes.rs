//! The style of Kubernetes objects: keys in the order of their bytes, lists below their key.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Style;

/// Longer texts may be folded.
const WIDTH: usize = 80;

/// Words that some reader of YAML takes for something else than a text, in lower case.
const WORDS: [&str; 11] = ["y", "n", "on", "no", "off", "yes", "nan", "inf", "true", "null", "false"];

/// The bytes of keys that may stand without quotes. Keys are most of what is written, so they are told by a table.
const IN_KEYS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
        byte -= 1;
    }
    table
};

/// Kubernetes objects.
#[derive(Debug)]
pub struct Kubernetes;

impl Style for Kubernetes {
    const ITEMS_INDENTED: bool = false;
    const LONGEST_KEY: usize = 1024;

    fn field(name: &'static str) -> Cow<'static, str> {
        Cow::Borrowed(name)
    }

    fn is_sorted(_: &str, _: bool) -> bool {
        true
    }

    fn compare(a: &str, b: &str) -> Ordering {
        a.cmp(b)
    }

    fn key(out: &mut String, key: &str) {
        if is_plain(key, |byte| IN_KEYS[usize::from(byte)]) {
            out.push_str(key);
        } else {
            let written = serde_saphyr::to_string(&BTreeMap::from([(key, ())])).unwrap_or_default();
            let written = written.strip_suffix(": null\n").unwrap_or(&written);
            out.push_str(written.strip_prefix("? ").unwrap_or(written).trim_end_matches('\n'));
        }
    }

    fn text(out: &mut String, text: &str, indent: usize) {
        if is_plain(text, |byte| byte.is_ascii_graphic()) || is_quantity(text) {
            out.push_str(text);
        } else if is_word(text) {
            out.extend(["\"", text, "\""]);
        } else {
            let written = serde_saphyr::to_string(&text).unwrap_or_default();
            let mut lines = written.strip_suffix('\n').unwrap_or(&written).split('\n');
            out.push_str(lines.next().unwrap_or_default());
            for line in lines {
                out.push('\n');
                if let Some(line) = line.strip_prefix("  ") {
                    let _ = write!(out, "{:indent$}{line}", "");
                }
            }
        }
    }

    fn double(out: &mut String, value: f64) {
        out.push_str(serde_saphyr::to_string(&value).unwrap_or_default().trim_end());
    }

    fn single(out: &mut String, value: f32) {
        out.push_str(serde_saphyr::to_string(&value).unwrap_or_default().trim_end());
    }
}

/// Whether a text is one of those, nearly all in Kubernetes objects, that plainly mean nothing but themselves, and has only
/// such bytes. What else may stand without quotes is left to the library.
fn is_plain(text: &str, is_of_kind: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    (first.is_ascii_alphabetic() || *first == b'/')
        && *last != b':'
        && bytes.len() <= WIDTH
        // Nearly all texts have such bytes only: to look at all of them without a branch is faster.
        && bytes.iter().fold(true, |plain, byte| plain & is_of_kind(*byte))
        && !is_word(text)
}

/// Whether it is one of [`WORDS`], which are short, and of which only these letters are the first.
fn is_word(text: &str) -> bool {
    let first = text.bytes().next().unwrap_or_default();
    text.len() <= 5
        && matches!(first | 0x20, b'y' | b'n' | b'o' | b'i' | b't' | b'f')
        && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether it is a whole quantity with a unit, such as `10m` and `1Gi`, which is no number to YAML.
fn is_quantity(text: &str) -> bool {
    let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    unit.len() < text.len() && text.len() <= WIDTH && matches!(unit, "m" | "k" | "M" | "G" | "Ki" | "Mi" | "Gi" | "Ti")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::yaml::to_string;

    /// Texts that mean something to YAML, and those around them.
    fn text() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec![
            "",
            "y",
            "No",
            "null",
            "~",
            "true",
            "1",
            "0x1f",
            "1_000",
            "10m",
            "0Ki",
            "512M",
            "1:30",
            "2024-01-01",
            ".5",
            "1e3",
            "=",
            "<<",
            "-",
            "- a",
            "a: b",
            "a:",
            "a #b",
            "#",
            "*a",
            "&a",
            "!t",
            "{a}",
            "[a]",
            "a,b",
            "'",
            "\"",
            "\\",
            "---",
            "...",
            "@x",
            "%x",
            "`",
            "a b",
            " a",
            "a ",
            "\ta",
            "a\tb",
            "\u{feff}",
            "\u{85}",
            "é",
            "registry.example.com/a:1.2",
            "/a/b",
            "a\nb",
            "a\n",
            "a\n\n",
            "\na",
            "  a\nb",
            "\n",
            "a\n\n\nb\n",
            "$(A)",
            "a=b",
        ]);
        prop_oneof![
            word.prop_map(str::to_owned),
            "[ -~]{0,12}",
            "[a-zA-Z0-9./:@-]{1,100}",
            "[0-9]{1,100}(m|k|M|G|Ki|Mi|Gi|Ti)",
            "([a-z]{1,9}[ ]{1,2}){1,40}",
            "[a-z \n\t:#'\"]{0,40}",
            any::<String>(),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            text().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn words_are_told_from_other_texts() {
        for word in WORDS {
            for word in [word.to_owned(), word.to_ascii_uppercase()] {
                assert!(is_word(&word));
                assert_eq!(to_string::<Kubernetes>(&word).unwrap(), serde_saphyr::to_string(&word).unwrap());
            }
        }
        assert!(!["name", "kind", "port", "tru", "onn", "trueish", ""].iter().any(|text| is_word(text)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn it_is_what_the_library_writes(value in prop::collection::btree_map(text(), value(), 0..5)) {
            prop_assert_eq!(to_string::<Kubernetes>(&value).unwrap(), serde_saphyr::to_string(&value).unwrap());
        }
    }

    #[test]
    fn fields_are_put_into_order_at_every_depth() {
        #[derive(serde::Serialize)]
        struct Outer {
            z: Inner,
            a: Vec<Inner>,
        }
        #[derive(serde::Serialize)]
        struct Inner {
            k: &'static str,
            b: i32,
        }
        let inner = || Inner { k: "a\nb", b: 1 };
        let written = to_string::<Kubernetes>(&Outer { z: inner(), a: vec![inner(), inner()] }).unwrap();
        let expected =
            "a:\n- b: 1\n  k: |-\n    a\n    b\n- b: 1\n  k: |-\n    a\n    b\nz:\n  b: 1\n  k: |-\n    a\n    b\n";
        assert_eq!(written, expected);
        assert_eq!(to_string::<Kubernetes>(&json!({"a": {}, "b": []})).unwrap(), "a: {}\nb: []\n");
    }
}
