//! How updates go.

use k8s_openapi::api::apps::v1::{
    DaemonSetUpdateStrategy, DeploymentStrategy, RollingUpdateDaemonSet, RollingUpdateDeployment,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Unit};
use super::kind::Kind;
use super::network;
use super::notes::Notes;
use super::plan::{OnFailure, Pace, Rollout};
use crate::compose::model::{Duration, Service, UpdateConfig};

/// Old generations that are kept to go back to.
pub(super) const REVISION_HISTORY_LIMIT: i32 = 3;
/// How long a rollout may take when the stack's setting cannot be read.
const PROGRESS_SECONDS: i32 = 600;
/// How long Docker watches a container of an update for failure when the file does not say (`docker service create
/// --update-monitor`).
const MONITOR_SECONDS: i64 = 5;

/// The strategy of a Deployment: containers stop before their successors start, one at a time, unless the file says
/// otherwise (Deploy Specification, "update_config").
pub(super) fn deployment_strategy(unit: &Unit) -> DeploymentStrategy {
    let Pace { max_surge, max_unavailable, .. } = pace(unit, update_config(unit.service));
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(max_surge),
            max_unavailable: Some(max_unavailable),
        }),
    }
}

/// The strategy of a DaemonSet.
pub(super) fn daemon_set_strategy(unit: &Unit) -> DaemonSetUpdateStrategy {
    let Pace { max_surge, max_unavailable, .. } = pace(unit, update_config(unit.service));
    DaemonSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDaemonSet {
            max_surge: Some(max_surge),
            max_unavailable: Some(max_unavailable),
        }),
    }
}

/// Whether replacements start before what they replace stops. What a pod has for itself, it has to give up first.
pub(super) fn is_start_first(unit: &Unit) -> bool {
    update_config(unit.service).is_some_and(|config| starts_first(unit, config))
}

/// `update_config.delay`: how long a pod has to be ready before the next one is replaced; at least as long as it is
/// watched for failure.
pub(super) fn min_ready_seconds(unit: &Unit) -> Option<i32> {
    pace(unit, update_config(unit.service)).min_ready_seconds
}

/// `spec.progressDeadline`, longer than a pod needs to count as available, or the API server refuses it.
pub(super) fn progress_deadline_seconds(context: &Context, unit: &Unit) -> i32 {
    let seconds = Duration::parse(&context.stack.spec.progress_deadline)
        .ok()
        .and_then(|deadline| i32::try_from(deadline.whole_seconds_up()).ok())
        .filter(|seconds| *seconds > 0)
        .unwrap_or(PROGRESS_SECONDS);
    let there_and_back = min_ready_seconds(unit).max(back(unit).min_ready_seconds);
    seconds.max(there_and_back.map_or(0, |ready| ready.saturating_add(1)))
}

/// What is done about an update that fails, if the file says anything about that.
pub(super) fn rollout(context: &Context, unit: &Unit) -> Option<Rollout> {
    let config = update_config(unit.service).filter(|config| watches(config))?;
    let rolls = matches!(unit.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet);
    rolls.then(|| Rollout {
        on_failure: match config.failure_action.as_str() {
            "continue" => OnFailure::Continue,
            "rollback" => OnFailure::Rollback,
            _ => OnFailure::Pause,
        },
        max_failure_ratio: config.max_failure_ratio,
        monitor_seconds: if config.monitor.0 > 0 { config.monitor.whole_seconds_up() } else { MONITOR_SECONDS },
        deadline_seconds: progress_deadline_seconds(context, unit).into(),
        back: back(unit),
    })
}

/// Says what differs.
pub(super) fn note_differences(unit: &Unit, notes: &mut Notes) {
    let Some(deploy) = &unit.service.deploy else { return };
    if let Some(config) = &deploy.update_config {
        let path = format!("{}.deploy.update_config", unit.path);
        if matches!(unit.kind, Kind::Job | Kind::CronJob) {
            notes.ignored(path, "what runs to completion is not updated, but run again");
        } else {
            note_pace(unit, config, &path, notes);
            note_failure(unit, config, &path, notes);
        }
    }
    if let Some(config) = &deploy.rollback_config {
        let path = format!("{}.deploy.rollback_config", unit.path);
        if !rolls_back(unit) {
            notes.ignored(path, "nothing is rolled back without `update_config.failure_action: rollback`");
            return;
        }
        note_pace(unit, config, &path, notes);
        let goes_on = [
            (config.failure_action == "continue", "failure_action"),
            (config.max_failure_ratio > 0.0, "max_failure_ratio"),
        ];
        for (_, attribute) in goes_on.into_iter().filter(|(is_set, _)| *is_set) {
            notes.approximated(format!("{path}.{attribute}"), "the way back stops where a pod does not get ready");
        }
    }
}

fn note_pace(unit: &Unit, config: &UpdateConfig, path: &str, notes: &mut Notes) {
    if config.order == "start-first" && !starts_first(unit, config) {
        notes.approximated(
            format!("{path}.order"),
            "containers stop before their successors start, since two must not share the volume or the node's ports",
        );
    }
    if unit.kind == Kind::StatefulSet && unit.is_several() && config.parallelism.is_some_and(|pods| pods != 1) {
        notes.approximated(format!("{path}.parallelism"), "the pods of a StatefulSet are replaced one at a time");
    }
    if config.delay.0 > 0 || config.monitor.0 > 0 {
        let attribute = if config.delay.0 > 0 { "delay" } else { "monitor" };
        notes.approximated(
            format!("{path}.{attribute}"),
            "a pod has to be ready for so long before the next one is replaced",
        );
    }
}

fn note_failure(unit: &Unit, config: &UpdateConfig, path: &str, notes: &mut Notes) {
    let stops = "an update stops where a pod does not get ready";
    let action = format!("{path}.failure_action");
    match config.failure_action.as_str() {
        "" => {}
        "continue" if goes_on(unit) => {}
        "continue" => notes.approximated(action, stops),
        "pause" => notes.approximated(action, "an update that stopped goes on by itself once its pods are ready"),
        "rollback" => notes.approximated(
            action,
            "the pod template goes back to the last one whose pods all got ready; Services, volumes and the number of pods stay as the file has them",
        ),
        other => {
            notes.approximated(action, format!("`{other}` is not known and taken for `pause`"));
        }
    }
    if config.max_failure_ratio > 0.0 && !goes_on(unit) {
        notes.approximated(format!("{path}.max_failure_ratio"), stops);
    }
}

fn update_config(service: &Service) -> Option<&UpdateConfig> {
    service.deploy.as_ref().and_then(|deploy| deploy.update_config.as_ref())
}

/// Whether the file says anything about updates that fail.
fn watches(config: &UpdateConfig) -> bool {
    !config.failure_action.is_empty() || config.monitor.0 > 0 || config.max_failure_ratio > 0.0
}

fn rolls_back(unit: &Unit) -> bool {
    let asked = update_config(unit.service).is_some_and(|config| config.failure_action == "rollback");
    asked && !matches!(unit.kind, Kind::Job | Kind::CronJob)
}

/// Whether pods can be replaced while others of the update have failed: by raising `maxUnavailable`, which StatefulSets
/// do not have everywhere, and DaemonSets that start first may not have.
fn goes_on(unit: &Unit) -> bool {
    match unit.kind {
        Kind::StatefulSet => !unit.is_several(),
        Kind::DaemonSet => !is_start_first(unit),
        _ => true,
    }
}

fn starts_first(unit: &Unit, config: &UpdateConfig) -> bool {
    config.order == "start-first" && matches!(unit.kind, Kind::Deployment | Kind::DaemonSet) && !holds_node_ports(unit)
}

/// How pods are replaced on the way back: as Docker does when the file does not say, which is one at a time.
fn back(unit: &Unit) -> Pace {
    pace(unit, unit.service.deploy.as_ref().and_then(|deploy| deploy.rollback_config.as_ref()))
}

fn pace(unit: &Unit, config: Option<&UpdateConfig>) -> Pace {
    let step = match i32::try_from(config.and_then(|config| config.parallelism).unwrap_or(1)) {
        Ok(0) | Err(_) => IntOrString::String("100%".to_owned()),
        Ok(parallelism) => IntOrString::Int(parallelism),
    };
    let starts_first = config.is_some_and(|config| starts_first(unit, config));
    let (max_surge, max_unavailable) =
        if starts_first { (step, IntOrString::Int(0)) } else { (IntOrString::Int(0), step) };
    Pace { max_surge, max_unavailable, min_ready_seconds: config.and_then(ready_seconds) }
}

fn ready_seconds(config: &UpdateConfig) -> Option<i32> {
    // A program that ends within moments is ready until then, if it has no health check.
    let stops = matches!(config.failure_action.as_str(), "pause" | "rollback");
    let monitor = if stops && config.monitor.0 == 0 { MONITOR_SECONDS } else { config.monitor.whole_seconds_up() };
    let seconds = config.delay.whole_seconds_up().max(monitor);
    i32::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

fn holds_node_ports(unit: &Unit) -> bool {
    let service = unit.service;
    unit.kompose.host_ports
        || network::is_host_mode(service)
        || service.workload.ports.iter().any(|port| port.mode == "host")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn strategy(service: &str) -> (String, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let unit = &context.units["web"];
            note_differences(unit, notes);
            let rolling = deployment_strategy(unit).rolling_update.unwrap();
            let text = |bound: Option<IntOrString>| match bound.unwrap() {
                IntOrString::Int(n) => n.to_string(),
                IntOrString::String(text) => text,
            };
            let text = format!("+{} -{}", text(rolling.max_surge), text(rolling.max_unavailable));
            (text, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn order_and_parallelism() {
        for (config, expected) in [
            ("", "+0 -1"),
            ("deploy: {update_config: {parallelism: 2}}", "+0 -2"),
            ("deploy: {update_config: {parallelism: 0}}", "+0 -100%"),
            ("deploy: {update_config: {parallelism: 2, order: start-first}}", "+2 -0"),
            ("deploy: {update_config: {parallelism: 0, order: start-first}}", "+100% -0"),
        ] {
            assert_eq!(strategy(config), (expected.to_owned(), vec![]), "{config}");
        }
    }

    #[test]
    fn a_stateful_set_replaces_one_pod_at_a_time() {
        let noted = |parallelism: u8, environment: &str| {
            let text = format!(
                "services: {{web: {{image: x, environment: {{N: \"{environment}\"}}, deploy: {{replicas: 3, update_config: \
                 {{parallelism: {parallelism}}}}}}}}}"
            );
            fixture::with(&text, |context, notes| {
                note_differences(&context.units["web"], notes);
                std::mem::take(notes).summary()
            })
        };
        let counts = "{{.Task.Slot}}";
        assert_eq!(noted(2, counts), ["services.web.deploy.update_config.parallelism: Approximated"]);
        assert_eq!((noted(1, counts), noted(2, "")), (vec![], vec![]));
    }

    #[test]
    fn ports_of_the_node_are_given_up_first() {
        let (bounds, notes) = strategy(
            "ports: [{target: 80, published: \"80\", mode: host}], deploy: {update_config: {order: start-first}}",
        );
        assert_eq!(bounds, "+0 -1");
        assert_eq!(notes, ["services.web.deploy.update_config.order: Approximated"]);
    }

    #[test]
    fn a_rollout_may_take_longer_than_a_pod_needs() {
        fixture::with("services: {web: {image: x, deploy: {update_config: {delay: 20m}}}}", |context, _| {
            let unit = &context.units["web"];
            assert_eq!(min_ready_seconds(unit), Some(1200));
            assert_eq!(progress_deadline_seconds(context, unit), 1201);
        });
    }

    fn planned(deploy: &str) -> (Option<Rollout>, Option<i32>, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, deploy: {deploy}}}}}"), |context, notes| {
            let unit = &context.units["web"];
            note_differences(unit, notes);
            (rollout(context, unit), min_ready_seconds(unit), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn only_a_file_that_speaks_of_failure_has_its_updates_watched() {
        assert_eq!(planned("{replicas: 2}").0, None);
        assert_eq!(planned("{update_config: {parallelism: 2, order: start-first, delay: 1s}}").0, None);
        assert_eq!(planned("{mode: replicated-job, update_config: {failure_action: rollback}}").0, None);
        for (config, on_failure) in [
            ("failure_action: continue", OnFailure::Continue),
            ("failure_action: pause", OnFailure::Pause),
            ("failure_action: rollback", OnFailure::Rollback),
            ("max_failure_ratio: 0.5", OnFailure::Pause),
            ("monitor: 1m", OnFailure::Pause),
        ] {
            let (rollout, ..) = planned(&format!("{{update_config: {{{config}}}}}"));
            assert_eq!(rollout.map(|rollout| rollout.on_failure), Some(on_failure), "{config}");
        }
    }

    #[test]
    fn a_pod_is_watched_for_as_long_as_docker_does() {
        for (config, monitor, ready) in [
            ("failure_action: rollback", 5, Some(5)),
            ("failure_action: rollback, monitor: 30s", 30, Some(30)),
            ("failure_action: pause, delay: 1m", 5, Some(60)),
            ("failure_action: continue", 5, None),
        ] {
            let (rollout, ready_seconds, _) = planned(&format!("{{update_config: {{{config}}}}}"));
            assert_eq!((rollout.unwrap().monitor_seconds, ready_seconds), (monitor, ready), "{config}");
        }
    }

    #[test]
    fn the_way_back_has_a_pace_of_its_own() {
        let update = "update_config: {failure_action: rollback, parallelism: 3, order: start-first}";
        let (rollout, _, notes) = planned(&format!("{{{update}}}"));
        let one =
            Pace { max_surge: IntOrString::Int(0), max_unavailable: IntOrString::Int(1), min_ready_seconds: None };
        assert_eq!(rollout.unwrap().back, one);
        assert_eq!(notes, ["services.web.deploy.update_config.failure_action: Approximated"]);
        let (rollout, _, notes) = planned(&format!(
            "{{{update}, rollback_config: {{parallelism: 2, order: start-first, delay: 20m, failure_action: continue}}}}"
        ));
        let rollout = rollout.unwrap();
        assert_eq!(rollout.back.max_surge, IntOrString::Int(2));
        assert_eq!(rollout.back.min_ready_seconds, Some(1200));
        assert_eq!(rollout.deadline_seconds, 1201, "the API server refuses less than it takes to be ready");
        assert_eq!(notes[0], "services.web.deploy.rollback_config.delay: Approximated");
        assert_eq!(notes[1], "services.web.deploy.rollback_config.failure_action: Approximated");
        let (.., notes) = planned("{rollback_config: {parallelism: 2}}");
        assert_eq!(notes, ["services.web.deploy.rollback_config: Ignored"]);
    }

    #[test]
    fn what_cannot_go_on_beside_failed_pods_says_so() {
        let noted = |deploy: &str| planned(deploy).2;
        let config = "update_config: {failure_action: continue, max_failure_ratio: 0.5}";
        assert_eq!(noted(&format!("{{replicas: 4, {config}}}")), Vec::<String>::new());
        assert_eq!(noted(&format!("{{mode: global, {config}}}")), Vec::<String>::new());
        let start_first = config.replace('}', ", order: start-first}");
        assert_eq!(
            noted(&format!("{{mode: global, {start_first}}}")),
            [
                "services.web.deploy.update_config.failure_action: Approximated",
                "services.web.deploy.update_config.max_failure_ratio: Approximated"
            ]
        );
    }
}
