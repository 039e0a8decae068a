//! Names that no Service can have, such as those with dots: they are in the pods' /etc/hosts, where they lead to the
//! addresses of Services.

use std::collections::{BTreeMap, BTreeSet};

use super::alias::{self, OwnName};
use super::context::{Context, Unit};
use super::discovery::{VIP, discovery, has_name};
use super::dns_label::{is_host_name, is_label};
use super::name_scope::{self, networks};
use super::shared_pod;
use crate::compose::Project;

/// Whether services give each other names that no Service can have, or none for all.
pub fn has_host_names(project: &Project) -> bool {
    let has_dots = project.services.values().any(|service| {
        let container = &service.container;
        let aliases = container.networks.values().flatten().flat_map(|joined| &joined.aliases);
        let links = service.links.iter().filter_map(|link| Some(link.split_once(':')?.1));
        let own = [container.hostname.as_str(), service.container_name.as_str()];
        let mut names = aliases.map(String::as_str).chain(links).chain(own);
        names.any(|name| is_in_hosts(&name.to_lowercase()))
    });
    has_dots || name_scope::has_scopes(project)
}

/// Whether a name can be in /etc/hosts, and not be a Service's.
pub(super) fn is_in_hosts(name: &str) -> bool {
    is_host_name(name) && !is_label(name)
}

/// Why such a name of a service leads nowhere; none when it does.
pub(super) fn problem(context: &Context, target: &Unit) -> Option<String> {
    if discovery(context, target) != Some(VIP) {
        return Some(format!(
            "such a name needs an address that stays, and `{}` has none: list all of its ports by `expose`",
            target.key
        ));
    }
    let unknown =
        "such a name needs an address, which only a cluster can tell: use lower case letters, digits and hyphens";
    context.facts.addresses.is_none().then(|| unknown.to_owned())
}

/// The names of others for a service's pods, each with the Service that it leads to.
fn names(context: &Context, unit: &Unit) -> BTreeSet<(String, String)> {
    // In most projects there is none, and no need to look at all services for each one.
    if !context.has_host_names {
        return BTreeSet::new();
    }
    let mut names = BTreeSet::new();
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        let near = networks(context, unit);
        for target in context.units.values().filter(|target| has_name(target)) {
            let of_target = networks(context, target);
            let is_near = |own: &OwnName| match own.network {
                Some(network) => near.contains(network),
                None => !of_target.is_disjoint(&near),
            };
            for own in alias::own(target).into_iter().filter(is_near) {
                names.insert((own.name.to_lowercase(), target.key));
            }
        }
        for (target, alias) in unit.service.links.iter().filter_map(|link| link.split_once(':')) {
            if let Some(target) = context.units.get(target).filter(|target| has_name(target)) {
                names.insert((alias.to_lowercase(), target.key));
            }
        }
    }
    let of_pod = context.names.of_pods.get(unit.host).into_iter().flatten();
    let of_pod = of_pod.map(|(alias, target)| (alias.clone(), *target));
    let led = names.into_iter().filter(|(alias, _)| is_in_hosts(alias)).chain(of_pod);
    let led = led.map(|(alias, target)| (alias, &context.units[target]));
    led.filter(|(_, target)| problem(context, target).is_none())
        .map(|(alias, target)| (alias, target.name.clone()))
        .collect()
}

/// The names of others for a service's pods, by address.
pub(super) fn by_address(context: &Context, unit: &Unit) -> BTreeMap<String, Vec<String>> {
    let mut by_address: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (alias, service) in names(context, unit) {
        if let Some(address) = context.facts.addresses.as_ref().and_then(|addresses| addresses.get(&service)) {
            by_address.entry(address.clone()).or_default().push(alias);
        }
    }
    by_address
}

/// The Services whose addresses are still to be known before a service's pods can be made.
pub(super) fn lacking(context: &Context, unit: &Unit) -> Vec<String> {
    let known = |service: &String| context.facts.addresses.as_ref().is_some_and(|known| known.contains_key(service));
    let services: BTreeSet<String> = names(context, unit).into_iter().map(|(_, service)| service).collect();
    services.into_iter().filter(|service| !known(service)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    const TEXT: &str = "services: {api: {image: x, expose: [\"80\"], hostname: api.local, networks: {n: {aliases: [API.example.com, 1st]}}}, web: \
                        {image: x, networks: {n: null}}, far: {image: x, networks: {m: null}, links: [\"api:the.api\"]}, side: {image: x, \
                        network_mode: \"service:web\", links: [\"web:w.eb\"]}}\nnetworks: {n: {}, m: {}}";

    /// For each service, what is in its pods' /etc/hosts and what is still to be known.
    type Pods = BTreeMap<String, (Vec<String>, Vec<String>)>;

    fn look(addresses: Option<&[(&str, &str)]>) -> (Pods, Vec<String>) {
        let owned = |(name, address): &(&str, &str)| ((*name).to_owned(), (*address).to_owned());
        let addresses = addresses.map(|addresses| addresses.iter().map(owned).collect());
        let facts = Facts { addresses, ..Facts::default() };
        fixture::with_facts(TEXT, &fixture::stack(), &facts, |context, notes| {
            fixture::services(context, notes);
            let of = |unit: &Unit| {
                let hosts = by_address(context, unit).into_iter();
                let hosts = hosts.flat_map(|(ip, names)| names.into_iter().map(move |name| format!("{ip} {name}")));
                (unit.key.to_owned(), (hosts.collect(), lacking(context, unit)))
            };
            (context.units.values().map(of).collect(), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn names_are_known_to_members_of_the_network_and_to_who_links() {
        let (pods, notes) = look(Some(&[("api", "10.96.0.7")]));
        let near = ["10.96.0.7 1st", "10.96.0.7 api.example.com", "10.96.0.7 api.local"].map(str::to_owned).to_vec();
        assert_eq!(pods["web"], (near.clone(), vec![]));
        assert_eq!(pods["api"], (near, vec![]));
        assert_eq!(pods["far"], (vec!["10.96.0.7 the.api".to_owned()], vec![]));
        // Its service has no address of its own.
        assert_eq!(notes, ["services.side.links[0]: Rejected"]);
    }

    #[test]
    fn no_pod_is_made_before_the_addresses_are_known() {
        let (pods, _) = look(Some(&[]));
        assert_eq!(pods["web"], (vec![], vec!["api".to_owned()]));
        assert_eq!(pods["far"], (vec![], vec!["api".to_owned()]));
    }

    #[test]
    fn without_a_cluster_they_lead_nowhere() {
        let (pods, notes) = look(None);
        assert_eq!(pods["web"], (vec![], vec![]));
        assert_eq!(
            notes,
            [
                "services.api.hostname: Approximated",
                "services.api.networks.n.aliases[0]: Rejected",
                "services.api.networks.n.aliases[1]: Rejected",
                "services.far.links[0]: Rejected",
                "services.side.links[0]: Rejected"
            ]
        );
    }

    #[test]
    fn only_such_names_are_asked_for() {
        assert!(has_host_names(&fixture::project(TEXT)));
        assert!(!has_host_names(&fixture::project("services: {a: {image: x, container_name: a_b, hostname: c}}")));
    }
}
