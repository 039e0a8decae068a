//! DaemonSets: `deploy.mode: global`.

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::context::{Context, Unit};
use super::{labels, rollout};

/// The DaemonSet of a service.
pub(super) fn daemon_set(context: &Context, unit: &Unit, template: PodTemplateSpec) -> DaemonSet {
    DaemonSet {
        metadata: labels::deployed_metadata(context, unit, unit.name.clone()),
        spec: Some(DaemonSetSpec {
            selector: LabelSelector { match_labels: Some(labels::selector(context, unit)), ..LabelSelector::default() },
            update_strategy: Some(rollout::daemon_set_strategy(unit)),
            min_ready_seconds: rollout::min_ready_seconds(unit),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            template,
        }),
        ..DaemonSet::default()
    }
}
