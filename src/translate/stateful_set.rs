//! StatefulSets: a single writer of a volume, which is gone before the next one starts.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetOrdinals, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::context::{Context, Unit};
use super::dns_label::{MAX_STATEFUL_SET, label};
use super::{labels, rollout, shared_pod, swarm_template};

/// The StatefulSet of a service. It has no claim templates: the claim is the volume's, and other services may share it.
pub(super) fn stateful_set(context: &Context, unit: &Unit, template: PodTemplateSpec) -> StatefulSet {
    let mut units = std::iter::once(unit).chain(shared_pod::members(context, unit));
    let numbered = units.any(|unit| swarm_template::counts_pods(context, unit));
    StatefulSet {
        metadata: labels::deployed_metadata(context, unit, label(&unit.name, MAX_STATEFUL_SET)),
        spec: Some(StatefulSetSpec {
            replicas: unit.replicas(),
            service_name: Some(unit.name.clone()),
            // The numbers of Swarm's tasks begin with 1.
            ordinals: numbered.then_some(StatefulSetOrdinals { start: Some(1) }),
            selector: LabelSelector { match_labels: Some(labels::selector(context, unit)), ..LabelSelector::default() },
            // In order, a pod that never gets ready is not replaced by a corrected one until somebody deletes it
            // (Kubernetes, "StatefulSets": forced rollback).
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            min_ready_seconds: rollout::min_ready_seconds(unit),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            template,
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}
