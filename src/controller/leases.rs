//! What the Leases of the shards tell, and what is to be done about it: pure.
//!
//! A shard is acted for by the process that holds its Lease (<https://kubernetes.io/docs/concepts/architecture/leases/>),
//! which says into how many shards the stacks are divided. Clocks of different machines are never compared: a Lease is free
//! when it has not changed for its whole duration by the clock of the one who looks.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ObjectMeta;

use crate::api::names::{ANNOTATION_SHARDS, ANNOTATION_WANTED_BY};

/// The name of the first shard's Lease, in the operator's own namespace, and what the others' begin with.
pub(super) const LEASE: &str = "compose-operator";
/// How long others leave a Lease alone that does not change.
pub(super) const DURATION: Duration = Duration::from_secs(15);
/// How long who has a shard already leaves a free one to those that have none: longer than the time between two looks.
pub(super) const GRACE: Duration = Duration::from_secs(3);

/// The name of a shard's Lease.
pub(super) fn name(shard: u16) -> String {
    if shard == 0 { LEASE.to_owned() } else { format!("{LEASE}-{shard}") }
}

/// The shard that a Lease is of, by its name.
fn shard(name: &str) -> Option<u16> {
    let rest = name.strip_prefix(LEASE)?;
    if rest.is_empty() {
        return Some(0);
    }
    let number = rest.strip_prefix('-')?;
    number.parse().ok().filter(|shard: &u16| *shard > 0 && shard.to_string() == number)
}

/// The Leases as they were seen last, and since when they have been like that.
#[derive(Debug, Default)]
pub(super) struct Seen {
    versions: HashMap<u16, (Option<String>, Instant)>,
    free: HashMap<u16, Instant>,
}

/// How the shards stand.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Their Leases, also those of shards that there are no longer.
    pub(super) standings: BTreeMap<u16, Standing>,
    /// For how long nobody has acted for a shard.
    pub(super) free: BTreeMap<u16, Duration>,
}

/// A shard's Lease as it stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// The Lease.
    pub(super) lease: Lease,
    /// Who holds it; nobody when it is free.
    pub(super) holder: Option<String>,
    /// Into how many shards its holder divides the stacks.
    pub(super) shards: u16,
}

impl Seen {
    /// Takes in what a list has brought, and tells how each of so many shards stands.
    pub(super) fn look(&mut self, leases: Vec<Lease>, count: u16, now: Instant) -> View {
        let of_shards = leases.into_iter().filter_map(|lease| Some((shard(&lease.name_any())?, lease)));
        let stands = of_shards.map(|(shard, lease)| {
            let version = lease.metadata.resource_version.clone();
            let last = self.versions.entry(shard).or_insert_with(|| (version.clone(), now));
            if last.0 != version {
                *last = (version, now);
            }
            let holder = holder(&lease).filter(|_| !is_free(&lease, now.duration_since(last.1)));
            let shards = lease.annotations().get(ANNOTATION_SHARDS).and_then(|count| count.parse().ok());
            // Operators that did not know of shards say nothing of them.
            (shard, Standing { holder: holder.map(str::to_owned), shards: shards.unwrap_or(1), lease })
        });
        let standings: BTreeMap<u16, Standing> = stands.collect();
        let is_held = |shard: &u16| standings.get(shard).is_some_and(|it| it.holder.is_some());
        self.free.retain(|shard, _| !is_held(shard));
        let free = (0..count).filter(|shard| !is_held(shard));
        let free = free.map(|shard| (shard, now.duration_since(*self.free.entry(shard).or_insert(now)))).collect();
        View { standings, free }
    }
}

/// What a process is to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Nothing.
    Rest,
    /// Take the Lease of a shard.
    Take(u16),
    /// Ask the holder of a shard for it, who has more of them.
    Ask(u16),
    /// Wait for somebody who divides the stacks in another way: this holder, into so many shards.
    Wait(String, u16),
}

impl View {
    /// Who divides the stacks in another way, and into how many shards.
    pub(super) fn divided(&self, count: u16) -> Option<(String, u16)> {
        let other = self.standings.values().find(|it| it.holder.is_some() && it.shards != count)?;
        Some((other.holder.clone().unwrap_or_default(), other.shards))
    }

    /// What the process of this identity is to do, which acts for the shards that it `holds`, looking at them from `start`
    /// on.
    pub(super) fn step(&self, count: u16, identity: &str, start: u16, holds: impl Fn(u16) -> bool) -> Step {
        // Whose shards are others has other stacks in each of them.
        if let Some((holder, shards)) = self.divided(count) {
            return Step::Wait(holder, shards);
        }
        let holder = |shard: u16| self.standings.get(&shard).and_then(|it| it.holder.as_deref());
        let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
        for by in (0..count).filter_map(holder) {
            *shares.entry(by).or_default() += 1;
        }
        let own = shares.get(identity).copied().unwrap_or_default();
        let may_take = |shard: u16| match holder(shard) {
            // From a request whose answer was lost.
            Some(by) => by == identity && !holds(shard),
            None => own == 0 || self.free.get(&shard).is_some_and(|since| *since >= GRACE),
        };
        let mut order = (0..count).map(|offset| start.wrapping_add(offset) % count);
        if let Some(shard) = order.clone().find(|shard| may_take(*shard)) {
            return Step::Take(shard);
        }
        let Some((most, of_most)) = shares.into_iter().max_by_key(|(_, share)| *share) else { return Step::Rest };
        let asked = |shard: u16| self.standings.get(&shard).and_then(|it| wanted_by(&it.lease));
        if of_most < own + 2 || order.clone().any(|shard| asked(shard) == Some(identity)) {
            return Step::Rest;
        }
        order.find(|shard| holder(*shard) == Some(most) && asked(*shard).is_none()).map_or(Step::Rest, Step::Ask)
    }
}

/// Who asks for the shard of a Lease.
pub(super) fn wanted_by(lease: &Lease) -> Option<&str> {
    lease.annotations().get(ANNOTATION_WANTED_BY).map(String::as_str)
}

/// Who holds a Lease, or held it when it ran out.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// A shard's Lease as this process's, in place of one that was read, whose version makes it a compare-and-swap.
pub(super) fn claim(shard: u16, read: Option<Lease>, identity: &str, count: u16) -> Lease {
    let now = Some(MicroTime(Timestamp::now()));
    let transitions = read.as_ref().and_then(|lease| lease.spec.as_ref()?.lease_transitions);
    let metadata =
        read.map_or_else(|| ObjectMeta { name: Some(name(shard)), ..ObjectMeta::default() }, |lease| lease.metadata);
    let mut lease = Lease {
        metadata,
        spec: Some(LeaseSpec {
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: now.clone(),
            renew_time: now,
            lease_transitions: Some(transitions.map_or(0, |count| count.saturating_add(1))),
            ..LeaseSpec::default()
        }),
    };
    lease.annotations_mut().insert(ANNOTATION_SHARDS.to_owned(), count.to_string());
    lease.annotations_mut().remove(ANNOTATION_WANTED_BY);
    lease
}

/// A Lease as it is renewed.
pub(super) fn renewed(lease: &Lease) -> Lease {
    let mut lease = lease.clone();
    if let Some(spec) = &mut lease.spec {
        spec.renew_time = Some(MicroTime(Timestamp::now()));
    }
    lease
}

/// A Lease that anybody may take.
pub(super) fn freed(lease: &Lease) -> Lease {
    let mut lease = renewed(lease);
    if let Some(spec) = &mut lease.spec {
        spec.holder_identity = None;
    }
    lease.annotations_mut().remove(ANNOTATION_WANTED_BY);
    lease
}

/// Whether a Lease may be taken that has not changed for this long.
fn is_free(lease: &Lease, unchanged: Duration) -> bool {
    let Some(spec) = &lease.spec else { return true };
    if holder(lease).is_none() {
        return true;
    }
    let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    unchanged >= duration.map_or(DURATION, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>, seconds: Option<i32>) -> Lease {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: seconds,
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    /// How shards with these holders stand; each as if the stacks were divided into so many shards.
    fn held(holders: &[Option<&str>], count: u16) -> View {
        let leases = (0..).zip(holders).map(|(shard, holder)| {
            let mut lease = claim(shard, None, holder.unwrap_or_default(), count);
            lease.metadata.resource_version = Some("1".to_owned());
            lease
        });
        Seen::default().look(leases.collect(), count, Instant::now())
    }

    #[test]
    fn a_lease_is_free_without_a_holder_or_when_it_has_not_changed_for_its_duration() {
        assert!(is_free(&Lease::default(), Duration::ZERO));
        assert!(is_free(&lease(None, Some(15)), Duration::ZERO));
        assert!(is_free(&lease(Some(""), Some(15)), Duration::ZERO));
        assert!(!is_free(&lease(Some("a"), Some(30)), Duration::from_secs(29)));
        assert!(is_free(&lease(Some("a"), Some(30)), Duration::from_secs(30)));
        assert!(!is_free(&lease(Some("a"), None), DURATION / 2));
    }

    #[test]
    fn leases_of_shards_are_known_by_their_names() {
        for number in [0, 1, 12] {
            assert_eq!(shard(&name(number)), Some(number));
        }
        for other in ["compose", "compose-operator-0", "compose-operator-01", "compose-operator-x", "compose-operator2"]
        {
            assert_eq!(shard(other), None, "{other}");
        }
    }

    #[test]
    fn a_lease_is_held_by_somebody_until_it_has_not_changed_for_its_duration() {
        let mut seen = Seen::default();
        let (now, mut lease) = (Instant::now(), claim(0, None, "a", 1));
        lease.metadata.resource_version = Some("1".to_owned());
        let mut holder =
            |lease: &Lease, at: Instant| seen.look(vec![lease.clone()], 1, at).standings[&0].holder.clone();
        assert_eq!(holder(&lease, now).as_deref(), Some("a"));
        assert_eq!(holder(&lease, now + DURATION / 2).as_deref(), Some("a"));
        assert_eq!(holder(&lease, now + DURATION), None);
        lease.metadata.resource_version = Some("2".to_owned());
        assert_eq!(holder(&lease, now + DURATION).as_deref(), Some("a"), "it was renewed");
    }

    #[test]
    fn free_shards_are_taken_from_the_start_on() {
        let none = |_| false;
        assert_eq!(Seen::default().look(Vec::new(), 3, Instant::now()).step(3, "a", 2, none), Step::Take(2));
        assert_eq!(held(&[Some("b"), None, None], 3).step(3, "a", 0, none), Step::Take(1));
        assert_eq!(held(&[None, Some("b"), Some("b")], 3).step(3, "a", 1, none), Step::Take(0));
        assert_eq!(held(&[Some("a")], 1).step(1, "a", 0, none), Step::Take(0), "an answer was lost");
        assert_eq!(held(&[Some("a")], 1).step(1, "a", 0, |_| true), Step::Rest);
    }

    #[test]
    fn who_has_a_shard_leaves_free_ones_to_others_for_a_while() {
        let (mut seen, now) = (Seen::default(), Instant::now());
        let mut ours = claim(0, None, "a", 2);
        ours.metadata.resource_version = Some("1".to_owned());
        let mut step = |after: Duration| {
            ours.metadata.resource_version = Some(format!("{after:?}"));
            seen.look(vec![ours.clone()], 2, now + after).step(2, "a", 0, |shard| shard == 0)
        };
        assert_eq!(step(Duration::ZERO), Step::Rest);
        assert_eq!(step(GRACE), Step::Take(1));
    }

    #[test]
    fn shares_become_even() {
        let none = |_| false;
        let two = held(&[Some("b"), Some("b")], 2);
        assert_eq!(two.step(2, "a", 0, none), Step::Ask(0));
        let mut asked = two.clone();
        let lease = &mut asked.standings.get_mut(&0).unwrap().lease;
        lease.annotations_mut().insert(ANNOTATION_WANTED_BY.to_owned(), "a".to_owned());
        assert_eq!(asked.step(2, "a", 0, none), Step::Rest, "once at a time");
        assert_eq!(asked.step(2, "c", 0, none), Step::Ask(1), "what others ask for is theirs");
        assert_eq!(held(&[Some("b"), Some("c")], 2).step(2, "a", 0, none), Step::Rest, "there is one too many");
        let uneven = held(&[Some("a"), Some("b"), Some("b")], 3);
        assert_eq!(uneven.step(3, "a", 0, |shard| shard == 0), Step::Rest, "it would be as uneven");
    }

    #[test]
    fn nothing_is_taken_beside_somebody_who_divides_the_stacks_in_another_way() {
        let none = |_| false;
        let two = held(&[Some("b"), None], 2);
        assert_eq!(two.step(3, "a", 0, none), Step::Wait("b".to_owned(), 2));
        assert_eq!(two.step(1, "a", 0, none), Step::Wait("b".to_owned(), 2));
        assert_eq!(held(&[None, None], 2).step(3, "a", 0, none), Step::Take(0), "they are gone");
        // An operator of before there were shards.
        let mut old = claim(0, None, "b", 1);
        old.metadata.annotations = None;
        let old = Seen::default().look(vec![old], 2, Instant::now());
        assert_eq!(old.step(2, "a", 0, none), Step::Wait("b".to_owned(), 1));
    }

    #[test]
    fn a_freed_lease_is_anybodys() {
        let mut lease = claim(1, None, "a", 2);
        lease.annotations_mut().insert(ANNOTATION_WANTED_BY.to_owned(), "b".to_owned());
        let freed = freed(&lease);
        assert!(is_free(&freed, Duration::ZERO) && wanted_by(&freed).is_none());
        let taken = claim(1, Some(freed), "b", 2);
        assert_eq!(holder(&taken), Some("b"));
        assert_eq!(taken.spec.unwrap().lease_transitions, Some(1));
    }
}
