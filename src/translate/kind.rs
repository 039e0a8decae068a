//! Which kind of workload a service becomes.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Unit};
use super::notes::Notes;
use super::{attachment, swarm_template};
use crate::compose::model::{DependencyCondition, MountKind, Service};

/// The kinds of workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
}

/// When a container starts again (Compose Specification, "restart"; Deploy Specification, "restart_policy", which is
/// the stronger of the two).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// The file says nothing: a server, in most files.
    Unset,
    /// Explicitly never.
    No,
    /// After a failure, at most so many times.
    OnFailure(Option<i32>),
    /// Always, or at most so many times.
    Always(Option<i32>),
}

/// The kinds of all services.
pub(super) fn kinds<'a>(context: &Context<'a>) -> BTreeMap<&'a str, Kind> {
    let awaited = awaited(context);
    context.units.iter().map(|(key, unit)| (*key, kind(context, unit, awaited.contains(key)))).collect()
}

fn kind(context: &Context, unit: &Unit, awaited: bool) -> Kind {
    if context.project.jobs.contains_key(unit.key) || unit.kompose.cron.is_some() {
        return Kind::CronJob;
    }
    if let Some(kind) = unit.drop_in.workload {
        return kind;
    }
    match mode(unit.service) {
        "global" => return Kind::DaemonSet,
        "replicated-job" | "global-job" => return Kind::Job,
        _ => {}
    }
    if awaited || restart(unit.service) == Restart::No {
        return Kind::Job;
    }
    // A Deployment lets two pods overlap whenever one is replaced, and two databases on one directory destroy it, as two
    // pods of one address keep each other from being reached; Docker stops a container before it starts the next one.
    if !unit.is_several() && (writes_named_volume(context, unit.service) || attachment::is_exclusive(context, unit)) {
        return Kind::StatefulSet;
    }
    // Swarm counts the tasks of a service, and only those of a StatefulSet are counted here.
    if unit.is_several() && swarm_template::asks_for_number(unit) {
        return Kind::StatefulSet;
    }
    Kind::Deployment
}

/// `deploy.mode`.
pub(super) fn mode(service: &Service) -> &str {
    service.deploy.as_ref().map_or("", |deploy| deploy.mode.as_str())
}

/// When the service's containers start again.
pub(super) fn restart(service: &Service) -> Restart {
    let policy = service.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref());
    // Docker takes zero for no limit.
    let limit = |limit: u64| (limit > 0).then(|| i32::try_from(limit).unwrap_or(i32::MAX));
    if let Some(policy) = policy {
        let attempts = policy.max_attempts.and_then(limit);
        return match policy.condition.as_str() {
            "none" => Restart::No,
            "on-failure" => Restart::OnFailure(attempts),
            _ => Restart::Always(attempts),
        };
    }
    match service.restart.split_once(':').unwrap_or((&service.restart, "")) {
        ("", _) => Restart::Unset,
        ("no", _) => Restart::No,
        ("on-failure", attempts) => Restart::OnFailure(attempts.parse().ok().and_then(limit)),
        _ => Restart::Always(None),
    }
}

/// Says what differs because of the kind.
pub(super) fn note_differences(unit: &Unit, notes: &mut Notes) {
    let path = || {
        let from_policy = unit.service.deploy.as_ref().is_some_and(|deploy| deploy.restart_policy.is_some());
        let attribute = if from_policy { "deploy.restart_policy.condition" } else { "restart" };
        format!("{}.{attribute}", unit.path)
    };
    match (unit.kind, restart(unit.service)) {
        (Kind::Job, Restart::Always(_)) => notes.approximated(
            path(),
            "others wait for this service's completion, so that it runs until it succeeds once and is not started again",
        ),
        (Kind::Job | Kind::CronJob, _) => {}
        (_, Restart::OnFailure(_)) => notes.approximated(
            path(),
            "is kept running: Kubernetes starts it again after a success too, and any number of times",
        ),
        (_, Restart::Always(Some(_))) => notes.approximated(
            format!("{}.deploy.restart_policy.max_attempts", unit.path),
            "is not honoured: Kubernetes starts what is no Job again any number of times",
        ),
        _ => {}
    }
    match mode(unit.service) {
        "global" => notes.approximated(
            format!("{}.deploy.mode", unit.path),
            "runs on each node without a taint; nodes of the control plane usually have one",
        ),
        "global-job" => notes.rejected(
            format!("{}.deploy.mode", unit.path),
            "Kubernetes has no job that runs once on each node: use `replicated-job`",
        ),
        "" | "replicated" | "replicated-job" => {}
        other => notes.rejected(
            format!("{}.deploy.mode", unit.path),
            format!("`{other}` is not known: use `replicated`, `global` or `replicated-job`"),
        ),
    }
    if unit.service.replicas() < 0 {
        notes.error(format!("{}.deploy.replicas", unit.path), "Invalid", "must not be negative");
    }
}

/// The services whose completion another one waits for.
fn awaited<'a>(context: &Context<'a>) -> BTreeSet<&'a str> {
    context
        .units
        .values()
        .flat_map(|unit| &unit.service.workload.depends_on)
        .filter(|(_, dependency)| dependency.condition == DependencyCondition::CompletedSuccessfully)
        .map(|(name, _)| name.as_str())
        .collect()
}

fn writes_named_volume(context: &Context, service: &Service) -> bool {
    service.container.volumes.iter().any(|mount| {
        mount.kind == MountKind::Volume
            && !mount.read_only
            && context.backings.get(mount.source.as_str()).is_some_and(|backing| !backing.is_memory())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn kind_of(text: &str, service: &str) -> Kind {
        fixture::with(text, |context, _| context.units[service].kind)
    }

    #[test]
    fn servers_are_deployments_whatever_restarts_them() {
        for restart in ["", "restart: always", "restart: unless-stopped", "restart: on-failure:3"] {
            assert_eq!(kind_of(&format!("services: {{web: {{image: x, {restart}}}}}"), "web"), Kind::Deployment);
        }
    }

    #[test]
    fn a_single_writer_of_a_volume_is_a_stateful_set() {
        let text = |options: &str, replicas: u8| {
            format!(
                "services: {{db: {{image: x, scale: {replicas}, volumes: [{{type: volume, source: data, target: /d \
                 {options}}}]}}}}\nvolumes: {{data: {{name: p_data}}}}"
            )
        };
        assert_eq!(kind_of(&text("", 1), "db"), Kind::StatefulSet);
        assert_eq!(kind_of(&text("", 0), "db"), Kind::StatefulSet);
        assert_eq!(kind_of(&text("", 2), "db"), Kind::Deployment);
        assert_eq!(kind_of(&text(", read_only: true", 1), "db"), Kind::Deployment);
    }

    #[test]
    fn what_counts_its_tasks_is_a_stateful_set() {
        for (service, expected) in [
            ("scale: 2, environment: {N: \"n{{ .Task.Slot }}\"}", Kind::StatefulSet),
            ("scale: 2, hostname: \"web-{{.Task.Slot}}\"", Kind::StatefulSet),
            ("scale: 2, hostname: \"other-{{.Task.Slot}}\"", Kind::Deployment),
            ("environment: {N: \"{{.Task.Slot}}\"}", Kind::Deployment),
            ("scale: 2, environment: {N: \"{{.Task.Slot}}\"}, deploy: {mode: global}", Kind::DaemonSet),
            ("scale: 2, environment: {N: \"{{.Task.Slot}}\"}, x-kubernetes: {workload: Deployment}", Kind::Deployment),
        ] {
            assert_eq!(kind_of(&format!("services: {{web: {{image: x, {service}}}}}"), "web"), expected, "{service}");
        }
    }

    #[test]
    fn what_runs_once_is_a_job() {
        assert_eq!(kind_of("services: {a: {image: x, restart: \"no\"}}", "a"), Kind::Job);
        assert_eq!(kind_of("services: {a: {image: x, deploy: {mode: replicated-job}}}", "a"), Kind::Job);
        assert_eq!(kind_of("services: {a: {image: x, deploy: {restart_policy: {condition: none}}}}", "a"), Kind::Job);
        let text = "services: {a: {image: x}, b: {image: x, depends_on: {a: {condition: \
                    service_completed_successfully, required: true}}}}";
        assert_eq!(kind_of(text, "a"), Kind::Job);
        assert_eq!(kind_of(text, "b"), Kind::Deployment);
    }

    #[test]
    fn restart_policy_is_stronger_than_restart() {
        let text = "services: {a: {image: x, restart: \"no\", deploy: {restart_policy: {condition: any}}}}";
        assert_eq!(kind_of(text, "a"), Kind::Deployment);
    }

    #[test]
    fn a_limit_of_restarts_that_no_kind_knows_is_told() {
        let noted = |policy: &str| {
            let text = format!("services: {{a: {{image: x, deploy: {{restart_policy: {policy}}}}}}}");
            fixture::with(&text, |context, notes| {
                note_differences(&context.units["a"], notes);
                std::mem::take(notes).summary()
            })
        };
        let expected = ["services.a.deploy.restart_policy.max_attempts: Approximated"];
        assert_eq!(noted("{condition: any, max_attempts: 3}"), expected);
        assert_eq!(noted("{condition: any, max_attempts: 0}"), Vec::<String>::new());
    }

    #[test]
    fn global_is_a_daemon_set() {
        assert_eq!(kind_of("services: {a: {image: x, deploy: {mode: global}}}", "a"), Kind::DaemonSet);
    }
}
