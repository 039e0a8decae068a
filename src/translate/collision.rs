//! Names that two objects would have.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::notes::Notes;
use super::plan::{Plan, WorkloadObject};
use crate::api::names;

/// A name that an object has.
#[derive(Clone, Debug)]
pub(super) struct Taken<'p> {
    kind: &'static str,
    name: Cow<'p, str>,
    /// Where what the object was made of stands, as `services` and `web`; without a key, the section has made it.
    origin: (&'static str, Cow<'p, str>),
}

impl<'p> Taken<'p> {
    fn new(kind: &'static str, name: Option<&'p String>, section: &'static str, key: &'p str) -> Self {
        Self { kind, name: name.map_or("", String::as_str).into(), origin: (section, key.into()) }
    }

    /// The same, for when the object is no longer there.
    pub(super) fn into_owned(self) -> Taken<'static> {
        let (section, key) = self.origin;
        Taken { kind: self.kind, name: self.name.into_owned().into(), origin: (section, key.into_owned().into()) }
    }

    fn path(&self) -> String {
        match &self.origin {
            (section, key) if key.is_empty() => (*section).to_owned(),
            (section, key) => format!("{section}.{key}"),
        }
    }
}

/// The names that a plan's objects have, but for those that are never another's.
pub(super) fn names(plan: &Plan) -> impl Iterator<Item = Taken<'_>> {
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
    let claims = claims
        .iter()
        .filter(|claim| claim.object.is_some())
        .map(|claim| Taken::new("claim", Some(&claim.name), "volumes", &claim.volume));
    let policies = network_policies
        .iter()
        .map(|policy| Taken::new("NetworkPolicy", policy.metadata.name.as_ref(), "networks", ""));
    let attachments = network_attachments
        .iter()
        .map(|it| Taken::new("NetworkAttachmentDefinition", it.metadata.name.as_ref(), "networks", ""));
    let services = services.iter().map(|service| {
        let labels = service.metadata.labels.as_ref();
        let key = labels.and_then(|labels| labels.get(names::LABEL_SERVICE)).map_or("", String::as_str);
        Taken::new("Service", service.metadata.name.as_ref(), "services", key)
    });
    let workloads = workloads.iter().map(|workload| {
        let (kind, metadata) = match &workload.object {
            WorkloadObject::Deployment(object) => ("Deployment", &object.metadata),
            WorkloadObject::StatefulSet(object) => ("StatefulSet", &object.metadata),
            WorkloadObject::DaemonSet(object) => ("DaemonSet", &object.metadata),
            WorkloadObject::Job(object) => ("Job", &object.metadata),
            WorkloadObject::CronJob(object) => ("CronJob", &object.metadata),
        };
        Taken::new(kind, metadata.name.as_ref(), workload.section(), &workload.service)
    });
    claims.chain(policies).chain(attachments).chain(services).chain(workloads)
}

/// Reports names that two objects of a kind would share: one would silently replace the other. The names are those of the
/// parts of a plan.
pub(super) fn note(parts: &[&[Taken]], notes: &mut Notes) {
    let mut taken: HashMap<(&str, &str), &Taken> = HashMap::with_capacity(parts.iter().map(|part| part.len()).sum());
    for name in parts.iter().copied().flatten() {
        match taken.entry((name.kind, &name.name)) {
            Entry::Occupied(other) => {
                let message =
                    format!("its {} `{}` is that of {} too: rename one", name.kind, name.name, other.get().path());
                notes.error(name.path(), "NameCollision", message);
            }
            Entry::Vacant(free) => {
                free.insert(name);
            }
        }
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
        note(&[&names(&plan).collect::<Vec<_>>()], &mut notes);
        assert_eq!(notes.summary(), ["volumes.b: Error"]);
    }
}
