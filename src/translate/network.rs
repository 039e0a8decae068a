//! Compose networks: who belongs to them, and what is said of them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::context::{Context, Unit};
use super::dns_label::{hash, is_qualified_name};
use super::drop_in::EXTENSION;
use super::extension;
use super::labels;
use super::labels::Labels;
use super::node_network::{is_driver, is_isolated};
use super::notes::Notes;
use super::swarm_form::of_the_engine;
use crate::api::names;
use crate::api::v1alpha1::NetworkPolicyMode;
use crate::compose::model::{ContainerSpec, Ipam, Network, Service, ServiceNetwork};
use crate::policy::{FORBIDDEN, not_allowed};

/// A network that a service joins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Membership {
    /// The key in the file.
    pub(super) key: String,
    /// The label of its members in the stack's namespace.
    pub(super) label: String,
    pub(super) internal: bool,
    /// Its members in other namespaces.
    pub(super) elsewhere: Vec<Elsewhere>,
}

/// Members of a network in another namespace than the stack's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Elsewhere {
    /// The namespace; none for any.
    pub(super) namespace: Option<String>,
    /// Their label.
    pub(super) label: String,
}

/// Whether the service uses the node's network.
pub(super) fn is_host_mode(service: &Service) -> bool {
    service.container.network_mode == "host"
}

/// Whether the service has no network at all.
pub(super) fn is_none_mode(service: &Service) -> bool {
    service.container.network_mode == "none"
}

/// Whether all networks of the service are internal: then it reaches nothing outside, and Docker publishes none of
/// its ports.
pub(super) fn is_internal_only(context: &Context, unit: &Unit) -> bool {
    let container = &unit.pod.container;
    let ordinary = matches!(container.network_mode.as_str(), "" | "default");
    let internal = |key: &String| context.project.networks.get(key).is_some_and(is_internal);
    ordinary && !container.networks.is_empty() && container.networks.keys().all(internal)
}

fn is_internal(network: &Network) -> bool {
    !network.external && (network.internal || is_isolated(network))
}

/// The versions of the addresses that a name of these services leads to, as a policy and a list of a Service: version 6
/// too, where the cluster has it, if one of their ordinary networks asks for it, and nothing else if all do without
/// version 4. The API server refuses a list of what the cluster has not. A Service with an address of its own keeps it, so
/// that it could not go back.
pub(super) fn families<'u>(
    context: &Context,
    units: impl Iterator<Item = &'u Unit<'u>>,
    headless: bool,
) -> (Option<String>, Option<Vec<String>>) {
    let keys: BTreeSet<&String> = units.flat_map(|unit| unit.pod.container.networks.keys()).collect();
    let ordinary = keys.into_iter().filter(|key| !context.node_networks.contains_key(key.as_str()));
    let networks: Vec<&Network> = ordinary.filter_map(|key| context.project.networks.get(key)).collect();
    if !networks.iter().any(|network| network.enable_ipv6 == Some(true)) {
        (None, None)
    } else if headless && context.facts.ipv6 && networks.iter().all(|network| is_without_ipv4(network)) {
        (Some("SingleStack".to_owned()), Some(vec!["IPv6".to_owned()]))
    } else {
        (Some("PreferDualStack".to_owned()), None)
    }
}

/// Whether the members of a network have addresses of version 6 alone.
pub fn is_without_ipv4(network: &Network) -> bool {
    network.enable_ipv4 == Some(false) && network.enable_ipv6 == Some(true)
}

/// The labels by which a service's pods belong to their networks.
pub(super) fn pod_labels(context: &Context, unit: &Unit) -> Labels {
    memberships(context, unit.service).into_iter().map(|membership| (membership.label, "true".to_owned())).collect()
}

/// The networks that a service joins.
pub(super) fn memberships(context: &Context, service: &Service) -> Vec<Membership> {
    match service.container.network_mode.as_str() {
        "" | "default" => {}
        // The engine's own network, without names; on it, addresses reach each other.
        "bridge" => {
            let (key, label) = ("bridge".to_owned(), label_key("bridge"));
            return vec![Membership { key, label, internal: false, elsewhere: Vec::new() }];
        }
        _ => return Vec::new(),
    }
    let unknown = Network::default();
    service
        .container
        .networks
        .keys()
        .map(|key| {
            let network = context.project.networks.get(key).unwrap_or(&unknown);
            let name =
                if network.name.is_empty() { format!("{}_{key}", context.project.name) } else { network.name.clone() };
            let foreign = foreign_namespace(context, network);
            Membership {
                key: key.clone(),
                label: foreign.map_or_else(|| label_key(&name), |namespace| foreign_label_key(namespace, &name)),
                internal: is_internal(network),
                elsewhere: elsewhere(context, foreign, &name),
            }
        })
        .collect()
}

/// The namespace that a network is in when it is not the stack's own.
pub(super) fn foreign_namespace<'a>(context: &Context, network: &'a Network) -> Option<&'a str> {
    let namespace = extension::namespace(network).filter(|_| network.external)?;
    (namespace != context.stack.namespace).then_some(namespace)
}

/// The domains of the names in the networks of other namespaces that a service joins.
pub(super) fn searches(context: &Context, service: &Service) -> Vec<String> {
    let networks = service.container.networks.keys().filter_map(|key| context.project.networks.get(key));
    let namespaces: BTreeSet<&str> = networks.filter_map(|network| foreign_namespace(context, network)).collect();
    let domain = context.cluster_domain();
    namespaces.into_iter().map(|namespace| format!("{namespace}.svc.{domain}")).collect()
}

/// Who is in a network from other namespaces: those that its policy lets join and, where it is not of this namespace
/// itself, those of its own.
fn elsewhere(context: &Context, foreign: Option<&str>, name: &str) -> Vec<Elsewhere> {
    let own = context.stack.namespace.as_str();
    let home = foreign.unwrap_or(own);
    let joining = context.policy.joining(home, name).filter(|joining| *joining != Some(own));
    let joining = joining
        .map(|joining| Elsewhere { namespace: joining.map(str::to_owned), label: foreign_label_key(home, name) });
    let at_home = foreign.map(|home| Elsewhere { namespace: Some(home.to_owned()), label: label_key(name) });
    let mut all: Vec<Elsewhere> = at_home.into_iter().chain(joining).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The label of a network's members, by the engine's name of the network: an external network is the same for all.
fn label_key(name: &str) -> String {
    let key = [names::NETWORK_LABEL_PREFIX, name].concat();
    if is_qualified_name(&key) { key } else { format!("{}x-{}", names::NETWORK_LABEL_PREFIX, hash(name)) }
}

/// The label of those who join a network from other namespaces. It is another one than that of the network itself, which
/// a network of their own namespace may have.
fn foreign_label_key(namespace: &str, name: &str) -> String {
    format!("{namespace}.{}", label_key(name))
}

/// Says what differs, for the networks in use and the services' modes.
pub(super) fn note_differences(context: &Context, notes: &mut Notes) {
    let enforced = context.facts.network_policy_enforced == Some(true);
    let off = context.stack.spec.network_policy.mode == NetworkPolicyMode::Off;
    let isolation = if off {
        Some("is not isolated, since spec.networkPolicy.mode is Off")
    } else if enforced {
        None
    } else {
        Some(
            "is isolated only if the cluster's network enforces NetworkPolicies, which is not known: declare it by the \
             operator's --network-policy-enforced",
        )
    };
    let mut used = BTreeSet::new();
    for unit in context.units.values() {
        let mode = unit.service.container.network_mode.as_str();
        match mode {
            "" | "default" | "host" => used.extend(unit.service.container.networks.keys()),
            "bridge" => notes.approximated(
                format!("{}.network_mode", unit.path),
                "names of services resolve too, and all pods of this mode reach each other",
            ),
            "none" => {
                if let Some(message) = isolation {
                    notes.approximated(format!("{}.network_mode", unit.path), message);
                }
            }
            // Those of other services and containers are dealt with where pods are shared.
            mode if mode.contains(':') => {}
            mode => notes.rejected(
                format!("{}.network_mode", unit.path),
                format!("`{mode}` is not known: use `host`, `none`, `bridge` or `service:<name>`"),
            ),
        }
    }
    for key in used {
        let Some(network) = context.project.networks.get(key) else { continue };
        let path = format!("networks.{key}");
        match network.driver.as_str() {
            "" | "bridge" | "overlay" => {}
            _ if of_the_engine(network).is_some() => {}
            _ if is_isolated(network) => {
                let isolation = isolation.map_or_else(String::new, |isolation| format!("; {isolation}"));
                notes.approximated(
                    format!("{path}.driver"),
                    format!(
                        "is an internal network, as in Docker, for it is on no interface of the nodes: name one by \
                         `driver_opts.parent`{isolation}"
                    ),
                );
            }
            driver if is_driver(driver) => {}
            driver => notes.rejected(
                format!("{path}.driver"),
                format!("there is no network driver `{driver}` here: leave it out for an ordinary network"),
            ),
        }
        if let Some(mode) = of_the_engine(network) {
            let attribute = if network.external { "name" } else { "driver" };
            notes.rejected(
                format!("{path}.{attribute}"),
                format!("goes with no other network: set `network_mode: {mode}` on the services instead"),
            );
        } else if let Some(namespace) = foreign_namespace(context, network) {
            note_foreign(context, key, namespace, &network.name, notes);
        } else if network.external {
            notes.approximated(
                format!("{path}.external"),
                format!("joins pods of this namespace that have the label {}", label_key(&network.name)),
            );
        }
        if let Some(message) = isolation.filter(|_| network.internal) {
            notes.approximated(format!("{path}.internal"), message);
        }
    }
}

/// Says what joining a network of another namespace comes to, or that it is not allowed.
fn note_foreign(context: &Context, key: &str, namespace: &str, name: &str, notes: &mut Notes) {
    let own = match context.stack.namespace.as_str() {
        "" => "NAMESPACE",
        own => own,
    };
    if context.policy.allows_to_join(namespace, name, own) {
        notes.approximated(
            format!("networks.{key}.external"),
            format!(
                "joins pods of the namespace {namespace} that have the label {}: their names resolve after those of this \
                 namespace, and there the services of this stack are called `<service>.{own}`",
                label_key(name)
            ),
        );
    } else {
        let allow = format!("--allow-network={namespace}/{name}={own}");
        notes.error(
            format!("networks.{key}.{EXTENSION}.namespace"),
            FORBIDDEN,
            not_allowed(&format!("the network `{name}` of the namespace `{namespace}`"), &allow),
        );
    }
}

/// Says what of ordinary networks, and of the services' places in them, the cluster decides on.
pub(super) fn note_what_the_cluster_decides(context: &Context, notes: &mut Notes) {
    let networks = context.project.networks.iter();
    for (key, network) in networks.filter(|(key, _)| !context.node_networks.contains_key(key.as_str())) {
        labels::note_refused(&format!("networks.{key}.labels"), &network.labels, notes);
        if context.stack.spec.network_policy.mode == NetworkPolicyMode::Off && !network.labels.is_empty() {
            notes.ignored(
                format!("networks.{key}.labels"),
                "spec.networkPolicy.mode is Off: there is no NetworkPolicy that could have them as annotations",
            );
        }
        let is_six_alone = context.facts.ipv6 && is_without_ipv4(network);
        for (attribute, given, message) in [
            (
                "driver_opts",
                !network.driver_opts.is_empty(),
                "is not honoured: the cluster's network has no such options",
            ),
            (
                "enable_ipv4",
                network.enable_ipv4 == Some(false),
                if is_six_alone {
                    "names lead to addresses of version 6 alone, unless the service is in another network too or its name has an \
                     address of its own; the pods keep theirs of version 4"
                } else {
                    "is not honoured: the cluster decides on the kinds of addresses"
                },
            ),
            (
                "enable_ipv6",
                network.enable_ipv6 == Some(true) && !is_six_alone,
                "names lead to addresses of both kinds where the cluster has both",
            ),
            ("ipam", network.ipam != Ipam::default(), "is not honoured: the cluster gives addresses"),
        ] {
            if given {
                notes.approximated(format!("networks.{key}.{attribute}"), message);
            }
        }
    }
    for unit in context.units.values() {
        let container = &unit.service.container;
        note_place(context, &unit.path, container, notes);
        for (index, hook) in unit.service.pre_start.iter().enumerate() {
            // What a hook has from its service, the service says.
            let mut own = hook.container.clone();
            own.networks.retain(|key, joined| container.networks.get(key) != Some(joined));
            if own.mac_address == container.mac_address {
                own.mac_address.clear();
            }
            let path = format!("{}.pre_start[{index}]", unit.path);
            for (key, joined) in &own.networks {
                if joined.as_ref().is_some_and(|joined| !joined.aliases.is_empty()) {
                    notes.approximated(
                        format!("{path}.networks.{key}.aliases"),
                        "is not honoured: nothing leads to a container that only prepares the service",
                    );
                }
            }
            note_place(context, &path, &own, notes);
        }
    }
}

fn note_place(context: &Context, path: &str, container: &ContainerSpec, notes: &mut Notes) {
    let is_attached = |key: &str| context.node_networks.contains_key(key);
    let address = "is not honoured: the cluster gives addresses";
    let own = "is not honoured: the cluster gives addresses, so use the service's name";
    if !container.mac_address.is_empty() && !primary(container).is_some_and(is_attached) {
        notes.approximated(format!("{path}.mac_address"), address);
    }
    for (key, joined) in container.networks.iter().filter(|(key, _)| !is_attached(key)) {
        let Some(joined) = joined else { continue };
        for (attribute, value, message) in [
            ("interface_name", &joined.interface_name, "is not honoured: the interface of a pod is eth0"),
            ("ipv4_address", &joined.ipv4_address, own),
            ("ipv6_address", &joined.ipv6_address, own),
            ("mac_address", &joined.mac_address, address),
        ] {
            if !value.is_empty() {
                notes.approximated(format!("{path}.networks.{key}.{attribute}"), message);
            }
        }
    }
}

/// The network that a container's own `mac_address` is for: the one of the highest priority, else the first by name
/// (Docker Compose, `ServiceConfig.NetworksByPriority`).
pub(super) fn primary(container: &ContainerSpec) -> Option<&str> {
    let priority = |joined: &Option<Box<ServiceNetwork>>| joined.as_ref().map_or(0, |joined| joined.priority);
    let first = container.networks.iter().min_by_key(|(_, joined)| Reverse(priority(joined)));
    first.map(|(key, _)| key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    #[test]
    fn names_that_are_no_label_keys_are_hashed() {
        assert_eq!(label_key("p_front"), "network.compose-operator.dev/p_front");
        for name in ["a b", "x".repeat(80).as_str(), "_a"] {
            assert!(is_qualified_name(&label_key(name)), "{name}");
        }
    }

    #[test]
    fn names_lead_to_the_kinds_of_addresses_that_the_networks_have() {
        let text = "services: {plain: {image: x, networks: {four: null}}, six: {image: x, networks: {only: null}}, \
                    both: {image: x, networks: {four: null, only: null}}, two: {image: x, networks: {dual: null}}, \
                    none: {image: x, networks: {neither: null}}}\n\
                    networks: {four: {}, dual: {enable_ipv6: true}, neither: {enable_ipv4: false}, \
                    only: {enable_ipv4: false, enable_ipv6: true}}";
        let of = |ipv6: bool, headless: bool, services: &[&str]| {
            let facts = Facts { ipv6, ..Facts::default() };
            fixture::with_facts(text, &fixture::stack(), &facts, |context, _| {
                let (policy, list) =
                    families(context, services.iter().map(|service| &context.units[service]), headless);
                (policy.unwrap_or_default(), list.unwrap_or_default().concat())
            })
        };
        let (unset, dual) = ((String::new(), String::new()), ("PreferDualStack".to_owned(), String::new()));
        let six = ("SingleStack".to_owned(), "IPv6".to_owned());
        for (services, with, without) in [
            (["plain"].as_slice(), &unset, &unset),
            (&["none"], &unset, &unset),
            (&["two"], &dual, &dual),
            (&["both"], &dual, &dual),
            (&["six"], &six, &dual),
            (&["six", "plain"], &dual, &dual),
        ] {
            assert_eq!((&of(true, true, services), &of(false, true, services)), (with, without), "{services:?}");
            assert_eq!(&of(true, false, services), without, "{services:?}");
        }
    }

    #[test]
    fn isolation_that_nobody_vouches_for_is_noted() {
        let noted = |facts: &Facts| {
            fixture::with_facts(fixture::NETWORKS, &fixture::stack(), facts, |context, notes| {
                note_differences(context, notes);
                std::mem::take(notes).summary()
            })
        };
        let expected = ["networks.back.internal: Approximated", "services.batch.network_mode: Approximated"];
        assert_eq!(noted(&Facts::default()), expected);
        let facts = Facts { network_policy_enforced: Some(true), ..Facts::default() };
        assert_eq!(noted(&facts), Vec::<String>::new());
    }

    #[test]
    fn drivers_of_other_kinds_are_rejected() {
        let text = "services: {web: {image: x, networks: {lan: null}}, b: {image: x, network_mode: lan}}\n\
                    networks: {lan: {driver: other}}";
        fixture::with(text, |context, notes| {
            note_differences(context, notes);
            let expected = ["networks.lan.driver: Rejected", "services.b.network_mode: Rejected"];
            assert_eq!(std::mem::take(notes).summary(), expected);
        });
    }

    #[test]
    fn networks_of_the_nodes_need_an_interface_and_a_cluster_that_has_them() {
        let text = "services: {web: {image: x, networks: {lan: null, own: null}}}\n\
                    networks: {lan: {driver: macvlan, driver_opts: {parent: eth0}}, own: {driver: ipvlan}}";
        fixture::with(text, |context, notes| {
            note_differences(context, notes);
            let internal: Vec<_> =
                memberships(context, context.units["web"].service).iter().map(|joined| joined.internal).collect();
            assert_eq!(internal, [false, true]);
            let expected = ["networks.lan.driver: Rejected", "networks.own.driver: Approximated"];
            assert_eq!(std::mem::take(notes).summary(), expected);
        });
    }
}
