//! Byte sizes (Compose Specification, "specifying byte values"): `512m`, `1.5 GiB`, with binary units.

use super::model::ByteSize;

/// Reads a byte size; a plain whole number may be negative.
pub(super) fn parse(text: &str) -> Option<ByteSize> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(value) = text.parse()
    {
        return Some(ByteSize(value));
    }
    let separator = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let suffix = &text[separator + 1..];
    let number = if text.as_bytes()[separator] == b' ' { &text[..separator] } else { &text[..=separator] };
    if !number.bytes().all(|byte| byte.is_ascii_digit() || b".+-eE_".contains(&byte)) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    if number < 0.0 {
        return None;
    }
    let factor = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    #[allow(clippy::cast_possible_truncation, reason = "sizes beyond 2^63 saturate")]
    Some(ByteSize((number * 1024_f64.powi(factor)) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("-1", -1),
            ("1k", 1024),
            ("64MB", 64 << 20),
            ("1.5 GiB", 3 << 29),
            ("2b", 2),
            ("1kb", 1024),
            ("0.5g", 1 << 29),
        ] {
            assert_eq!(parse(text), Some(ByteSize(bytes)), "{text}");
        }
        for text in ["", "lots", "1Gi", "1 k b", "-1k", "1kbb", "m"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
