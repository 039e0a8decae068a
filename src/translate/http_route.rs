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

/// How many hosts an HTTPRoute has at most (Gateway API, `HTTPRouteSpec.hostnames`).
const MAX_HOSTS: usize = 16;

/// The HTTPRoutes of a route, to the Service of the published ports. All hosts of an HTTPRoute have the same paths, so
/// that hosts with other paths are another one.
pub(super) fn http_routes(context: &Context, unit: &Unit, route: &Route, service: &Service) -> Vec<DynamicObject> {
    let mut by_host: BTreeMap<Option<&String>, BTreeSet<&str>> = BTreeMap::new();
    for place in &route.places {
        by_host.entry(place.host.as_ref()).or_default().insert(&place.path);
    }
    // Places without a host are for every host, and must not become those of the hosts beside them.
    let mut by_paths: BTreeMap<(BTreeSet<&str>, bool), Vec<&String>> = BTreeMap::new();
    for (host, paths) in by_host {
        by_paths.entry((paths, host.is_none())).or_default().extend(host);
    }
    let gateway = route.class.clone().unwrap_or_default();
    let parent = match gateway.split_once('/') {
        Some((namespace, name)) => json!({"namespace": namespace, "name": name}),
        None => json!({"name": gateway}),
    };
    let backend = json!({"name": service.metadata.name, "port": port_to(service, route.target)});
    let mut routes = Vec::new();
    for ((paths, _), hosts) in by_paths {
        // A number alone could make it the name of another service.
        let first = hash(hosts.first().map_or("", |host| host.as_str()));
        let matches: Vec<Value> =
            paths.iter().map(|path| json!({"path": {"type": "PathPrefix", "value": path}})).collect();
        let mut parts: Vec<&[&String]> = hosts.chunks(MAX_HOSTS).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        for (number, part) in (1..).zip(parts) {
            let suffix = if number == 1 { first.clone() } else { format!("{first}-{number}") };
            let name = if routes.is_empty() {
                unit.name.clone()
            } else {
                label(&format!("{}-{suffix}", unit.name), MAX_LABEL)
            };
            let mut spec = json!({"parentRefs": [parent], "rules": [{"matches": matches, "backendRefs": [backend]}]});
            if !part.is_empty() {
                spec["hostnames"] = json!(part);
            }
            let annotations = &context.stack.spec.publish.annotations;
            let mut object = DynamicObject::new(&name, &http_route_api());
            object.metadata = labels::service_metadata(context, unit, name);
            object.metadata.annotations = (!annotations.is_empty()).then(|| annotations.clone());
            object.data = json!({"spec": spec});
            routes.push(object);
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use crate::api::v1alpha1::PublishType;
    use crate::policy::Policy;
    use crate::translate::{Facts, fixture, translate};

    /// The HTTPRoutes of a service with such a rule: their names, and the hosts of each.
    fn made(rule: &str) -> Vec<(String, Vec<String>)> {
        let text = format!(
            "services: {{web: {{image: x, ports: [{{target: 80, published: \"80\"}}], labels: \
             {{traefik.http.routers.web.rule: \"{rule}\"}}}}}}"
        );
        let stack = fixture::stack_with(|spec| {
            spec.publish.kind = PublishType::Gateway;
            spec.publish.class_name = Some("public".to_owned());
        });
        let facts = Facts { gateway_api: true, ..Facts::default() };
        let plan = translate(&fixture::project(&text), &stack, &facts, &Policy::default());
        let hosts = |route: &serde_json::Value| serde_json::from_value(route["spec"]["hostnames"].clone());
        plan.http_routes
            .iter()
            .map(|route| (route.metadata.name.clone().unwrap(), hosts(&route.data).unwrap_or_default()))
            .collect()
    }

    #[test]
    fn a_route_has_no_more_hosts_than_the_gateway_api_takes() {
        let hosts: Vec<String> = (10..50).map(|host| format!("h{host}.a")).collect();
        let made = made(&format!("Host({})", hosts.iter().map(|h| format!("`{h}`")).collect::<Vec<_>>().join(",")));
        let counts: Vec<_> = made.iter().map(|(_, hosts)| hosts.len()).collect();
        assert_eq!(counts, [16, 16, 8]);
        assert_eq!(made.iter().flat_map(|(_, hosts)| hosts.clone()).collect::<Vec<_>>(), hosts);
        let first = super::hash("h10.a");
        let names: Vec<_> = made.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["web", &format!("web-{first}-2"), &format!("web-{first}-3")]);
    }

    #[test]
    fn places_without_a_host_have_a_route_of_their_own() {
        let apart = made("Host(`h.a`) && PathPrefix(`/a`) || PathPrefix(`/x`)");
        let every = format!("web-{}", super::hash(""));
        assert_eq!(apart, [("web".to_owned(), vec!["h.a".to_owned()]), (every.clone(), Vec::new())]);
        let same = made("Host(`h.a`) && PathPrefix(`/x`) || PathPrefix(`/x`)");
        assert_eq!(same, [("web".to_owned(), vec!["h.a".to_owned()]), (every, Vec::new())]);
    }
}
