//! Whether a dependency is far enough for what waits for it: pure.

use super::view::View;
use crate::translate::{Gate, GateCondition};

/// A gate's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Go ahead.
    Open,
    /// Not yet, and this is missing.
    Closed(String),
    /// Not before a person does something, and this is why.
    Blocked(String),
}

/// Asks a gate. `dependency` is what is known of the service; none when the plan has no such service. `settled` says
/// that nothing of the dependency itself is still to be applied.
pub(super) fn ask(gate: &Gate, dependency: Option<&View>, settled: bool) -> Passage {
    let Some(view) = dependency else {
        return if gate.required { Passage::Blocked("is not part of the stack".to_owned()) } else { Passage::Open };
    };
    if let Some(failure) = &view.failed {
        // `required: false` is about dependencies that fail; one that is under way is waited for all the same.
        return if gate.required { Passage::Blocked(failure.clone()) } else { Passage::Open };
    }
    if !settled {
        return Passage::Closed("is not applied yet".to_owned());
    }
    // Scaled to zero on purpose: there is nothing to wait for.
    if view.exists && view.desired == 0 {
        return Passage::Open;
    }
    let open = match gate.condition {
        GateCondition::Started => view.started || view.complete,
        GateCondition::Ready => view.current || view.complete,
        GateCondition::Complete => view.complete,
    };
    if open {
        return Passage::Open;
    }
    Passage::Closed(match gate.condition {
        GateCondition::Ready => format!("{}/{} ready", view.ready, view.desired),
        GateCondition::Complete if view.started => "running".to_owned(),
        GateCondition::Started | GateCondition::Complete => "not started".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(condition: GateCondition) -> Gate {
        Gate { service: "db".into(), condition, required: true }
    }

    fn view() -> View {
        View { exists: true, desired: 2, ready: 1, ..View::default() }
    }

    #[test]
    fn each_condition_opens_at_its_time() {
        use GateCondition::{Complete, Ready, Started};
        let started = View { started: true, ..view() };
        let current = View { current: true, ..started.clone() };
        let complete = View { complete: true, ..view() };
        for (view, open) in [
            (view(), &[][..]),
            (started, &[Started]),
            (current, &[Started, Ready]),
            (complete, &[Started, Ready, Complete]),
        ] {
            for condition in [Started, Ready, Complete] {
                let passage = ask(&gate(condition), Some(&view), true);
                assert_eq!(passage == Passage::Open, open.contains(&condition), "{condition:?} {view:?}: {passage:?}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        assert_eq!(ask(&gate(GateCondition::Ready), Some(&view()), true), Passage::Closed("1/2 ready".into()));
    }

    #[test]
    fn a_dependency_that_is_itself_held_back_keeps_the_gate_closed() {
        let current = View { current: true, ..view() };
        assert!(matches!(ask(&gate(GateCondition::Ready), Some(&current), false), Passage::Closed(_)));
    }

    #[test]
    fn nothing_is_waited_for_when_nothing_is_wanted() {
        let none = View { exists: true, ..View::default() };
        assert_eq!(ask(&gate(GateCondition::Ready), Some(&none), true), Passage::Open);
        assert!(matches!(ask(&gate(GateCondition::Ready), Some(&View::default()), true), Passage::Closed(_)));
    }

    #[test]
    fn only_required_dependencies_block() {
        let failed = View { failed: Some("BackoffLimitExceeded".into()), ..view() };
        let optional = Gate { required: false, ..gate(GateCondition::Ready) };
        assert_eq!(
            ask(&gate(GateCondition::Ready), Some(&failed), true),
            Passage::Blocked("BackoffLimitExceeded".into())
        );
        assert_eq!(ask(&optional, Some(&failed), true), Passage::Open);
        assert!(matches!(ask(&gate(GateCondition::Ready), None, true), Passage::Blocked(_)));
        assert_eq!(ask(&optional, None, true), Passage::Open);
        assert!(matches!(ask(&optional, Some(&view()), true), Passage::Closed(_)));
    }
}
