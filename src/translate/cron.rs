//! Crontab expressions, as the API server reads them (github.com/robfig/cron, `ParseStandard`).
//!
//! The API server refuses what it cannot read, but by the object's name; here the attribute is known.

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DESCRIPTORS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// One of the five fields: what it is called, its bounds, and the names of its values from the lower bound on.
type Field = (&'static str, u32, u32, &'static [&'static str]);

const FIELDS: [Field; 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &MONTHS),
    ("day of the week", 0, 6, &DAYS),
];

/// Splits a time zone off that stands in front of the expression (`CRON_TZ=Europe/Paris 0 3 * * *`), where Kubernetes
/// refuses it.
pub(super) fn split_zone(text: &str) -> (Option<&str>, &str) {
    let text = text.trim();
    let zone = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ="));
    match zone.and_then(|rest| rest.split_once(char::is_whitespace)) {
        Some((zone, rest)) => (Some(zone), rest.trim_start()),
        None => (None, text),
    }
}

/// Whether a time zone may be called so; which ones there are, the API server finds in its own files (Kubernetes,
/// `validateTimeZone`).
pub(super) fn is_zone(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=14).contains(&part.len())
            && !matches!(part, "." | "..")
            && !part.starts_with('-')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
    };
    text.split('/').all(is_part)
}

/// Checks an expression.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub(super) fn check(text: &str) -> Result<(), String> {
    if let Some(period) = text.strip_prefix("@every ") {
        // The units are those of Go, which are Compose's without days and weeks.
        return match crate::compose::model::Duration::parse(period) {
            Ok(_) if !period.contains(['d', 'w']) => Ok(()),
            _ => Err(format!("`{period}` is no period: write it like `@every 1h30m`")),
        };
    }
    if text.starts_with('@') {
        return if DESCRIPTORS.contains(&text) {
            Ok(())
        } else {
            Err(format!("`{text}` is not known: use one of {}, or `@every 1h`", DESCRIPTORS.join(", ")))
        };
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() != FIELDS.len() {
        return Err(format!(
            "has {} fields: expected minute, hour, day of the month, month and day of the week",
            words.len()
        ));
    }
    words.iter().zip(FIELDS).try_for_each(|(word, field)| word.split(',').try_for_each(|part| check_part(part, field)))
}

fn check_part(part: &str, (name, low, high, names): Field) -> Result<(), String> {
    let wrong = |what: &str| {
        Err(format!("`{what}` is no {name}: expected {low} to {high}, `*`, or a range such as `{low}-{high}/2`"))
    };
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    if step.is_some_and(|step| !step.parse::<u32>().is_ok_and(|step| step > 0)) {
        return wrong(part);
    }
    if matches!(range, "*" | "?") {
        return Ok(());
    }
    let value = |word: &str| {
        let position = names.iter().position(|name| word.eq_ignore_ascii_case(name));
        let number = position.and_then(|at| u32::try_from(at).ok()).map(|at| at + low);
        number.or_else(|| word.parse().ok()).filter(|number| (low..=high).contains(number))
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (value(first), value(last)) {
        (Some(first), Some(last)) if first <= last => Ok(()),
        _ => wrong(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_takes() {
        for text in ["0 3 * * *", "*/5 0-6,22 ? JAN-mar 1-FRI", "0/15 * 1,15 * sun", "@daily", "@every 1h30m"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "@often",
            "@every day",
            "@every 1d",
            "0 0 L * *",
            "1,,2 * * * *",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_zones() {
        for zone in ["UTC", "Etc/GMT+1", "America/Argentina/Buenos_Aires", "America/Port-au-Prince"] {
            assert!(is_zone(zone), "{zone}");
        }
        for zone in ["", "Europe/", "/Paris", "../etc", "Europe/Paris now", "-1", "Europe/Paris_and_surroundings"] {
            assert!(!is_zone(zone), "{zone}");
        }
    }

    #[test]
    fn zones_in_front() {
        assert_eq!(split_zone("TZ=Asia/Tokyo 0 3 * * *"), (Some("Asia/Tokyo"), "0 3 * * *"));
        assert_eq!(split_zone(" CRON_TZ=UTC  @daily"), (Some("UTC"), "@daily"));
        assert_eq!(split_zone("0 3 * * *"), (None, "0 3 * * *"));
    }
}
