//! Images whose tags are looked up again by time (Compose Specification, "pull_policy").

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::WantedImage;
use crate::api::v1alpha1::ImageStatus;

/// No tag is looked up more often: registries are shared.
const SHORTEST: Duration = Duration::from_secs(10);
/// How long a registry that did not answer is left alone, at most.
const RETRY: Duration = Duration::from_mins(5);

/// How old what is known of images may become, by their references: where services differ, the shortest counts.
pub(super) struct Periods<'a>(BTreeMap<&'a str, Duration>);

impl<'a> Periods<'a> {
    pub(super) fn of(wanted: &'a [WantedImage]) -> Self {
        let mut periods = BTreeMap::new();
        for image in wanted {
            let Some(period) = image.period else { continue };
            let known = periods.entry(image.image.as_str()).or_insert(period);
            *known = period.min(*known).max(SHORTEST);
        }
        Self(periods)
    }

    /// A record as it goes on.
    pub(super) fn kept(&self, record: ImageStatus) -> ImageStatus {
        let is_timed = self.0.contains_key(record.image.as_str());
        ImageStatus { checked_at: record.checked_at.clone().filter(|_| is_timed), ..record }
    }

    pub(super) fn is_due(&self, record: &ImageStatus, now: Timestamp) -> bool {
        self.left(record, now).is_some_and(|left| left.is_zero())
    }

    /// What is recorded after an answer. One that brought nothing leaves the better record that there is, and comes
    /// again before its time.
    pub(super) fn checked(&self, better: Option<ImageStatus>, answer: ImageStatus, now: Timestamp) -> ImageStatus {
        let Some(period) = self.0.get(answer.image.as_str()) else { return better.unwrap_or(answer) };
        let age = if answer.unread.is_some() { period.saturating_sub(RETRY) } else { Duration::ZERO };
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        let at = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        ImageStatus { checked_at: Some(Time(at)), ..better.unwrap_or(answer) }
    }

    /// In how long the next image is due.
    pub(super) fn next(&self, images: &[ImageStatus], now: Timestamp) -> Option<Duration> {
        images.iter().filter_map(|image| self.left(image, now)).min().map(|left| left.max(Duration::from_secs(1)))
    }

    /// How long an image is still good for; none for ever.
    fn left(&self, record: &ImageStatus, now: Timestamp) -> Option<Duration> {
        let period = self.0.get(record.image.as_str())?;
        let Some(Time(at)) = record.checked_at else { return Some(Duration::ZERO) };
        // A clock that was set back makes it no older.
        let age = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        Some(period.saturating_sub(age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn wanted(image: &str, period: Option<Duration>) -> WantedImage {
        WantedImage { image: image.to_owned(), platform: String::new(), period }
    }

    fn record(image: &str, checked_at: Option<i64>, unread: Option<&str>) -> ImageStatus {
        ImageStatus {
            image: image.to_owned(),
            digest: "sha256:1".to_owned(),
            checked_at: checked_at.map(|second| Time(Timestamp::from_second(second).unwrap())),
            unread: unread.map(str::to_owned),
            ..ImageStatus::default()
        }
    }

    #[test]
    fn an_image_is_due_when_its_period_is_over() {
        let wanted = [
            wanted("a", Some(HOUR)),
            wanted("a", Some(2 * HOUR)),
            wanted("a", None),
            wanted("b", None),
            wanted("c", Some(Duration::from_secs(1))),
        ];
        let periods = Periods::of(&wanted);
        let now = Timestamp::from_second(10_000).unwrap();
        for (image, checked_at, due) in [
            ("a", None, true),
            ("a", Some(10_000 - 3_600), true),
            ("a", Some(10_000 - 3_599), false),
            ("a", Some(20_000), false),
            ("b", None, false),
            ("b", Some(0), false),
            ("c", Some(10_000 - 9), false),
            ("c", Some(10_000 - 10), true),
        ] {
            assert_eq!(periods.is_due(&record(image, checked_at, None), now), due, "{image} {checked_at:?}");
        }
        let records = [record("a", Some(9_000), None), record("b", None, None)];
        assert_eq!(periods.next(&records, now), Some(Duration::from_secs(2_600)));
        assert_eq!(periods.next(&records[1..], now), None);
        assert_eq!(periods.kept(record("b", Some(1), None)).checked_at, None);
    }

    #[test]
    fn a_registry_that_does_not_answer_is_asked_again_before_the_time() {
        let wanted = [wanted("a", Some(HOUR)), wanted("b", None)];
        let periods = Periods::of(&wanted);
        let now = Timestamp::from_second(10_000).unwrap();
        let old = record("a", Some(0), None);
        let kept = periods.checked(Some(old.clone()), record("a", None, Some("gone")), now);
        assert_eq!((kept.unread.as_deref(), &kept.digest), (None, &old.digest));
        assert_eq!(periods.next(&[kept], now), Some(RETRY));
        let read = periods.checked(None, record("a", None, None), now);
        assert_eq!(periods.next(&[read], now), Some(HOUR));
        assert_eq!(periods.checked(None, record("b", None, None), now), record("b", None, None));
    }
}
