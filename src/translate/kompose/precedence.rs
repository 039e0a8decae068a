//! Which of two wishes is honoured: `x-kubernetes` says it for this operator, labels of kompose for another program.

use super::super::drop_in::{DropIn, Replicas};
use super::super::kind::Kind;
use super::super::notes::Notes;
use super::checks::Handler;
use super::{Kompose, Taken};
use crate::compose::model::Service;

/// Takes what a label asks for, unless an entry of `x-kubernetes` asks for something else.
pub(super) fn fill<T: PartialEq>(own: &mut Option<T>, label: T, entry: &'static str) -> Taken {
    match own {
        Some(own) if *own != label => Taken::Yields(entry),
        _ => {
            *own = Some(label);
            Taken::Yes
        }
    }
}

/// What is said of a label that gives way.
pub(super) fn problem(entry: &str) -> String {
    format!("is not honoured: `x-kubernetes.{entry}` says something else, and goes before labels of kompose")
}

/// The paths of the labels whose names begin so.
pub(in super::super) fn paths(path: &str, service: &Service, prefix: &str) -> Vec<String> {
    let keys = service.container.labels.keys().filter(|key| key.starts_with(prefix));
    keys.map(|key| format!("{path}.labels.{key}")).collect()
}

/// Takes out what several labels together ask for and `x-kubernetes` does not want: `workload` is what it says before
/// labels are read.
pub(super) fn give_way(
    kompose: &mut Kompose,
    path: &str,
    service: &Service,
    (workload, drop_in): (Option<Kind>, &DropIn),
    notes: &mut Notes,
) {
    let mut say = |prefix: &str, entry: &str| {
        for path in paths(path, service, prefix) {
            notes.approximated(path, problem(entry));
        }
    };
    if workload.is_some() && kompose.cron.take().is_some() {
        say("kompose.cronjob.", "workload");
    }
    if matches!(drop_in.replicas, Some(Replicas::Of(_))) && kompose.autoscaler.take().is_some() {
        say("kompose.hpa.", "replicas");
    }
    if drop_in.liveness == Some(false) && kompose.liveness.is_given() {
        kompose.liveness = Handler::default();
        say("kompose.service.healthcheck.liveness.", "liveness");
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::translate::{Facts, Plan, Stack, WorkloadObject, fixture, translate};

    fn plan(stack: &Stack, service: &str) -> (Plan, Vec<String>) {
        let project = fixture::project(&format!("services: {{web: {{image: x, {service}}}}}"));
        let plan = translate(&project, stack, &Facts::default(), &Policy::default());
        let labels = plan.notes.iter().filter(|note| note.path.contains(".labels.kompose."));
        let labels = labels.map(|note| format!("{}: {}", note.path, note.level.as_str())).collect();
        (plan, labels)
    }

    fn said(label: &str) -> String {
        format!("services.web.labels.kompose.{label}: Approximated")
    }

    fn kind(plan: &Plan) -> &'static str {
        match plan.workloads[0].object {
            WorkloadObject::Deployment(_) => "Deployment",
            WorkloadObject::CronJob(_) => "CronJob",
            _ => "other",
        }
    }

    #[test]
    fn a_number_goes_before_an_autoscaler() {
        let label = "labels: {kompose.hpa.replicas.max: \"9\", kompose.hpa.cpu: \"60\"}";
        let both = [said("hpa.cpu"), said("hpa.replicas.max")];
        let (plan, notes) = self::plan(&fixture::stack(), &format!("{label}, x-kubernetes: {{replicas: 3}}"));
        assert_eq!((plan.autoscalers.len(), notes), (0, both.to_vec()));
        let (plan, notes) = self::plan(&fixture::stack(), &format!("{label}, x-kubernetes: {{replicas: external}}"));
        assert_eq!((plan.autoscalers.len(), notes.len()), (1, 0));
        let patch = "x-kubernetes: {patch: {spec: {replicas: 3}}}";
        let (plan, notes) = self::plan(&fixture::stack(), &format!("{label}, {patch}"));
        assert_eq!((plan.autoscalers.len(), notes), (0, both.to_vec()));
        let stack = fixture::stack_with(|spec| {
            spec.service_overrides.insert("web".to_owned(), serde_json::json!({"spec": {"replicas": 3}}));
        });
        let (plan, notes) = self::plan(&stack, label);
        assert_eq!((plan.autoscalers.len(), notes), (0, both.to_vec()));
    }

    #[test]
    fn what_is_not_to_be_restarted_is_not() {
        let label = "healthcheck: {test: [CMD, x]}, labels: {kompose.service.healthcheck.liveness.tcp_port: \"80\"}";
        for (entry, probe, notes) in [
            ("x-kubernetes: {liveness: false}", false, vec![said("service.healthcheck.liveness.tcp_port")]),
            ("x-kubernetes: {liveness: true}", true, vec![]),
            ("x-kubernetes: {}", true, vec![]),
        ] {
            let (plan, noted) = plan(&fixture::stack(), &format!("{label}, {entry}"));
            let container = &plan.workloads[0].object.template().unwrap().spec.as_ref().unwrap().containers[0];
            assert_eq!((container.liveness_probe.is_some(), noted), (probe, notes), "{entry}");
        }
    }

    #[test]
    fn a_workload_goes_before_a_schedule() {
        let label = "restart: \"no\", labels: {kompose.cronjob.schedule: \"0 3 * * *\"}";
        let (plan, notes) = self::plan(&fixture::stack(), &format!("{label}, x-kubernetes: {{workload: Deployment}}"));
        assert_eq!((kind(&plan), notes), ("Deployment", vec![said("cronjob.schedule")]));
        // Two labels of kompose are a matter among themselves.
        let (plan, notes) = self::plan(
            &fixture::stack(),
            "restart: \"no\", labels: {kompose.cronjob.schedule: \"0 3 * * *\", kompose.controller.type: deployment}",
        );
        assert_eq!((kind(&plan), notes.len()), ("CronJob", 0));
    }

    #[test]
    fn a_label_that_gives_way_is_said() {
        let (_, notes) = plan(
            &fixture::stack(),
            "labels: {kompose.controller.type: daemonset, kompose.serviceaccount-name: a, kompose.image-pull-policy: \
             Always, kompose.image-pull-secret: a, kompose.service.type: headless}, x-kubernetes: {workload: \
             Deployment, serviceAccountName: b, pull_policy: Never, pull_secret: a, internal_service_type: ClusterIP}",
        );
        let expected = ["controller.type", "image-pull-policy", "service.type", "serviceaccount-name"].map(said);
        assert_eq!(notes, expected);
    }
}
