//! Published ports.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Unit};
use super::discovery::port_name;
use super::dns_label::{MAX_LABEL, is_qualified_name, label};
use super::notes::{Notes, first_few};
use super::ports::{self, PortKey};
use super::{labels, network};
use crate::api::v1alpha1::PublishType;
use crate::compose::model::Port;

const NODE_PORT: &str = "NodePort";

/// The ports that a node can open unless the API server is told otherwise (`--service-node-port-range`).
const NODE_PORTS: std::ops::RangeInclusive<i32> = 30000..=32767;

/// How many ports of a service are published. etcd takes an object of some 1.5 MB, in which each port is there twice (once
/// as managed), and each of them is a rule on each node.
const MAX_PORTS: usize = 1000;

/// The Service of a service's published ports.
pub(super) fn service(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<Service> {
    let settings = &context.stack.spec.publish;
    let publish = publish_type(context, unit);
    let kind = match publish {
        // By HTTP, the way in leads through a Service of the cluster.
        PublishType::ClusterIP | PublishType::Ingress | PublishType::Gateway => "ClusterIP",
        PublishType::NodePort => NODE_PORT,
        PublishType::LoadBalancer => "LoadBalancer",
    };
    let list = service_ports(context, unit, kind, notes);
    if list.is_empty() {
        return None;
    }
    let name = label(&format!("{}-published", unit.name), MAX_LABEL);
    if publish == PublishType::ClusterIP && unit.kompose.publish.is_none() && unit.route.is_none() {
        let addresses: Vec<String> = list.iter().map(|port| format!("{name}:{}", port.port)).collect();
        notes.approximated(
            format!("{}.ports", unit.path),
            format!(
                "reachable inside of the cluster only, at {}: set spec.publish.type to expose it",
                first_few(&addresses)
            ),
        );
    }
    let mut metadata = labels::service_metadata(context, unit, name);
    // By HTTP, they are those of the Ingress or HTTPRoute; a Service of a type of its own would read them otherwise.
    let by_http = unit.route.is_some() || matches!(settings.kind, PublishType::Ingress | PublishType::Gateway);
    let is_theirs = publish == settings.kind && !by_http;
    metadata.annotations = (is_theirs && !settings.annotations.is_empty()).then(|| settings.annotations.clone());
    Some(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            load_balancer_class: settings
                .class_name
                .clone()
                .filter(|_| publish == PublishType::LoadBalancer && settings.kind == publish),
            external_traffic_policy: unit
                .kompose
                .external_traffic_policy
                .filter(|_| kind != "ClusterIP")
                .map(str::to_owned),
            selector: Some(labels::selector(context, unit)),
            ports: Some(list),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

fn publish_type(context: &Context, unit: &Unit) -> PublishType {
    unit.kompose.publish.unwrap_or(context.stack.spec.publish.kind)
}

/// The container's ports that others than the members of its networks may reach.
pub(super) fn open_targets(context: &Context, unit: &Unit) -> Vec<PortKey> {
    let by_node = publish_type(context, unit) == PublishType::NodePort;
    let mut open: Vec<PortKey> = unit
        .service
        .workload
        .ports
        .iter()
        .filter(|port| port.mode == "host" || !ports::is_loopback(&port.host_ip))
        .filter(|port| port.mode == "host" || by_node || ports::is_published(port))
        .map(ports::target)
        .collect();
    if network::is_internal_only(context, unit) || network::is_none_mode(unit.pod) {
        open.clear();
    }
    // What leads there by HTTP was asked for in so many words.
    open.extend(unit.route.as_ref().map(|route| route.target));
    open.sort_unstable();
    open.dedup();
    open
}

fn service_ports(context: &Context, unit: &Unit, kind: &str, notes: &mut Notes) -> Vec<ServicePort> {
    let mut list: Vec<ServicePort> = Vec::new();
    let mut targets: BTreeMap<(i32, &str), i32> = BTreeMap::new();
    let mut names: BTreeSet<&String> = BTreeSet::new();
    for (index, port) in unit.service.workload.ports.iter().enumerate().filter(|(_, port)| port.mode != "host") {
        let path = format!("{}.ports[{index}]", unit.path);
        if network::is_host_mode(unit.pod) {
            notes.ignored(path, "the service uses the node's network, where its ports are open anyway");
            continue;
        }
        if network::is_none_mode(unit.pod) || network::is_internal_only(context, unit) {
            notes.ignored(path, "is not published, as in Docker: the service has internal networks only, or none");
            continue;
        }
        let is_any = kind == NODE_PORT && !ports::is_published(port);
        let Some(published) = published(port, is_any, &path, notes) else { continue };
        let is_taken = |number: &i32| {
            let is_wanted = unit.service.workload.ports.iter().any(|other| ports::published(other) == Some(*number));
            is_wanted || list.iter().any(|other| other.port == *number)
        };
        let published = if is_any { (published..=65535).find(|number| !is_taken(number)) } else { Some(published) };
        let Some(published) = published else { continue };
        let key = ports::target(port);
        match targets.entry((published, key.protocol)) {
            Entry::Vacant(place) => place.insert(key.port),
            Entry::Occupied(other) => {
                if *other.get() != key.port {
                    notes.rejected(path, format!("port {published} leads to another port of the container already"));
                }
                continue;
            }
        };
        if list.len() == MAX_PORTS {
            continue;
        }
        if !port.app_protocol.is_empty() && !is_qualified_name(&port.app_protocol) {
            notes.ignored(
                format!("{path}.app_protocol"),
                "is left out, for Kubernetes takes no such word: write it like `http` or `kubernetes.io/h2c`",
            );
        }
        if !port.name.is_empty() && !ports::can_be_name(&port.name) {
            notes.ignored(
                format!("{path}.name"),
                "is no name of a port in a cluster: use lower case letters, digits and hyphens",
            );
        }
        let name = Some(&port.name).filter(|name| ports::can_be_name(name)).filter(|name| names.insert(name)).cloned();
        let name = name.unwrap_or_else(|| port_name(PortKey { port: published, protocol: key.protocol }));
        let node_port =
            unit.kompose.node_port.or_else(|| (!is_any && NODE_PORTS.contains(&published)).then_some(published));
        let node_port = node_port.filter(|_| kind == NODE_PORT);
        if kind == NODE_PORT && node_port.is_none() {
            notes.approximated(path, "the cluster chooses the node's port: publish one of 30000-32767 to choose it");
        }
        list.push(ServicePort {
            name: Some(name),
            port: published,
            protocol: Some(key.protocol.to_owned()),
            target_port: Some(IntOrString::Int(key.port)),
            node_port,
            app_protocol: Some(&port.app_protocol).filter(|word| is_qualified_name(word)).cloned(),
        });
    }
    if targets.len() > MAX_PORTS {
        notes.rejected(
            format!("{}.ports", unit.path),
            format!(
                "publishes {} ports, of which a Service holds the first {MAX_PORTS}: publish fewer, or let the service \
                 use the node's network (`network_mode: host`), where all ports are open",
                targets.len()
            ),
        );
    }
    if let Some(route) = &unit.route
        && !list.iter().any(|port| leads_to(port, route.target))
    {
        let taken: BTreeSet<i32> = list.iter().map(|port| port.port).collect();
        if let Some(port) = (route.target.port..=65535).find(|number| !taken.contains(number)) {
            list.push(ServicePort {
                name: Some(port_name(PortKey { port, protocol: route.target.protocol })),
                port,
                protocol: Some(route.target.protocol.to_owned()),
                target_port: Some(IntOrString::Int(route.target.port)),
                ..ServicePort::default()
            });
        }
    }
    list.sort_by(|a, b| (a.port, &a.protocol).cmp(&(b.port, &b.protocol)));
    list
}

/// The port of a Service that leads to a port of the container.
pub(super) fn port_to(service: &Service, target: PortKey) -> Option<i32> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    ports.into_iter().flatten().find(|port| leads_to(port, target)).map(|port| port.port)
}

fn leads_to(port: &ServicePort, target: PortKey) -> bool {
    port.target_port == Some(IntOrString::Int(target.port)) && port.protocol.as_deref() == Some(target.protocol)
}

/// The port that is published, if one is; the container's own where any will do.
fn published(port: &Port, is_any: bool, path: &str, notes: &mut Notes) -> Option<i32> {
    if ports::is_loopback(&port.host_ip) {
        notes.approximated(
            format!("{path}.host_ip"),
            "is not published, since it is bound to the host itself: use `kubectl port-forward`",
        );
        return None;
    }
    if !ports::is_any_address(&port.host_ip) {
        notes.approximated(
            format!("{path}.host_ip"),
            format!("is published on all addresses, for a cluster has no address {}", port.host_ip),
        );
    }
    if is_any {
        return Some(ports::target(port).port);
    }
    if !ports::is_published(port) {
        notes.approximated(
            path,
            format!("is not published, since no port is given: write `\"{0}:{0}\"` for that", port.target),
        );
        return None;
    }
    if port.published.contains('-') {
        notes.approximated(format!("{path}.published"), "the first port of the range is published");
    }
    let published = ports::published(port);
    if published.is_none() {
        notes.rejected(
            format!("{path}.published"),
            format!("`{}` is no port: expected a number from 1 to 65535, or a range", port.published),
        );
    }
    published
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn published_by(kind: PublishType, ports: &str) -> (Option<ServiceSpec>, Vec<String>) {
        let stack = fixture::stack_with(|spec| spec.publish.kind = kind);
        let text = format!("services: {{web: {{image: x, ports: [{ports}]}}}}");
        fixture::with_stack(&text, &stack, |context, notes| {
            let spec = service(context, &context.units["web"], notes).and_then(|service| service.spec);
            (spec, std::mem::take(notes).summary())
        })
    }

    fn numbers(spec: &ServiceSpec) -> Vec<(i32, Option<i32>)> {
        spec.ports.iter().flatten().map(|port| (port.port, port.node_port)).collect()
    }

    #[test]
    fn nothing_is_exposed_beyond_the_cluster_unless_asked_for() {
        let port = "{target: 80, published: \"8080\", protocol: tcp, mode: ingress}";
        let (spec, notes) = published_by(PublishType::ClusterIP, port);
        let spec = spec.unwrap();
        assert_eq!((spec.type_.as_deref(), numbers(&spec)), (Some("ClusterIP"), vec![(8080, None)]));
        assert_eq!(notes, ["services.web.ports: Approximated"]);
        let (spec, notes) = published_by(PublishType::LoadBalancer, port);
        assert_eq!((spec.unwrap().type_.as_deref(), notes.len()), (Some("LoadBalancer"), 0));
    }

    #[test]
    fn annotations_are_for_what_is_published_by_the_type_that_they_are_given_with() {
        let annotated = |kind: PublishType, label: &str| {
            let stack = fixture::stack_with(|spec| {
                spec.publish.kind = kind;
                spec.publish.annotations = [("a/b".to_owned(), "c".to_owned())].into();
            });
            let port = "{target: 5432, published: \"5432\", protocol: tcp}";
            let text = format!("services: {{web: {{image: x, labels: {{{label}}}, ports: [{port}]}}}}");
            fixture::with_stack(&text, &stack, |context, notes| {
                service(context, &context.units["web"], notes).unwrap().metadata.annotations.is_some()
            })
        };
        assert!(annotated(PublishType::LoadBalancer, ""));
        assert!(annotated(PublishType::ClusterIP, ""));
        assert!(annotated(PublishType::LoadBalancer, "kompose.service.type: loadbalancer"));
        assert!(!annotated(PublishType::LoadBalancer, "kompose.service.type: clusterip"));
        assert!(!annotated(PublishType::Ingress, ""));
    }

    #[test]
    fn ports_of_nodes_are_kept_where_nodes_have_them() {
        let ports = "{target: 80, published: \"30080\", protocol: tcp}, {target: 81, published: \"81\", protocol: udp}";
        let (spec, notes) = published_by(PublishType::NodePort, ports);
        assert_eq!(numbers(&spec.unwrap()), [(81, None), (30080, Some(30080))]);
        assert_eq!(notes, ["services.web.ports[1]: Approximated"]);
    }

    #[test]
    fn any_port_of_the_nodes_will_do_where_none_is_given() {
        let ports = "{target: 3000, protocol: tcp}, {target: 30001, protocol: tcp}, {target: 80, published: \"3000\", protocol: \
                     tcp}, {target: 81, host_ip: 127.0.0.1, protocol: tcp}";
        let (spec, notes) = published_by(PublishType::NodePort, ports);
        let spec = spec.unwrap();
        assert_eq!(numbers(&spec), [(3000, None), (3001, None), (30001, None)]);
        let targets: Vec<_> = spec.ports.iter().flatten().map(|port| port.target_port.clone().unwrap()).collect();
        assert_eq!(targets, [IntOrString::Int(80), IntOrString::Int(3000), IntOrString::Int(30001)]);
        assert_eq!(
            notes,
            [
                "services.web.ports[0]: Approximated",
                "services.web.ports[1]: Approximated",
                "services.web.ports[2]: Approximated",
                "services.web.ports[3].host_ip: Approximated",
            ]
        );
        let stack = fixture::stack_with(|spec| spec.publish.kind = PublishType::NodePort);
        let text = format!("services: {{web: {{image: x, ports: [{ports}]}}}}");
        let open = fixture::with_stack(&text, &stack, |context, _| open_targets(context, &context.units["web"]));
        assert_eq!(open.iter().map(|port| port.port).collect::<Vec<_>>(), [80, 3000, 30001]);
    }

    #[test]
    fn what_docker_binds_to_the_host_itself_is_not_published() {
        let (spec, notes) = published_by(
            PublishType::LoadBalancer,
            "{target: 80, published: \"80\", host_ip: 127.0.0.1, protocol: tcp}",
        );
        assert_eq!(spec, None);
        assert_eq!(notes, ["services.web.ports[0].host_ip: Approximated"]);
    }

    #[test]
    fn ranges_and_doubles() {
        let ports = "{target: 80, published: 8000-8010, protocol: tcp}, {target: 80, published: \"8000\", protocol: \
                     tcp}, {target: 81, published: \"8000\", protocol: tcp}, {target: 82, protocol: tcp}, {target: 83, \
                     published: \"0\", protocol: tcp}, {target: 84, published: \"example.com:80\", protocol: tcp}";
        let (spec, notes) = published_by(PublishType::LoadBalancer, ports);
        assert_eq!(numbers(&spec.unwrap()), [(8000, None)]);
        assert_eq!(
            notes,
            [
                "services.web.ports[0].published: Approximated",
                "services.web.ports[2]: Rejected",
                "services.web.ports[3]: Approximated",
                "services.web.ports[4]: Approximated",
                "services.web.ports[5].published: Rejected"
            ]
        );
    }

    #[test]
    fn wide_ranges_are_bounded() {
        let range = |count: u16| {
            let port = |port: u16| format!("{{target: {port}, published: \"{port}\", protocol: udp}}");
            (10_000..10_000 + count).map(port).collect::<Vec<_>>().join(", ")
        };
        let (spec, notes) = published_by(PublishType::LoadBalancer, &range(1000));
        assert_eq!((spec.unwrap().ports.unwrap().len(), notes.len()), (1000, 0));
        let (spec, notes) = published_by(PublishType::LoadBalancer, &range(10_001));
        assert_eq!(spec.unwrap().ports.unwrap().len(), 1000);
        assert_eq!(notes, ["services.web.ports: Rejected"]);
    }

    #[test]
    fn what_is_no_protocol_of_a_cluster_is_left_out() {
        let port = |word: &str| format!("{{target: 80, published: \"80\", protocol: tcp, app_protocol: \"{word}\"}}");
        for (word, kept) in [("kubernetes.io/h2c", true), ("a b", false)] {
            let (spec, notes) = published_by(PublishType::LoadBalancer, &port(word));
            let protocol = spec.unwrap().ports.unwrap().remove(0).app_protocol;
            assert_eq!((protocol.as_deref(), notes.is_empty()), (Some(word).filter(|_| kept), kept));
            assert!(kept || notes == ["services.web.ports[0].app_protocol: Ignored"], "{notes:?}");
        }
    }

    #[test]
    fn a_class_is_for_the_type_that_it_is_given_with() {
        let text = "services: {web: {image: x, labels: {kompose.service.type: loadbalancer}, ports: [{target: 80, \
                    published: \"80\", protocol: tcp}]}}";
        for (kind, class) in [(PublishType::LoadBalancer, Some("c")), (PublishType::Ingress, None)] {
            let stack = fixture::stack_with(|spec| {
                (spec.publish.kind, spec.publish.class_name) = (kind, Some("c".to_owned()));
            });
            fixture::with_stack(text, &stack, |context, notes| {
                let spec = service(context, &context.units["web"], notes).and_then(|service| service.spec).unwrap();
                assert_eq!((spec.type_.as_deref(), spec.load_balancer_class.as_deref()), (Some("LoadBalancer"), class));
            });
        }
    }

    #[test]
    fn a_way_in_by_http_leads_through_a_service_of_the_cluster() {
        let (spec, notes) = published_by(PublishType::Ingress, "{target: 80, published: \"8080\", protocol: tcp}");
        let spec = spec.unwrap();
        assert_eq!((spec.type_.as_deref(), numbers(&spec)), (Some("ClusterIP"), vec![(8080, None)]));
        assert_eq!(notes, Vec::<String>::new());
    }
}
