//! Deployments: replicas that any number of programs may be.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::context::{Context, Unit};
use super::{labels, rollout};

/// The Deployment of a service.
pub(super) fn deployment(context: &Context, unit: &Unit, template: PodTemplateSpec) -> Deployment {
    Deployment {
        metadata: labels::deployed_metadata(context, unit, unit.name.clone()),
        spec: Some(DeploymentSpec {
            replicas: unit.replicas(),
            selector: LabelSelector { match_labels: Some(labels::selector(context, unit)), ..LabelSelector::default() },
            strategy: Some(rollout::deployment_strategy(unit)),
            min_ready_seconds: rollout::min_ready_seconds(unit),
            progress_deadline_seconds: Some(rollout::progress_deadline_seconds(context, unit)),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}
