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
/// How many paths a rule has at most. Later versions take 64 (Gateway API 1.0, `HTTPRouteRule.matches`).
const MAX_MATCHES: usize = 8;
/// How many rules an HTTPRoute has at most (`HTTPRouteSpec.rules`). With so many paths each, they are just as many as
/// later versions take of all rules together.
const MAX_RULES: usize = 16;

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
        let rule = |matches: &[Value]| json!({"matches": matches, "backendRefs": [backend]});
        let rules: Vec<Value> = matches.chunks(MAX_MATCHES).map(rule).collect();
        let mut parts: Vec<&[&String]> = hosts.chunks(MAX_HOSTS).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let parts = parts.iter().flat_map(|hosts| rules.chunks(MAX_RULES).map(move |rules| (*hosts, rules)));
        for (number, (hosts, rules)) in (1..).zip(parts) {
            let suffix = if number == 1 { first.clone() } else { format!("{first}-{number}") };
            let name = if routes.is_empty() {
                unit.name.clone()
            } else {
                label(&format!("{}-{suffix}", unit.name), MAX_LABEL)
            };
            let mut spec = json!({"parentRefs": [parent], "rules": rules});
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
    }
    routes
}

#[cfg(test)]
mod tests {
    use kube::core::DynamicObject;
    use serde_json::Value;

    use crate::api::v1alpha1::PublishType;
    use crate::policy::Policy;
    use crate::translate::{Facts, fixture, translate};

    /// The HTTPRoutes of a service with such a rule: their names, and the hosts of each.
    fn made(rule: &str) -> Vec<(String, Vec<String>)> {
        let hosts = |route: &serde_json::Value| serde_json::from_value(route["spec"]["hostnames"].clone());
        let name = |route: &DynamicObject| route.metadata.name.clone().unwrap();
        routes(rule).iter().map(|route| (name(route), hosts(&route.data).unwrap_or_default())).collect()
    }

    fn routes(rule: &str) -> Vec<DynamicObject> {
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
        plan.http_routes
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
    fn a_route_has_no_more_paths_than_the_gateway_api_takes() {
        let of = |hosts: usize, paths: usize| {
            let list = |count: usize, begin: &str| {
                (10..10 + count).map(|number| format!("`{begin}{number}`")).collect::<Vec<_>>().join(",")
            };
            let routes = routes(&format!("Host({}) && PathPrefix({})", list(hosts, "h"), list(paths, "/p")));
            let matches = |route: &DynamicObject| -> Vec<usize> {
                let rules = route.data["spec"]["rules"].as_array().unwrap();
                assert!(rules.iter().all(|rule| rule["backendRefs"][0]["port"] == 80));
                rules.iter().map(|rule| rule["matches"].as_array().unwrap().len()).collect()
            };
            let mut all: Vec<Value> = Vec::new();
            for route in &routes {
                let paths = route.data["spec"]["rules"].as_array().unwrap().iter();
                all.extend(paths.flat_map(|rule| rule["matches"].as_array().unwrap().clone()));
            }
            all.sort_by_key(ToString::to_string);
            all.dedup();
            assert_eq!(all.len(), paths);
            routes.iter().map(matches).collect::<Vec<_>>()
        };
        assert_eq!(of(2, 8), [[8]]);
        assert_eq!(of(1, 9), [[8, 1]]);
        assert_eq!(of(1, 128), [[8; 16]]);
        assert_eq!(of(1, 130), [vec![8; 16], vec![2]]);
        assert_eq!(of(17, 9), [[8, 1], [8, 1]]);
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
