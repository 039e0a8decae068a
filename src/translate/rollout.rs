//! How updates go.

use k8s_openapi::api::apps::v1::{
    DaemonSetUpdateStrategy, DeploymentStrategy, RollingUpdateDaemonSet, RollingUpdateDeployment,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Unit};
use super::kind::Kind;
use super::network;
use super::notes::Notes;
use crate::compose::model::{Duration, Service, UpdateConfig};

/// Old generations that are kept to go back to.
pub(super) const REVISION_HISTORY_LIMIT: i32 = 3;
/// How long a rollout may take when the stack's setting cannot be read.
const PROGRESS_SECONDS: i32 = 600;

/// The strategy of a Deployment: containers stop before their successors start, one at a time, unless the file says
/// otherwise (Deploy Specification, "update_config").
pub(super) fn deployment_strategy(unit: &Unit) -> DeploymentStrategy {
    let (surge, unavailable) = bounds(unit);
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment { max_surge: Some(surge), max_unavailable: Some(unavailable) }),
    }
}

/// The strategy of a DaemonSet.
pub(super) fn daemon_set_strategy(unit: &Unit) -> DaemonSetUpdateStrategy {
    let (surge, unavailable) = bounds(unit);
    DaemonSetUpdateStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDaemonSet { max_surge: Some(surge), max_unavailable: Some(unavailable) }),
    }
}

/// Whether replacements start before what they replace stops. What a pod has for itself, it has to give up first.
pub(super) fn is_start_first(unit: &Unit) -> bool {
    let wanted = update_config(unit.service).is_some_and(|config| config.order == "start-first");
    wanted && matches!(unit.kind, Kind::Deployment | Kind::DaemonSet) && !holds_node_ports(unit)
}

/// `update_config.delay`: how long a pod has to be ready before the next one is replaced.
pub(super) fn min_ready_seconds(unit: &Unit) -> Option<i32> {
    let config = update_config(unit.service)?;
    let seconds = config.delay.max(config.monitor).whole_seconds_up();
    i32::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

/// `spec.progressDeadline`, longer than a pod needs to count as available, or the API server refuses it.
pub(super) fn progress_deadline_seconds(context: &Context, unit: &Unit) -> i32 {
    let seconds = Duration::parse(&context.stack.spec.progress_deadline)
        .ok()
        .and_then(|deadline| i32::try_from(deadline.whole_seconds_up()).ok())
        .filter(|seconds| *seconds > 0)
        .unwrap_or(PROGRESS_SECONDS);
    seconds.max(min_ready_seconds(unit).map_or(0, |ready| ready.saturating_add(1)))
}

/// Says what differs.
pub(super) fn note_differences(unit: &Unit, notes: &mut Notes) {
    let Some(config) = update_config(unit.service) else { return };
    let path = format!("{}.deploy.update_config", unit.path);
    if unit.kind == Kind::Job {
        notes.ignored(path, "what runs to completion is not updated, but run again");
        return;
    }
    if config.order == "start-first" && !is_start_first(unit) {
        notes.approximated(
            format!("{path}.order"),
            "containers stop before their successors start, since two must not share the volume or the node's ports",
        );
    }
    if config.delay.0 > 0 || config.monitor.0 > 0 {
        let attribute = if config.delay.0 > 0 { "delay" } else { "monitor" };
        notes.approximated(
            format!("{path}.{attribute}"),
            "a pod has to be ready for so long before the next one is replaced",
        );
    }
    match config.failure_action.as_str() {
        "" | "pause" => {}
        other => notes.approximated(
            format!("{path}.failure_action"),
            format!("`{other}` is not there yet: a failed update stops where it is, as with `pause`"),
        ),
    }
}

fn update_config(service: &Service) -> Option<&UpdateConfig> {
    service.deploy.as_ref().and_then(|deploy| deploy.update_config.as_ref())
}

fn bounds(unit: &Unit) -> (IntOrString, IntOrString) {
    let parallelism = update_config(unit.service).and_then(|config| config.parallelism).unwrap_or(1);
    let step = match i32::try_from(parallelism) {
        Ok(0) | Err(_) => IntOrString::String("100%".to_owned()),
        Ok(parallelism) => IntOrString::Int(parallelism),
    };
    if is_start_first(unit) { (step, IntOrString::Int(0)) } else { (IntOrString::Int(0), step) }
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
}
