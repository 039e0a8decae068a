//! Published ports.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Unit};
use super::discovery::port_name;
use super::dns_label::{MAX_LABEL, label};
use super::notes::Notes;
use super::ports::{self, PortKey};
use super::{labels, network};
use crate::api::v1alpha1::PublishType;
use crate::compose::model::Port;

/// The ports that a node can open unless the API server is told otherwise (`--service-node-port-range`).
const NODE_PORTS: std::ops::RangeInclusive<i32> = 30000..=32767;

/// The Service of a service's published ports.
pub(super) fn service(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<Service> {
    let settings = &context.stack.spec.publish;
    let kind = match settings.kind {
        PublishType::ClusterIP => "ClusterIP",
        PublishType::NodePort => "NodePort",
        PublishType::LoadBalancer => "LoadBalancer",
        PublishType::Ingress | PublishType::Gateway => {
            if !unit.service.workload.ports.is_empty() {
                notes.rejected(
                    format!("{}.ports", unit.path),
                    "cannot be published by an Ingress or a Gateway yet: set spec.publish.type to ClusterIP, NodePort or \
                     LoadBalancer",
                );
            }
            return None;
        }
    };
    let list = service_ports(context, unit, kind, notes);
    if list.is_empty() {
        return None;
    }
    let name = label(&format!("{}-published", unit.name), MAX_LABEL);
    if settings.kind == PublishType::ClusterIP {
        let addresses: Vec<String> = list.iter().map(|port| format!("{name}:{}", port.port)).collect();
        notes.approximated(
            format!("{}.ports", unit.path),
            format!(
                "reachable inside of the cluster only, at {}: set spec.publish.type to expose it",
                addresses.join(", ")
            ),
        );
    }
    let mut metadata = labels::service_metadata(context, unit, name);
    metadata.annotations = (!settings.annotations.is_empty()).then(|| settings.annotations.clone());
    Some(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(kind.to_owned()),
            load_balancer_class: settings.class_name.clone().filter(|_| settings.kind == PublishType::LoadBalancer),
            selector: Some(labels::selector(context, unit)),
            ports: Some(list),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

/// The container's ports that others than the members of its networks may reach.
pub(super) fn open_targets(context: &Context, unit: &Unit) -> Vec<PortKey> {
    let mut open: Vec<PortKey> = unit
        .service
        .workload
        .ports
        .iter()
        .filter(|port| port.mode == "host" || !ports::is_loopback(&port.host_ip))
        .filter(|port| port.mode == "host" || !port.published.is_empty())
        .map(ports::target)
        .collect();
    if network::is_internal_only(context, unit) || network::is_none_mode(unit.service) {
        open.clear();
    }
    open.sort_unstable();
    open.dedup();
    open
}

fn service_ports(context: &Context, unit: &Unit, kind: &str, notes: &mut Notes) -> Vec<ServicePort> {
    let mut list: Vec<ServicePort> = Vec::new();
    for (index, port) in unit.service.workload.ports.iter().enumerate().filter(|(_, port)| port.mode != "host") {
        let path = format!("{}.ports[{index}]", unit.path);
        if network::is_host_mode(unit.service) {
            notes.ignored(path, "the service uses the node's network, where its ports are open anyway");
            continue;
        }
        if network::is_none_mode(unit.service) || network::is_internal_only(context, unit) {
            notes.ignored(path, "is not published, as in Docker: the service has internal networks only, or none");
            continue;
        }
        let Some(published) = published(port, &path, notes) else { continue };
        let key = ports::target(port);
        let same = |other: &&ServicePort| other.port == published && other.protocol.as_deref() == Some(key.protocol);
        if let Some(other) = list.iter().find(same) {
            if other.target_port != Some(IntOrString::Int(key.port)) {
                notes.rejected(path, format!("port {published} leads to another port of the container already"));
            }
            continue;
        }
        let node_port = (kind == "NodePort" && NODE_PORTS.contains(&published)).then_some(published);
        if kind == "NodePort" && node_port.is_none() {
            notes.approximated(path, "the cluster chooses the node's port: publish one of 30000-32767 to choose it");
        }
        list.push(ServicePort {
            name: Some(port_name(PortKey { port: published, protocol: key.protocol })),
            port: published,
            protocol: Some(key.protocol.to_owned()),
            target_port: Some(IntOrString::Int(key.port)),
            node_port,
            app_protocol: (!port.app_protocol.is_empty()).then(|| port.app_protocol.clone()),
        });
    }
    list.sort_by(|a, b| (a.port, &a.protocol).cmp(&(b.port, &b.protocol)));
    list
}

/// The port that is published, if one is.
fn published(port: &Port, path: &str, notes: &mut Notes) -> Option<i32> {
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
    if port.published.is_empty() {
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
        notes.error(format!("{path}.published"), "Invalid", format!("`{}` is no port", port.published));
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
    fn ports_of_nodes_are_kept_where_nodes_have_them() {
        let ports = "{target: 80, published: \"30080\", protocol: tcp}, {target: 81, published: \"81\", protocol: udp}";
        let (spec, notes) = published_by(PublishType::NodePort, ports);
        assert_eq!(numbers(&spec.unwrap()), [(81, None), (30080, Some(30080))]);
        assert_eq!(notes, ["services.web.ports[1]: Approximated"]);
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
                     tcp}, {target: 81, published: \"8000\", protocol: tcp}, {target: 82, protocol: tcp}";
        let (spec, notes) = published_by(PublishType::LoadBalancer, ports);
        assert_eq!(numbers(&spec.unwrap()), [(8000, None)]);
        assert_eq!(
            notes,
            [
                "services.web.ports[0].published: Approximated",
                "services.web.ports[2]: Rejected",
                "services.web.ports[3]: Approximated"
            ]
        );
    }

    #[test]
    fn ingress_and_gateway_are_not_there_yet() {
        let (spec, notes) = published_by(PublishType::Ingress, "{target: 80, published: \"80\", protocol: tcp}");
        assert_eq!((spec, notes), (None, vec!["services.web.ports: Rejected".to_owned()]));
    }
}
