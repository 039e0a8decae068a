//! Ways in by HTTP: which service is reached under which host and path, and by which of its ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::context::{Context, Unit};
use super::dns_label::is_host_name;
use super::kompose::Expose;
use super::notes::Notes;
use super::ports::{self, PortKey};
use super::{network, traefik};
use crate::api::v1alpha1::PublishType;
use crate::compose::model::Port;

/// What a port of a program that does not speak HTTP is usually called (IANA's registry of ports): a request of a
/// browser would mean nothing to it.
const OTHER_PROTOCOLS: [i32; 29] = [
    21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 636, 993, 995, 1433, 1521, 1883, 2181, 3306, 3389, 4222, 5432, 5672,
    6379, 8883, 9042, 9092, 9300, 11211, 27017,
];

/// How many places the labels of a service may lead to: their text may be a megabyte of them.
pub(super) const MAX_PLACES: usize = 256;

/// How a service is reached by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) via: Via,
    pub(super) places: Vec<Place>,
    /// The port of the container.
    pub(super) target: PortKey,
    /// The IngressClass, or the Gateway.
    pub(super) class: Option<String>,
    /// The Secret with the certificate; an empty name for the controller's own certificate.
    pub(super) tls: Option<String>,
}

/// What leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Ingress,
    Gateway,
}

/// A host, or any, with a path and all below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) host: Option<String>,
    pub(super) path: String,
}

/// Whether a way in can have this host: a DNS name, in which an asterisk may stand for the first label.
pub(super) fn is_host(text: &str) -> bool {
    is_host_name(text.strip_prefix("*.").unwrap_or(text)) && text.parse::<IpAddr>().is_err()
}

/// How long the path of a way in may be (Gateway API, `HTTPPathMatch.value`).
const MAX_PATH: usize = 1024;

/// Whether a way in can have this path: one of whole segments, none of which programs pass over. The API server refuses
/// others (Kubernetes, `ValidateIngress`).
pub(super) fn is_path(text: &str) -> bool {
    let is_segment = |segment: &str| !matches!(segment, "." | "..") && !segment.to_lowercase().contains("%2f");
    text.len() <= MAX_PATH && text.starts_with('/') && !text.contains("//") && text.split('/').all(is_segment)
}

/// Whether that is the path of a URL. In an HTTPRoute, the API server refuses others too (`HTTPPathMatch.value`); some
/// controllers read that of an Ingress as a regular expression.
pub(super) fn is_path_of_a_url(text: &str) -> bool {
    let is_of_a_url = |c: char| c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@%".contains(c);
    let is_escaped = |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    text.chars().all(is_of_a_url) && text.split('%').skip(1).all(is_escaped)
}

/// What is wrong with labels that lead to more than [`MAX_PLACES`].
pub(super) fn too_many() -> String {
    format!("a service leads to at most {MAX_PLACES} hosts and paths: split it, or name fewer")
}

/// The routes of all services.
pub(super) fn routes<'a>(context: &Context<'a>, notes: &mut Notes) -> BTreeMap<&'a str, Route> {
    let mut routes = BTreeMap::new();
    let via = via(context, notes);
    let settings = &context.stack.spec.publish;
    let mut without_place = Vec::new();
    for (key, unit) in &context.units {
        if let Some(expose) = &unit.kompose.expose {
            routes.extend(exposed(context, unit, expose, notes).map(|route| (*key, route)));
            continue;
        }
        let Some(via) = via else {
            traefik::note_unasked(unit, notes);
            continue;
        };
        let (places, port) = match traefik::routers(unit, via, notes) {
            traefik::Routers::Off => {
                if !unit.service.workload.ports.is_empty() {
                    notes.approximated(
                        format!("{}.ports", unit.path),
                        "reachable inside of the cluster only, since `traefik.enable` is false",
                    );
                }
                continue;
            }
            traefik::Routers::None => (Vec::new(), None),
            traefik::Routers::Given { places, port } => (places, port),
        };
        let asked = port.map(|port| PortKey { port, protocol: "TCP" });
        let target = match http_port(context, unit, via, asked, notes) {
            Some(target) => target,
            None if places.is_empty() => continue,
            None => {
                notes.error(
                    unit.path.clone(),
                    "NoPort",
                    "has a router of Traefik and no port that it could lead to: set the label \
                     `traefik.http.services.<name>.loadbalancer.server.port`",
                );
                continue;
            }
        };
        if places.is_empty() {
            without_place.push(*key);
        }
        let (class, tls) = (settings.class_name.clone(), settings.tls_secret_name.clone());
        routes.insert(*key, Route { via, places, target, class, tls });
    }
    let single = without_place.len() == 1;
    let domain = settings.host.as_deref().and_then(|host| host.strip_prefix("*."));
    for key in &without_place {
        let host = match domain {
            Some(domain) => Some(format!("{}.{domain}", context.units[key].name)),
            None => settings.host.clone(),
        };
        if let Some(route) = routes.get_mut(key) {
            route.places = vec![Place { host, path: "/".to_owned() }];
        }
    }
    if !single && !without_place.is_empty() && domain.is_none() {
        notes.error(
            "spec.publish.host",
            "AmbiguousHost",
            format!(
                "the services {} are published by HTTP, and a host leads to one: write a domain such as `*.example.com`, \
                 for <service>.example.com",
                without_place.join(", ")
            ),
        );
    }
    routes
}

/// The route that kompose's labels ask for: to the first port of the service.
fn exposed(context: &Context, unit: &Unit, expose: &Expose, notes: &mut Notes) -> Option<Route> {
    let settings = &context.stack.spec.publish;
    let first = || ports::declared(unit.service).into_iter().find(|key| key.protocol == "TCP");
    let Some(target) = http_port(context, unit, Via::Ingress, None, notes).or_else(first) else {
        notes.error(
            format!("{}.labels.kompose.service.expose", unit.path),
            "NoPort",
            "has no port that it could lead to: give the service `ports` or `expose`",
        );
        return None;
    };
    let mut places = expose.places.clone();
    for place in &mut places {
        place.host = place.host.take().or_else(|| settings.host.clone());
    }
    // Of another type, it names a Gateway, or what makes load balancers.
    let class = settings.class_name.as_ref().filter(|_| settings.kind == PublishType::Ingress);
    Some(Route {
        via: Via::Ingress,
        places,
        target,
        class: expose.class.as_ref().or(class).cloned(),
        tls: expose.tls.clone().or_else(|| settings.tls_secret_name.clone()),
    })
}

/// What the stack publishes by, if that is HTTP.
fn via(context: &Context, notes: &mut Notes) -> Option<Via> {
    let settings = &context.stack.spec.publish;
    match settings.kind {
        PublishType::Ingress => Some(Via::Ingress),
        PublishType::Gateway if !context.facts.gateway_api => {
            notes.error(
                "spec.publish.type",
                "NoGatewayApi",
                "the cluster has no HTTPRoutes: install the Gateway API and a controller for it \
                 (gateway-api.sigs.k8s.io), or set Ingress",
            );
            None
        }
        PublishType::Gateway => {
            if settings.class_name.is_none() {
                notes.error(
                    "spec.publish.className",
                    "NoGateway",
                    "is missing: name the Gateway that the routes belong to, or `<namespace>/<name>`",
                );
            }
            if settings.tls_secret_name.is_some() {
                notes.ignored("spec.publish.tlsSecretName", "certificates are the Gateway's: set it in its listener");
            }
            Some(Via::Gateway)
        }
        PublishType::ClusterIP | PublishType::NodePort | PublishType::LoadBalancer => None,
    }
}

/// The port that is asked for, else the published port that speaks HTTP: one that says so, else the first that may. Of
/// the others it is said that the way in does not lead there.
fn http_port(context: &Context, unit: &Unit, via: Via, asked: Option<PortKey>, notes: &mut Notes) -> Option<PortKey> {
    if network::is_host_mode(unit.service)
        || network::is_none_mode(unit.service)
        || network::is_internal_only(context, unit)
    {
        return asked;
    }
    let published =
        |port: &Port| port.mode != "host" && ports::is_published(port) && !ports::is_loopback(&port.host_ip);
    let all: Vec<(usize, &Port)> =
        unit.service.workload.ports.iter().enumerate().filter(|(_, port)| published(port)).collect();
    let says_so = all.iter().find(|(_, port)| speaks_http(port) == Some(true));
    let chosen = says_so.or_else(|| all.iter().find(|(_, port)| speaks_http(port).is_none()));
    let key = asked.or_else(|| chosen.map(|(_, port)| ports::target(port)));
    let word = if via == Via::Ingress { "Ingress" } else { "HTTPRoute" };
    let mut said = BTreeSet::new();
    for (index, port) in &all {
        let target = ports::target(port);
        if Some(target) == key || !said.insert(target) {
            continue;
        }
        let why = match key {
            Some(key) => format!("the {word} leads to port {} of the container", key.port),
            None => format!("no {word} leads there, since it does not speak HTTP"),
        };
        notes.approximated(
            format!("{}.ports[{index}]", unit.path),
            format!(
                "is reached inside of the cluster only: {why}; app_protocol says what a port speaks, and another \
                 spec.publish.type publishes all"
            ),
        );
    }
    key
}

/// Whether a port speaks HTTP; none when nothing is known of it.
fn speaks_http(port: &Port) -> Option<bool> {
    let target = ports::target(port);
    if target.protocol != "TCP" {
        return Some(false);
    }
    let protocol = port.app_protocol.to_ascii_lowercase();
    match protocol.strip_prefix("kubernetes.io/").unwrap_or(&protocol) {
        "" if OTHER_PROTOCOLS.contains(&target.port) => Some(false),
        "" => None,
        "http" | "https" | "http2" | "h2" | "h2c" | "ws" | "wss" | "grpc" => Some(true),
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::PublishSettings;
    use crate::translate::{Facts, fixture};

    fn routed(text: &str, publish: PublishSettings, gateway_api: bool) -> (BTreeMap<String, Route>, Vec<String>) {
        let stack = fixture::stack_with(|spec| spec.publish = publish);
        let facts = Facts { gateway_api, ..Facts::default() };
        let mut notes = Notes::default();
        let project = fixture::project(text);
        let policy = crate::policy::Policy::default();
        let context = Context::new(&project, &stack, &facts, &policy, &mut notes);
        let routes = context.units.iter().filter_map(|(key, unit)| Some(((*key).to_owned(), unit.route.clone()?)));
        (routes.collect(), notes.summary())
    }

    fn by(kind: PublishType, host: &str) -> PublishSettings {
        let host = (!host.is_empty()).then(|| host.to_owned());
        PublishSettings { kind, host, class_name: Some("web".to_owned()), ..PublishSettings::default() }
    }

    fn ports(list: &str) -> String {
        format!("services: {{web: {{image: x, ports: [{list}]}}}}")
    }

    #[test]
    fn a_port_that_says_so_or_may_speak_http_is_chosen() {
        for (list, expected, notes) in [
            ("{target: 80, published: \"8080\", protocol: tcp}", Some(80), vec![]),
            ("{target: 5432, published: \"80\", protocol: tcp}", None, vec!["services.web.ports[0]: Approximated"]),
            ("{target: 5432, published: \"80\", protocol: tcp, app_protocol: http}", Some(5432), vec![]),
            (
                "{target: 53, published: \"53\", protocol: udp}, {target: 3000, published: \"1\", protocol: tcp}, {target: \
                 9000, published: \"2\", protocol: tcp, app_protocol: kubernetes.io/h2c}",
                Some(9000),
                vec!["services.web.ports[0]: Approximated", "services.web.ports[1]: Approximated"],
            ),
            (
                "{target: 80, published: \"80\", protocol: tcp, app_protocol: mysql}",
                None,
                vec!["services.web.ports[0]: Approximated"],
            ),
            ("{target: 80, published: \"80\", protocol: tcp, host_ip: 127.0.0.1}", None, vec![]),
        ] {
            let (routes, said) = routed(&ports(list), by(PublishType::Ingress, "shop.example.com"), false);
            assert_eq!(routes.get("web").map(|route| route.target.port), expected, "{list}");
            assert_eq!(said, notes, "{list}");
        }
    }

    #[test]
    fn paths_are_those_that_a_way_in_can_have() {
        for path in ["/", "/api", "/api/", "/a.b/..c/.d", "/a%20b", "/~x/(y);z=1,@:!"] {
            assert!(is_path(path) && is_path_of_a_url(path), "{path}");
        }
        for path in ["/a%2", "/%", "/a b", "/ü", "/#", "/api(/|$)(.*)"] {
            assert!(is_path(path) && !is_path_of_a_url(path), "{path}");
        }
        let long = format!("/{}", "x".repeat(MAX_PATH));
        for path in ["", "api", "//", "/a//b", "/a/./b", "/../b", "/a/..", "/a/.", "/a%2fb", "/a%2Fb", &long] {
            assert!(!is_path(path), "{path}");
        }
    }

    #[test]
    fn a_class_is_for_the_type_that_it_is_given_with() {
        let port = "ports: [{target: 80, published: \"80\", protocol: tcp}]";
        let text = |labels: &str| format!("services: {{web: {{image: x, labels: {{{labels}}}, {port}}}}}");
        let class_of = |kind: PublishType, labels: &str| {
            routed(&text(labels), by(kind, ""), true).0.remove("web").and_then(|route| route.class)
        };
        let label = "kompose.service.expose: a.com";
        assert_eq!(class_of(PublishType::Ingress, label).as_deref(), Some("web"));
        for other in [PublishType::Gateway, PublishType::LoadBalancer, PublishType::ClusterIP] {
            assert_eq!(class_of(other, label), None, "{other:?}");
            let own = class_of(other, &format!("{label}, kompose.service.expose.ingress-class-name: own"));
            assert_eq!(own.as_deref(), Some("own"), "{other:?}");
        }
        assert_eq!(class_of(PublishType::Gateway, "").as_deref(), Some("web"));
    }

    #[test]
    fn a_host_leads_to_one_service_and_a_domain_to_all() {
        let port = "ports: [{target: 80, published: \"80\", protocol: tcp}]";
        let two = format!("services: {{a: {{image: x, {port}}}, b: {{image: x, {port}}}}}");
        let (_, notes) = routed(&two, by(PublishType::Ingress, "example.com"), false);
        assert_eq!(notes, ["spec.publish.host: Error"]);
        let (routes, notes) = routed(&two, by(PublishType::Ingress, "*.example.com"), false);
        assert_eq!(notes, Vec::<String>::new());
        let hosts: Vec<_> = routes.values().map(|route| route.places[0].host.clone().unwrap()).collect();
        assert_eq!(hosts, ["a.example.com", "b.example.com"]);
    }

    #[test]
    fn a_gateway_needs_its_api_and_a_name() {
        let text = ports("{target: 80, published: \"80\", protocol: tcp}");
        let (routes, notes) = routed(&text, by(PublishType::Gateway, ""), false);
        assert_eq!((routes.len(), notes), (0, vec!["spec.publish.type: Error".to_owned()]));
        let (routes, notes) = routed(&text, by(PublishType::Gateway, ""), true);
        assert_eq!((routes["web"].via, notes), (Via::Gateway, vec![]));
        let nameless = PublishSettings { class_name: None, ..by(PublishType::Gateway, "") };
        assert_eq!(routed(&text, nameless, true).1, ["spec.publish.className: Error"]);
    }

    #[test]
    fn routers_of_traefik_say_where_and_which_port() {
        let labels = "labels: {traefik.http.routers.w.rule: 'Host(`w.example.com`) && PathPrefix(`/api`)', \
                      traefik.http.services.w.loadbalancer.server.port: \"3000\"}";
        let text = format!("services: {{web: {{image: x, {labels}}}}}");
        let (routes, notes) = routed(&text, by(PublishType::Ingress, "example.com"), false);
        assert_eq!(notes, Vec::<String>::new());
        let route = &routes["web"];
        let place = Place { host: Some("w.example.com".to_owned()), path: "/api".to_owned() };
        assert_eq!((route.target.port, &route.places), (3000, &vec![place]));
        let (routes, notes) = routed(&text, by(PublishType::ClusterIP, ""), false);
        assert_eq!(
            (routes.len(), notes),
            (0, vec!["services.web.labels.traefik.http.routers.w.rule: Ignored".to_owned()])
        );
    }
}
