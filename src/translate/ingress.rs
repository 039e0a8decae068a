//! Ingresses.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};

use super::context::{Context, Unit};
use super::labels;
use super::publish::port_to;
use super::route::Route;
use crate::api::v1alpha1::PublishType;

/// The Ingress of a route, to the Service of the published ports.
pub(super) fn ingress(context: &Context, unit: &Unit, route: &Route, service: &Service) -> Ingress {
    let mut by_host: BTreeMap<Option<&String>, Vec<HTTPIngressPath>> = BTreeMap::new();
    for place in &route.places {
        by_host.entry(place.host.as_ref()).or_default().push(HTTPIngressPath {
            backend: IngressBackend {
                service: Some(IngressServiceBackend {
                    name: service.metadata.name.clone().unwrap_or_default(),
                    port: Some(ServiceBackendPort { number: port_to(service, route.target), name: None }),
                }),
                resource: None,
            },
            path: Some(place.path.clone()),
            path_type: "Prefix".to_owned(),
        });
    }
    let hosts: Vec<String> = by_host.keys().copied().flatten().cloned().collect();
    let tls = route.tls.as_ref().map(|secret| IngressTLS {
        hosts: (!hosts.is_empty()).then_some(hosts),
        secret_name: (!secret.is_empty()).then(|| secret.clone()),
    });
    let rule = |(host, paths): (Option<&String>, Vec<HTTPIngressPath>)| IngressRule {
        host: host.cloned(),
        http: Some(HTTPIngressRuleValue { paths }),
    };
    let settings = &context.stack.spec.publish;
    let mut metadata = labels::service_metadata(context, unit, unit.name.clone());
    // Of another type, they are for Services or HTTPRoutes, and an Ingress that labels ask for would read them otherwise.
    let is_theirs = settings.kind == PublishType::Ingress && !settings.annotations.is_empty();
    metadata.annotations = is_theirs.then(|| settings.annotations.clone());
    Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: route.class.clone(),
            rules: Some(by_host.into_iter().map(rule).collect()),
            tls: tls.map(|tls| vec![tls]),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::api::v1alpha1::PublishType;
    use crate::policy::Policy;
    use crate::translate::{Facts, fixture, translate};

    #[test]
    fn annotations_are_for_ingresses_where_the_stack_is_published_by_them() {
        let annotated = |kind: PublishType, labels: &str| {
            let text = format!(
                "services: {{web: {{image: x, ports: [{{target: 80, published: \"80\"}}], labels: {{{labels}}}}}}}"
            );
            let stack = fixture::stack_with(|spec| {
                spec.publish.kind = kind;
                spec.publish.class_name = Some("c".to_owned());
                spec.publish.annotations = [("a/b".to_owned(), "c".to_owned())].into();
            });
            let facts = Facts { gateway_api: true, ..Facts::default() };
            let mut plan = translate(&fixture::project(&text), &stack, &facts, &Policy::default());
            plan.ingresses.remove(0).metadata.annotations.is_some()
        };
        let label = "kompose.service.expose: a.com";
        assert!(annotated(PublishType::Ingress, "") && annotated(PublishType::Ingress, label));
        for other in [PublishType::Gateway, PublishType::LoadBalancer, PublishType::NodePort, PublishType::ClusterIP] {
            assert!(!annotated(other, label), "{other:?}");
        }
    }
}
