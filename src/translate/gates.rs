//! What a service waits for, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Context, Unit};
use super::kind::Kind;
use super::notes::Notes;
use super::plan::{Gate, GateCondition, Workload};
use super::probe::is_checked;
use super::shared_pod;
use crate::compose::model::DependencyCondition;

/// The gates of a pod: the `depends_on` of its services, without what has no containers.
pub(super) fn gates(context: &Context, unit: &Unit, notes: &mut Notes) -> Vec<Gate> {
    let mut gates: Vec<Gate> = Vec::new();
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        for gate in own(context, unit, notes) {
            let same = |other: &&mut Gate| other.service == gate.service && other.condition == gate.condition;
            match gates.iter_mut().find(same) {
                Some(other) => other.required |= gate.required,
                None => gates.push(gate),
            }
        }
    }
    gates
}

fn own(context: &Context, unit: &Unit, notes: &mut Notes) -> Vec<Gate> {
    let mut gates = Vec::new();
    for (name, dependency) in &unit.service.workload.depends_on {
        let path = || format!("{}.depends_on.{name}", unit.path);
        let Some(target) = context.units.get(name.as_str()) else { continue };
        if target.host == unit.host {
            if dependency.condition != DependencyCondition::Started {
                notes.approximated(
                    path(),
                    format!("does not wait for `{name}`, which is in the same pod: both start at once"),
                );
            }
            continue;
        }
        if waits_for(context, target.host, unit.host) {
            notes.rejected(
                path(),
                format!(
                    "`{name}` waits for `{}`, in whose pod this service is: a pod cannot wait for what waits for it",
                    unit.host
                ),
            );
            continue;
        }
        if target.kind == Kind::CronJob {
            notes.rejected(
                path(),
                "a job cannot wait for another one, which runs at times of its own: join them into one",
            );
            continue;
        }
        if unit.kind == Kind::CronJob {
            notes.approximated(
                path(),
                format!("the job's schedule begins once `{name}` is that far; a single run does not wait for it again"),
            );
        }
        // Docker Compose waits for no container of a service that is scaled to none.
        if target.replicas() == Some(0) {
            continue;
        }
        let condition = match dependency.condition {
            DependencyCondition::Started => GateCondition::Started,
            DependencyCondition::CompletedSuccessfully => GateCondition::Complete,
            DependencyCondition::Healthy => {
                if !is_checked(context, target.service) {
                    let image = if context.image(target.service).is_some() {
                        "its image has none either"
                    } else {
                        "what its image has is not known"
                    };
                    notes.error(
                        format!("{}.condition", path()),
                        "NoHealthCheck",
                        format!(
                            "`{name}` has no healthcheck that could pass, and {image}: give it one, or wait for \
                             `service_started`"
                        ),
                    );
                }
                GateCondition::Ready
            }
        };
        gates.push(Gate { service: target.host.to_owned(), condition, required: dependency.required });
    }
    gates
}

/// Whether a pod waits for another one, directly or over others.
fn waits_for(context: &Context, from: &str, to: &str) -> bool {
    // Where pods can be put in order, none waits for what waits for it.
    if !context.in_rings.contains(from) {
        return false;
    }
    let (mut seen, mut left) = (BTreeSet::from([from]), vec![from]);
    while let Some(host) = left.pop() {
        for upon in waited_for(&context.units, context.in_pod(host)) {
            if upon == to {
                return true;
            }
            if seen.insert(upon) {
                left.push(upon);
            }
        }
    }
    false
}

/// The pods that the pod of these services waits for.
fn waited_for<'c, 'a: 'c>(
    units: &'c BTreeMap<&'a str, Unit<'a>>,
    pod: impl Iterator<Item = &'c Unit<'a>>,
) -> impl Iterator<Item = &'a str> {
    pod.flat_map(move |unit| {
        let targets = unit.service.workload.depends_on.keys().filter_map(|name| units.get(name.as_str()));
        targets.map(|target| target.host).filter(|host| *host != unit.host)
    })
}

/// The pods that wait for each other in a ring, or for some that do. `pods` are the services of each.
pub(super) fn in_rings<'a>(
    units: &BTreeMap<&'a str, Unit<'a>>,
    pods: &BTreeMap<&'a str, Vec<&'a str>>,
) -> BTreeSet<&'a str> {
    let hosts: Vec<&str> = pods.keys().copied().collect();
    let mut queue = Queue::new(pods.values().map(|keys| {
        let upon = waited_for(units, keys.iter().filter_map(|key| units.get(key)));
        upon.filter_map(|target| hosts.binary_search(&target).ok()).collect()
    }));
    let mut free = queue.free();
    while let Some(place) = free.pop() {
        free.extend(queue.freed_by(place));
    }
    queue.stuck().map(|place| hosts[place]).collect()
}

/// Those that wait for others of their list, told by their places in it: so that no round looks at all of them again.
struct Queue {
    /// How many each one waits for still.
    missing: Vec<usize>,
    /// Who waits for each one.
    followers: Vec<Vec<usize>>,
}

impl Queue {
    /// Given whom each one waits for.
    fn new(waits: impl ExactSizeIterator<Item = Vec<usize>>) -> Self {
        let mut missing = Vec::with_capacity(waits.len());
        let mut followers = vec![Vec::new(); waits.len()];
        for (place, mut upon) in waits.enumerate() {
            upon.sort_unstable();
            upon.dedup();
            missing.push(upon.len());
            for other in upon {
                followers[other].push(place);
            }
        }
        Self { missing, followers }
    }

    /// Those that wait for nobody.
    fn free(&self) -> Vec<usize> {
        (0..self.missing.len()).filter(|place| self.missing[*place] == 0).collect()
    }

    /// Those that waited for this one, and wait for nobody else.
    fn freed_by(&mut self, place: usize) -> impl Iterator<Item = usize> {
        let followers = std::mem::take(&mut self.followers[place]);
        followers.into_iter().filter(|follower| {
            self.missing[*follower] -= 1;
            self.missing[*follower] == 0
        })
    }

    /// Those whose turn never came.
    fn stuck(&self) -> impl Iterator<Item = usize> {
        self.missing.iter().enumerate().filter(|(_, missing)| **missing > 0).map(|(place, _)| place)
    }
}

/// The workloads, each after those that its gates name, and by name where that leaves a choice.
pub(super) fn in_order(workloads: Vec<Workload>) -> Vec<Workload> {
    let waits: Vec<_> = workloads.iter().map(|workload| (workload.service.as_str(), &*workload.gates)).collect();
    let order = order(&waits);
    let mut waiting: Vec<Option<Workload>> = workloads.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| waiting[index].take()).collect()
}

/// The numbers of workloads, which are told by their names and gates, in that order.
pub(super) fn order(workloads: &[(&str, &[Gate])]) -> Vec<usize> {
    let mut by_name: Vec<usize> = (0..workloads.len()).collect();
    by_name.sort_by_key(|index| workloads[*index].0);
    let place_of = |name: &str| by_name.binary_search_by(|index| workloads[*index].0.cmp(name)).ok();
    let gates = by_name.iter().map(|index| workloads[*index].1);
    let mut queue = Queue::new(gates.map(|gates| gates.iter().filter_map(|gate| place_of(&gate.service)).collect()));
    let mut next = queue.free();
    let mut ordered = Vec::with_capacity(workloads.len());
    while !next.is_empty() {
        let mut after = Vec::new();
        for place in next {
            after.extend(queue.freed_by(place));
            ordered.push(by_name[place]);
        }
        after.sort_unstable();
        next = after;
    }
    // A cycle, which the loader refuses: better all of them than none.
    ordered.extend(queue.stuck().map(|place| by_name[place]));
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn gates_of(db: &str, condition: &str) -> (Vec<Gate>, Vec<String>) {
        let text = format!(
            "services: {{web: {{image: x, depends_on: {{db: {{condition: {condition}, required: false}}, gone: \
             {{condition: service_started}}}}}}, db: {{image: x, {db}}}}}"
        );
        fixture::with(&text, |context, notes| {
            let gates = gates(context, &context.units["web"], notes);
            (gates, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn conditions_become_gates() {
        for (condition, expected) in [
            ("service_started", GateCondition::Started),
            ("service_healthy", GateCondition::Ready),
            ("service_completed_successfully", GateCondition::Complete),
        ] {
            let (gates, notes) = gates_of("healthcheck: {test: [CMD, x]}", condition);
            assert_eq!(gates, [Gate { service: "db".to_owned(), condition: expected, required: false }]);
            assert_eq!(notes, Vec::<String>::new());
        }
    }

    #[test]
    fn a_service_without_a_check_never_gets_healthy() {
        for db in ["", "healthcheck: {test: [NONE]}"] {
            let (_, notes) = gates_of(db, "service_healthy");
            assert_eq!(notes, ["services.web.depends_on.db.condition: Error"]);
        }
    }

    #[test]
    fn nobody_waits_for_a_service_scaled_to_none() {
        assert_eq!(gates_of("scale: 0", "service_started").0, []);
    }
}
