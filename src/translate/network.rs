//! Compose networks: who belongs to them, and what is said of them.

use std::collections::BTreeSet;

use super::context::{Context, Unit};
use super::dns_label::{hash, is_qualified_name};
use super::labels::Labels;
use super::notes::Notes;
use crate::api::names;
use crate::api::v1alpha1::NetworkPolicyMode;
use crate::compose::model::{Network, Service};

/// A network that a service joins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Membership {
    /// The key in the file.
    pub(super) key: String,
    /// The label of its members.
    pub(super) label: String,
    pub(super) internal: bool,
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
    let memberships = memberships(context, unit.pod);
    !memberships.is_empty() && memberships.iter().all(|membership| membership.internal)
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
            return vec![Membership { key: "bridge".to_owned(), label: label_key("bridge"), internal: false }];
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
            Membership { key: key.clone(), label: label_key(&name), internal: network.internal && !network.external }
        })
        .collect()
}

/// The label of a network's members, by the engine's name of the network: an external network is the same for all.
fn label_key(name: &str) -> String {
    let key = format!("{}{name}", names::NETWORK_LABEL_PREFIX);
    if is_qualified_name(&key) { key } else { format!("{}x-{}", names::NETWORK_LABEL_PREFIX, hash(name)) }
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
            driver @ ("host" | "none") => notes
                .rejected(format!("{path}.driver"), format!("set `network_mode: {driver}` on the services instead")),
            driver => notes.rejected(
                format!("{path}.driver"),
                format!("there is no network driver `{driver}` here: leave it out for an ordinary network"),
            ),
        }
        if network.external && matches!(network.name.as_str(), "host" | "none") {
            notes.rejected(
                format!("{path}.name"),
                format!("set `network_mode: {}` on the services instead", network.name),
            );
        }
        if network.external {
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
                    networks: {lan: {driver: macvlan}}";
        fixture::with(text, |context, notes| {
            note_differences(context, notes);
            let expected = ["networks.lan.driver: Rejected", "services.b.network_mode: Rejected"];
            assert_eq!(std::mem::take(notes).summary(), expected);
        });
    }
}
