//! Scalars with a syntax of their own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A scalar that does not follow its syntax.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind}: expected {expected}")]
pub struct ScalarError {
    /// The offending text.
    pub text: String,
    /// What it should have been, such as `duration`.
    pub kind: &'static str,
    /// The syntax in words, with an example.
    pub expected: &'static str,
}

/// A span of time in nanoseconds, written as in Go (`1m30s`); Compose also reads days and weeks (`1d2h`, `1w`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub i64);

/// A number of bytes; binary units when read (`1k` is 1024), decimal digits in a string when written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub i64);

/// File permission bits, written in octal with a leading zero (`"0444"`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileMode(pub i64);

/// Host names with their addresses, written as a sorted list of `name=address`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hosts(pub BTreeMap<String, Vec<String>>);

impl Duration {
    /// The duration in seconds, rounded up to a whole one; Kubernetes counts probes and grace periods so.
    pub fn whole_seconds_up(self) -> i64 {
        let seconds = self.0 / 1_000_000_000;
        if self.0 % 1_000_000_000 > 0 { seconds + 1 } else { seconds }
    }

    /// Reads `1h2m3.5s` with the units ns, us, µs, ms, s, m, h, d and w.
    ///
    /// # Errors
    /// When the text is empty, has a number without a unit, or exceeds 292 years.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        let error = || ScalarError {
            text: text.to_owned(),
            kind: "duration",
            expected: "numbers with the units ns, us, ms, s, m, h, d, w, such as \"1m30s\"",
        };
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(error());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
            let (number, tail) = rest.split_at(end);
            let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(end);
            let scale: i128 = match unit {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                "d" => 86_400_000_000_000,
                "w" => 604_800_000_000_000,
                _ => return Err(error()),
            };
            let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
            if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 19 {
                return Err(error());
            }
            let digits = |s: &str| if s.is_empty() { Ok(0) } else { s.parse::<i128>().map_err(|_| error()) };
            let fraction = &fraction[..fraction.len().min(18)];
            total += digits(whole)? * scale;
            total += digits(fraction)? * scale / 10_i128.pow(u32::try_from(fraction.len()).map_err(|_| error())?);
            rest = tail;
        }
        let total = i64::try_from(total).map_err(|_| error())?;
        Ok(Self(if negative { -total } else { total }))
    }
}

impl fmt::Display for Duration {
    /// The form of Go's `time.Duration.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let decimal = |f: &mut fmt::Formatter<'_>, value: u64, scale: u64, unit: &str| {
            let mut text = format!("{}", value / scale);
            let rest = value % scale;
            if rest > 0 {
                let width = scale.ilog10() as usize;
                let digits = format!("{rest:0width$}");
                text.push('.');
                text.push_str(digits.trim_end_matches('0'));
            }
            write!(f, "{text}{unit}")
        };
        match nanos {
            0 => f.write_str("0s"),
            n if n < 1_000 => write!(f, "{n}ns"),
            n if n < 1_000_000 => decimal(f, n, 1_000, "µs"),
            n if n < 1_000_000_000 => decimal(f, n, 1_000_000, "ms"),
            n => {
                let (hours, minutes) = (n / 3_600_000_000_000, n / 60_000_000_000 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                decimal(f, n % 60_000_000_000, 1_000_000_000, "s")
            }
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:o}", self.0)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for FileMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::from_str_radix(&String::deserialize(deserializer)?, 8).map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lines: Vec<String> = self
            .0
            .iter()
            .flat_map(|(name, addresses)| addresses.iter().map(move |address| format!("{name}={address}")))
            .collect();
        lines.sort();
        lines.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in Vec::<String>::deserialize(deserializer)? {
            let (name, address) =
                line.split_once('=').ok_or_else(|| de::Error::custom(format!("{line:?} has no address")))?;
            hosts.entry(name.to_owned()).or_default().push(address.to_owned());
        }
        Ok(Self(hosts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_as_go_does() {
        for (text, printed) in [
            ("90s", "1m30s"),
            ("1.5s", "1.5s"),
            ("1h", "1h0m0s"),
            ("1d2h", "26h0m0s"),
            ("1w", "168h0m0s"),
            ("500ms", "500ms"),
            ("1500us", "1.5ms"),
            ("0", "0s"),
            ("-2s", "-2s"),
        ] {
            assert_eq!(Duration::parse(text).unwrap().to_string(), printed, "{text}");
        }
        for text in ["", "10", "s", "1x", "1.2.3s", "99999999999999999999s", "-"] {
            assert!(Duration::parse(text).is_err(), "{text:?} should not parse");
        }
    }

    #[test]
    fn sub_second_durations_round_up() {
        assert_eq!(Duration::parse("500ms").unwrap().whole_seconds_up(), 1);
        assert_eq!(Duration::parse("2s").unwrap().whole_seconds_up(), 2);
        assert_eq!(Duration(0).whole_seconds_up(), 0);
    }
}
