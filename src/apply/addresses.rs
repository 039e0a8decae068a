//! Where a stack's Services are.

use std::collections::BTreeMap;

use super::Owner;
use super::kind::Kind;
use super::live::LiveStore;
use super::readiness::Facts;
use super::standing::is_ours;

/// The addresses of the Services that a stack has, by name; without those that are headless. One that is new or gone
/// brings the stack back.
pub fn addresses(live: &LiveStore, owner: &Owner) -> BTreeMap<String, String> {
    let address = |(kind, name, service): (Kind, _, std::sync::Arc<super::Observed>)| {
        let Facts::Service(facts) = &service.facts else { return None };
        let address = facts.address()?.to_owned();
        is_ours(owner, kind, &service).then_some((name, address))
    };
    live.of_stack(&owner.namespace, &owner.name).into_iter().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::hash::HashKey;
    use super::*;
    use crate::api::names::{LABEL_MANAGED_BY, LABEL_STACK, MANAGED_BY};

    #[test]
    fn only_the_stacks_own_services_have_addresses() {
        let live = LiveStore::new(HashKey::new(b"key"), &[]);
        for (name, stack, uid, address) in [
            ("web", "shop", "u1", Some("10.96.0.7")),
            ("db", "shop", "u1", Some("None")),
            ("young", "shop", "u1", None),
            ("former", "shop", "u0", Some("10.96.0.8")),
            ("other", "blog", "u2", Some("10.96.0.9")),
        ] {
            let service = json!({
                "metadata": {
                    "name": name, "namespace": "default", "uid": name, "resourceVersion": "1",
                    "labels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: stack},
                    "ownerReferences": [
                        {"apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "name": stack, "uid": uid},
                    ],
                },
                "spec": {"clusterIP": address},
            });
            live.put(Kind::Service, &serde_json::from_value(service).unwrap());
        }
        let owner = Owner { name: "shop".to_owned(), namespace: "default".to_owned(), uid: "u1".to_owned() };
        assert_eq!(addresses(&live, &owner), BTreeMap::from([("web".to_owned(), "10.96.0.7".to_owned())]));
    }
}
