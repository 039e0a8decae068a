//! Limits and requests.
//!
//! Kubernetes takes a limit for a request when there is no request, so that a memory limit of 4 GiB would reserve as
//! much; Docker reserves nothing for a limit. And a request of nothing makes a container the first to be evicted.
//! Requests are therefore always explicit.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::context::{Context, Unit};
use super::devices;
use super::notes::{Notes, first_few};
use super::quantity::{Amount, docker_bytes};
use crate::compose::model::{Resource, Service};

/// What is requested for a container for which nobody reserved anything.
const REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "32Mi")];

/// The resources of a service's container.
pub(super) fn resources(context: &Context, unit: &Unit, notes: &mut Notes) -> ResourceRequirements {
    let container = &unit.service.container;
    let (limits, reservations) = declared(unit.service);
    let mut upper = BTreeMap::new();
    let mut lower = BTreeMap::new();
    let set = |map: &mut BTreeMap<String, Amount>, name: &str, amount: Option<Amount>| {
        if let Some(amount) = amount {
            map.insert(name.to_owned(), amount);
        }
    };
    set(&mut upper, "cpu", cpu_limit(unit.service, limits));
    let memory = limits.map_or(0, |limits| limits.memory.0);
    set(&mut upper, "memory", bytes(if memory > 0 { memory } else { container.mem_limit.0 }));
    set(&mut upper, "ephemeral-storage", storage(unit, notes).or(unit.kompose.storage_limit));
    set(&mut lower, "ephemeral-storage", unit.kompose.storage_request);
    let reserved = reservations.map_or(0.0, |reserved| reserved.cpus);
    set(&mut lower, "cpu", cpus(f64::from(reserved)).or_else(|| shares(container.cpu_shares)));
    let reserved = reservations.map_or(0, |reserved| reserved.memory.0);
    set(&mut lower, "memory", bytes(if reserved > 0 { reserved } else { container.mem_reservation.0 }));
    note_swap(unit, if memory > 0 { memory } else { container.mem_limit.0 }, notes);
    fill_requests(context, &upper, &mut lower, notes);
    for (name, count) in devices::requests(unit, reservations, notes) {
        let count = Amount::count(count);
        // Extended resources are not overcommitted: request and limit have to be equal.
        upper.insert(name.clone(), count);
        lower.insert(name, count);
    }
    ResourceRequirements { limits: quantities(upper), requests: quantities(lower), claims: None }
}

/// `memswap_limit` is the sum of memory and swap: as much as the memory alone is no swap, as nodes do it by default.
fn note_swap(unit: &Unit, memory: i64, notes: &mut Notes) {
    let sum = unit.service.container.memswap_limit.0;
    if sum != 0 && sum != memory {
        notes.approximated(format!("{}.memswap_limit", unit.path), "is not honoured: nodes decide on swapping");
    }
}

/// The resources of a container that helps for a moment.
pub(super) fn of_helper() -> ResourceRequirements {
    let requests = REQUESTS.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
    ResourceRequirements { requests: Some(requests.into()), ..ResourceRequirements::default() }
}

/// Says, once for the project, which services got requests that the file does not have.
pub(super) fn note_requests(context: &Context, notes: &mut Notes) {
    let settings = &context.stack.spec.resources;
    if settings.request_from_limit.is_some() || !settings.default_requests.is_empty() {
        return;
    }
    let without: Vec<&str> = context
        .units
        .values()
        .filter(|unit| {
            let (_, reservations) = declared(unit.service);
            let container = &unit.service.container;
            reservations.is_none_or(|reserved| reserved.memory.0 == 0) && container.mem_reservation.0 == 0
        })
        .map(|unit| unit.key)
        .collect();
    if !without.is_empty() {
        let [(cpu, cpus), (memory, bytes)] = REQUESTS;
        notes.approximated(
            "services",
            format!(
                "nothing is reserved for {}: small requests ({cpu} {cpus}, {memory} {bytes}) are made where there is \
                 none; set deploy.resources.reservations, or spec.resources for all",
                first_few(&without)
            ),
        );
    }
}

fn declared(service: &Service) -> (Option<&Resource>, Option<&Resource>) {
    let resources = service.deploy.as_ref().map(|deploy| &deploy.resources);
    (
        resources.and_then(|resources| resources.limits.as_ref()),
        resources.and_then(|resources| resources.reservations.as_ref()),
    )
}

fn cpu_limit(service: &Service, limits: Option<&Resource>) -> Option<Amount> {
    let container = &service.container;
    // The scheduler's period is 100 ms unless the file says otherwise (Docker, "Configure the default CFS scheduler").
    let period = if container.cpu_period > 0 { container.cpu_period } else { 100_000 };
    #[allow(clippy::cast_precision_loss, reason = "microseconds and processors are far below 2^52")]
    let (quota, count) = (container.cpu_quota as f64 / period as f64, container.cpu_count as f64);
    cpus(f64::from(limits.map_or(0.0, |limits| limits.cpus)))
        .or_else(|| cpus(f64::from(container.cpus)))
        .or_else(|| cpus(quota))
        .or_else(|| cpus(count))
}

/// Requests for what has none: a share of the limit, else the stack's default, else a small one; never above the limit.
fn fill_requests(
    context: &Context,
    limits: &BTreeMap<String, Amount>,
    requests: &mut BTreeMap<String, Amount>,
    notes: &mut Notes,
) {
    let settings = &context.stack.spec.resources;
    if let Some(share) = settings.request_from_limit.as_deref().and_then(|ratio| ratio.parse::<f64>().ok()) {
        #[allow(clippy::cast_possible_truncation, reason = "the schema bounds the ratio by 1")]
        let thousandths = (share * 1000.0).round() as i64;
        for (name, limit) in limits {
            let smallest = if name == "cpu" { Amount::cpus(0.001) } else { Amount::count(1) };
            requests.entry(name.clone()).or_insert_with(|| limit.share(thousandths, smallest));
        }
    }
    for (name, text) in &settings.default_requests {
        match Amount::parse(text) {
            Some(amount) => {
                requests.entry(name.clone()).or_insert(amount);
            }
            None => notes.error(
                format!("spec.resources.defaultRequests.{name}"),
                "Invalid",
                format!("`{text}` is no amount: write it like `50m` or `64Mi`"),
            ),
        }
    }
    for (name, text) in REQUESTS {
        if let Some(amount) = Amount::parse(text) {
            requests.entry(name.to_owned()).or_insert(amount);
        }
    }
    for (name, request) in requests.iter_mut() {
        if let Some(limit) = limits.get(name) {
            *request = request.min(*limit);
        }
    }
}

fn storage(unit: &Unit, notes: &mut Notes) -> Option<Amount> {
    for name in unit.service.container.storage_opt.keys().filter(|name| *name != "size") {
        notes.approximated(
            format!("{}.storage_opt.{name}", unit.path),
            "is not honoured: nodes decide on the storage of containers",
        );
    }
    let text = unit.service.container.storage_opt.get("size")?;
    let path = format!("{}.storage_opt.size", unit.path);
    let Some(size) = docker_bytes(text) else {
        notes.error(path, "Invalid", format!("`{text}` is no size: write it like `10G`"));
        return None;
    };
    notes.approximated(path, "a pod that writes more is evicted, where Docker would refuse the write");
    Some(Amount::bytes(size))
}

fn cpus(cpus: f64) -> Option<Amount> {
    (cpus > 0.0).then(|| Amount::cpus(cpus))
}

fn bytes(bytes: i64) -> Option<Amount> {
    (bytes > 0).then(|| Amount::bytes(bytes))
}

/// 1024 shares are one processor's worth, as in the kubelet.
fn shares(shares: i64) -> Option<Amount> {
    #[allow(clippy::cast_precision_loss, reason = "shares are at most 262144")]
    (shares > 0).then(|| Amount::cpus(shares as f64 / 1024.0))
}

fn quantities(amounts: BTreeMap<String, Amount>) -> Option<BTreeMap<String, Quantity>> {
    (!amounts.is_empty()).then(|| amounts.into_iter().map(|(name, amount)| (name, amount.canonical())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::ComposeStackSpec;
    use crate::translate::fixture;

    fn resources_of(service: &str, change: impl FnOnce(&mut ComposeStackSpec)) -> (String, String, Vec<String>) {
        let stack = fixture::stack_with(change);
        fixture::with_stack(&format!("services: {{web: {{image: x, {service}}}}}"), &stack, |context, notes| {
            let resources = resources(context, &context.units["web"], notes);
            let text = |map: Option<BTreeMap<String, Quantity>>| {
                map.unwrap_or_default().iter().map(|(k, v)| format!("{k}={}", v.0)).collect::<Vec<_>>().join(" ")
            };
            (text(resources.limits), text(resources.requests), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn a_limit_reserves_nothing_of_its_size() {
        let (limits, requests, _) =
            resources_of("deploy: {resources: {limits: {cpus: 0.5, memory: \"536870912\"}}}", |_| {});
        assert_eq!(limits, "cpu=500m memory=512Mi");
        assert_eq!(requests, "cpu=10m memory=32Mi");
    }

    #[test]
    fn a_few_of_those_without_requests_are_named() {
        let services: Vec<String> = (0..9).map(|number| format!("s{number}: {{image: x}}")).collect();
        fixture::with(&format!("services: {{{}}}", services.join(", ")), |context, notes| {
            note_requests(context, notes);
            let note = std::mem::take(notes).sorted().remove(0);
            assert!(note.message.starts_with("nothing is reserved for s0, s1, s2, s3, s4 and 4 more: "), "{note:?}");
        });
    }

    #[test]
    fn no_swap_is_what_nodes_give() {
        let noted = |text: &str| resources_of(text, |_| {}).2;
        assert_eq!(noted("mem_limit: \"1048576\", memswap_limit: \"1048576\""), Vec::<String>::new());
        for text in ["mem_limit: \"1048576\", memswap_limit: \"2097152\"", "memswap_limit: \"-1\""] {
            assert_eq!(noted(text), ["services.web.memswap_limit: Approximated"]);
        }
    }

    #[test]
    fn a_request_never_exceeds_the_limit() {
        let (_, requests, _) = resources_of("mem_limit: \"16777216\", cpus: 0.005", |_| {});
        assert_eq!(requests, "cpu=5m memory=16Mi");
    }

    #[test]
    fn reservations_win_over_shares_and_defaults() {
        let (limits, requests, _) = resources_of(
            "cpu_shares: 512, cpu_quota: 50000, mem_limit: \"1073741824\", mem_reservation: \"268435456\"",
            |spec| spec.resources.default_requests = [("memory".to_owned(), "64Mi".to_owned())].into(),
        );
        assert_eq!(limits, "cpu=500m memory=1Gi");
        assert_eq!(requests, "cpu=500m memory=256Mi");
        let (_, requests, _) = resources_of("mem_limit: \"1073741824\"", |spec| {
            spec.resources.request_from_limit = Some("0.25".to_owned());
        });
        assert_eq!(requests, "cpu=10m memory=256Mi");
    }
}
