//! One pass over a plan.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};
use k8s_openapi::jiff::Timestamp;
use kube::api::PropagationPolicy;
use tracing::{Instrument, info_span};

use super::bring::{Brought, failed};
use super::error::ApplyError;
use super::gate::{Passage, ask};
use super::held_up::HeldUp;
use super::inventory::{entry, records, surplus};
use super::kind::Kind;
use super::live::Observed;
use super::look::{Looked, look};
use super::outcome::{Action, Change, Conflict, Outcome};
use super::readiness::Facts;
use super::record::Record;
use super::report::{Remark, report_services, report_volumes};
use super::rollout::Course;
use super::send::Sender;
use super::standing::{Standing, is_ours, is_owned};
use super::view::Scene;
use super::wanted::{Tiers, Wanted, WantedWorkload};
use super::{Owner, Request};
use crate::api::names::TRACE_TARGET;
use crate::translate::{Gate, Plan};

/// How many requests of a stack are under way at once: a stack may not crowd out the others.
const CONCURRENCY: usize = 4;

/// What a pass has come to know.
pub(super) struct Pass<'a> {
    sender: Sender<'a>,
    request: Request<'a>,
    records: BTreeMap<&'a str, Record>,
    /// What is to be remembered, by inventory id.
    next: BTreeMap<String, (Kind, String, Record)>,
    /// What there is to say about services.
    remarks: BTreeMap<String, Remark>,
    /// Why workloads could not be applied, by their names.
    failures: BTreeMap<String, String>,
    /// Services of which everything is applied.
    settled: BTreeSet<String>,
    /// Why no workload may start new pods.
    held: Option<String>,
    /// The last good revisions of workloads whose updates may go back, by inventory id.
    good: BTreeMap<String, String>,
    /// Workloads that go back from an update, by inventory id: gates do not hold back what ran before.
    back: BTreeSet<String>,
    /// Workloads that are left as they are, by inventory id.
    left: BTreeSet<String>,
    outcome: Outcome,
}

impl<'a> Pass<'a> {
    pub fn new(sender: Sender<'a>, request: Request<'a>) -> Self {
        Self {
            sender,
            request,
            records: records(request.inventory),
            next: BTreeMap::new(),
            remarks: BTreeMap::new(),
            failures: BTreeMap::new(),
            settled: BTreeSet::new(),
            held: None,
            good: BTreeMap::new(),
            back: BTreeSet::new(),
            left: BTreeSet::new(),
            outcome: Outcome::default(),
        }
    }

    pub async fn run(mut self) -> Outcome {
        let plan: &'a Plan = self.request.plan;
        let mut tiers = Tiers::of(plan, self.sender.live.key());
        let external = tiers.external_claims.iter().map(|claim| claim.name.as_str()).collect();
        self.sender.live.uses(&self.owner().namespace, &self.owner().name, &external);
        self.outcome.errors.extend(tiers.errors.iter().cloned());
        self.rollouts(&mut tiers.workloads).await;
        self.ask_pods();
        // Every name is looked at before anything is sent: half a stack beside a stranger's objects helps nobody.
        let (owner, left) = (self.owner(), self.left.clone());
        let wanted = tiers.all().filter(|wanted| !left.contains(&wanted.id(owner)));
        let looked = self.look(wanted).instrument(info_span!(target: TRACE_TARGET, "look")).await;
        if self.outcome.conflicts.is_empty() && self.outcome.errors.is_empty() && !self.outcome.terminating {
            self.objects(&tiers, &looked).await;
            self.external_claims(&tiers).await;
            if !self.outcome.terminating {
                self.workloads(&tiers, &looked).await;
            }
        }
        self.finish(&tiers).await
    }

    /// Puts the last good template in place of one that failed, and makes room beside pods that may fail.
    async fn rollouts(&mut self, workloads: &mut [WantedWorkload<'a>]) {
        for workload in workloads {
            let Some(rollout) = &workload.workload.rollout else { continue };
            let (service, id) = (&workload.workload.service, workload.wanted.id(self.owner()));
            let record = self.records.get(id.as_str());
            let judged = match self.sender.judge(workload, rollout, record, Timestamp::now()).await {
                Ok(judged) => judged,
                Err(failure) => {
                    self.note(&workload.wanted, failed(failure, &workload.wanted));
                    continue;
                }
            };
            let again = judged.again.into_iter().chain(self.outcome.again);
            self.outcome.again = again.min();
            self.good.extend(judged.good.map(|good| (id.clone(), good)));
            let (key, remark) = (self.sender.live.key(), self.remarks.entry(service.clone()).or_default());
            match judged.course {
                Course::On { beside, stopped } => {
                    remark.failed = stopped;
                    if beside > 0 {
                        workload.wanted = workload.wanted.beside(key, beside);
                    }
                }
                Course::Back { template, rolled_back } => {
                    workload.wanted = workload.wanted.back(key, rollout, &template, &rolled_back);
                    remark.rolled_back = Some(rolled_back.message);
                    self.back.insert(id);
                }
                Course::Leave(message) => {
                    remark.failed = Some(message);
                    self.left.insert(id);
                }
            }
        }
    }

    /// Looks after generated Secrets where pods do not start.
    fn ask_pods(&mut self) {
        if self.request.plan.secrets.is_empty() || self.sender.live.watches(Kind::Secret) {
            return;
        }
        let held_up = HeldUp::of(Scene::of(self.sender.live, self.owner()).standing_pods(), Timestamp::now());
        self.request.verify |= held_up.verify;
        self.outcome.again = held_up.again.into_iter().chain(self.outcome.again).min();
    }

    fn owner(&self) -> &'a Owner {
        self.sender.owner
    }

    fn record(&self, wanted: &Wanted) -> Option<&Record> {
        self.records.get(wanted.id(self.owner()).as_str())
    }

    async fn look<'w>(&mut self, wanted: impl Iterator<Item = &'w Wanted>) -> BTreeMap<String, Looked<'w>> {
        let looks = wanted.map(|wanted| {
            let (sender, request, record) = (self.sender, self.request, self.record(wanted).cloned());
            async move { (wanted, look(sender, wanted, record.as_ref(), request).await) }
        });
        // In order, so that messages keep theirs.
        let looks: Vec<_> = stream::iter(looks.collect::<Vec<_>>()).buffered(CONCURRENCY).collect().await;
        let mut looked = BTreeMap::new();
        for (wanted, result) in looks {
            match result {
                Ok(look) => {
                    if let Standing::Foreign(reason) = &look.standing {
                        let (kind, name, reason) = (wanted.kind, wanted.name.clone(), reason.clone());
                        self.outcome.conflicts.push(Conflict { kind, name, reason });
                    }
                    looked.insert(wanted.id(self.owner()), look);
                }
                Err(brought) => self.note(wanted, brought),
            }
        }
        looked
    }

    /// Configuration, claims, network policies and Services, tier by tier.
    async fn objects(&mut self, tiers: &Tiers<'a>, looked: &BTreeMap<String, Looked<'_>>) {
        for tier in &tiers.objects {
            if tier.is_empty() {
                continue;
            }
            let owner = self.owner();
            let span = info_span!(target: TRACE_TARGET, "apply objects", compose_operator.kinds = kinds(tier));
            self.bring(tier.iter().filter_map(|wanted| looked.get(&wanted.id(owner)))).instrument(span).await;
        }
        if let Some(error) = self.outcome.errors.first() {
            self.held = Some(format!("held back, for {} {} could not be applied", error.kind, error.name));
        } else if let Some(conflict) = self.outcome.conflicts.first() {
            self.held = Some(format!("held back, for {} {} is somebody else's", conflict.kind, conflict.name));
        }
    }

    async fn external_claims(&mut self, tiers: &Tiers<'a>) {
        for claim in &tiers.external_claims {
            let kind = Kind::PersistentVolumeClaim;
            let known = self.sender.live.get(kind, &self.owner().namespace, &claim.name);
            let is_told = self.sender.live.is_told(kind, &self.owner().namespace);
            if known.is_some() && is_told && !self.request.verify {
                continue;
            }
            match self.sender.read(kind, &claim.name).await {
                Ok(Some(_)) => {}
                Ok(None) => {
                    if let Some(known) = known {
                        self.sender.live.remove(kind, &self.owner().namespace, &claim.name, &known.uid);
                    }
                    let missing = format!("PersistentVolumeClaim {} of external volume {}", claim.name, claim.volume);
                    self.outcome.waiting.push(format!("{missing} does not exist; create it"));
                    self.held = Some(format!("waits for {missing}"));
                }
                Err(failure) => self.outcome.errors.extend(failure.on(kind, &claim.name)),
            }
        }
    }

    async fn workloads(&mut self, tiers: &Tiers<'a>, looked: &BTreeMap<String, Looked<'_>>) {
        let levels = tiers.workloads.iter().map(|workload| workload.level).max().unwrap_or_default();
        for level in 0..=levels {
            let wave = info_span!(target: TRACE_TARGET, "apply workloads", compose_operator.wave = level);
            // Looked at anew for each level: the one before may have changed what the gates of this one ask for.
            let scene = Scene::of(self.sender.live, self.owner());
            let mut ready = Vec::new();
            for workload in tiers.workloads.iter().filter(|workload| workload.level == level) {
                let id = workload.wanted.id(self.owner());
                let Some(look) = looked.get(&id) else { continue };
                // What ran before and was deleted waits for no gate, but for what it cannot run without or beside.
                let is_gone = look.standing == Standing::Create;
                let holds_nothing = !look.changes_pods && !is_gone || self.back.contains(&id);
                let gates = if look.changes_pods { &workload.workload.gates[..] } else { &[] };
                if holds_nothing
                    || self.may_start(workload, gates, tiers, &scene)
                        && self.is_alone(workload).instrument(wave.clone()).await
                {
                    ready.push((workload, look));
                }
            }
            let brought = self.bring(ready.iter().map(|(_, look)| *look)).instrument(wave).await;
            for (workload, _) in ready {
                if brought.contains(&workload.wanted.id(self.owner())) {
                    self.settled.insert(workload.workload.service.clone());
                }
            }
        }
    }

    /// Asks the gates of a workload that is to start new pods.
    fn may_start(
        &mut self,
        workload: &WantedWorkload<'a>,
        gates: &[Gate],
        tiers: &Tiers<'a>,
        scene: &Scene<'_>,
    ) -> bool {
        let service = &workload.workload.service;
        if let Some(held) = &self.held {
            self.outcome.waiting.push(format!("{service} {held}"));
            self.remarks.entry(service.clone()).or_default().message = Some(held.clone());
            return false;
        }
        let mut open = true;
        if !workload.workload.lacks.is_empty() {
            open = false;
            let waits = format!("waits for {}", workload.workload.lacks.join(", "));
            self.outcome.waiting.push(format!("{service} {waits}"));
            self.remarks.entry(service.clone()).or_default().message = Some(waits);
        }
        for gate in gates {
            let dependency = tiers.workloads.iter().find(|other| other.workload.service == gate.service);
            let view = dependency.map(|other| scene.view(&other.wanted, self.record(&other.wanted)));
            let settled = self.settled.contains(&gate.service);
            let passage = ask(gate, view.as_ref(), settled);
            let remark = self.remarks.entry(service.clone()).or_default();
            match passage {
                Passage::Open => {}
                Passage::Closed(missing) => {
                    open = false;
                    let condition = format!("{}: {}", gate.service, gate.condition.as_str());
                    self.outcome.waiting.push(format!("{service} waits for {condition}, {missing}"));
                    remark.waiting_for.push(condition);
                }
                Passage::Blocked(failure) => {
                    open = false;
                    remark.failed = Some(format!("not started, for {} failed: {failure}", gate.service));
                    remark.waiting_for.push(format!("{}: {}", gate.service, gate.condition.as_str()));
                }
            }
        }
        open
    }

    /// A service that became another kind of workload: the old one and its pods have to be gone, or two would write to
    /// one volume.
    async fn is_alone(&mut self, workload: &WantedWorkload<'a>) -> bool {
        let (name, service) = (&workload.wanted.name, &workload.workload.service);
        for kind in Kind::WORKLOADS.into_iter().filter(|kind| *kind != workload.wanted.kind) {
            let Some(live) = self.sender.live.get(kind, &self.owner().namespace, name) else { continue };
            if !is_ours(self.owner(), kind, &live) {
                continue;
            }
            if !live.deleting {
                match self.sender.delete(kind, name, &live.seen(), PropagationPolicy::Foreground).await {
                    Ok(_) => {
                        self.outcome.changes.push(Change { kind, name: name.clone(), action: Action::Replaced });
                    }
                    Err(failure) => self.note(&workload.wanted, failed(failure, &workload.wanted)),
                }
            }
            let waits = format!("waits for its former {kind} to be gone");
            self.outcome.waiting.push(format!("{service} {waits}"));
            self.remarks.entry(service.clone()).or_default().message = Some(waits);
            return false;
        }
        true
    }

    /// Brings children to where they are to be, all at once, and returns the ids of those that got there.
    async fn bring<'w>(&mut self, looked: impl Iterator<Item = &'w Looked<'w>>) -> BTreeSet<String> {
        let work = looked.map(|look| {
            let (sender, record) = (self.sender, self.record(look.wanted).cloned());
            async move { (look.wanted, sender.bring(look.wanted, &look.standing, record.as_ref()).await) }
        });
        let brought: Vec<_> = stream::iter(work.collect::<Vec<_>>()).buffered(CONCURRENCY).collect().await;
        let mut there = BTreeSet::new();
        for (wanted, brought) in brought {
            if matches!(brought, Brought::Same | Brought::Sent(..) | Brought::Left(_)) {
                there.insert(wanted.id(self.owner()));
            }
            self.note(wanted, brought);
        }
        there
    }

    fn note(&mut self, wanted: &Wanted, brought: Brought) {
        let (kind, name) = (wanted.kind, wanted.name.clone());
        match brought {
            Brought::Same => {}
            Brought::Left(record) => {
                self.next.insert(wanted.id(self.owner()), (kind, name, record));
            }
            Brought::Sent(action, record) => {
                let id = wanted.id(self.owner());
                let is_back = action == Action::Configured && self.back.contains(&id);
                let action = if is_back { Action::Reverted } else { action };
                self.next.insert(id, (kind, name.clone(), record));
                self.outcome.changes.push(Change { kind, name, action });
            }
            Brought::Replacing(what) => {
                self.outcome.changes.push(Change { kind, name, action: Action::Replaced });
                self.outcome.waiting.push(what);
            }
            Brought::Waiting { what, holds } => {
                if holds && !kind.is_workload() {
                    self.held = Some(format!("held back, for {what}"));
                }
                self.outcome.waiting.push(what);
            }
            Brought::Conflict(conflict) => self.outcome.conflicts.push(conflict),
            Brought::Failed(error) => self.fail(error),
            Brought::Terminating => self.outcome.terminating = true,
        }
    }

    fn fail(&mut self, error: ApplyError) {
        if error.kind.is_workload() {
            self.failures.insert(error.name.clone(), error.message.clone());
        }
        self.outcome.errors.push(error);
    }

    async fn finish(mut self, tiers: &Tiers<'a>) -> Outcome {
        let owner = self.owner();
        if self.outcome.terminating {
            return Outcome { inventory: self.request.inventory.to_vec(), terminating: true, ..Outcome::default() };
        }
        for wanted in tiers.all() {
            self.remember(wanted);
        }
        for workload in &tiers.workloads {
            if let Some(failure) = self.failures.remove(&workload.wanted.name) {
                self.remarks.entry(workload.workload.service.clone()).or_default().failed = Some(failure);
            }
        }
        let wanted: BTreeSet<String> = tiers.all().map(|wanted| wanted.id(owner)).collect();
        let labelled = self.sender.live.of_stack(&owner.namespace, &owner.name);
        let labelled = labelled.into_iter().filter(|(kind, _, live)| is_ours(owner, *kind, live));
        let labelled = labelled.map(|(kind, name, _)| (kind, name));
        let surplus = surplus(self.request.inventory, labelled, &wanted, &owner.namespace);
        self.disown(&surplus).await;
        let survivors = self.prune(surplus, tiers).await;
        for (_, name) in survivors.iter().filter(|(kind, _)| *kind == Kind::PersistentVolumeClaim) {
            let live = self.sender.live.get(Kind::PersistentVolumeClaim, &owner.namespace, name);
            let goes = live.is_some_and(|live| is_owned(owner, &live));
            let claims = if goes { &mut self.outcome.owned_claims } else { &mut self.outcome.left_claims };
            claims.push(name.clone());
        }
        for (kind, name) in survivors {
            let id = super::inventory::id(&owner.namespace, &name, kind);
            let record = self.records.get(id.as_str()).cloned().unwrap_or_default();
            self.next.insert(id, (kind, name, record));
        }
        // Entries of kinds that this version does not know are another version's to prune.
        let unknown = self.request.inventory.iter().filter(|entry| super::inventory::object(entry).is_none()).cloned();
        self.outcome.inventory = self
            .next
            .values()
            .map(|(kind, name, record)| entry(&owner.namespace, name, *kind, record))
            .chain(unknown)
            .collect();
        self.outcome.inventory.sort();

        let scene = Scene::of(self.sender.live, owner);
        let views = tiers.workloads.iter().map(|workload| {
            let record = self.next.get(&workload.wanted.id(owner)).map(|(_, _, record)| record);
            (workload, scene.view(&workload.wanted, record))
        });
        let views: Vec<_> = views.collect();
        let reported = report_services(self.sender.live, owner, &views, &self.remarks);
        self.outcome.services = reported.services;
        self.outcome.failed = reported.gave_up;
        self.outcome.rolled_back = reported.rolled_back;
        self.outcome.volumes = report_volumes(self.sender.live, owner, &self.request.plan.claims);
        self.outcome
    }

    /// What the inventory says of a child that nothing was sent for.
    fn remember(&mut self, wanted: &Wanted) {
        let owner = self.owner();
        let id = wanted.id(owner);
        let live = self.sender.live.get(wanted.kind, &owner.namespace, &wanted.name);
        let live = live.filter(|live| is_ours(owner, wanted.kind, live));
        let old = self.records.get(id.as_str()).cloned();
        let record = match (self.next.remove(&id), old, &live) {
            (Some((_, _, record)), _, _) | (None, Some(record), _) => Some(record),
            (None, None, Some(live)) => Some(rebuilt(live)),
            (None, None, None) => None,
        };
        let Some(mut record) = record else { return };
        record.good = self.good.get(&id).cloned();
        if let Some(Observed { facts: Facts::Job(job), applied: Some(applied), .. }) = live.as_deref() {
            record.done = job.complete && applied.template == record.applied.template;
        }
        self.next.insert(id, (wanted.kind, wanted.name.clone(), record));
    }

    /// Claims that left the plan are in no tier, so that what is asked for them by now is done here. It is no pruning, and
    /// trouble elsewhere does not hold it back: somebody may delete the stack for it.
    async fn disown(&mut self, surplus: &BTreeSet<(Kind, String)>) {
        if !self.request.retain || !self.outcome.conflicts.is_empty() {
            return;
        }
        let kind = Kind::PersistentVolumeClaim;
        for (_, name) in surplus.iter().filter(|(of, _)| *of == kind) {
            match self.sender.disown(name).await {
                Ok(true) => {
                    self.outcome.changes.push(Change { kind, name: name.clone(), action: Action::Configured });
                }
                Ok(false) => {}
                Err(failure) => self.outcome.errors.extend(failure.on(kind, name)),
            }
        }
    }

    async fn prune(&mut self, mut surplus: BTreeSet<(Kind, String)>, tiers: &Tiers<'a>) -> BTreeSet<(Kind, String)> {
        if !self.request.prune || !self.outcome.conflicts.is_empty() || !self.outcome.errors.is_empty() {
            return surplus;
        }
        // What a service is still to be changed from runs until its gates let the new one start.
        let waiting = |name: &String| {
            tiers
                .workloads
                .iter()
                .any(|workload| workload.wanted.name == *name && !self.settled.contains(&workload.workload.service))
        };
        let (mut kept, gone): (BTreeSet<_>, BTreeSet<_>) =
            std::mem::take(&mut surplus).into_iter().partition(|(kind, name)| kind.is_workload() && waiting(name));
        let at_rest = self.outcome.changes.is_empty() && !self.request.verify;
        let span = info_span!(target: TRACE_TARGET, "prune");
        let pruned = self.sender.prune(gone, at_rest).instrument(span).await;
        self.outcome.changes.extend(pruned.changes);
        self.outcome.errors.extend(pruned.errors);
        kept.extend(pruned.survivors);
        kept
    }
}

/// The kinds of a tier, for its span.
fn kinds(tier: &[Wanted]) -> String {
    let kinds: BTreeSet<&str> = tier.iter().map(|wanted| wanted.kind.as_str()).collect();
    kinds.into_iter().collect::<Vec<_>>().join(",")
}

/// A lost status: what was applied is in the annotation. What the object was like then is not known, so it is applied
/// once more; a Job that succeeded is remembered as such.
fn rebuilt(live: &Observed) -> Record {
    Record { applied: live.applied.clone().unwrap_or_default(), ..Record::default() }
}
