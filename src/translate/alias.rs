//! The other names of services: aliases in networks, the names of containers and hosts, the aliases of links, and names
//! for what is outside of the project.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use super::context::{Context, Unit};
use super::discovery::{has_name, service};
use super::dns_label::{MAX_LABEL, is_label, label};
use super::host_name::{self, is_in_hosts};
use super::labels::{self, Labels};
use super::network::families;
use super::notes::Notes;
use crate::api::names;

/// Names, each with the services that have it, and the path where it is given; a service's own name has none.
pub(super) type Wanted<'a> = BTreeMap<String, BTreeMap<&'a str, Option<String>>>;

/// A name that a service has beside its own.
pub(super) struct OwnName<'u> {
    pub(super) name: &'u str,
    /// The network in which it has it; none for all.
    pub(super) network: Option<&'u str>,
    pub(super) path: String,
}

/// A link with an alias, or without one.
pub(super) struct Link<'c, 'a> {
    pub(super) unit: &'c Unit<'a>,
    pub(super) target: &'c Unit<'a>,
    /// The alias as it is in a cluster.
    pub(super) name: String,
    /// The alias as it is written.
    pub(super) written: &'a str,
    pub(super) path: String,
    /// The other services that have the name, or that other services call so.
    pub(super) hides: BTreeSet<&'a str>,
}

/// A name as it can be in a cluster, where case has no meaning.
pub(super) fn in_cluster(name: &str) -> String {
    let name = name.to_lowercase();
    if is_in_hosts(&name) { name } else { label(&name, MAX_LABEL) }
}

/// The names that services give to themselves, beside their own.
pub(super) fn wanted<'a>(units: &BTreeMap<&'a str, Unit<'a>>) -> Wanted<'a> {
    let mut wanted: Wanted = BTreeMap::new();
    for unit in units.values().filter(|unit| has_name(unit)) {
        for own in own(unit) {
            let targets = wanted.entry(in_cluster(own.name)).or_default();
            targets.entry(unit.key).or_insert(Some(own.path));
        }
    }
    for unit in units.values().filter(|unit| has_name(unit)) {
        if let Some(targets) = wanted.get_mut(&unit.name) {
            targets.insert(unit.key, None);
        }
    }
    wanted.retain(|alias, targets| !targets.keys().all(|target| units[target].name == *alias));
    wanted
}

/// The labels by which a service's pods are found under the names that it shares with others.
pub(super) fn pod_labels(context: &Context, unit: &Unit) -> Labels {
    let names = context.names.of_all.iter();
    let shared = names.filter(|(_, targets)| targets.len() > 1 && targets.contains(unit.key));
    shared.map(|(alias, _)| (label_key(alias), "true".to_owned())).collect()
}

fn label_key(alias: &str) -> String {
    format!("{}{alias}", names::ALIAS_LABEL_PREFIX)
}

/// The Services of these names.
pub(super) fn services(context: &Context, notes: &mut Notes) -> Vec<Service> {
    let mut services = Vec::new();
    let mut wanted = wanted(&context.units);
    note_scopes(context, &wanted, notes);
    add_links(context, &mut wanted, notes);
    for (alias, targets) in wanted {
        if context.names.sharing(&alias).is_some() {
            services.push(shared_service(context, alias));
            continue;
        }
        for (target, path) in targets.into_iter().filter(|(target, _)| context.names.leads_to(&alias, target)) {
            let target = &context.units[target];
            if is_label(&alias) {
                // It has a Service of its own name already.
                if target.name != alias {
                    services.push(service(context, target, alias.clone()));
                }
                continue;
            }
            match (path, host_name::problem(context, target)) {
                // Who gives a host name wants to see it inside; others do not count on it as they do on an alias.
                (Some(path), Some(problem)) if path.ends_with(".hostname") => {
                    notes.approximated(path, format!("is no name for others: {problem}"));
                }
                (Some(path), Some(problem)) => notes.rejected(path, problem),
                _ => {}
            }
        }
    }
    services.extend(external_links(context, notes));
    services
}

/// Says which names lead others elsewhere than in Docker, where names are those of a network.
fn note_scopes(context: &Context, wanted: &Wanted, notes: &mut Notes) {
    let list = |keys: &BTreeSet<&str>| keys.iter().copied().collect::<Vec<_>>().join(" and ");
    let path = |name: &str, target: &str| match wanted.get(name).and_then(|targets| targets.get(target)) {
        Some(Some(path)) => path.clone(),
        _ => context.units[target].path.clone(),
    };
    for (pod, names) in &context.names.of_pods {
        for (name, target) in names.iter().filter(|(name, _)| context.names.of_all.contains_key(*name)) {
            let Some(problem) = host_name::problem(context, &context.units[target]) else { continue };
            notes.rejected(
                path(name, target),
                format!(
                    "`{name}` is a name of others in other networks, and leads `{pod}` to {}: {problem}",
                    list(&context.names.of_all[name])
                ),
            );
        }
    }
    for unclear in &context.names.unclear {
        for target in &unclear.means {
            notes.rejected(
                path(&unclear.name, target),
                format!(
                    "`{}` means {} to {} and {} to others, and a cluster has one meaning for all: give them names of \
                     their own",
                    unclear.name,
                    list(&unclear.means),
                    unclear.to.join(" and "),
                    list(&context.names.of_all[&unclear.name]),
                ),
            );
        }
    }
}

/// The links of all services.
pub(super) fn links<'c, 'a>(context: &'c Context<'a>) -> Vec<Link<'c, 'a>> {
    let mut known: BTreeMap<String, BTreeSet<&'a str>> = BTreeMap::new();
    let mut links = Vec::new();
    let has_links = context.units.values().any(|unit| !unit.service.links.is_empty());
    if !has_links {
        return links;
    }
    for (name, targets) in wanted(&context.units) {
        known.entry(name).or_default().extend(targets.into_keys());
    }
    for unit in context.units.values() {
        known.entry(unit.name.clone()).or_default().insert(unit.key);
    }
    for unit in context.units.values() {
        for (index, link) in unit.service.links.iter().enumerate() {
            let (target, written) = link.split_once(':').unwrap_or((link, link));
            let Some(target) = context.units.get(target).filter(|target| has_name(target)) else { continue };
            let name = if written == target.key { target.name.clone() } else { in_cluster(written) };
            let others = known.entry(name.clone()).or_default();
            let hides: BTreeSet<&str> = others.iter().copied().filter(|other| *other != target.key).collect();
            if hides.is_empty() {
                others.insert(target.key);
            }
            links.push(Link { unit, target, name, written, path: format!("{}.links[{index}]", unit.path), hides });
        }
    }
    links
}

/// A name that is another one in a cluster.
pub(super) struct Renamed<'c> {
    pub(super) from: &'c str,
    pub(super) to: String,
    pub(super) path: String,
}

/// The names beside services' own that had to change, since they are no DNS labels.
pub(super) fn renamed<'c>(context: &'c Context) -> Vec<Renamed<'c>> {
    let units = context.units.values();
    let own = units.clone().filter(|unit| has_name(unit)).flat_map(own).map(|own| (own.name, own.path));
    let linked = links(context).into_iter().filter(|link| link.written != link.target.key);
    let linked = linked.map(|link| (link.written, link.path));
    let outside = units.flat_map(|unit| {
        let links = unit.service.external_links.iter().enumerate();
        links.filter_map(|(index, link)| {
            Some((link.split_once(':')?.1, format!("{}.external_links[{index}]", unit.path)))
        })
    });
    let all = own.chain(linked).chain(outside).map(|(from, path)| Renamed { from, to: in_cluster(from), path });
    all.filter(|renamed| renamed.to != renamed.from.to_lowercase()).collect()
}

/// Adds the aliases of links. In Docker they are the linking container's alone, and hide what others call so; a Service
/// is found by all, so that it may hide nothing.
fn add_links<'a>(context: &Context<'a>, wanted: &mut Wanted<'a>, notes: &mut Notes) {
    for Link { target, name, path, hides, .. } in links(context) {
        // In /etc/hosts, a name is the linking container's alone, as in Docker.
        if is_in_hosts(&name) || hides.is_empty() {
            if target.name != name {
                wanted.entry(name).or_default().entry(target.key).or_insert(Some(path));
            }
        } else if let Some(problem) = host_name::problem(context, target) {
            let list: Vec<&str> = hides.into_iter().collect();
            notes.rejected(
                path,
                format!("`{name}` is a name of {} too, to whom all services are led: {problem}", list.join(" and ")),
            );
        }
    }
}

/// A name that leads to all pods of several services.
fn shared_service(context: &Context, name: String) -> Service {
    let targets = context.names.sharing(&name);
    let units = targets.into_iter().flatten().filter_map(|target| context.units.get(target));
    let (ip_family_policy, ip_families) = families(context, units, true);
    let mut selector = labels::stack_labels(context);
    selector.retain(|key, _| key == names::LABEL_STACK);
    selector.insert(names::LABEL_COMPONENT.to_owned(), names::COMPONENT_SERVICE.to_owned());
    selector.insert(label_key(&name), "true".to_owned());
    let metadata = match context.units.values().find(|unit| unit.name == name) {
        Some(unit) => labels::deployed_metadata(context, unit, name),
        None => labels::stack_metadata(context, name),
    };
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            cluster_ip: Some("None".to_owned()),
            ip_family_policy,
            ip_families,
            selector: Some(selector),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Names for what is outside of the project: `external_links` names a container, which is a Service here.
fn external_links(context: &Context, notes: &mut Notes) -> Vec<Service> {
    let mut services: BTreeMap<String, (Service, String)> = BTreeMap::new();
    for unit in context.units.values() {
        for (index, link) in unit.service.external_links.iter().enumerate() {
            let path = format!("{}.external_links[{index}]", unit.path);
            let (target, alias) = link.split_once(':').unwrap_or((link, link));
            let (written, alias) = (alias, in_cluster(alias));
            let (name, namespace) = target.split_once('.').unwrap_or((target, &context.stack.namespace));
            if !is_label(name) || !is_label(namespace) {
                notes.rejected(
                    path,
                    format!("`{target}` is no Service: name one by `<service>`, or by `<service>.<namespace>`"),
                );
                continue;
            }
            notes.approximated(
                path.clone(),
                format!("leads to the Service `{name}` of the namespace `{namespace}`, which has to be there"),
            );
            if written == target {
                // The resolver finds it by itself.
                continue;
            }
            if !is_label(&alias) {
                let problem = "cannot be a name in a cluster: use lower case letters, digits and hyphens";
                notes.rejected(path, format!("`{alias}` {problem}"));
                continue;
            }
            let address = format!("{name}.{namespace}.svc.{}", context.cluster_domain());
            match services.get(&alias) {
                Some((_, other)) if *other != address => {
                    notes.rejected(path, format!("`{alias}` leads to {other} already: a name leads to one place"));
                }
                Some(_) => {}
                None => {
                    let service = external_service(context, alias.clone(), address.clone());
                    services.insert(alias, (service, address));
                }
            }
        }
    }
    services.into_values().map(|(service, _)| service).collect()
}

fn external_service(context: &Context, name: String, address: String) -> Service {
    Service {
        metadata: labels::stack_metadata(context, name),
        spec: Some(ServiceSpec {
            type_: Some("ExternalName".to_owned()),
            external_name: Some(address),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The other names that a service has by itself.
pub(super) fn own<'u>(unit: &'u Unit) -> Vec<OwnName<'u>> {
    let service = unit.service;
    let mut aliases = Vec::new();
    for (network, membership) in &service.container.networks {
        for (index, alias) in membership.iter().flat_map(|membership| &membership.aliases).enumerate() {
            let path = format!("{}.networks.{network}.aliases[{index}]", unit.path);
            aliases.push(OwnName { name: alias, network: Some(network), path });
        }
    }
    let everywhere = |name, path| OwnName { name, network: None, path };
    if !service.container_name.is_empty() {
        aliases.push(everywhere(service.container_name.as_str(), format!("{}.container_name", unit.path)));
    }
    if let Some(name) = &unit.kompose.name {
        aliases.push(everywhere(name.as_str(), format!("{}.labels.kompose.service.name_override", unit.path)));
    }
    let hostname = service.container.hostname.as_str();
    // A host name that is no label was reported with the pod.
    if is_label(hostname) || is_in_hosts(hostname) {
        aliases.push(everywhere(hostname, format!("{}.hostname", unit.path)));
    }
    aliases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, discovery, fixture};

    fn services_of(text: &str) -> (BTreeMap<String, ServiceSpec>, Vec<String>) {
        let facts = Facts { cluster_domain: Some("example.org".to_owned()), ..Facts::default() };
        fixture::with_facts(text, &fixture::stack(), &facts, |context, notes| {
            let services = fixture::services(context, notes);
            let specs = services.into_iter().map(|service| (service.metadata.name.unwrap(), service.spec.unwrap()));
            (specs.collect(), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn aliases_are_services_of_their_own() {
        let (services, notes) = services_of(
            "services: {db: {image: x, container_name: shop-db, hostname: dbhost, networks: {n: {aliases: [database, DB, \
             sql.local]}}}, web: {image: x, links: [\"db:store\", db]}}",
        );
        let names: Vec<_> = services.keys().map(String::as_str).collect();
        assert_eq!(names, ["database", "db", "dbhost", "shop-db", "store", "web"]);
        assert_eq!(services["store"].selector, services["db"].selector);
        assert_eq!(notes, ["services.db.networks.n.aliases[2]: Rejected"]);
    }

    #[test]
    fn a_name_of_several_services_leads_to_the_pods_of_all() {
        let text = "services: {a: {image: x, networks: {n: {aliases: [both, b]}}}, b: {image: x, expose: [\"80\"], networks: \
                    {n: {aliases: [both]}}}, c: {image: x, network_mode: \"service:b\", container_name: both}}";
        let (services, notes) = services_of(text);
        assert_eq!(services.keys().collect::<Vec<_>>(), ["a", "b", "both", "c"]);
        assert_eq!(notes, Vec::<String>::new());
        fixture::with(text, |context, _| {
            for (name, members) in [("both", ["a", "b", "c"].as_slice()), ("b", &["a", "b"])] {
                let selector = services[name].selector.as_ref().unwrap();
                assert_eq!(services[name].cluster_ip.as_deref(), Some("None"));
                for unit in context.units.values() {
                    let mut labels = labels::service_labels(context, unit);
                    labels.extend(pod_labels(context, unit));
                    let found = selector.iter().all(|(key, value)| labels.get(key) == Some(value));
                    assert_eq!(found, members.contains(&unit.key), "{} by {name}", unit.key);
                }
            }
            assert_eq!(discovery::discovery(context, &context.units["b"]), Some(discovery::HEADLESS));
        });
    }

    #[test]
    fn links_hide_no_names_of_others() {
        let (services, notes) = services_of(
            "services: {a: {image: x, links: [\"b:c\", \"b:d\", \"b:e\"]}, b: {image: x, container_name: e}, c: {image: x, \
             networks: {n: {aliases: [d]}}}, f: {image: x, links: [\"b:x\"]}, g: {image: x, links: [\"c:x\"]}}",
        );
        assert_eq!(services.keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "g", "x"]);
        let rejected = ["services.a.links[0]", "services.a.links[1]", "services.g.links[0]"];
        assert_eq!(notes, rejected.map(|path| format!("{path}: Rejected")));
    }

    #[test]
    fn external_links_are_names_of_services_elsewhere() {
        let (services, notes) = services_of(
            "services: {a: {image: x, external_links: [\"redis:cache\", \"db.other:sql\", plain, \"my_db:x\", \"redis:c.d\"]}, \
             b: {image: x, external_links: [\"redis:cache\", \"other:sql\"]}}",
        );
        let address = |name: &str| services[name].external_name.clone().unwrap();
        assert_eq!(services.keys().collect::<Vec<_>>(), ["a", "b", "cache", "sql"]);
        assert_eq!(address("cache"), "redis.default.svc.example.org");
        assert_eq!(address("sql"), "db.other.svc.example.org");
        let rejected: Vec<_> = notes.iter().filter(|note| note.ends_with("Rejected")).collect();
        let links = ["services.a.external_links[3]", "services.a.external_links[4]", "services.b.external_links[1]"];
        assert_eq!(rejected, links.map(|path| format!("{path}: Rejected")).iter().collect::<Vec<_>>());
    }
}
