//! Jobs: services that run to completion.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;

use super::context::{Context, Unit};
use super::kind::{Restart, restart};
use super::labels;

/// The Job of a service. It has no time to live: its completion is what others wait for.
pub(super) fn job(context: &Context, unit: &Unit, template: PodTemplateSpec) -> Job {
    let replicas = unit.replicas().unwrap_or(1);
    Job {
        metadata: labels::deployed_metadata(context, unit, unit.name.clone()),
        spec: Some(JobSpec {
            backoff_limit: Some(match restart(unit.service) {
                Restart::Unset | Restart::No => 0,
                // Pods that are started again in place fail the Job as soon as they were started again so often, and
                // not when that run fails (Kubernetes, `pastBackoffLimitOnFailure`): one more lets the last run end.
                Restart::OnFailure(attempts) | Restart::Always(attempts) => {
                    attempts.map_or(i32::MAX, |attempts| attempts.saturating_add(1))
                }
            }),
            // No replicas: a Job of one completion that never starts a pod.
            completions: Some(replicas.max(1)),
            parallelism: Some(replicas),
            template,
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// The restart policy of a Job's pods: a pod that fails is started again in place only if the file wants that.
pub(super) fn restart_policy(unit: &Unit) -> &'static str {
    match restart(unit.service) {
        Restart::Unset | Restart::No => "Never",
        Restart::OnFailure(_) | Restart::Always(_) => "OnFailure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn job_of(service: &str) -> (i32, i32, i32, &'static str) {
        let text = format!(
            "services: {{a: {{image: x, {service}}}, b: {{image: x, depends_on: {{a: {{condition: \
             service_completed_successfully, required: true}}}}}}}}"
        );
        fixture::with(&text, |context, _| {
            let unit = &context.units["a"];
            let spec = job(context, unit, PodTemplateSpec::default()).spec.unwrap();
            let numbers = (spec.backoff_limit.unwrap(), spec.completions.unwrap(), spec.parallelism.unwrap());
            (numbers.0, numbers.1, numbers.2, restart_policy(unit))
        })
    }

    #[test]
    fn attempts_are_those_of_the_file() {
        assert_eq!(job_of(""), (0, 1, 1, "Never"));
        assert_eq!(job_of("restart: \"no\""), (0, 1, 1, "Never"));
        assert_eq!(job_of("restart: on-failure:3"), (4, 1, 1, "OnFailure"));
        assert_eq!(job_of("restart: on-failure:0"), (i32::MAX, 1, 1, "OnFailure"));
        assert_eq!(job_of("restart: on-failure"), (i32::MAX, 1, 1, "OnFailure"));
        assert_eq!(job_of("deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}").0, 3);
        assert_eq!(job_of("deploy: {restart_policy: {condition: on-failure, max_attempts: 0}}").0, i32::MAX);
        assert_eq!(job_of("deploy: {restart_policy: {condition: any, max_attempts: 2}}").0, 3);
        assert_eq!(job_of("deploy: {restart_policy: {condition: any}}").0, i32::MAX);
    }

    #[test]
    fn replicas_run_side_by_side() {
        assert_eq!(job_of("scale: 3"), (0, 3, 3, "Never"));
        assert_eq!(job_of("scale: 0"), (0, 1, 0, "Never"));
    }
}
