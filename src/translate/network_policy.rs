//! NetworkPolicies, which make Compose networks real.
//!
//! Policies only ever allow, and a pod may what any policy that selects it allows. So the members of a network let
//! each other in, and nobody is kept from going out but the pods whose networks are all internal. A policy selects
//! pods of its own stack only: pods of others that join by the label keep the rules of their owners. Where the operator's
//! policy opens a network to stacks of other namespaces, each side lets in the other.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::context::{Context, Unit};
use super::dns_label::{MAX_LABEL, label};
use super::labels::{self, Labels};
use super::network::{Membership, is_host_mode, is_none_mode, memberships};
use super::ports::{MAX_LISTED, PortKey};
use super::publish;
use crate::api::names;
use crate::api::v1alpha1::NetworkPolicyMode;

/// The policies of the networks in use.
pub(super) fn of_networks(context: &Context) -> Vec<NetworkPolicy> {
    if context.stack.spec.network_policy.mode == NetworkPolicyMode::Off {
        return Vec::new();
    }
    let mut used: BTreeMap<String, Membership> = BTreeMap::new();
    for unit in context.units.values() {
        for membership in memberships(context, unit.service) {
            used.insert(membership.key.clone(), membership);
        }
    }
    let mut policies = Vec::new();
    for membership in used.values() {
        let name = format!("{}-{}", context.stack.name, membership.key);
        policies.push(members_policy(context, membership, label(&name, MAX_LABEL)));
        if membership.internal {
            let name = label(&format!("{name}-internal"), MAX_LABEL);
            policies.push(internal_policy(context, membership, used.values().filter(|other| !other.internal), name));
        }
    }
    policies
}

/// The policies of a service: that of its published ports, and that of `network_mode: none`.
pub(super) fn of_service(context: &Context, unit: &Unit) -> impl Iterator<Item = NetworkPolicy> + use<> {
    let on = context.stack.spec.network_policy.mode != NetworkPolicyMode::Off;
    let deny = (on && is_none_mode(unit.service)).then(|| deny_policy(context, unit));
    let open = if on && !is_host_mode(unit.pod) { publish::open_targets(context, unit) } else { Vec::new() };
    let published = (!open.is_empty()).then(|| published_policy(context, unit, &open));
    deny.into_iter().chain(published)
}

/// Members let each other in.
fn members_policy(context: &Context, membership: &Membership, name: String) -> NetworkPolicy {
    let mut from = members(membership);
    from.extend(context.stack.spec.network_policy.allow_from.iter().cloned());
    network_policy(
        context,
        membership,
        name,
        NetworkPolicySpec {
            pod_selector: Some(own_members(context, membership, Vec::new())),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule { from: Some(from), ports: None }]),
            egress: None,
        },
    )
}

/// Members of internal networks that have no way out by another network reach each other and the DNS.
fn internal_policy<'a>(
    context: &Context,
    membership: &Membership,
    open: impl Iterator<Item = &'a Membership>,
    name: String,
) -> NetworkPolicy {
    let no_other = open
        .map(|other| LabelSelectorRequirement {
            key: other.label.clone(),
            operator: "DoesNotExist".to_owned(),
            values: None,
        })
        .collect();
    network_policy(
        context,
        membership,
        name,
        NetworkPolicySpec {
            pod_selector: Some(own_members(context, membership, no_other)),
            policy_types: Some(vec!["Egress".to_owned()]),
            ingress: None,
            egress: Some(vec![
                NetworkPolicyEgressRule { to: Some(members(membership)), ports: None },
                dns_rule(context),
            ]),
        },
    )
}

/// `network_mode: none`: nothing in, nothing out, for the pods that prepare the service too.
fn deny_policy(context: &Context, unit: &Unit) -> NetworkPolicy {
    let name = label(&format!("{}-{}-none", context.stack.name, unit.name), MAX_LABEL);
    let mut selector = labels::selector(context, unit);
    selector.remove(names::LABEL_COMPONENT);
    policy(
        context,
        name,
        NetworkPolicySpec {
            pod_selector: Some(LabelSelector { match_labels: Some(selector), ..LabelSelector::default() }),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: None,
            egress: None,
        },
    )
}

/// Published ports are open to everybody, as on a Docker host, or to those whom the stack names.
fn published_policy(context: &Context, unit: &Unit, open: &[PortKey]) -> NetworkPolicy {
    let peers = &context.stack.spec.network_policy.published_from;
    policy(
        context,
        label(&format!("{}-published", unit.name), MAX_LABEL),
        NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(labels::selector(context, unit)),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: (!peers.is_empty()).then(|| peers.clone()),
                ports: Some(open_ports(open)),
            }]),
            egress: None,
        },
    )
}

/// Ports one by one, but those of a wide range: what does not know `endPort` sees the first port of a range only
/// (Kubernetes, "Network Policies", "Targeting a range of ports").
fn open_ports(open: &[PortKey]) -> Vec<NetworkPolicyPort> {
    let mut runs: BTreeMap<&str, Vec<(i32, i32)>> = BTreeMap::new();
    for key in open {
        let runs = runs.entry(key.protocol).or_default();
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == key.port => *last = key.port,
            _ => runs.push((key.port, key.port)),
        }
    }
    let mut list = Vec::new();
    for (protocol, (first, last)) in
        runs.into_iter().flat_map(|(key, runs)| runs.into_iter().map(move |run| (key, run)))
    {
        if usize::try_from(last - first).is_ok_and(|more| more >= MAX_LISTED) {
            list.push(NetworkPolicyPort { end_port: Some(last), ..port(first, protocol) });
        } else {
            list.extend((first..=last).map(|number| port(number, protocol)));
        }
    }
    let number = |port: &NetworkPolicyPort| match &port.port {
        Some(IntOrString::Int(number)) => *number,
        _ => 0,
    };
    list.sort_by(|a, b| (number(a), &a.protocol).cmp(&(number(b), &b.protocol)));
    list
}

fn policy(context: &Context, name: String, spec: NetworkPolicySpec) -> NetworkPolicy {
    NetworkPolicy { metadata: labels::stack_metadata(context, name), spec: Some(spec) }
}

/// A policy of a network, which has the network's labels.
fn network_policy(context: &Context, membership: &Membership, name: String, spec: NetworkPolicySpec) -> NetworkPolicy {
    let mut policy = policy(context, name, spec);
    let network = context.project.networks.get(&membership.key);
    policy.metadata.annotations = network.and_then(|network| labels::annotations(&network.labels));
    policy
}

/// Every member of a network, of whichever stack: those in the namespace, and those in others.
fn members(membership: &Membership) -> Vec<NetworkPolicyPeer> {
    let labelled = |label: &String| LabelSelector {
        match_labels: Some(Labels::from([(label.clone(), "true".to_owned())])),
        ..LabelSelector::default()
    };
    let here = NetworkPolicyPeer { pod_selector: Some(labelled(&membership.label)), ..NetworkPolicyPeer::default() };
    let elsewhere = membership.elsewhere.iter().map(|elsewhere| {
        let named = |namespace: &String| Labels::from([(names::LABEL_NAMESPACE_NAME.to_owned(), namespace.clone())]);
        NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector {
                match_labels: elsewhere.namespace.as_ref().map(named),
                ..LabelSelector::default()
            }),
            pod_selector: Some(labelled(&elsewhere.label)),
            ip_block: None,
        }
    });
    std::iter::once(here).chain(elsewhere).collect()
}

/// The members of a network that are this stack's.
fn own_members(
    context: &Context,
    membership: &Membership,
    expressions: Vec<LabelSelectorRequirement>,
) -> LabelSelector {
    LabelSelector {
        match_labels: Some(Labels::from([
            (names::LABEL_STACK.to_owned(), context.stack.name.clone()),
            (membership.label.clone(), "true".to_owned()),
        ])),
        match_expressions: (!expressions.is_empty()).then_some(expressions),
    }
}

fn dns_rule(context: &Context) -> NetworkPolicyEgressRule {
    let peers = &context.facts.dns_peers;
    NetworkPolicyEgressRule {
        to: (!peers.is_empty()).then(|| peers.clone()),
        ports: Some(vec![port(53, "UDP"), port(53, "TCP")]),
    }
}

fn port(number: i32, protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(number)),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::policy::Policy;
    use crate::translate::network::pod_labels;
    use crate::translate::{Facts, Stack, fixture};

    /// All policies of a stack.
    fn policies(context: &Context) -> Vec<NetworkPolicy> {
        let of_services = context.units.values().flat_map(|unit| of_service(context, unit));
        of_networks(context).into_iter().chain(of_services).collect()
    }

    #[test]
    fn a_wide_range_is_one_entry() {
        let keys = |protocol, ports: std::ops::RangeInclusive<i32>| ports.map(move |port| PortKey { port, protocol });
        let mut open: Vec<PortKey> =
            keys("UDP", 10_000..=20_000).chain(keys("TCP", 10_000..=10_099)).chain(keys("TCP", 80..=80)).collect();
        open.sort_unstable();
        let list = open_ports(&open);
        assert_eq!(list.len(), 102);
        assert_eq!((list[0].port.clone(), list[0].end_port), (Some(IntOrString::Int(80)), None));
        assert_eq!((list[1].protocol.as_deref(), list[1].end_port), (Some("TCP"), None));
        assert_eq!((list[2].protocol.as_deref(), list[2].end_port), (Some("UDP"), Some(20_000)));
        let mut small: Vec<PortKey> = keys("TCP", 80..=82).chain(keys("UDP", 81..=81)).collect();
        small.sort_unstable();
        let expected: Vec<_> = small.iter().map(|key| port(key.port, key.protocol)).collect();
        assert_eq!(open_ports(&small), expected);
    }

    fn is_selected(selector: &LabelSelector, labels: &Labels) -> bool {
        selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
            && selector.match_expressions.iter().flatten().all(|requirement| {
                assert_eq!(requirement.operator, "DoesNotExist");
                !labels.contains_key(&requirement.key)
            })
    }

    /// What Kubernetes decides: everything is allowed until a policy of the direction selects the pod, and then what
    /// any of these allows (Kubernetes, "Network Policies").
    struct Cluster {
        policies: Vec<NetworkPolicySpec>,
        pods: BTreeMap<String, Labels>,
    }

    impl Cluster {
        fn new(text: &str) -> Self {
            fixture::with(text, |context, _| Self::within(context))
        }

        fn within(context: &Context) -> Self {
            let pods = context.units.values().map(|unit| {
                let mut labels = labels::service_labels(context, unit);
                labels.extend(pod_labels(context, unit));
                (unit.name.clone(), labels)
            });
            Self {
                pods: pods.collect(),
                policies: policies(context).into_iter().filter_map(|policy| policy.spec).collect(),
            }
        }

        fn of(&self, pod: &str, direction: &str) -> Vec<&NetworkPolicySpec> {
            let labels = &self.pods[pod];
            let selects = |policy: &&NetworkPolicySpec| {
                policy.policy_types.iter().flatten().any(|kind| kind == direction)
                    && is_selected(policy.pod_selector.as_ref().unwrap(), labels)
            };
            self.policies.iter().filter(selects).collect()
        }

        /// Whether a peer, or the world outside when there is none, is among those that a rule names.
        fn is_peer(&self, peers: Option<&Vec<NetworkPolicyPeer>>, peer: Option<&str>) -> bool {
            peers.is_none_or(|peers| {
                let Some(peer) = peer else { return false };
                peers.iter().any(|p| is_selected(p.pod_selector.as_ref().unwrap(), &self.pods[peer]))
            })
        }

        fn enters(&self, from: Option<&str>, to: &str, number: i32) -> bool {
            let policies = self.of(to, "Ingress");
            let open = |ports: Option<&Vec<NetworkPolicyPort>>| {
                ports.is_none_or(|ports| ports.iter().any(|port| port.port == Some(IntOrString::Int(number))))
            };
            policies.is_empty()
                || policies
                    .iter()
                    .flat_map(|policy| policy.ingress.iter().flatten())
                    .any(|rule| self.is_peer(rule.from.as_ref(), from) && open(rule.ports.as_ref()))
        }

        fn leaves(&self, from: &str, to: Option<&str>, number: i32) -> bool {
            let policies = self.of(from, "Egress");
            let open = |ports: Option<&Vec<NetworkPolicyPort>>| {
                ports.is_none_or(|ports| ports.iter().any(|port| port.port == Some(IntOrString::Int(number))))
            };
            policies.is_empty()
                || policies
                    .iter()
                    .flat_map(|policy| policy.egress.iter().flatten())
                    .any(|rule| self.is_peer(rule.to.as_ref(), to) && open(rule.ports.as_ref()))
        }

        fn reaches(&self, from: &str, to: &str, number: i32) -> bool {
            self.leaves(from, Some(to), number) && self.enters(Some(from), to, number)
        }
    }

    #[test]
    fn pods_talk_exactly_when_they_share_a_network() {
        let cluster = Cluster::new(fixture::NETWORKS);
        let talk: BTreeSet<(&str, &str)> = [("web", "api"), ("api", "web"), ("api", "db"), ("db", "api")].into();
        for from in ["web", "api", "db", "batch"] {
            for to in ["web", "api", "db", "batch"] {
                let expected = from == to && from != "batch" || talk.contains(&(from, to));
                assert_eq!(cluster.reaches(from, to, 9999), expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn only_pods_with_nothing_but_internal_networks_are_kept_in() {
        let cluster = Cluster::new(fixture::NETWORKS);
        for (pod, out, dns) in [("web", true, true), ("api", true, true), ("db", false, true), ("batch", false, false)]
        {
            assert_eq!(cluster.leaves(pod, None, 443), out, "{pod}");
            assert_eq!(cluster.leaves(pod, None, 53), dns, "{pod}");
        }
    }

    #[test]
    fn published_ports_are_open_unless_all_networks_are_internal() {
        let cluster = Cluster::new(fixture::NETWORKS);
        assert!(cluster.enters(None, "web", 80));
        assert!(!cluster.enters(None, "web", 8080) && !cluster.enters(None, "db", 5432));
        assert!(cluster.enters(Some("db"), "web", 80) && !cluster.reaches("db", "web", 80));
    }

    #[test]
    fn two_internal_networks_allow_both() {
        let cluster = Cluster::new(
            "services: {a: {image: x, networks: {one: null, two: null}}, b: {image: x, networks: {one: null}}, c: {image: \
             x, networks: {two: null}}}\nnetworks: {one: {internal: true}, two: {internal: true}}",
        );
        assert!(cluster.reaches("a", "b", 1) && cluster.reaches("a", "c", 1) && !cluster.reaches("b", "c", 1));
        assert!(!cluster.leaves("a", None, 443));
    }

    #[test]
    fn published_from_and_allow_from_name_the_peers() {
        let peer =
            || NetworkPolicyPeer { namespace_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() };
        let stack = fixture::stack_with(|spec| {
            spec.network_policy.published_from = vec![peer()];
            spec.network_policy.allow_from = vec![peer(), peer()];
        });
        fixture::with_stack(fixture::NETWORKS, &stack, |context, _| {
            let policies = policies(context);
            let from = |name: &str| {
                let policy = policies.iter().find(|policy| policy.metadata.name.as_deref() == Some(name)).unwrap();
                policy.spec.as_ref().unwrap().ingress.as_ref().unwrap()[0].from.as_ref().unwrap().len()
            };
            assert_eq!((from("web-published"), from("shop-front")), (1, 3));
        });
    }

    const OWNER: &str = "services: {web: {image: x, networks: {front: null}}, db: {image: x, networks: {back: null}}}\n\
                         networks: {front: {name: team_front}, back: {name: team_back, internal: true}}";
    const JOINING: &str = "services: {web: {image: x, networks: {there: null}}, db: {image: x, networks: {here: null}}, \
                           job: {image: x, networks: {down: null}}}\n\
                           networks: {here: {name: team_front}, \
                           there: {name: team_front, external: true, x-kubernetes: {namespace: team-a}}, \
                           down: {name: team_back, external: true, x-kubernetes: {namespace: team-a}}}";

    fn in_namespace(namespace: &str, text: &str, allowed: &[&str]) -> Cluster {
        let stack = Stack { namespace: namespace.to_owned(), ..fixture::stack() };
        let networks = allowed.iter().map(|entry| entry.parse().unwrap()).collect();
        let policy = Policy { networks, ..Policy::default() };
        fixture::within(text, &stack, &Facts::default(), &policy, |context, _| Cluster::within(context))
    }

    impl Cluster {
        /// Whether a policy of one pod's name lets in, or out, a pod of another namespace.
        fn has_peer(&self, pod: &str, direction: &str, namespace: &str, labels: &Labels) -> bool {
            let peers = self.of(pod, direction).into_iter().flat_map(|policy| {
                let from = policy.ingress.iter().flatten().flat_map(|rule| rule.from.iter().flatten());
                from.chain(policy.egress.iter().flatten().flat_map(|rule| rule.to.iter().flatten()))
            });
            let of_the_namespace = Labels::from([(names::LABEL_NAMESPACE_NAME.to_owned(), namespace.to_owned())]);
            peers.into_iter().any(|peer| {
                peer.namespace_selector.as_ref().is_some_and(|selector| is_selected(selector, &of_the_namespace))
                    && is_selected(peer.pod_selector.as_ref().unwrap(), labels)
            })
        }
    }

    #[test]
    fn a_network_of_another_namespace_lets_in_from_both_sides() {
        let allowed = ["team-a/*=team-b", "team-a/team_front=team-c"];
        let (owner, joining) = (in_namespace("team-a", OWNER, &allowed), in_namespace("team-b", JOINING, &allowed));
        let (web, db, job) = (&joining.pods["web"], &joining.pods["db"], &joining.pods["job"]);
        assert_eq!(web["team-a.network.compose-operator.dev/team_front"], "true");
        for namespace in ["team-b", "team-c"] {
            assert!(owner.has_peer("web", "Ingress", namespace, web), "{namespace}");
            // A network of the same name in another namespace is another network.
            assert!(!owner.has_peer("web", "Ingress", namespace, db), "{namespace}");
        }
        assert!(!owner.has_peer("web", "Ingress", "team-d", web));
        for direction in ["Ingress", "Egress"] {
            assert!(owner.has_peer("db", direction, "team-b", job), "{direction}");
            assert!(!owner.has_peer("db", direction, "team-b", web), "{direction}");
            assert!(!owner.has_peer("db", direction, "team-c", job), "{direction}");
        }
        assert!(joining.has_peer("web", "Ingress", "team-a", &owner.pods["web"]));
        assert!(joining.has_peer("web", "Ingress", "team-c", web));
        assert!(!joining.has_peer("web", "Ingress", "team-c", &owner.pods["web"]));
        assert!(!joining.has_peer("db", "Ingress", "team-a", &owner.pods["web"]));
        assert!(!joining.reaches("web", "db", 1) && !joining.reaches("web", "job", 1));
        // In its own namespace the network is one among others, whoever says where it is.
        let at_home = in_namespace("team-a", JOINING, &[]);
        assert_eq!(at_home.pods["web"]["network.compose-operator.dev/team_front"], "true");
        assert!(at_home.reaches("web", "db", 1));
    }

    #[test]
    fn a_network_stays_closed_to_namespaces_that_nobody_allowed() {
        let joining = in_namespace("team-b", JOINING, &[]);
        let lets_in = |allowed: &[&str]| {
            in_namespace("team-a", OWNER, allowed).has_peer("web", "Ingress", "team-b", &joining.pods["web"])
        };
        assert!(!lets_in(&[]) && !lets_in(&["team-a/other=team-b", "team-b/team_front=team-a"]));
        assert!(lets_in(&["team-a/*=*"]));
    }

    #[test]
    fn mode_off_makes_no_policies() {
        let stack = fixture::stack_with(|spec| spec.network_policy.mode = NetworkPolicyMode::Off);
        fixture::with_stack(fixture::NETWORKS, &stack, |context, _| assert_eq!(policies(context), []));
    }
}
