//! HTTPRoutes of the Gateway API.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Service;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::context::{Context, Unit};
use super::dns_label::{MAX_LABEL, hash, label};
use super::labels;
use super::plan::http_route_api;
use super::publish::port_to;
use super::route::Route;

/// The HTTPRoutes of a route, to the Service of the published ports. All hosts of an HTTPRoute have the same paths, so
/// that hosts with other paths are another one.
pub(super) fn http_routes(context: &Context, unit: &Unit, route: &Route, service: &Service) -> Vec<DynamicObject> {
    let mut by_host: BTreeMap<Option<&String>, BTreeSet<&str>> = BTreeMap::new();
    for place in &route.places {
        by_host.entry(place.host.as_ref()).or_default().insert(&place.path);
    }
    let mut by_paths: BTreeMap<BTreeSet<&str>, Vec<&String>> = BTreeMap::new();
    for (host, paths) in by_host {
        by_paths.entry(paths).or_default().extend(host);
    }
    let gateway = route.class.clone().unwrap_or_default();
    let parent = match gateway.split_once('/') {
        Some((namespace, name)) => json!({"namespace": namespace, "name": name}),
        None => json!({"name": gateway}),
    };
    let backend = json!({"name": service.metadata.name, "port": port_to(service, route.target)});
    let mut routes = Vec::new();
    for (paths, hosts) in by_paths {
        let name = match (routes.is_empty(), hosts.first()) {
            (false, Some(host)) => label(&format!("{}-{}", unit.name, hash(host)), MAX_LABEL),
            _ => unit.name.clone(),
        };
        let matches: Vec<Value> =
            paths.iter().map(|path| json!({"path": {"type": "PathPrefix", "value": path}})).collect();
        let mut spec = json!({"parentRefs": [parent], "rules": [{"matches": matches, "backendRefs": [backend]}]});
        if !hosts.is_empty() {
            spec["hostnames"] = json!(hosts);
        }
        let annotations = &context.stack.spec.publish.annotations;
        let mut object = DynamicObject::new(&name, &http_route_api());
        object.metadata = labels::service_metadata(context, unit, name);
        object.metadata.annotations = (!annotations.is_empty()).then(|| annotations.clone());
        object.data = json!({"spec": spec});
        routes.push(object);
    }
    routes
}
