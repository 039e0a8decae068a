//! Names that mean one service to some and another one to others.
//!
//! Docker resolves a name in the networks of who asks, and the alias of a link for the linking container alone. A Service
//! is found by the whole namespace, so that one meaning of a name is its Service's; the pods for which it means another
//! service have it in their /etc/hosts.

use std::collections::{BTreeMap, BTreeSet};

use super::alias::{self, wanted};
use super::context::{Context, Unit};
use super::dns_label::is_label;
use super::network::memberships;
use crate::compose::Project;
use crate::compose::model::ContainerSpec;

/// What names mean, where several services have them.
#[derive(Debug, Default)]
pub(super) struct NameScopes<'a> {
    /// The services that a name leads to, unless a pod knows better.
    pub(super) of_all: BTreeMap<String, BTreeSet<&'a str>>,
    /// The service that a name leads to in the pods of another one.
    pub(super) of_pods: BTreeMap<&'a str, BTreeMap<String, &'a str>>,
    /// Where a name means several services, and others than to all: a line of /etc/hosts cannot tell.
    pub(super) unclear: Vec<Unclear<'a>>,
}

/// What a name means to some pods.
#[derive(Debug)]
pub(super) struct Unclear<'a> {
    pub(super) name: String,
    pub(super) means: BTreeSet<&'a str>,
    pub(super) to: Vec<&'a str>,
}

impl<'a> NameScopes<'a> {
    /// The services that share a name of all; none when it is one's alone.
    pub(super) fn sharing(&self, name: &str) -> Option<&BTreeSet<&'a str>> {
        self.of_all.get(name).filter(|targets| targets.len() > 1)
    }

    /// Whether a name leads to a service, as far as Services lead.
    pub(super) fn leads_to(&self, name: &str, target: &str) -> bool {
        self.of_all.get(name).is_none_or(|targets| targets.contains(target))
    }
}

/// Looks for such names.
pub(super) fn scopes<'a>(context: &Context<'a>) -> NameScopes<'a> {
    let mut scopes = NameScopes::default();
    let several: Vec<_> =
        wanted(&context.units).into_iter().filter(|(name, targets)| is_label(name) && targets.len() > 1).collect();
    let pods = if several.is_empty() { BTreeMap::new() } else { by_networks(context) };
    for (name, targets) in several {
        let targets: BTreeSet<&'a str> = targets.into_keys().collect();
        let seen = seen(context, &pods, &name, &targets);
        // A service keeps its own name; besides, what is shared by most cannot be told in /etc/hosts.
        let has_owner = |group: &BTreeSet<&str>| group.iter().any(|target| context.units[target].name == name);
        let of_all = seen.keys().rev().max_by_key(|group| (has_owner(group), group.len())).unwrap_or(&targets).clone();
        for (means, to) in seen.into_iter().filter(|(group, _)| *group != of_all) {
            let mut only = means.iter().copied();
            match (only.next(), only.next()) {
                (Some(target), None) => {
                    for pod in to {
                        scopes.of_pods.entry(pod).or_default().insert(name.clone(), target);
                    }
                }
                _ => scopes.unclear.push(Unclear { name: name.clone(), means, to }),
            }
        }
        scopes.of_all.insert(name, of_all);
    }
    for link in alias::links(context).into_iter().filter(|link| is_label(&link.name) && !link.hides.is_empty()) {
        scopes.of_pods.entry(link.unit.host).or_default().insert(link.name, link.target.key);
    }
    scopes
}

/// The services with pods of their own, by the networks that these are in: to all of equal networks a name means the same.
fn by_networks<'a>(context: &Context<'a>) -> BTreeMap<BTreeSet<String>, Vec<&'a str>> {
    let mut pods: BTreeMap<BTreeSet<String>, Vec<&'a str>> = BTreeMap::new();
    for pod in context.units.values().filter(|unit| unit.host == unit.key) {
        pods.entry(networks(context, pod)).or_default().push(pod.key);
    }
    pods
}

/// What a name means, each with the services to whose pods it does: those that are in a network with another one that
/// has the name.
fn seen<'a>(
    context: &Context<'a>,
    pods: &BTreeMap<BTreeSet<String>, Vec<&'a str>>,
    name: &str,
    targets: &BTreeSet<&'a str>,
) -> BTreeMap<BTreeSet<&'a str>, Vec<&'a str>> {
    let mut places: BTreeMap<String, BTreeSet<&'a str>> = BTreeMap::new();
    for target in targets.iter().filter_map(|target| context.units.get(target)) {
        for network in networks_of_name(context, target, name) {
            places.entry(network).or_default().insert(target.key);
        }
    }
    let mut seen: BTreeMap<BTreeSet<&'a str>, Vec<&'a str>> = BTreeMap::new();
    for (networks, pods) in pods {
        let group: BTreeSet<&str> =
            networks.iter().filter_map(|network| places.get(network)).flatten().copied().collect();
        let hosts: BTreeSet<&str> = group.iter().map(|target| context.units[target].host).collect();
        let others = pods.iter().filter(|pod| hosts.len() > 1 || !hosts.contains(*pod));
        let mut others = others.copied().peekable();
        if others.peek().is_some() && !hosts.is_empty() {
            seen.entry(group).or_default().extend(others);
        }
    }
    for pods in seen.values_mut() {
        pods.sort_unstable();
    }
    seen
}

/// The networks in which a service has a name: an alias in its own network, any other name in all.
pub(super) fn networks_of_name(context: &Context, unit: &Unit, name: &str) -> BTreeSet<String> {
    let mut of_name = BTreeSet::new();
    for own in alias::own(unit).into_iter().filter(|own| alias::in_cluster(own.name) == name) {
        match own.network {
            Some(network) => of_name.extend([network.to_owned()]),
            None => return networks(context, unit),
        }
    }
    if unit.name == name { networks(context, unit) } else { of_name }
}

/// The networks in which a service has names, and finds those of others.
pub(super) fn networks(context: &Context, unit: &Unit) -> BTreeSet<String> {
    memberships(context, unit.pod).into_iter().map(|membership| membership.key).collect()
}

/// Whether a name may mean one service to some and another one to others. To say so of a project where none does costs
/// a question to the cluster, and changes nothing.
pub(super) fn has_scopes(project: &Project) -> bool {
    /// What has a name, and in which networks: those of a service, or the one of an alias.
    struct Named<'p> {
        name: String,
        of: &'p str,
        container: &'p ContainerSpec,
        alias_in: Option<&'p str>,
    }
    impl Named<'_> {
        fn networks(&self) -> BTreeSet<&str> {
            let own = self.container.networks.keys().map(String::as_str);
            self.alias_in.map_or_else(|| own.collect(), |network| BTreeSet::from([network]))
        }
    }
    let services =
        project.services.iter().map(|(key, service)| (key, service.container_name.as_str(), &service.container));
    let jobs = project.jobs.iter().map(|(key, job)| (key, "", &job.container));
    let mut named = Vec::new();
    for (key, container_name, container) in services.chain(jobs) {
        let aliases = container.networks.iter().flat_map(|(network, joined)| {
            joined.iter().flat_map(|joined| &joined.aliases).map(move |alias| (alias.as_str(), Some(network.as_str())))
        });
        let own = [key, container_name, &container.hostname].into_iter().map(|name| (name, None));
        named.extend(own.chain(aliases).filter(|(name, _)| !name.is_empty()).map(|(name, alias_in)| Named {
            name: alias::in_cluster(name),
            of: key,
            container,
            alias_in,
        }));
    }
    // What has a name first, of services and their attributes in their order, is what others are compared with.
    named.sort_by(|a, b| a.name.cmp(&b.name));
    let mut of_equal_names = named.chunk_by(|a, b| a.name == b.name);
    if of_equal_names.any(|named| named.iter().any(|it| it.of != named[0].of && it.networks() != named[0].networks())) {
        return true;
    }
    let mut of_links: BTreeMap<String, &str> = BTreeMap::new();
    let links = project.services.values().flat_map(|service| &service.links);
    let mut links = links.filter_map(|link| link.split_once(':'));
    links.any(|(target, name)| {
        let name = alias::in_cluster(name);
        let first = named.partition_point(|it| it.name < name);
        let known = named.get(first).filter(|it| it.name == name).map(|it| it.of);
        known.unwrap_or_else(|| of_links.entry(name).or_insert(target)) != target
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture, host_name};

    /// What each Service leads to, what is in the pods' /etc/hosts, and what is said.
    type Found = (BTreeMap<String, String>, Vec<String>, Vec<String>);

    fn look(text: &str) -> Found {
        let addresses = ["a", "b"].map(|name| (name.to_owned(), format!("address of {name}"))).into();
        let facts = Facts { addresses: Some(addresses), ..Facts::default() };
        let project = fixture::project(text);
        fixture::with_facts(text, &fixture::stack(), &facts, |context, notes| {
            let services = fixture::services(context, notes).into_iter();
            let target = |service: &k8s_openapi::api::core::v1::Service| {
                let selector = service.spec.as_ref().unwrap().selector.as_ref().unwrap();
                selector.get("compose-operator.dev/service").cloned().unwrap_or_else(|| {
                    let sharing = context.names.sharing(service.metadata.name.as_ref().unwrap()).unwrap();
                    sharing.iter().copied().collect::<Vec<_>>().join(" ")
                })
            };
            let services = services.map(|service| (service.metadata.name.clone().unwrap(), target(&service)));
            let hosts = context.units.values().flat_map(|unit| {
                let names = host_name::by_address(context, unit).into_iter();
                names.map(|(address, names)| format!("{}: {} {address}", unit.key, names.join(" ")))
            });
            let found: Found = (services.collect(), hosts.collect(), std::mem::take(notes).summary());
            assert!(has_scopes(&project) || (found.1.is_empty() && context.names.unclear.is_empty()), "{text}");
            found
        })
    }

    fn service(name: &str, rest: &str) -> String {
        format!("{name}: {{image: x, {rest}}}")
    }

    fn project(services: &[String]) -> String {
        format!("services: {{{}}}\nnetworks: {{m: {{}}, n: {{}}}}", services.join(", "))
    }

    const A: &str = "expose: [\"80\"], networks: {m: {aliases: [it]}}";
    const B: &str = "expose: [\"80\"], networks: {n: {aliases: [it]}}";

    #[test]
    fn a_name_means_what_it_means_in_the_network_of_who_asks() {
        let mut services =
            vec![service("a", A), service("b", B), service("x", "networks: {m: }"), service("y", "networks: {n: }")];
        let (led, hosts, notes) = look(&project(&services));
        assert_eq!((led["it"].as_str(), hosts), ("a", vec!["y: it address of b".to_owned()]));
        assert_eq!(notes, Vec::<String>::new());
        // Who is in both networks is led to both, which only a Service can tell.
        services.push(service("z", "networks: {m: , n: }"));
        let (led, hosts, notes) = look(&project(&services));
        assert_eq!(
            (led["it"].as_str(), hosts),
            ("a b", vec!["x: it address of a".to_owned(), "y: it address of b".to_owned()])
        );
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn a_service_keeps_its_own_name() {
        let it = service("it", "networks: {m: }");
        let services = [it, service("b", B), service("x", "networks: {m: }"), service("y", "networks: {n: }")];
        let (led, hosts, notes) = look(&project(&services));
        assert_eq!((led["it"].as_str(), hosts), ("it", vec!["y: it address of b".to_owned()]));
        assert_eq!((led.len(), notes), (4, vec![]));
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let bare = "networks: {n: {aliases: [it]}}";
        let services =
            [service("a", A), service("b", bare), service("x", "networks: {m: }"), service("y", "networks: {n: }")];
        let (led, hosts, notes) = look(&project(&services));
        assert_eq!((led["it"].as_str(), hosts), ("a", vec![]));
        assert_eq!(notes, ["services.b.networks.n.aliases[0]: Rejected"]);
        let services = [service("a", A), service("b", B), service("c", B), service("d", A), service("e", B)];
        let (led, _, notes) = look(&project(&services));
        assert_eq!(led["it"], "b c e");
        assert_eq!(notes, ["services.a.networks.m.aliases[0]: Rejected", "services.d.networks.m.aliases[0]: Rejected"]);
    }

    #[test]
    fn a_links_name_is_the_linking_services_alone() {
        let text = "services: {a: {image: x, expose: [\"80\"]}, b: {image: x, expose: [\"80\"]}, c: {image: x}, x: {image: x, links: \
                    [\"a:it\"]}, y: {image: x, links: [\"b:it\", \"a:c\"]}, z: {image: x, links: [\"c:a\"]}}";
        let (led, hosts, notes) = look(text);
        assert_eq!((led["it"].as_str(), led["c"].as_str()), ("a", "c"));
        assert_eq!(hosts, ["y: c address of a", "y: it address of b"]);
        assert_eq!(notes, ["services.z.links[0]: Rejected"]);
    }

    #[test]
    fn what_all_see_needs_no_hosts() {
        let shared = "networks: {m: {aliases: [it]}, n: {aliases: [it]}}";
        let services = [service("a", shared), service("b", shared), service("x", "networks: {m: }")];
        let (led, hosts, notes) = look(&project(&services));
        assert_eq!((led["it"].as_str(), hosts, notes), ("a b", vec![], vec![]));
        assert!(!has_scopes(&fixture::project(
            "services: {a: {image: x, container_name: it}, b: {image: x, container_name: it}}"
        )));
    }
}
