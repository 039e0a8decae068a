//! Health checks by kompose's labels: they replace the readiness of the file's `healthcheck`, and ask for a liveness.

use k8s_openapi::api::core::v1::{Container, ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::context::Unit;
use super::super::expansion::literals;
use super::super::notes::Notes;
use super::super::probe::{INTERVAL, RETRIES, TIMEOUT, seconds};
use super::{Kompose, Taken, expect};
use crate::compose::model::Duration;
use crate::compose::words;

/// When a container is ready.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Readiness {
    pub(super) disable: bool,
    pub(super) test: Vec<String>,
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) start_period: Option<Duration>,
    pub(super) retries: Option<i32>,
    pub(super) handler: Handler,
}

/// A check that is no command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Handler {
    pub(super) http_path: Option<String>,
    pub(super) http_port: Option<i32>,
    pub(super) tcp_port: Option<i32>,
}

impl Handler {
    pub(super) fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// The probe with this check in place of its own.
    fn onto(&self, probe: Probe) -> Probe {
        let http = self.http_path.is_some() || self.http_port.is_some();
        Probe {
            exec: None,
            http_get: http.then(|| HTTPGetAction {
                path: Some(self.http_path.clone().unwrap_or_else(|| "/".to_owned())),
                port: IntOrString::Int(self.http_port.unwrap_or(80)),
                ..HTTPGetAction::default()
            }),
            tcp_socket: self
                .tcp_port
                .filter(|_| !http)
                .map(|port| TCPSocketAction { port: IntOrString::Int(port), host: None }),
            ..probe
        }
    }
}

/// Writes the checks of the labels into the container, which has those of the file.
pub(in super::super) fn checks(unit: &Unit, container: &mut Container, notes: &mut Notes) {
    let readiness = &unit.kompose.readiness;
    let label = |name: &str| format!("{}.labels.kompose.service.healthcheck.{name}", unit.path);
    if unit.kompose.liveness.is_given() {
        match container.liveness_probe.clone().or_else(|| container.readiness_probe.clone()) {
            Some(probe) => container.liveness_probe = Some(unit.kompose.liveness.onto(probe)),
            None => notes.approximated(
                label("liveness"),
                "is not honoured, in kompose either: the file's `healthcheck` says how often, so add one with a test",
            ),
        }
    }
    if readiness.disable {
        container.readiness_probe = None;
        return;
    }
    if *readiness == Readiness::default() {
        return;
    }
    let base = container.readiness_probe.clone().unwrap_or_else(|| Probe {
        period_seconds: Some(INTERVAL),
        timeout_seconds: Some(TIMEOUT),
        failure_threshold: Some(RETRIES),
        ..Probe::default()
    });
    let mut probe = Probe {
        period_seconds: readiness.interval.map(|interval| seconds(Some(interval), INTERVAL)).or(base.period_seconds),
        timeout_seconds: readiness.timeout.map(|timeout| seconds(Some(timeout), TIMEOUT)).or(base.timeout_seconds),
        failure_threshold: readiness.retries.or(base.failure_threshold),
        initial_delay_seconds: readiness.start_period.map(|period| seconds(Some(period), 1)),
        ..base
    };
    if readiness.handler.is_given() {
        probe = readiness.handler.onto(probe);
    } else if let Some((first, rest)) = readiness.test.split_first() {
        let command = match first.as_str() {
            "NONE" => {
                container.readiness_probe = None;
                return;
            }
            "CMD" => rest.to_vec(),
            "CMD-SHELL" => vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.join(" ")],
            _ => readiness.test.clone(),
        };
        probe.exec = Some(ExecAction { command: Some(literals(&command)) });
    }
    if probe.exec.is_none() && probe.http_get.is_none() && probe.tcp_socket.is_none() {
        notes.approximated(
            label("readiness"),
            "is not honoured, in kompose either: it says how often and not what, so add `readiness.test`",
        );
        return;
    }
    container.readiness_probe = Some(probe);
}

impl Kompose {
    /// Takes a label of a check by its name behind `kompose.`.
    pub(super) fn take_check(&mut self, name: &str, value: &str) -> Taken {
        let Some(name) = name.strip_prefix("service.healthcheck.") else { return Taken::Unknown };
        let number = value.trim().parse::<i32>().ok().filter(|number| *number > 0);
        let duration = Duration::parse(value).ok();
        let readiness = &mut self.readiness;
        match name.split_once('.') {
            Some(("readiness", "disable")) => readiness.disable = value.eq_ignore_ascii_case("true"),
            Some(("readiness", "test")) => match words(value) {
                Some(words) => readiness.test = words,
                None => return Taken::Wrong("a command whose quotes end"),
            },
            Some(("readiness", "interval")) => readiness.interval = duration,
            Some(("readiness", "timeout")) => readiness.timeout = duration,
            Some(("readiness", "start_period")) => readiness.start_period = duration,
            Some(("readiness", "retries")) => readiness.retries = number,
            Some((probe @ ("readiness" | "liveness"), field @ ("http_get_path" | "http_get_port" | "tcp_port"))) => {
                let handler = if probe == "readiness" { &mut readiness.handler } else { &mut self.liveness };
                match field {
                    "http_get_path" => handler.http_path = Some(value.to_owned()),
                    "http_get_port" => handler.http_port = number,
                    _ => handler.tcp_port = number,
                }
                return expect(field == "http_get_path" || number.is_some(), "a port");
            }
            _ => return Taken::Unknown,
        }
        let is_duration = name.ends_with("interval") || name.ends_with("timeout") || name.ends_with("start_period");
        match (is_duration, name.ends_with("retries")) {
            (true, _) => expect(duration.is_some(), "a duration such as `30s`"),
            (_, true) => expect(number.is_some(), "a number from 1"),
            _ => Taken::Yes,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::translate::fixture;
    use crate::translate::notes::Notes;

    use super::*;

    fn checked(labels: &str, more: &str) -> (Option<Probe>, Option<Probe>, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, labels: {{{labels}}}, {more}}}}}"), |context, _| {
            let mut notes = Notes::default();
            let unit = &context.units["web"];
            let mut container = Container::default();
            crate::translate::probe::probe(context, unit, &mut container, &mut notes);
            checks(unit, &mut container, &mut notes);
            (container.readiness_probe, container.liveness_probe, notes.summary())
        })
    }

    const CHECK: &str = "healthcheck: {test: [CMD, check], interval: 5s}";

    #[test]
    fn readiness_is_that_of_the_labels() {
        let (probe, _, notes) = checked(
            "kompose.service.healthcheck.readiness.test: CMD curl -f 'http://a b', \
             kompose.service.healthcheck.readiness.interval: 7s, kompose.service.healthcheck.readiness.retries: \"2\"",
            CHECK,
        );
        let probe = probe.unwrap();
        assert_eq!(probe.exec.unwrap().command.unwrap(), ["curl", "-f", "http://a b"]);
        assert_eq!((probe.period_seconds, probe.failure_threshold, notes), (Some(7), Some(2), vec![]));
        let (probe, _, _) = checked("kompose.service.healthcheck.readiness.http_get_port: \"8080\"", "");
        let probe = probe.unwrap();
        assert_eq!(probe.http_get.unwrap().port, IntOrString::Int(8080));
        assert_eq!(probe.period_seconds, Some(INTERVAL));
        let (probe, _, _) = checked("kompose.service.healthcheck.readiness.disable: \"true\"", CHECK);
        assert_eq!(probe, None);
    }

    #[test]
    fn liveness_has_the_pace_of_the_health_check() {
        let label = "kompose.service.healthcheck.liveness.tcp_port: \"8080\"";
        let (readiness, liveness, notes) = checked(label, CHECK);
        let liveness = liveness.unwrap();
        assert_eq!((liveness.tcp_socket.unwrap().port, liveness.exec), (IntOrString::Int(8080), None));
        assert_eq!((liveness.period_seconds, notes), (Some(5), vec![]));
        assert!(readiness.unwrap().exec.is_some());
        assert_eq!(checked(label, "").2, ["services.web.labels.kompose.service.healthcheck.liveness: Approximated"]);
    }

    #[test]
    fn a_pace_without_a_check_is_no_check() {
        let (probe, _, notes) = checked("kompose.service.healthcheck.readiness.interval: 7s", "");
        assert_eq!(
            (probe, notes),
            (None, vec!["services.web.labels.kompose.service.healthcheck.readiness: Approximated".to_owned()])
        );
    }
}
