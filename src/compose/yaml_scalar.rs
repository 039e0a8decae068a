//! What a plain YAML scalar means: the reference implementation reads numbers as YAML 1.1 does (`0440` is octal,
//! `1_000` a number) and booleans as YAML 1.2 does (`yes` is a string).

use std::fmt;

use super::node::Value;

/// A date, or a date with a time, as plain YAML scalars may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timestamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    /// Nanoseconds.
    nanosecond: u32,
    /// Minutes east of Greenwich.
    offset: i16,
}

impl Timestamp {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        if digits != 4 || text.as_bytes().get(4) != Some(&b'-') {
            return None;
        }
        let year = text[..4].parse().ok()?;
        let (month, rest) = number(&text[5..])?;
        let (day, rest) = number(rest.strip_prefix('-')?)?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            _ => return None,
        };
        if day == 0 || day > last {
            return None;
        }
        let date = Self { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0, offset: 0 };
        let (zoned, rest) = match rest.as_bytes().first() {
            None => return Some(date),
            Some(b'T' | b't') => (true, &rest[1..]),
            Some(b' ') => (false, &rest[1..]),
            Some(_) => return None,
        };
        let (hour, rest) = number(rest)?;
        let (minute, rest) = number(rest.strip_prefix(':')?)?;
        let (second, mut rest) = number(rest.strip_prefix(':')?)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut nanosecond = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if length == 0 {
                return None;
            }
            let kept = &fraction[..length.min(9)];
            nanosecond = format!("{kept:0<9}").parse().ok()?;
            rest = &fraction[length..];
        }
        let offset = if zoned { zone(rest)? } else { rest.is_empty().then_some(0)? };
        Some(Self { hour, minute, second, nanosecond, offset, ..date })
    }

    fn fraction(&self) -> String {
        if self.nanosecond == 0 {
            return String::new();
        }
        format!(".{:09}", self.nanosecond).trim_end_matches('0').to_owned()
    }

    fn zone_text(&self, separator: &str) -> String {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs();
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }

    /// The form of JSON documents.
    pub(super) fn rfc3339(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let zone = if self.offset == 0 { "Z".to_owned() } else { self.zone_text(":") };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}{zone}", self.fraction())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let zone = self.zone_text("");
        let name = if self.offset == 0 { "UTC" } else { &zone };
        let fraction = self.fraction();
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} {zone} {name}")
    }
}

/// One or two digits.
fn number(text: &str) -> Option<(u8, &str)> {
    let length = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn zone(text: &str) -> Option<i16> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// The value of a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        "-0" | "-0.0" => return Value::Float(-0.0),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'.' => float(text),
        b'0'..=b'9' | b'+' | b'-' => {
            if let Some(time) = Timestamp::parse(text) {
                return Value::Time(time);
            }
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        _ => None,
    };
    number.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// An integer as Go's `strconv.ParseInt` reads it with base 0: a prefix, or a leading zero, says the base.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = unsigned(digits)?;
    if negative {
        return 0_i64.checked_sub_unsigned(magnitude).map(Value::Int);
    }
    Some(i64::try_from(magnitude).map_or(Value::Uint(magnitude), Value::Int))
}

/// An unsigned integer whose prefix, or leading zero, says the base.
pub(super) fn unsigned(digits: &str) -> Option<u64> {
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// A decimal number with digits, a point and an exponent, and nothing else.
fn float(text: &str) -> Option<Value> {
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !text.bytes().all(allowed) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(Value::Float(value))
}

/// A number as Go's `%v` prints it: the shortest digits, with an exponent below 1e-4 and from 1e6.
pub(super) fn print_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::super::node::Node;
    use super::*;

    fn printed(text: &str) -> String {
        Node::new(resolve(text), None).printed().into_owned()
    }

    #[test]
    fn numbers_are_read_as_yaml_1_1_and_printed_as_go_does() {
        for (text, expected) in [
            ("0440", "288"),
            ("0o440", "288"),
            ("1.10", "1.1"),
            ("1e3", "1000"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("08", "8"),
            ("-12", "-12"),
            ("+12", "12"),
            ("1e5", "100000"),
            ("1234567.8", "1.2345678e+06"),
            ("1e21", "1e+21"),
            ("0.00001", "1e-05"),
            (".5", "0.5"),
            ("12345678901234567890", "12345678901234567890"),
            ("yes", "yes"),
            ("on", "on"),
            ("no", "no"),
            ("10:20", "10:20"),
            ("22:22", "22:22"),
            ("1.2.3", "1.2.3"),
            ("2024-01-01", "2024-01-01 00:00:00 +0000 UTC"),
            ("2024-01-01T10:20:30.5+02:00", "2024-01-01 10:20:30.5 +0200 +0200"),
            ("2024-02-30", "2024-02-30"),
            ("-0", "-0"),
            (".inf", "+Inf"),
        ] {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn only_the_words_of_yaml_1_2_are_booleans_and_null() {
        assert_eq!(resolve("true"), Value::Bool(true));
        assert_eq!(resolve("False"), Value::Bool(false));
        assert_eq!(resolve("~"), Value::Null);
        assert_eq!(resolve("off"), Value::String("off".into()));
    }
}
