//! Health checks.
//!
//! Docker restarts nothing that is unhealthy: a health check says when others may start. It is therefore a readiness
//! probe, and only on request a liveness probe as well.

use k8s_openapi::api::core::v1::{Container, ExecAction, Probe};

use super::context::{Context, Unit};
use super::expansion::{literal, literals};
use super::notes::Notes;
use crate::compose::model::{Duration, HealthCheck, Service};

/// Docker's defaults (Dockerfile reference, "HEALTHCHECK").
pub(super) const INTERVAL: i32 = 30;
pub(super) const TIMEOUT: i32 = 30;
pub(super) const RETRIES: i32 = 3;

/// Whether the service has a health check, of the file's or of its image.
pub(super) fn is_checked(context: &Context, service: &Service) -> bool {
    check_of(context, service).is_some_and(|check| command(&check).is_some())
}

/// The service's health check: the file's, completed field by field from the image's as by Docker Engine; none when
/// there is none or it is off.
fn check_of(context: &Context, service: &Service) -> Option<HealthCheck> {
    let file = service.workload.healthcheck.as_deref();
    if file.is_some_and(is_off) {
        return None;
    }
    let Some(image) = context.image(service).and_then(|image| image.health_check.as_ref()) else {
        return file.cloned();
    };
    let mut check = file.cloned().unwrap_or_default();
    if check.test.is_empty() {
        check.test.clone_from(&image.test);
    }
    let inherit = |own: &mut Option<Duration>, image: &Option<String>| {
        if own.is_none_or(|own| own.0 == 0) {
            *own = image.as_deref().and_then(|text| Duration::parse(text).ok());
        }
    };
    inherit(&mut check.interval, &image.interval);
    inherit(&mut check.timeout, &image.timeout);
    inherit(&mut check.start_period, &image.start_period);
    inherit(&mut check.start_interval, &image.start_interval);
    let retries = image.retries.and_then(|retries| u64::try_from(retries).ok());
    check.retries = check.retries.filter(|retries| *retries > 0).or(retries);
    Some(check)
}

/// Writes the service's health check into its container.
pub(super) fn probe(context: &Context, unit: &Unit, container: &mut Container, notes: &mut Notes) {
    let Some(check) = check_of(context, unit.service) else { return };
    let Some(command) = command(&check) else {
        let problem = if context.image(unit.service).is_some() {
            "has no `test`, and neither has the image: give it one"
        } else {
            "has no `test`, and the health check of the image is not known: repeat the image's test here"
        };
        notes.rejected(format!("{}.healthcheck", unit.path), problem);
        return;
    };
    let interval = seconds(check.interval, INTERVAL);
    let retries =
        check.retries.filter(|retries| *retries > 0).map_or(RETRIES, |n| i32::try_from(n).unwrap_or(i32::MAX));
    let probe = Probe {
        exec: Some(ExecAction { command: Some(command) }),
        period_seconds: Some(interval),
        timeout_seconds: Some(seconds(check.timeout, TIMEOUT)),
        failure_threshold: Some(retries),
        ..Probe::default()
    };
    container.readiness_probe = Some(probe.clone());
    let start_period = check.start_period.map_or(0, Duration::whole_seconds_up);
    if !is_live(context, unit) {
        if check.start_interval.is_some() && start_period > 0 {
            notes.approximated(
                format!("{}.healthcheck.start_interval", unit.path),
                format!("checks run every {interval} s from the start, for a readiness probe has one pace"),
            );
        }
        return;
    }
    if start_period > 0 {
        // Failures of the start period do not count: the startup probe holds the liveness probe back for as long.
        let pace = check.start_interval.map_or(interval, |pace| seconds(Some(pace), interval));
        let failures = (start_period + i64::from(pace) - 1) / i64::from(pace);
        container.startup_probe = Some(Probe {
            period_seconds: Some(pace),
            failure_threshold: Some(i32::try_from(failures).unwrap_or(i32::MAX).saturating_add(retries)),
            ..probe.clone()
        });
    }
    container.liveness_probe = Some(probe);
}

/// Whether an unhealthy container is restarted: the stack says so, or the label of the program that people run beside
/// Docker for it (willfarrell/autoheal).
fn is_live(context: &Context, unit: &Unit) -> bool {
    if let Some(asked) = unit.drop_in.liveness {
        return asked;
    }
    context.stack.spec.liveness
        || unit.service.container.labels.get("autoheal").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn is_off(check: &HealthCheck) -> bool {
    check.disable || check.test.first().is_some_and(|kind| kind == "NONE")
}

/// The command of the check, escaped against Kubernetes' expansion.
fn command(check: &HealthCheck) -> Option<Vec<String>> {
    match check.test.split_first()? {
        (kind, words) if kind == "CMD" && !words.is_empty() => Some(literals(words)),
        (kind, words) if kind == "CMD-SHELL" && !words.is_empty() => {
            Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), literal(&words.join(" "))])
        }
        _ => None,
    }
}

/// Whole seconds, at least one; Docker takes 0 for its default.
pub(super) fn seconds(duration: Option<Duration>, default: i32) -> i32 {
    match duration.map(Duration::whole_seconds_up) {
        None | Some(0) => default,
        Some(seconds) => i32::try_from(seconds).unwrap_or(i32::MAX).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn probes(check: &str, liveness: bool) -> (Container, Vec<String>) {
        let stack = fixture::stack_with(|spec| spec.liveness = liveness);
        let text = format!("services: {{web: {{image: x, healthcheck: {check}}}}}");
        fixture::with_stack(&text, &stack, |context, notes| {
            let mut container = Container::default();
            probe(context, &context.units["web"], &mut container, notes);
            (container, std::mem::take(notes).summary())
        })
    }

    fn numbers(probe: &Probe) -> (i32, i32, i32) {
        (probe.period_seconds.unwrap(), probe.timeout_seconds.unwrap(), probe.failure_threshold.unwrap())
    }

    #[test]
    fn a_check_is_a_readiness_probe_with_dockers_defaults() {
        let (container, notes) = probes("{test: [CMD-SHELL, \"pg_isready -U $$(id) || exit 1\"]}", false);
        let probe = container.readiness_probe.unwrap();
        assert_eq!(probe.exec.clone().unwrap().command.unwrap(), ["/bin/sh", "-c", "pg_isready -U $$$$(id) || exit 1"]);
        assert_eq!(numbers(&probe), (30, 30, 3));
        assert_eq!((container.liveness_probe, container.startup_probe), (None, None));
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn parts_of_seconds_round_up() {
        let (container, _) =
            probes("{test: [CMD, check], interval: 500ms, timeout: 1500ms, retries: 5, start_period: 10s}", false);
        assert_eq!(numbers(&container.readiness_probe.unwrap()), (1, 2, 5));
    }

    #[test]
    fn liveness_waits_for_the_start_period() {
        let (container, _) =
            probes("{test: [CMD, check], interval: 10s, retries: 3, start_period: 25s, start_interval: 2s}", true);
        assert_eq!(numbers(&container.liveness_probe.unwrap()), (10, 30, 3));
        assert_eq!(numbers(&container.startup_probe.unwrap()), (2, 30, 16));
        let (container, _) = probes("{test: [CMD, check]}", true);
        assert!(container.liveness_probe.is_some() && container.startup_probe.is_none());
    }

    #[test]
    fn checks_that_are_off_make_no_probe() {
        for check in ["{test: [NONE]}", "{disable: true}"] {
            let (container, notes) = probes(check, true);
            assert_eq!((container.readiness_probe, notes), (None, Vec::<String>::new()));
        }
    }

    #[test]
    fn the_images_check_completes_the_files() {
        let facts = fixture::image(serde_json::json!({"healthCheck": {
            "test": ["CMD", "own"], "interval": "5s", "timeout": "3s", "retries": 7
        }}));
        for (check, command, expected) in [
            ("", "own", Some((5, 3, 7))),
            ("healthcheck: {interval: 9s}", "own", Some((9, 3, 7))),
            ("healthcheck: {test: [CMD, mine], retries: 1}", "mine", Some((5, 3, 1))),
            ("healthcheck: {disable: true}", "", None),
        ] {
            let text = format!("services: {{web: {{image: x, {check}}}}}");
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                let mut container = Container::default();
                let unit = &context.units["web"];
                probe(context, unit, &mut container, notes);
                assert_eq!(container.readiness_probe.as_ref().map(numbers), expected, "{check}");
                assert_eq!(is_checked(context, unit.service), expected.is_some());
                let words = container.readiness_probe.and_then(|probe| probe.exec?.command).unwrap_or_default();
                assert_eq!(words.join(" "), command);
            });
        }
    }

    #[test]
    fn a_check_without_a_test_is_the_images() {
        let (container, notes) = probes("{interval: 5s}", false);
        assert_eq!(container.readiness_probe, None);
        assert_eq!(notes, ["services.web.healthcheck: Rejected"]);
    }
}
