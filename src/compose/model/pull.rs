//! How often the tag of an image is looked up again.

use super::{ContainerSpec, Duration};

const SECOND: i64 = 1_000_000_000;

impl ContainerSpec {
    /// How old what is known of the image's tag may become, when `pull_policy` says so by time; none for the other
    /// policies (Compose Specification, "pull_policy"). `refresh` takes its time from `pull_refresh_after`.
    pub fn pull_period(&self) -> Option<Duration> {
        let span = match self.pull_policy.as_str() {
            "daily" => "1d",
            "weekly" => "1w",
            "refresh" => &self.pull_refresh_after,
            policy => policy.strip_prefix("every_")?,
        };
        seconds(span).filter(|seconds| *seconds > 0).map(|seconds| Duration(seconds.saturating_mul(SECOND)))
    }
}

/// The seconds of a span such as `1d12h`.
fn seconds(span: &str) -> Option<i64> {
    let (mut total, mut number) = (0_i64, None::<i64>);
    for c in span.chars() {
        let unit = match c {
            'w' => 7 * 24 * 3600,
            'd' => 24 * 3600,
            'h' => 3600,
            'm' => 60,
            's' => 1,
            digit => {
                let digit = i64::from(digit.to_digit(10)?);
                number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
                continue;
            }
        };
        total = total.saturating_add(number.take()?.saturating_mul(unit));
    }
    number.is_none().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_by_time_have_a_period() {
        for (policy, after, expected) in [
            ("daily", "", Some(86_400)),
            ("weekly", "", Some(604_800)),
            ("every_2h", "", Some(7_200)),
            ("every_1d12h", "", Some(129_600)),
            ("every_99999999999999999999w", "", Some(i64::MAX / SECOND)),
            ("every_0s", "", None),
            ("refresh", "30m", Some(1_800)),
            ("refresh", "", None),
            ("refresh", "30", None),
            ("always", "30m", None),
            ("", "", None),
        ] {
            let container = ContainerSpec {
                pull_policy: policy.to_owned(),
                pull_refresh_after: after.to_owned(),
                ..ContainerSpec::default()
            };
            assert_eq!(container.pull_period().map(|Duration(ns)| ns / SECOND), expected, "{policy} {after}");
        }
    }
}
