//! In-stack Services: how services find each other by name.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Unit};
use super::kind::Kind;
use super::ports::{self, PortKey};
use super::{alias, labels, network, rollout};

/// A name with an address of its own, which reaches the listed ports.
pub(super) const VIP: &str = "VIP";
/// A name that resolves to the pods, which reaches every port.
pub(super) const HEADLESS: &str = "Headless";

/// Whether others can find the service by name.
pub(super) fn has_name(unit: &Unit) -> bool {
    // A container without a network has no name in Docker either.
    if network::is_none_mode(unit.pod) {
        return false;
    }
    // Nobody looks for what comes and goes, unless the file gives it something to be found by.
    unit.kind != Kind::CronJob || !ports::declared(unit.service).is_empty() || !alias::own(unit).is_empty()
}

/// How the service's name resolves; none when it has no Service.
pub(super) fn discovery(context: &Context, unit: &Unit) -> Option<&'static str> {
    if !has_name(unit) {
        return None;
    }
    // Those who share a name need not have the same ports.
    if context.names.sharing(&unit.name).is_some() {
        return Some(HEADLESS);
    }
    let listed = ports::can_be_listed(&known(context, unit));
    let mode = match unit.drop_in.discovery {
        Some(VIP) => "vip",
        Some(_) => "dnsrr",
        None => unit.service.deploy.as_ref().map_or("", |deploy| deploy.endpoint_mode.as_str()),
    };
    let before = context.facts.discovery.get(unit.key).map(String::as_str);
    Some(match (mode, before) {
        _ if !listed => HEADLESS,
        ("dnsrr", _) => HEADLESS,
        // A choice stays until the file makes another one: programs keep the addresses that they looked up.
        ("vip", _) | (_, Some(VIP)) => VIP,
        (_, Some(_)) => HEADLESS,
        // With `ports` alone, others may well use ports that the file does not speak of.
        _ if unit.service.workload.expose.is_empty() && ports::of_image(context, unit.service).is_empty() => HEADLESS,
        _ => VIP,
    })
}

/// The ports that file and image speak of.
fn known(context: &Context, unit: &Unit) -> BTreeSet<PortKey> {
    let mut known = ports::declared(unit.service);
    known.extend(ports::of_image(context, unit.service));
    known
}

/// The Service of the service's own name; none where it shares the name with others, or has none.
pub(super) fn own(context: &Context, unit: &Unit) -> Option<Service> {
    let own = has_name(unit) && context.names.sharing(&unit.name).is_none();
    own.then(|| service(context, unit, unit.name.clone()))
}

/// A Service of this name that leads to the pods of one service.
pub(super) fn service(context: &Context, unit: &Unit, name: String) -> Service {
    let vip = discovery(context, unit) == Some(VIP);
    let known = known(context, unit);
    let names = ports::names(unit.service);
    // Docker resolves a container before it is healthy, and programs that form clusters by name count on it. Behind
    // several replicas, or beside a predecessor, this would send requests to what is not ready.
    let (ip_family_policy, ip_families) = network::families(context, std::iter::once(unit), !vip);
    let early = !unit.is_several() && unit.kind != Kind::DaemonSet && !rollout::is_start_first(unit);
    Service {
        metadata: labels::deployed_metadata(context, unit, name),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: (!vip).then(|| "None".to_owned()),
            selector: Some(labels::selector(context, unit)),
            ip_family_policy,
            ip_families,
            ports: vip.then(|| known.iter().map(|key| service_port(*key, &names)).collect()),
            publish_not_ready_addresses: early.then_some(true),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// A port under its own number, by the name that the file gives it, else by one of number and protocol.
fn service_port(key: PortKey, names: &BTreeMap<PortKey, &str>) -> ServicePort {
    ServicePort {
        name: Some(names.get(&key).map_or_else(|| port_name(key), |name| (*name).to_owned())),
        port: key.port,
        protocol: Some(key.protocol.to_owned()),
        target_port: Some(IntOrString::Int(key.port)),
        ..ServicePort::default()
    }
}

/// `tcp-80`: at most 15 characters with a letter (RFC 6335).
pub(super) fn port_name(key: PortKey) -> String {
    format!("{}-{}", key.protocol.to_lowercase(), key.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    fn services_of(text: &str) -> (BTreeMap<String, ServiceSpec>, Vec<String>) {
        fixture::with(text, |context, notes| {
            let services = fixture::services(context, notes);
            let specs =
                services.into_iter().map(|service| (service.metadata.name.unwrap(), service.spec.unwrap())).collect();
            (specs, std::mem::take(notes).summary())
        })
    }

    fn choice(service: &str, before: &str) -> &'static str {
        let mut facts = Facts::default();
        if !before.is_empty() {
            facts.discovery.insert("web".to_owned(), before.to_owned());
        }
        let text = format!("services: {{web: {{image: x, {service}}}}}");
        fixture::with_facts(&text, &fixture::stack(), &facts, |context, _| {
            discovery(context, &context.units["web"]).unwrap_or("none")
        })
    }

    #[test]
    fn names_have_an_address_when_the_ports_are_known_for_sure() {
        let ports = "ports: [{target: 80, published: \"80\", protocol: tcp, mode: ingress}]";
        for (service, before, expected) in [
            ("", "", HEADLESS),
            (ports, "", HEADLESS),
            ("expose: [\"80\"]", "", VIP),
            ("expose: [\"1000-2000\"]", "", HEADLESS),
            (&format!("{ports}, deploy: {{endpoint_mode: vip}}"), "", VIP),
            ("deploy: {endpoint_mode: vip}", "", HEADLESS),
            ("expose: [\"80\"], deploy: {endpoint_mode: dnsrr}", "", HEADLESS),
            ("expose: [\"80\"]", HEADLESS, HEADLESS),
            (ports, VIP, VIP),
            ("", VIP, HEADLESS),
            ("network_mode: none", "", "none"),
        ] {
            assert_eq!(choice(service, before), expected, "{service} after {before}");
        }
    }

    #[test]
    fn the_ports_of_the_image_count_where_nothing_was_decided() {
        let image = serde_json::json!({"exposedPorts": ["80/tcp", "53/udp", "odd"]});
        for (before, expected) in [(None, VIP), (Some(HEADLESS), HEADLESS)] {
            let mut facts = fixture::image(image.clone());
            facts.discovery = before.map(|before| ("web".to_owned(), before.to_owned())).into_iter().collect();
            fixture::with_facts("services: {web: {image: x}}", &fixture::stack(), &facts, |context, notes| {
                assert_eq!(discovery(context, &context.units["web"]), Some(expected));
                let spec = fixture::services(context, notes).remove(0).spec.unwrap();
                assert_eq!(spec.ports.map(|ports| ports.len()), before.is_none().then_some(2));
            });
        }
    }

    #[test]
    fn a_headless_service_reaches_every_port() {
        let (services, _) = services_of("services: {db: {image: x}}");
        let spec = &services["db"];
        assert_eq!((spec.cluster_ip.as_deref(), spec.ports.as_ref()), (Some("None"), None));
        assert_eq!(spec.publish_not_ready_addresses, Some(true));
    }

    #[test]
    fn an_address_serves_all_known_ports() {
        let (services, _) = services_of(
            "services: {web: {image: x, scale: 2, expose: [\"9000\", \"53/udp\"], ports: [{target: 80, published: \
             \"8080\", protocol: tcp, mode: ingress}]}}",
        );
        let spec = &services["web"];
        let ports: Vec<_> = spec.ports.as_ref().unwrap().iter().map(|port| port.name.clone().unwrap()).collect();
        assert_eq!(ports, ["udp-53", "tcp-80", "tcp-9000"]);
        assert_eq!((spec.cluster_ip.as_ref(), spec.publish_not_ready_addresses), (None, None));
    }
}
