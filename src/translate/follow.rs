//! Services that start again with what they depend upon (`depends_on.*.restart`).
//!
//! Compose does so when it updates the dependency. Here, the pods of such a service carry a hash of the dependency's
//! pods: when these change, so do those.

use std::collections::BTreeMap;

use super::context::{Context, Unit};
use super::dns_label::hash;
use super::plan::{Workload, WorkloadObject};
use crate::api::names::ANNOTATION_RESTART_PREFIX;

/// Whether there are services that follow others.
pub(super) fn is_asked_for(context: &Context) -> bool {
    let mut dependencies = context.units.values().flat_map(|unit| unit.service.workload.depends_on.values());
    dependencies.any(|dependency| dependency.restart)
}

/// Marks the pods of services that follow others, directly or over others.
pub(super) fn mark(context: &Context, workloads: &mut [Workload]) {
    if !is_asked_for(context) {
        return;
    }
    let mut prints = Fingerprints { context, plain: BTreeMap::new(), whole: BTreeMap::new() };
    for workload in workloads.iter_mut() {
        let text = workload.object.template().and_then(|template| serde_json::to_string(template).ok());
        prints.plain.insert(workload.service.clone(), text.unwrap_or_default());
    }
    for workload in workloads {
        // What ran to completion is not run again because something else changed.
        if matches!(workload.object, WorkloadObject::Job(_) | WorkloadObject::CronJob(_)) {
            continue;
        }
        let Some(template) = workload.object.template_mut() else { continue };
        let Some(unit) = context.units.get(workload.service.as_str()) else { continue };
        for target in followed(context, unit.key) {
            let annotations = template.metadata.get_or_insert_default().annotations.get_or_insert_default();
            annotations.insert(format!("{ANNOTATION_RESTART_PREFIX}{}", target.name), prints.of(target.key));
        }
    }
}

/// The services whose pods the pod of a service follows.
fn followed<'a>(context: &'a Context<'a>, service: &'a str) -> impl Iterator<Item = &'a Unit<'a>> {
    context
        .in_pod(service)
        .flat_map(|unit| &unit.service.workload.depends_on)
        .filter(|(_, dependency)| dependency.restart)
        .filter_map(|(name, _)| context.units.get(name.as_str()))
        .filter(move |target| target.host != service)
        .filter_map(|target| context.units.get(target.host))
}

/// Hashes of pods, in which those of the pods that they follow are contained.
struct Fingerprints<'a> {
    context: &'a Context<'a>,
    plain: BTreeMap<String, String>,
    whole: BTreeMap<String, String>,
}

impl Fingerprints<'_> {
    fn of(&mut self, service: &str) -> String {
        if let Some(print) = self.whole.get(service) {
            return print.clone();
        }
        let mut text = self.plain.get(service).cloned().unwrap_or_default();
        // Stands there until the service is done, so that a circle comes to an end.
        self.whole.insert(service.to_owned(), String::new());
        let context = self.context;
        let key = context.units.get(service).map_or("", |unit| unit.key);
        for target in followed(context, key) {
            text.push_str(&self.of(target.key));
        }
        let print = hash(&text);
        self.whole.insert(service.to_owned(), print.clone());
        print
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, fixture, translate};

    fn annotations(db_image: &str) -> Vec<Option<BTreeMap<String, String>>> {
        let text = format!(
            "services: {{web: {{image: x, depends_on: {{api: {{condition: service_started, restart: true, required: \
             true}}}}}}, api: {{image: x, depends_on: {{db: {{condition: service_started, restart: true, required: \
             true}}}}}}, db: {{image: {db_image}}}, other: {{image: x, depends_on: {{db: {{condition: service_started, \
             required: true}}}}}}}}"
        );
        let plan = translate(&fixture::project(&text), &fixture::stack(), &Facts::default(), &Policy::default());
        let annotations_of = |service: &str| {
            let workload = plan.workloads.iter().find(|workload| workload.service == service).unwrap();
            workload.object.template().unwrap().metadata.clone().unwrap().annotations
        };
        ["web", "api", "db", "other"].map(annotations_of).to_vec()
    }

    #[test]
    fn a_change_goes_through_the_chain_of_those_that_follow() {
        let (before, after) = (annotations("postgres:13"), annotations("postgres:14"));
        for (service, follows) in [("web", true), ("api", true), ("db", false), ("other", false)] {
            let index = ["web", "api", "db", "other"].iter().position(|name| *name == service).unwrap();
            assert_eq!(before[index] != after[index], follows, "{service}");
            assert_eq!(before[index].is_some(), follows, "{service}");
        }
        assert_eq!(before, annotations("postgres:13"));
    }
}
