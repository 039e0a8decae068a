//! Pods that do not start, though they may: what they start with may be gone.
//!
//! Secrets are not watched, for that takes the right to read them all, so nothing tells that somebody deleted one that was
//! generated. But whoever needs it is a pod, and pods are watched. One whose environment is in it says so
//! (`CreateContainerConfigError`); one that mounts it only does not start, for the kubelet tells of that in events alone.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::pod::PodFacts;

/// How long a pod may take to start before what it starts with is looked at. Most have started by then.
const START: Duration = Duration::from_secs(10);

/// What pods that do not start ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HeldUp {
    /// Whether what they start with is to be looked at now.
    pub verify: bool,
    /// After how long there may be more to see.
    pub again: Option<Duration>,
}

impl HeldUp {
    /// Asks pods that are not on their way out. One that goes on being held up, as by a large image, is asked for more and
    /// more seldom: each time when it is twice as old.
    pub fn of<'a>(pods: impl Iterator<Item = &'a PodFacts>, now: Timestamp) -> Self {
        let mut held_up = Self::default();
        for pod in pods.filter(|pod| !pod.lost && (pod.stuck || !pod.started)) {
            let age = pod.created.map_or(0, |created| now.duration_since(created).as_secs());
            let age = Duration::from_secs(u64::try_from(age).unwrap_or_default());
            held_up.verify |= pod.stuck || age >= START;
            let again = if age < START { START.saturating_sub(age) } else { age };
            held_up.again = Some(held_up.again.map_or(again, |sooner| sooner.min(again)));
        }
        held_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(age: i64, started: bool, stuck: bool) -> PodFacts {
        PodFacts {
            component: None,
            created: Timestamp::from_second(1000 - age).ok(),
            started,
            ready: started,
            since: None,
            revision: None,
            ended: None,
            stuck,
            lost: false,
            digest: None,
            problem: None,
        }
    }

    fn of(pods: &[PodFacts]) -> (bool, Option<u64>) {
        let HeldUp { verify, again } = HeldUp::of(pods.iter(), Timestamp::from_second(1000).unwrap());
        (verify, again.map(|again| again.as_secs()))
    }

    #[test]
    fn a_pod_that_says_so_is_believed_and_one_that_only_waits_is_given_time() {
        assert_eq!(of(&[]), (false, None));
        assert_eq!(of(&[pod(3600, true, false)]), (false, None), "it runs");
        assert_eq!(of(&[pod(4, false, false)]), (false, Some(6)));
        assert_eq!(of(&[pod(4, false, true)]), (true, Some(6)));
        assert_eq!(of(&[pod(10, false, false)]), (true, Some(10)));
        assert_eq!(of(&[pod(3600, true, true)]), (true, Some(3600)), "it was restarted");
        assert_eq!(of(&[pod(60, false, false), pod(4, false, false), pod(90, true, false)]), (true, Some(6)));
        assert_eq!(of(&[PodFacts { lost: true, ..pod(60, false, true) }]), (false, None), "it is not to start again");
    }
}
