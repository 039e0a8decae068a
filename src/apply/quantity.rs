//! Comparing Kubernetes quantities, as far as claims need it.

/// Bytes, rounded up; none when it is no quantity.
pub(super) fn bytes(quantity: &str) -> Option<u128> {
    let number_end = quantity.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(quantity.len());
    let (number, suffix) = quantity.split_at(number_end);
    let (numerator, denominator): (u128, u128) = match suffix {
        "m" => (1, 1000),
        "" => (1, 1),
        "k" => (1000, 1),
        "M" => (1000_u128.pow(2), 1),
        "G" => (1000_u128.pow(3), 1),
        "T" => (1000_u128.pow(4), 1),
        "P" => (1000_u128.pow(5), 1),
        "E" => (1000_u128.pow(6), 1),
        "Ki" => (1024, 1),
        "Mi" => (1024_u128.pow(2), 1),
        "Gi" => (1024_u128.pow(3), 1),
        "Ti" => (1024_u128.pow(4), 1),
        "Pi" => (1024_u128.pow(5), 1),
        "Ei" => (1024_u128.pow(6), 1),
        exponent => (10_u128.checked_pow(exponent.strip_prefix(['e', 'E'])?.parse().ok()?)?, 1),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?.checked_mul(denominator)?;
    Some(digits.checked_mul(numerator)?.div_ceil(scale))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn quantities_are_compared_by_what_they_mean() {
        assert_eq!(bytes("1Gi"), bytes("1024Mi"));
        assert_eq!(bytes("1.5Gi"), Some(1_610_612_736));
        assert_eq!(bytes("2e3"), bytes("2k"));
        assert_eq!(bytes("128974848000m"), Some(128_974_848));
        assert!(bytes("10G") < bytes("10Gi"));
        for nonsense in ["", "Gi", "1X", "1.2.3"] {
            assert_eq!(bytes(nonsense), None, "{nonsense}");
        }
    }
}
