//! What is known of a service's ports.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::context::Context;
use super::dns_label::is_label;
use crate::compose::model::{Port, Service};

/// A port of a container. Kubernetes' lists of ports are keyed by both, and never without the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortKey {
    pub(super) port: i32,
    pub(super) protocol: &'static str,
}

/// A range beyond this is not listed port by port in a Service.
pub(super) const MAX_LISTED: usize = 100;

/// The container's ports that the file speaks of: `expose` and the targets of `ports`.
pub(super) fn declared(service: &Service) -> BTreeSet<PortKey> {
    let exposed = service.workload.expose.iter().flat_map(|text| exposed(text));
    let targets = service.workload.ports.iter().filter(|port| port.target > 0).map(target);
    exposed.chain(targets).take(MAX_LISTED + 1).collect()
}

/// The container's ports that its image speaks of.
pub(super) fn of_image(context: &Context, service: &Service) -> BTreeSet<PortKey> {
    let exposed_ports = context.image(service).into_iter().flat_map(|image| &image.exposed_ports);
    exposed_ports.flat_map(|text| exposed(text)).take(MAX_LISTED + 1).collect()
}

/// The names that the file gives to the container's ports, as far as those of a Service can have them: each once, and
/// none that another port would have without one.
pub(super) fn names(service: &Service) -> BTreeMap<PortKey, &str> {
    let mut names: BTreeMap<PortKey, &str> = BTreeMap::new();
    for port in service.workload.ports.iter().filter(|port| can_be_name(&port.name)) {
        if !names.values().any(|name| *name == port.name) {
            names.entry(target(port)).or_insert(&port.name);
        }
    }
    names
}

/// Whether a port of a Service can have this name.
pub(super) fn can_be_name(name: &str) -> bool {
    is_label(name) && !["tcp-", "udp-", "sctp-"].iter().any(|protocol| name.starts_with(protocol))
}

/// Whether there are few enough ports to list in a Service.
pub(super) fn can_be_listed(ports: &BTreeSet<PortKey>) -> bool {
    !ports.is_empty() && ports.len() <= MAX_LISTED
}

/// The container's side of a published port.
pub(super) fn target(port: &Port) -> PortKey {
    PortKey { port: i32::try_from(port.target).unwrap_or(i32::MAX), protocol: protocol(&port.protocol) }
}

/// Whether a port of the host is asked for; 0 is any, as none is.
pub(super) fn is_published(port: &Port) -> bool {
    !matches!(port.published.as_str(), "" | "0")
}

/// The host's side of a published port: the first one of a range.
pub(super) fn published(port: &Port) -> Option<i32> {
    let (first, _) = port.published.split_once('-').unwrap_or((&port.published, ""));
    first.parse().ok().filter(|port| (1..=65535).contains(port))
}

/// Whether an address stands for all.
pub(super) fn is_any_address(host_ip: &str) -> bool {
    host_ip.is_empty() || host_ip.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

/// Whether an address is reached from its own host only.
pub(super) fn is_loopback(host_ip: &str) -> bool {
    host_ip.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Kubernetes' word for a protocol.
fn protocol(text: &str) -> &'static str {
    ["UDP", "SCTP"].into_iter().find(|word| word.eq_ignore_ascii_case(text)).unwrap_or("TCP")
}

/// The ports of `PORT[-PORT][/PROTOCOL]`.
fn exposed(text: &str) -> impl Iterator<Item = PortKey> + use<> {
    let (range, kind) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let protocol = protocol(kind);
    let bounds = first.trim().parse::<i32>().ok().zip(last.trim().parse::<i32>().ok());
    let ports = bounds.into_iter().flat_map(|(first, last)| first.max(1)..=last.min(65535));
    ports.map(move |port| PortKey { port, protocol })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_protocols() {
        let ports = |text: &str| exposed(text).map(|p| (p.port, p.protocol)).collect::<Vec<_>>();
        assert_eq!(ports("80"), [(80, "TCP")]);
        assert_eq!(ports("7000-7001/udp"), [(7000, "UDP"), (7001, "UDP")]);
        assert_eq!(ports("x"), []);
    }

    #[test]
    fn addresses() {
        assert!(is_any_address("") && is_any_address("0.0.0.0") && is_any_address("::"));
        assert!(is_loopback("127.0.0.2") && is_loopback("::1") && !is_loopback("10.0.0.1"));
    }

    #[test]
    fn wide_ranges_are_not_listed() {
        let mut service = Service::default();
        service.workload.expose = vec!["1000-2000".to_owned()];
        assert!(!can_be_listed(&declared(&service)));
    }
}
