//! How pods are attached to networks of the nodes, by Multus.
//!
//! A NetworkAttachmentDefinition says what a network is, an annotation of the pods which of them they are attached to
//! (Network Plumbing Working Group, "Network Custom Resource Definition De-facto Standard"). Members with addresses of
//! their own have a definition of their own: no node may give their addresses to others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use kube::core::DynamicObject;
use serde_json::{Value, json};

use super::context::{Context, Unit};
use super::dns_label::{MAX_LABEL, hash, label};
use super::kind::Kind;
use super::labels;
use super::network::primary;
use super::node_network::NodeNetwork;
use super::notes::Notes;
use super::plan::network_attachment_api;
use crate::api::names;
use crate::compose::model::ServiceNetwork;

/// The interface of pods in the cluster's network.
const CLUSTER_INTERFACE: &str = "eth0";

/// A service's place in a network of the nodes.
struct Place<'c> {
    key: &'c str,
    network: &'c NodeNetwork<'c>,
    /// The path of its attributes.
    path: String,
    ipv4_address: &'c str,
    ipv6_address: &'c str,
    mac_address: &'c str,
    interface: &'c str,
}

impl Place<'_> {
    /// The addresses that the file gives, each with the attribute.
    fn addresses(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let both = [("ipv4_address", self.ipv4_address), ("ipv6_address", self.ipv6_address)];
        both.into_iter().filter(|(_, address)| !address.is_empty())
    }

    fn parsed(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses().filter_map(|(_, address)| address.parse().ok())
    }

    fn has_own_address(&self) -> bool {
        self.addresses().next().is_some()
    }
}

/// The places of a service, in the order of the networks' names.
fn places<'c>(context: &'c Context, unit: &'c Unit) -> Vec<Place<'c>> {
    let container = &unit.service.container;
    let networks = container.networks.iter().filter_map(|(key, membership)| {
        let (key, network) = context.node_networks.get_key_value(key.as_str())?;
        let text = |of: fn(&ServiceNetwork) -> &String| membership.as_ref().map_or("", |joined| of(joined).as_str());
        let own = text(|joined| &joined.mac_address);
        let of_service = primary(container).filter(|primary| primary == key);
        Some(Place {
            key,
            network,
            path: format!("{}.networks.{key}", unit.path),
            ipv4_address: text(|joined| &joined.ipv4_address),
            ipv6_address: text(|joined| &joined.ipv6_address),
            mac_address: if own.is_empty() && of_service.is_some() { &container.mac_address } else { own },
            interface: text(|joined| &joined.interface_name),
        })
    });
    networks.collect()
}

/// Whether two pods of a service could not be there at once, for they would have one address.
pub(super) fn is_exclusive(context: &Context, unit: &Unit) -> bool {
    places(context, unit).iter().any(|place| place.has_own_address() || !place.mac_address.is_empty())
}

/// The definitions of the networks that pods are attached to.
pub(super) fn definitions(context: &Context) -> Vec<DynamicObject> {
    let mut definitions = BTreeMap::new();
    for unit in context.units.values() {
        for place in places(context, unit) {
            let name = name(context, &place);
            definitions.entry(name.clone()).or_insert_with(|| definition(context, &place, name));
        }
    }
    definitions.into_values().collect()
}

fn name(context: &Context, place: &Place) -> String {
    let way = if place.has_own_address() { "-fixed" } else { "" };
    label(&format!("{}-{}{way}", context.stack.name, place.key), MAX_LABEL)
}

fn definition(context: &Context, place: &Place, name: String) -> DynamicObject {
    let mut object = DynamicObject::new(&name, &network_attachment_api());
    // Nodes keep what they gave out by the configuration's name.
    object.data = json!({"spec": {"config": config(context, place, &name).to_string()}});
    object.metadata = labels::stack_metadata(context, name);
    object
}

fn config(context: &Context, place: &Place, name: &str) -> Value {
    let mut config = place.network.config(&format!("{}-{name}", context.stack.namespace));
    let mut capabilities = json!({});
    if place.network.driver == "macvlan" {
        capabilities["mac"] = json!(true);
    }
    if place.has_own_address() {
        capabilities["ips"] = json!(true);
        config["ipam"] = json!({"type": "static"});
    } else {
        let all = context.units.values().flat_map(|unit| places(context, unit));
        let fixed = all.filter(|other| other.key == place.key).flat_map(|other| other.parsed().collect::<Vec<_>>());
        config["ipam"] = place.network.host_local(&fixed.collect());
    }
    if capabilities != json!({}) {
        config["capabilities"] = capabilities;
    }
    config
}

/// The annotations by which a service's pods are attached to its networks; its helpers' pods are not.
pub(super) fn annotations(context: &Context, unit: &Unit) -> BTreeMap<String, String> {
    let places = if unit.host == unit.key { places(context, unit) } else { Vec::new() };
    if places.is_empty() {
        return BTreeMap::new();
    }
    let mut configs = String::new();
    let mut elements = Vec::new();
    for place in places {
        let name = name(context, &place);
        // Without the addresses of other services, which are no reason to start again.
        configs.push_str(&place.network.config(&name).to_string());
        configs.push_str(&place.network.host_local(&BTreeSet::new()).to_string());
        let mut element = json!({"name": name});
        let addresses: Vec<String> = place.parsed().filter_map(|address| place.network.in_subnet(address)).collect();
        for (key, value) in [
            ("ips", json!(addresses)),
            ("mac", json!(place.mac_address)),
            ("interface", json!(if place.interface == CLUSTER_INTERFACE { "" } else { place.interface })),
        ] {
            if value != json!([]) && value != json!("") {
                element[key] = value;
            }
        }
        elements.push(element);
    }
    BTreeMap::from([
        (names::ANNOTATION_ATTACHMENTS.to_owned(), Value::from(elements).to_string()),
        // A change of a network reaches its members, as in Docker, where they are made anew.
        (names::ANNOTATION_ATTACHMENTS_HASH.to_owned(), hash(&configs)),
    ])
}

/// Says what differs, and what cannot be, of the services' places in these networks.
pub(super) fn note_differences(context: &Context, notes: &mut Notes) {
    let mut owners: BTreeMap<(&str, IpAddr), &str> = BTreeMap::new();
    let mut given_out = BTreeSet::new();
    for unit in context.units.values() {
        let places = places(context, unit);
        if !places.is_empty() && unit.service.pre_start.iter().any(|hook| !hook.per_replica) {
            notes.approximated(
                format!("{}.pre_start", unit.path),
                "what runs once for the service is in the cluster's network only",
            );
        }
        for place in places {
            note_place(unit, &place, notes);
            for (attribute, text) in place.addresses() {
                let Ok(address) = text.parse() else { continue };
                if let Some(owner) = owners.insert((place.key, address), unit.key) {
                    let path = format!("{}.{attribute}", place.path);
                    notes.error(path, "Invalid", format!("`{address}` is the address of `{owner}` too"));
                }
            }
            if !place.has_own_address() {
                given_out.insert(place.key);
            }
        }
    }
    for key in given_out {
        notes.approximated(
            format!("networks.{key}.ipam"),
            "each node gives out addresses by itself, as each Docker host does: if there are several nodes, give the \
             services addresses (`ipv4_address`)",
        );
    }
}

fn note_place(unit: &Unit, place: &Place, notes: &mut Notes) {
    let path = |attribute: &str| format!("{}.{attribute}", place.path);
    for (attribute, address) in place.addresses() {
        let parsed: Option<IpAddr> =
            address.parse().ok().filter(|address: &IpAddr| address.is_ipv4() == (attribute == "ipv4_address"));
        match parsed {
            None => notes.error(path(attribute), "Invalid", format!("`{address}` is no such address")),
            Some(address) if place.network.in_subnet(address).is_none() => {
                notes.error(
                    path(attribute),
                    "Invalid",
                    format!("`{address}` is in no subnet of `{}`: see its `ipam.config`, and `enable_ipv6`", place.key),
                );
            }
            Some(_) => {}
        }
    }
    let mac = place.mac_address;
    if !mac.is_empty() && place.network.driver == "ipvlan" {
        notes.rejected(
            path("mac_address"),
            "interfaces of an ipvlan have the hardware address of the node's: leave it out",
        );
    } else if !mac.is_empty() && !is_mac(mac) {
        notes.error(
            path("mac_address"),
            "Invalid",
            format!("`{mac}` is no hardware address, such as 02:42:ac:11:00:03"),
        );
    }
    let own =
        place.addresses().map(|(attribute, _)| attribute).chain((!mac.is_empty()).then_some("mac_address")).next();
    if let Some(attribute) = own.filter(|_| unit.is_several() || unit.kind == Kind::DaemonSet) {
        notes.error(
            path(attribute),
            "Invalid",
            "several pods cannot have one address: leave it out, or have one replica",
        );
    }
    if place.network.is_dual() && place.addresses().count() == 1 {
        let given = own.unwrap_or_default();
        notes.approximated(path(given), "is the pod's only address in the network: give one of the other kind too");
    }
    if place.interface == CLUSTER_INTERFACE {
        notes.approximated(path("interface_name"), "is not honoured: eth0 is the interface in the cluster's network");
    }
}

/// Whether a text is a hardware address of Ethernet.
fn is_mac(text: &str) -> bool {
    let part = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    const NETWORKS: &str = "networks: {lan: {driver: macvlan, enable_ipv6: true, driver_opts: {parent: eth0}, ipam: {config: [{subnet: \
                            10.0.0.0/29}, {subnet: \"fd00::/64\"}]}}, l3: {driver: ipvlan, driver_opts: {parent: eth0}, \
                            ipam: {config: [{subnet: 10.1.0.0/24}]}}, plain: {}}";

    fn look<T>(services: &str, look: impl FnOnce(&Context, &mut Notes) -> T) -> T {
        let facts = Facts { network_attachments: true, ..Facts::default() };
        fixture::with_facts(&format!("services: {{{services}}}\n{NETWORKS}"), &fixture::stack(), &facts, look)
    }

    fn noted(services: &str) -> Vec<String> {
        look(services, |context, notes| {
            note_differences(context, notes);
            std::mem::take(notes).summary().into_iter().filter(|note| note.starts_with("services")).collect()
        })
    }

    fn elements(services: &str, service: &str) -> Value {
        look(services, |context, _| {
            let annotations = annotations(context, &context.units[service]);
            annotations
                .get(names::ANNOTATION_ATTACHMENTS)
                .map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
        })
    }

    #[test]
    fn pods_ask_for_what_the_file_gives() {
        let text = "a: {image: x, mac_address: \"02:00:00:00:00:01\", networks: {lan: {ipv4_address: 10.0.0.5, \
                    ipv6_address: \"fd00::5\", interface_name: lan0}, l3: {interface_name: eth0}, plain: null}}, b: \
                    {image: x, networks: {plain: null}}, c: {image: x, network_mode: \"service:a\"}";
        assert_eq!(
            elements(text, "a"),
            json!([
                {"name": "shop-l3", "mac": "02:00:00:00:00:01"},
                {"name": "shop-lan-fixed", "ips": ["10.0.0.5/29", "fd00::5/64"], "interface": "lan0"}
            ])
        );
        assert_eq!(elements(text, "b"), Value::Null);
        assert_eq!(elements(text, "c"), Value::Null);
    }

    #[test]
    fn the_services_hardware_address_is_that_of_its_first_network() {
        let text = "a: {image: x, mac_address: \"02:00:00:00:00:01\", networks: {l3: null, lan: {priority: 5}}}";
        assert_eq!(elements(text, "a"), json!([{"name": "shop-l3"}, {"name": "shop-lan", "mac": "02:00:00:00:00:01"}]));
        let text = "a: {image: x, mac_address: \"02:00:00:00:00:01\", networks: {lan: null, plain: {priority: 5}}}";
        assert_eq!(elements(text, "a"), json!([{"name": "shop-lan"}]));
    }

    #[test]
    fn no_node_gives_out_the_address_of_a_service() {
        let text = "a: {image: x, networks: {lan: {ipv4_address: 10.0.0.3}}}, b: {image: x, networks: {lan: null}}";
        let configs: BTreeMap<String, Value> = look(text, |context, _| {
            let config = |object: &DynamicObject| {
                let text = object.data["spec"]["config"].as_str().unwrap();
                (object.metadata.name.clone().unwrap(), serde_json::from_str(text).unwrap())
            };
            definitions(context).iter().map(config).collect()
        });
        assert_eq!(configs["shop-lan-fixed"]["ipam"], json!({"type": "static"}));
        assert_eq!(configs["shop-lan-fixed"]["capabilities"], json!({"ips": true, "mac": true}));
        let ipam = &configs["shop-lan"]["ipam"];
        assert_eq!(
            (&ipam["ranges"][0][0]["rangeEnd"], &ipam["ranges"][0][1]["rangeStart"]),
            (&json!("10.0.0.2"), &json!("10.0.0.4"))
        );
        assert_eq!(ipam["ranges"][1][0]["subnet"], "fd00::/64");
    }

    #[test]
    fn a_service_with_an_address_never_has_two_pods() {
        let kind = |text: &str| look(text, |context, _| context.units["a"].kind);
        assert_eq!(kind("a: {image: x, networks: {lan: {ipv4_address: 10.0.0.3}}}"), Kind::StatefulSet);
        assert_eq!(kind("a: {image: x, networks: {lan: {mac_address: \"02:00:00:00:00:01\"}}}"), Kind::StatefulSet);
        assert_eq!(kind("a: {image: x, networks: {lan: null, plain: {ipv4_address: 10.5.0.3}}}"), Kind::Deployment);
        for several in ["scale: 2", "deploy: {mode: global}"] {
            let text = format!(
                "a: {{image: x, {several}, networks: {{lan: {{ipv4_address: 10.0.0.3, ipv6_address: \"fd00::3\"}}}}}}"
            );
            assert_eq!(noted(&text), ["services.a.networks.lan.ipv4_address: Error"], "{several}");
        }
    }

    #[test]
    fn addresses_that_cannot_be_are_errors() {
        for (place, expected) in [
            ("lan: {ipv4_address: 10.0.1.3, ipv6_address: \"fd00::3\"}", vec!["lan.ipv4_address: Error"]),
            (
                "lan: {ipv4_address: \"fd00::3\", ipv6_address: x}",
                vec!["lan.ipv4_address: Error", "lan.ipv6_address: Error"],
            ),
            ("lan: {ipv4_address: 10.0.0.3}", vec!["lan.ipv4_address: Approximated"]),
            ("lan: {mac_address: \"02:42\"}", vec!["lan.mac_address: Error"]),
            ("l3: {mac_address: \"02:00:00:00:00:01\"}", vec!["l3.mac_address: Rejected"]),
            ("l3: {interface_name: eth0}", vec!["l3.interface_name: Approximated"]),
        ] {
            let expected: Vec<String> = expected.iter().map(|note| format!("services.a.networks.{note}")).collect();
            assert_eq!(noted(&format!("a: {{image: x, networks: {{{place}}}}}")), expected, "{place}");
        }
        let place = "networks: {l3: {ipv4_address: 10.1.0.3}}";
        assert_eq!(
            noted(&format!("a: {{image: x, {place}}}, b: {{image: x, {place}}}")),
            ["services.b.networks.l3.ipv4_address: Error"]
        );
    }
}
