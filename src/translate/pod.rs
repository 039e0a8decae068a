//! The pods of a service.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    HostAlias, LocalObjectReference, PodDNSConfig, PodDNSConfigOption, PodSpec, PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::container::container;
use super::context::{Context, Unit};
use super::generated::Generated;
use super::kind::Kind;
use super::mount::mounts;
use super::notes::Notes;
use super::{
    alias, attachment, dns_label, external, host_name, kompose, labels, lifecycle, logging, network, own_host_name,
    placement, pod_security, pre_start, security, shared_pod, stop_signal, windows,
};
use crate::api::names::ANNOTATION_EXTERNAL_HASH;
use crate::compose::model::Duration;

/// How long a container is given to stop when the file does not say (docker stop, "--timeout").
const GRACE_SECONDS: i64 = 10;

/// The template of a service's pods. Nothing of it depends on the operator's version: an upgrade must not restart pods.
pub(super) fn template(
    context: &Context,
    unit: &Unit,
    restart_policy: Option<&str>,
    generated: &mut Generated,
    notes: &mut Notes,
) -> PodTemplateSpec {
    let mut container = container(context, unit, generated, notes);
    let (volumes, volume_mounts) = mounts(context, unit, generated, notes).into_lists();
    container.volume_mounts = volume_mounts;
    kompose::sub_paths(
        unit,
        volumes.as_deref().unwrap_or_default(),
        container.volume_mounts.as_deref_mut().unwrap_or_default(),
    );
    let mut pod = PodSpec {
        containers: vec![container],
        volumes,
        restart_policy: restart_policy.map(str::to_owned),
        // A pod has no business with the API server unless it is given a ServiceAccount.
        automount_service_account_token: unit.drop_in.service_account.is_none().then_some(false),
        service_account_name: unit.drop_in.service_account.clone(),
        // Variables such as REDIS_PORT=tcp://... break programs that read a port from them.
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(
            unit.service.container.stop_grace_period.map_or(GRACE_SECONDS, Duration::whole_seconds_up)
                + std::iter::once(unit)
                    .chain(shared_pod::members(context, unit))
                    .map(lifecycle::stop_seconds)
                    .max()
                    .unwrap_or_default(),
        ),
        image_pull_secrets: pull_secrets(context, unit),
        host_aliases: host_aliases(context, unit, notes),
        dns_config: dns_config(context, unit, notes),
        ..PodSpec::default()
    };
    if network::is_host_mode(unit.service) {
        pod.host_network = Some(true);
        pod.dns_policy = Some("ClusterFirstWithHostNet".to_owned());
    }
    own_host_name::give(context, unit, &mut pod, notes);
    security::pod_context(unit, &mut pod, notes);
    reap_orphans(context, unit, &mut pod, notes);
    kompose::pod(unit, &mut pod);
    placement::place(context, unit, &mut pod, notes);
    pre_start::prepare_replicas(context, unit, &mut pod, generated, notes);
    shared_pod::join(context, unit, &mut pod, generated, notes);
    stop_signal::send(context, unit, &mut pod, notes);
    windows::fit(context, unit, &mut pod, notes);
    pod_security::meet(context, unit, &mut pod, notes);
    security::separate_users(context, unit, &mut pod, notes);
    let mut labels = labels::service_labels(context, unit);
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        labels.extend(network::pod_labels(context, unit));
        labels.extend(alias::pod_labels(context, unit));
        logging::note_differences(unit, notes);
    }
    labels.extend(logging::exclusion_labels(context, unit));
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: annotations(context, unit, notes),
            ..ObjectMeta::default()
        }),
        spec: Some(pod),
    }
}

/// The annotations of all services whose containers are in the pod.
fn annotations(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<BTreeMap<String, String>> {
    let mut annotations = labels::pod_annotations(unit, notes);
    for member in shared_pod::members(context, unit) {
        for (key, value) in labels::pod_annotations(member, notes).into_iter().flatten() {
            let known = annotations.get_or_insert_default().entry(key.clone()).or_insert_with(|| value.clone());
            if *known != value {
                notes.approximated(
                    format!("{}.labels.{key}", member.path),
                    format!("is `{known}`, as of `{}`, whose pod it shares", unit.key),
                );
            }
        }
    }
    for (key, value) in logging::exclusion_annotations(context, unit) {
        annotations.get_or_insert_default().entry(key).or_insert(value);
    }
    // A program that runs once has read what it needed: a changed secret does not run it again.
    if !matches!(unit.kind, Kind::Job | Kind::CronJob)
        && let Some(content) = external::content(context, unit)
    {
        annotations.get_or_insert_default().insert(ANNOTATION_EXTERNAL_HASH.to_owned(), content);
    }
    for (key, value) in attachment::annotations(context, unit) {
        let known = annotations.get_or_insert_default().insert(key.clone(), value);
        if known.is_some() {
            notes.ignored(
                format!("{}.annotations.{key}", unit.path),
                "is left out, since the service's networks say it: make all of them networks of the file, or none",
            );
        }
    }
    annotations
}

/// The list is keyed by name.
pub(super) fn pull_secrets(context: &Context, unit: &Unit) -> Option<Vec<LocalObjectReference>> {
    let stacks = context.stack.spec.image_pull_secrets.iter().map(|secret| &secret.name);
    let names: BTreeSet<&String> = stacks.chain(&unit.drop_in.pull_secret).collect();
    let references = names.iter().map(|name| LocalObjectReference { name: (*name).clone() }).collect();
    (!names.is_empty()).then_some(references)
}

/// `extra_hosts` and the names that no Service can have, grouped by address: the list is keyed by it.
fn host_aliases(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<Vec<HostAlias>> {
    let path = |name: &str| format!("{}.extra_hosts.{name}", unit.path);
    let mut names = host_name::by_address(context, unit);
    for (name, addresses) in &unit.service.container.extra_hosts.0 {
        for address in addresses {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            if address == "host-gateway" {
                notes.rejected(path(name), "a pod may run on any node, and has no host of its own: give an address");
            } else if address.parse::<std::net::IpAddr>().is_err() {
                notes.error(path(name), "Invalid", format!("`{address}` is no address"));
            } else if !dns_label::is_host_name(&name.to_lowercase()) {
                notes.rejected(path(name), "Kubernetes takes only DNS names here");
            } else {
                // Nobody tells names by their case (RFC 1035, section 2.3.3).
                names.entry(address.to_owned()).or_default().push(name.to_lowercase());
            }
        }
    }
    let aliases: Vec<HostAlias> =
        names.into_iter().map(|(ip, hostnames)| HostAlias { ip, hostnames: Some(hostnames) }).collect();
    (!aliases.is_empty()).then_some(aliases)
}

/// How many servers a pod may name (Kubernetes, `MaxDNSNameservers`; the C library reads no more either).
const MAX_NAME_SERVERS: usize = 3;

/// How many domains a pod may search, and how long they may be together (Kubernetes, `MaxDNSSearchPaths` and
/// `MaxDNSSearchListChars`).
const MAX_SEARCHES: (usize, usize) = (32, 2048);

/// The domains of the namespaces whose networks the service joins, then those of `dns_search`, as the API server takes
/// them: as in Docker, names of a network go before those of other domains.
fn searches(context: &Context, unit: &Unit, notes: &mut Notes) -> Vec<String> {
    let mut searches = network::searches(context, unit.service);
    let mut length = searches.iter().map(|search| search.len() + 1).sum::<usize>();
    let given = unit.service.container.dns_search.iter().enumerate();
    for (index, search) in given.filter(|(_, search)| !search.is_empty()) {
        let path = format!("{}.dns_search[{index}]", unit.path);
        // Nobody tells names by their case (RFC 1035, section 2.3.3).
        let domain = search.to_lowercase();
        let name = domain.strip_suffix('.').unwrap_or(&domain);
        length += domain.len() + 1;
        if domain != "." && !dns_label::is_host_name(&name.replace('_', "x")) {
            notes.rejected(path, format!("`{search}` is no domain: use a DNS name such as `corp.example.com`"));
        } else if searches.len() == MAX_SEARCHES.0 || length > MAX_SEARCHES.1 {
            notes.rejected(
                path,
                format!("a pod searches {} domains of {} characters at most", MAX_SEARCHES.0, MAX_SEARCHES.1),
            );
        } else {
            searches.push(domain);
        }
    }
    searches
}

/// Resolver settings, added to the cluster's own so that the names of services keep resolving.
fn dns_config(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<PodDNSConfig> {
    let container = &unit.service.container;
    let mut servers = Vec::new();
    // Compose passes over an empty address, as it comes from a variable that is not set.
    for (index, server) in container.dns.iter().enumerate().filter(|(_, server)| !server.is_empty()) {
        let path = format!("{}.dns[{index}]", unit.path);
        if server.parse::<std::net::IpAddr>().is_err() {
            notes.error(path, "Invalid", format!("`{server}` is no address"));
        } else if servers.len() == MAX_NAME_SERVERS {
            notes.rejected(path, format!("resolvers ask {MAX_NAME_SERVERS} servers at most"));
        } else {
            servers.push(server.clone());
        }
    }
    if !servers.is_empty() {
        notes.approximated(
            format!("{}.dns", unit.path),
            "these servers come after the cluster's, and are asked only when that does not answer",
        );
    }
    let options: Vec<PodDNSConfigOption> = container
        .dns_opt
        .iter()
        .map(|option| {
            let (name, value) = option.split_once(':').map_or((option.as_str(), None), |(n, v)| (n, Some(v)));
            PodDNSConfigOption { name: Some(name.to_owned()), value: value.map(str::to_owned) }
        })
        .collect();
    let list = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let config = PodDNSConfig {
        nameservers: list(&servers),
        searches: list(&searches(context, unit, notes)),
        options: (!options.is_empty()).then_some(options),
    };
    (config != PodDNSConfig::default()).then_some(config)
}

/// `init`: process 1 of a pod that shares its processes reaps orphans, as Docker's init process does.
fn reap_orphans(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let units: Vec<&Unit> = std::iter::once(unit).chain(shared_pod::members(context, unit)).collect();
    for asking in units.iter().filter(|unit| unit.service.container.init == Some(true)) {
        // In the node's space of processes, that is the node's process 1.
        if pod.host_pid != Some(true) {
            pod.share_process_namespace = Some(true);
        }
        if units.len() > 1 {
            notes.approximated(
                format!("{}.init", asking.path),
                "the containers of the pod see each other's processes, so that its process 1 reaps orphans",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn pod(service: &str) -> (PodTemplateSpec, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let template = template(context, &context.units["web"], None, &mut Generated::default(), notes);
            (template, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn pods_are_told_nothing_that_docker_would_not_tell() {
        let spec = pod("").0.spec.unwrap();
        assert_eq!(spec.automount_service_account_token, Some(false));
        assert_eq!(spec.enable_service_links, Some(false));
        assert_eq!(spec.termination_grace_period_seconds, Some(10));
        let spec = pod("stop_grace_period: 1m30s").0.spec.unwrap();
        assert_eq!(spec.termination_grace_period_seconds, Some(90));
    }

    #[test]
    fn domains_are_as_the_api_server_takes_them() {
        let asked = |list: &str| {
            let (template, notes) = pod(&format!("dns_search: [{list}]"));
            (template.spec.unwrap().dns_config.and_then(|config| config.searches).unwrap_or_default(), notes)
        };
        let (searches, notes) = asked("Corp.Example.com, a_b.example.com., \".\", \"\", a..b, \"a b\"");
        assert_eq!(searches, ["corp.example.com", "a_b.example.com.", "."]);
        assert_eq!(notes, ["services.web.dns_search[4]: Rejected", "services.web.dns_search[5]: Rejected"]);
        let (searches, notes) = asked(&["a.com"; 33].join(","));
        assert_eq!((searches.len(), notes), (32, vec!["services.web.dns_search[32]: Rejected".to_owned()]));
    }

    #[test]
    fn hosts_are_grouped_by_address() {
        let (template, notes) = pod(
            "extra_hosts: [\"a=10.0.0.1\", \"b=10.0.0.1\", \"v6=[::1]\", \"h=host-gateway\", \"B_B=10.0.0.1\", \"C=10.0.0.1\"]",
        );
        let aliases = template.spec.unwrap().host_aliases.unwrap();
        assert_eq!(
            (aliases[0].ip.as_str(), aliases[0].hostnames.clone().unwrap().concat()),
            ("10.0.0.1", "cab".to_owned())
        );
        assert_eq!(aliases[1].ip, "::1");
        assert_eq!(notes, ["services.web.extra_hosts.B_B: Rejected", "services.web.extra_hosts.h: Rejected"]);
    }

    #[test]
    fn resolver_settings_add_to_the_clusters() {
        let (template, notes) = pod("dns: [\"\", 1.1.1.1], dns_search: [example.com], dns_opt: [\"ndots:2\", rotate]");
        let spec = template.spec.unwrap();
        let config = spec.dns_config.unwrap();
        assert_eq!(spec.dns_policy, None);
        assert_eq!(config.options.unwrap()[0].value.as_deref(), Some("2"));
        assert_eq!(notes, ["services.web.dns: Approximated"]);
    }

    #[test]
    fn name_servers_are_addresses_and_few() {
        let (template, notes) = pod("dns: [1.1.1.1, dns.example.com, \"2606:4700::1\", 1.1.1.3, 1.1.1.4]");
        let servers = template.spec.unwrap().dns_config.unwrap().nameservers.unwrap();
        assert_eq!(servers, ["1.1.1.1", "2606:4700::1", "1.1.1.3"]);
        assert_eq!(
            notes,
            ["services.web.dns: Approximated", "services.web.dns[1]: Error", "services.web.dns[4]: Rejected"]
        );
    }

    #[test]
    fn labels_become_annotations() {
        let (template, notes) = pod("labels: {com.example.text: \"any text\", \"a b\": c, app.kubernetes.io/name: z}");
        let annotations = template.metadata.unwrap().annotations.unwrap();
        assert_eq!(annotations.len(), 1);
        assert_eq!(notes, ["services.web.labels.a b: Ignored", "services.web.labels.app.kubernetes.io/name: Ignored"]);
    }
}
