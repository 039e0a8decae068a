//! What the status says of services and volumes.

use std::collections::BTreeMap;

use super::Owner;
use super::error::short;
use super::kind::Kind;
use super::live::LiveStore;
use super::readiness::{ClaimFacts, Facts};
use super::standing::is_ours;
use super::view::View;
use super::wanted::WantedWorkload;
use crate::api::v1alpha1::{Reclaim, ServiceStatus, VolumeStatus};
use crate::translate::{Claim, GateCondition};

/// What a pass has to say about a service beyond what is live.
#[derive(Clone, Debug, Default)]
pub(super) struct Remark {
    pub waiting_for: Vec<String>,
    pub message: Option<String>,
    pub failed: Option<String>,
    pub rolled_back: Option<String>,
}

/// What there is to say about services.
#[derive(Debug, Default)]
pub(super) struct Reported {
    pub services: Vec<ServiceStatus>,
    pub gave_up: Vec<String>,
    pub rolled_back: Vec<String>,
}

/// The services, by name, with those that gave up and those that went back from an update.
pub(super) fn report_services(
    live: &LiveStore,
    owner: &Owner,
    views: &[(&WantedWorkload<'_>, View)],
    remarks: &BTreeMap<String, Remark>,
) -> Reported {
    let Reported { mut services, mut gave_up, mut rolled_back } = Reported::default();
    let is_awaited = |service: &str| {
        let gates = views.iter().flat_map(|(workload, _)| &workload.workload.gates);
        gates.clone().any(|gate| gate.service == service && gate.condition == GateCondition::Complete)
    };
    for (workload, view) in views {
        let service = &workload.workload.service;
        let remark = remarks.get(service).cloned().unwrap_or_default();
        let (state, message) = state(workload.wanted.kind, view, &remark, is_awaited(service));
        let message = message.map(|message| short(&message));
        let told = || format!("{service}: {}", message.as_deref().unwrap_or_default());
        match state {
            "Failed" => gave_up.push(told()),
            "RolledBack" => rolled_back.push(told()),
            _ => {}
        }
        let counts = |counts: &dyn Fn(&str) -> bool| {
            let (kind, name) = view.reported.as_ref()?;
            live.reports().counts(&owner.namespace, (kind, name), counts)
        };
        let members = &workload.workload.members;
        let status = ServiceStatus {
            name: service.clone(),
            kind: workload.wanted.kind.to_string(),
            image: workload.workload.image.clone(),
            digest: view.digest.clone(),
            desired: view.desired,
            ready: view.ready,
            state: state.to_owned(),
            message,
            waiting_for: remark.waiting_for,
            endpoints: endpoints(live, owner, &workload.wanted.name),
            discovery: workload.workload.discovery.map(str::to_owned),
            // What is in its pods beside it serves it.
            vulnerabilities: counts(&|container| members.iter().all(|member| member.name != container)),
        };
        // Containers of one pod are ready, or held back, together.
        services.extend(members.iter().map(|member| ServiceStatus {
            name: member.service.clone(),
            image: member.image.clone(),
            digest: None,
            endpoints: endpoints(live, owner, &member.name),
            discovery: member.discovery.map(str::to_owned),
            vulnerabilities: counts(&|container| container == member.name),
            ..status.clone()
        }));
        services.push(status);
    }
    services.sort_by(|one, other| one.name.cmp(&other.name));
    Reported { services, gave_up, rolled_back }
}

fn state(kind: Kind, view: &View, remark: &Remark, is_awaited: bool) -> (&'static str, Option<String>) {
    if let Some(failure) = &remark.failed {
        return ("Failed", Some(failure.clone()));
    }
    // What is back may be in trouble as well, but it is not what was asked for either way.
    if let Some(message) = &remark.rolled_back {
        let message = match &view.failed {
            Some(failure) => format!("{message}; since then: {failure}"),
            None => message.clone(),
        };
        return ("RolledBack", Some(message));
    }
    if let Some(failure) = &view.failed {
        let message = match &view.problem {
            Some(problem) => format!("{failure} ({problem})"),
            None => failure.clone(),
        };
        return ("Failed", Some(message));
    }
    if remark.message.is_some() || !remark.waiting_for.is_empty() {
        return ("Waiting", remark.message.clone());
    }
    if view.complete {
        return ("Completed", None);
    }
    if !view.exists {
        return ("Pending", None);
    }
    // A Job that nothing waits for is as far as it has to be once it runs.
    let runs = kind == Kind::Job && view.started && !is_awaited;
    if kind != Kind::Job && view.current || runs && view.problem.is_none() {
        return ("Ready", None);
    }
    ("Progressing", view.problem.clone().or_else(|| view.missing.clone()))
}

fn endpoints(live: &LiveStore, owner: &Owner, name: &str) -> Vec<String> {
    let of = |kind, name: &str| live.get(kind, &owner.namespace, name).filter(|live| is_ours(owner, kind, live));
    let mut endpoints = Vec::new();
    for kind in [Kind::Ingress, Kind::HttpRoute] {
        if let Some(live) = of(kind, name)
            && let Facts::Routes(urls) = &live.facts
        {
            endpoints.extend(urls.iter().cloned());
        }
    }
    if let Some(live) = of(Kind::Service, &format!("{name}-published"))
        && let Facts::Service(service) = &live.facts
    {
        endpoints.extend(service.endpoints.iter().cloned());
    }
    endpoints
}

/// The volumes, by name.
pub(super) fn report_volumes(live: &LiveStore, owner: &Owner, claims: &[Claim]) -> Vec<VolumeStatus> {
    let mut volumes: Vec<_> = claims
        .iter()
        .map(|claim| {
            let live = live.get(Kind::PersistentVolumeClaim, &owner.namespace, &claim.name);
            let ClaimFacts { phase, capacity, requested: _, seed: _, shared: _ } =
                match live.as_ref().map(|live| &live.facts) {
                    Some(Facts::Claim(facts)) => (**facts).clone(),
                    _ => ClaimFacts::default(),
                };
            // An owner takes its claims along.
            let is_owned = claim.object.as_ref().is_some_and(|object| {
                object.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty())
            });
            let reclaim_policy = if is_owned { Reclaim::Delete } else { Reclaim::Retain };
            VolumeStatus { name: claim.volume.clone(), claim: claim.name.clone(), phase, capacity, reclaim_policy }
        })
        .collect();
    volumes.sort_by(|one, other| one.name.cmp(&other.name));
    volumes
}
