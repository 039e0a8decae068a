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
    let annotations = &context.stack.spec.publish.annotations;
    let mut metadata = labels::service_metadata(context, unit, unit.name.clone());
    metadata.annotations = (!annotations.is_empty()).then(|| annotations.clone());
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
