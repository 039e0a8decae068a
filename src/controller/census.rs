//! How many stacks there are, by what their conditions say.

use std::collections::BTreeMap;

use kube::Resource;

use super::Root;
use crate::api::condition::{READY, Reason};
use crate::api::v1alpha1::ComposeStackStatus;

/// What `Ready` of a stack says: its status, and its reason.
pub(super) type State = (&'static str, &'static str);

/// The stacks by their states. It is made of the stacks as the watches have brought them, at the moment when somebody
/// asks, so that none that is gone or that another operator acts for now stays counted.
#[derive(Debug, Default)]
pub(super) struct Census(BTreeMap<State, i64>);

impl Census {
    /// Counts a stack. One that is being deleted is nobody's concern any more.
    pub(super) fn add(&mut self, root: &Root) {
        if root.meta().deletion_timestamp.is_none() {
            *self.0.entry(state(root)).or_default() += 1;
        }
    }

    /// The states that there are, with the number of stacks in each.
    pub(super) fn counts(self) -> impl Iterator<Item = (State, i64)> {
        self.0.into_iter()
    }
}

/// A stack that no pass has come to yet counts as under way.
fn state(root: &Root) -> State {
    match &root.0 {
        Ok(stack) => stack.status.as_ref().and_then(told).unwrap_or(("Unknown", Reason::Progressing.as_str())),
        Err(_) => ("False", Reason::InvalidObject.as_str()),
    }
}

/// Whoever may write a status can write any word there, and labels are of a closed set.
fn told(status: &ComposeStackStatus) -> Option<State> {
    let ready = status.conditions.iter().find(|condition| condition.type_ == READY)?;
    let status = ["True", "False"].into_iter().find(|known| *known == ready.status).unwrap_or("Unknown");
    let reason = Reason::ALL.into_iter().map(Reason::as_str).find(|known| *known == ready.reason)?;
    Some((status, reason))
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::{Value, json};

    use super::*;

    fn root(name: &str, condition: Option<(&str, &str)>, more: &Value) -> Root {
        let conditions: Vec<Value> = condition
            .into_iter()
            .map(|(status, reason)| {
                json!({
                    "type": "Ready", "status": status, "reason": reason, "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                })
            })
            .collect();
        let mut root = json!({
            "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"composeFile": "services: {}"},
            "status": {"conditions": conditions},
        });
        for (pointer, value) in more.as_object().unwrap() {
            root.pointer_mut(pointer).unwrap().as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        }
        serde_json::from_value(root).unwrap()
    }

    #[test]
    fn stacks_are_counted_by_what_they_say_and_under_words_of_the_code_only() {
        let none = json!({});
        let unreadable = root("i", Some(("True", "Succeeded")), &json!({"/spec": {"unsupported": "Perhaps"}}));
        assert!(matches!(unreadable, DeserializeGuard(Err(_))));
        let roots = [
            root("a", Some(("True", "Succeeded")), &none),
            root("b", Some(("True", "Succeeded")), &none),
            root("c", Some(("False", "RolledBack")), &none),
            root("d", Some(("False", "HealthCheckFailed")), &none),
            root("e", None, &none),
            root("f", Some(("Maybe", "Progressing")), &none),
            root("g", Some(("False", "a word of somebody's")), &none),
            root(
                "h",
                Some(("True", "Succeeded")),
                &json!({"/metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            ),
            unreadable,
        ];
        let mut census = Census::default();
        for root in &roots {
            census.add(root);
        }
        assert_eq!(
            census.counts().collect::<Vec<_>>(),
            [
                (("False", "HealthCheckFailed"), 1),
                (("False", "InvalidObject"), 1),
                (("False", "RolledBack"), 1),
                (("True", "Succeeded"), 2),
                (("Unknown", "Progressing"), 3),
            ]
        );
    }
}
