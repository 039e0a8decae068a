//! Amounts of resources, in the form in which the API server stores them.
//!
//! It rewrites what it is sent (`0.5` to `500m`, `1024Mi` to `1Gi`), and an object that differs from what was sent
//! looks as if somebody had changed it (k8s.io/apimachinery, pkg/api/resource: canonical form).

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const NANO: i128 = 1_000_000_000;
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// An amount that was read: its value in billionths, and whether it was written in binary units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    nano: i128,
    binary: bool,
}

impl Amount {
    /// A number of bytes.
    pub(super) fn bytes(bytes: i64) -> Self {
        Self { nano: i128::from(bytes) * NANO, binary: bytes % 1024 == 0 }
    }

    /// A number of processors; a thousandth is the smallest that Kubernetes accepts.
    pub(super) fn cpus(cpus: f64) -> Self {
        // The model's f32 says 0.1 as 0.10000000149: beyond a thousandth there is only noise.
        #[allow(clippy::cast_possible_truncation, reason = "a float beyond the range saturates")]
        let milli = (cpus * 1000.0 - 1e-4).ceil().max(1.0) as i64;
        Self { nano: i128::from(milli) * (NANO / 1000), binary: false }
    }

    /// A whole number.
    pub(super) fn count(count: i64) -> Self {
        Self { nano: i128::from(count) * NANO, binary: false }
    }

    /// Reads Kubernetes' syntax: `500m`, `64Mi`, `1.5G`, `1e3`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 18 {
            return None;
        }
        let (scale, divisor, binary) = scale(suffix)?;
        let fraction = fraction.get(..9).unwrap_or(fraction);
        let digits: i128 = [whole, fraction].concat().parse().ok()?;
        let ten = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let nano = digits.checked_mul(scale)?.checked_mul(NANO)?;
        // Finer than a billionth rounds up, as the API server does.
        let nano = nano.div_euclid(ten * divisor) + i128::from(nano.rem_euclid(ten * divisor) > 0);
        Some(Self { nano, binary })
    }

    /// The share of it, in thousandths, rounded up to what is accepted.
    pub(super) fn share(self, thousandths: i64, smallest: Self) -> Self {
        let unit = smallest.nano;
        let nano = self.nano * i128::from(thousandths) / 1000;
        let nano = (nano / unit * unit).max(unit);
        Self { nano, binary: self.binary && nano % (1024 * NANO) == 0 }
    }

    /// The smaller one.
    pub(super) fn min(self, other: Self) -> Self {
        if other.nano < self.nano { other } else { self }
    }

    /// The canonical form.
    pub(super) fn canonical(self) -> Quantity {
        // Binary units are dropped below 1024 and for fractions of a byte (Quantity.CanonicalizeBytes).
        if self.binary && self.nano % NANO == 0 && self.nano >= 1024 * NANO {
            return Quantity(strip(self.nano / NANO, 1024, &BINARY));
        }
        if self.nano % NANO == 0 {
            return Quantity(strip(self.nano / NANO, 1000, &DECIMAL));
        }
        Quantity(strip(self.nano, 1000, &["n", "u", "m"]))
    }
}

/// Reads a size as Docker's options have it: binary units of one letter (`64m`), an optional `b` or `ib`.
pub(super) fn docker_bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let unit = unit.trim();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let bytes = number * 1024_f64.powi(power);
    #[allow(clippy::cast_possible_truncation, reason = "checked against the range")]
    (0.0..9.2e18).contains(&bytes).then_some(bytes as i64)
}

fn scale(suffix: &str) -> Option<(i128, i128, bool)> {
    if let Some(power) = BINARY.iter().skip(1).position(|unit| *unit == suffix) {
        return Some((1_i128 << (10 * (power + 1)), 1, true));
    }
    if let Some(power) = DECIMAL.iter().position(|unit| *unit == suffix) {
        return Some((1000_i128.pow(u32::try_from(power).ok()?), 1, false));
    }
    match suffix {
        "m" => Some((1, 1000, false)),
        "u" => Some((1, 1_000_000, false)),
        "n" => Some((1, NANO, false)),
        _ => {
            let power: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some((10_i128.checked_pow(power.min(19))?, 1, false))
        }
    }
}

fn strip(mut value: i128, base: i128, units: &[&str]) -> String {
    let mut unit = 0;
    while value != 0 && value % base == 0 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{value}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_canonical() {
        for (text, canonical) in [
            ("0.5", "500m"),
            ("500m", "500m"),
            ("2", "2"),
            ("2000", "2k"),
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("64Mi", "64Mi"),
            ("1000Ki", "1000Ki"),
            ("0.5Ki", "512"),
            ("1500M", "1500M"),
            ("0", "0"),
            ("100u", "100u"),
        ] {
            assert_eq!(Amount::parse(text).unwrap().canonical().0, canonical, "{text}");
        }
        for text in ["", "x", "1.2.3", "1Q", "Mi"] {
            assert_eq!(Amount::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn bytes_and_processors() {
        assert_eq!(Amount::bytes(67_108_864).canonical().0, "64Mi");
        assert_eq!(Amount::bytes(500_000_000).canonical().0, "500M");
        assert_eq!(Amount::bytes(1_000_001).canonical().0, "1000001");
        assert_eq!(Amount::cpus(f64::from(0.1_f32)).canonical().0, "100m");
        assert_eq!(Amount::cpus(f64::from(0.25_f32)).canonical().0, "250m");
        assert_eq!(Amount::cpus(2.0).canonical().0, "2");
        assert_eq!(Amount::cpus(0.000_1).canonical().0, "1m");
    }

    #[test]
    fn docker_sizes_are_binary() {
        assert_eq!(docker_bytes("64m"), Some(67_108_864));
        assert_eq!(docker_bytes("1.5g"), Some(1_610_612_736));
        assert_eq!(docker_bytes("10GB"), Some(10_737_418_240));
        assert_eq!(docker_bytes("100"), Some(100));
        assert_eq!(docker_bytes("50%"), None);
    }

    #[test]
    fn shares_round_to_what_is_accepted() {
        let half = Amount::cpus(0.25).share(500, Amount::cpus(0.001));
        assert_eq!(half.canonical().0, "125m");
        let half = Amount::bytes(64 << 20).share(500, Amount::bytes(1));
        assert_eq!(half.canonical().0, "32Mi");
    }
}
