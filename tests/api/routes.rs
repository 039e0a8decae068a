//! HTTPRoutes of the Gateway API, whose definition has limits that no generated type knows.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Operator, cluster, wait_for};
use crate::stack_with;

/// A rule of Traefik for so many hosts and paths.
fn rule(hosts: usize, paths: usize) -> String {
    let list = |count: usize, begin: &str| {
        let all: Vec<String> = (0..count).map(|number| format!("`{begin}{number}`")).collect();
        all.join(",")
    };
    format!("Host({}) && PathPrefix({})", list(hosts, "h"), list(paths, "/p"))
}

/// The hosts and paths of an HTTPRoute, each host with each path.
fn places(route: &Value) -> Vec<(String, String)> {
    let rules = route["spec"]["rules"].as_array().unwrap();
    let matches = rules.iter().flat_map(|rule| rule["matches"].as_array().unwrap());
    let paths: Vec<&str> = matches.map(|one| one["path"]["value"].as_str().unwrap()).collect();
    let hosts = route["spec"]["hostnames"].as_array().unwrap().iter();
    hosts.flat_map(|host| paths.iter().map(|path| (host.to_string(), (*path).to_owned()))).collect()
}

#[test]
fn more_hosts_or_paths_than_an_http_route_takes_become_several() {
    let Some(cluster) = cluster() else { return };
    cluster.install_optional_apis();
    let namespace = cluster.namespace("routes");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let shapes = [("many-hosts", 17, 9, 16 * 9, 80), ("many-paths", 1, 129, 128, 81)];
    let services = shapes.map(|(service, hosts, paths, _, port)| {
        let rule = rule(hosts, paths);
        format!(
            "  {service}:\n    image: nginx\n    ports: [\"{port}:80\"]\n    labels:\n      traefik.http.routers.r.rule: {rule}\n"
        )
    });
    let compose = format!("services:\n{}", services.concat());
    namespace.apply(&stack_with("app", &compose, "  publish: {type: Gateway, className: public}\n"));

    for (service, hosts, paths, largest, _) in shapes {
        let routes = wait_for("the HTTPRoutes", 30, || {
            let routes = namespace.list("httproutes", &format!("compose-operator.dev/service={service}"));
            (routes.len() == 2).then_some(routes)
        });
        let all: Vec<(String, String)> = routes.iter().flat_map(places).collect();
        assert_eq!(all.len(), hosts * paths, "{service}: no place is routed twice");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), hosts * paths, "{service}: every place is routed");
        assert_eq!(routes.iter().map(|route| places(route).len()).max(), Some(largest), "{service}");
    }
}
