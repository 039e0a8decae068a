//! Names that two objects would have.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::notes::Notes;
use super::plan::{Plan, Workload, WorkloadObject};
use crate::api::names;

/// What an object was made of.
#[derive(Clone, Copy)]
enum Origin<'p> {
    Volume(&'p str),
    Networks,
    Service(&'p str),
    Workload(&'p Workload),
}

impl Origin<'_> {
    fn path(self) -> String {
        match self {
            Self::Volume(key) => format!("volumes.{key}"),
            Self::Networks => "networks".to_owned(),
            Self::Service(key) => format!("services.{key}"),
            Self::Workload(workload) => workload.path(),
        }
    }
}

/// Reports names that two objects of a kind would share: one would silently replace the other.
pub(super) fn note<'p>(plan: &'p Plan, notes: &mut Notes) {
    let mut taken: HashMap<(&str, &str), Origin> = HashMap::new();
    let mut take = |kind: &'static str, name: Option<&'p String>, origin: Origin<'p>| {
        let name = name.map_or("", String::as_str);
        match taken.entry((kind, name)) {
            Entry::Occupied(other) => {
                let message = format!("its {kind} `{name}` is that of {} too: rename one", other.get().path());
                notes.error(origin.path(), "NameCollision", message);
            }
            Entry::Vacant(free) => {
                free.insert(origin);
            }
        }
    };
    // ConfigMaps and Secrets are named by content, and equal ones are one.
    let Plan {
        config_maps: _,
        secrets: _,
        claims,
        network_policies,
        network_attachments,
        services,
        // Named by the service, as are its workloads.
        ingresses: _,
        http_routes: _,
        autoscalers: _,
        workloads,
        notes: _,
    } = plan;
    // Two keys may stand for one claim that is there already.
    for claim in claims.iter().filter(|claim| claim.object.is_some()) {
        take("claim", Some(&claim.name), Origin::Volume(&claim.volume));
    }
    for policy in network_policies {
        take("NetworkPolicy", policy.metadata.name.as_ref(), Origin::Networks);
    }
    for attachment in network_attachments {
        take("NetworkAttachmentDefinition", attachment.metadata.name.as_ref(), Origin::Networks);
    }
    for service in services {
        let labels = service.metadata.labels.as_ref();
        let key = labels.and_then(|labels| labels.get(names::LABEL_SERVICE)).map_or("", String::as_str);
        take("Service", service.metadata.name.as_ref(), Origin::Service(key));
    }
    for workload in workloads {
        let (kind, metadata) = match &workload.object {
            WorkloadObject::Deployment(object) => ("Deployment", &object.metadata),
            WorkloadObject::StatefulSet(object) => ("StatefulSet", &object.metadata),
            WorkloadObject::DaemonSet(object) => ("DaemonSet", &object.metadata),
            WorkloadObject::Job(object) => ("Job", &object.metadata),
            WorkloadObject::CronJob(object) => ("CronJob", &object.metadata),
        };
        take(kind, metadata.name.as_ref(), Origin::Workload(workload));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, fixture, translate};

    #[test]
    fn a_service_may_be_called_like_the_published_one_of_another() {
        let text = "services: {web: {image: x, ports: [{target: 80, published: \"80\", protocol: tcp, mode: ingress}]}, \
                    web-published: {image: x}}";
        let plan = translate(&fixture::project(text), &fixture::stack(), &Facts::default(), &Policy::default());
        let collisions: Vec<_> = plan.notes.iter().filter(|note| note.reason == "NameCollision").collect();
        assert_eq!(collisions.len(), 1);
        assert_eq!(collisions[0].path, "services.web");
    }

    #[test]
    fn two_volumes_may_not_share_a_claim() {
        let text = "services: {web: {image: x, volumes: [{type: volume, source: a, target: /a}, {type: volume, source: \
                    b, target: /b}]}}\nvolumes: {a: {name: same}, b: {name: same}}";
        let plan = translate(&fixture::project(text), &fixture::stack(), &Facts::default(), &Policy::default());
        let mut notes = Notes::default();
        note(&plan, &mut notes);
        assert_eq!(notes.summary(), ["volumes.b: Error"]);
    }
}
