//! HorizontalPodAutoscalers, which kompose's labels ask for.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use serde_json::Value;

use super::context::{Context, Unit};
use super::dns_label::{MAX_STATEFUL_SET, label};
use super::kind::Kind;
use super::notes::Notes;
use super::{kompose, labels};

/// Who decides on the number of a service's pods.
pub(super) fn autoscaler(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<HorizontalPodAutoscaler> {
    let bounds = unit.kompose.autoscaler?;
    if let Some(place) = patch_of_replicas(context, unit) {
        for path in kompose::paths(&unit.path, unit.service, "kompose.hpa.") {
            notes.approximated(path, format!("is not honoured: `{place}` says how many pods there are"));
        }
        return None;
    }
    let (kind, name) = match unit.kind {
        Kind::Deployment => ("Deployment", unit.name.clone()),
        Kind::StatefulSet => ("StatefulSet", label(&unit.name, MAX_STATEFUL_SET)),
        Kind::DaemonSet | Kind::Job | Kind::CronJob => {
            notes.rejected(
                format!("{}.labels.kompose.hpa.replicas.max", unit.path),
                "only a service whose pods can be more or fewer is scaled: remove the labels of kompose.hpa",
            );
            return None;
        }
    };
    let metric = |name: &str, percent: i32| MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: name.to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(percent),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    };
    Some(HorizontalPodAutoscaler {
        metadata: labels::service_metadata(context, unit, unit.name.clone()),
        spec: Some(HorizontalPodAutoscalerSpec {
            min_replicas: Some(bounds.min),
            max_replicas: bounds.max,
            metrics: Some(vec![metric("cpu", bounds.cpu), metric("memory", bounds.memory)]),
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: kind.to_owned(),
                name,
            },
            ..HorizontalPodAutoscalerSpec::default()
        }),
        ..HorizontalPodAutoscaler::default()
    })
}

/// The partial object that sets the number of pods, if one does: it and an autoscaler would undo each other's work.
fn patch_of_replicas(context: &Context, unit: &Unit) -> Option<String> {
    let stacks = context.stack.spec.service_overrides.get(unit.key);
    let stacks = stacks.map(|patch| (format!("spec.serviceOverrides.{}.spec.replicas", unit.key), patch));
    let own = unit.drop_in.patch.as_ref().map(|patch| ("x-kubernetes.patch.spec.replicas".to_owned(), patch));
    let mut patches = stacks.into_iter().chain(own);
    patches.find(|(_, patch)| patch.pointer("/spec/replicas").is_some_and(Value::is_number)).map(|(place, _)| place)
}
