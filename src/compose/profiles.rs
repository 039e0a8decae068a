//! Which services and jobs are enabled: by the active profiles (Compose Specification, "profiles"), or by their names.

use std::collections::BTreeSet;

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::model::Project;
use super::report::Report;

/// Moves what no active profile enables out of the project, and back into it what one enables.
pub(super) fn apply(project: &mut Project, active: &[String]) {
    let enabled = |declared: &[String]| {
        declared.is_empty() || active.iter().any(|profile| profile == "*" || declared.contains(profile))
    };
    project.services.append(&mut project.disabled_services);
    project.disabled_services = project.services.extract_if(.., |_, service| !enabled(&service.profiles)).collect();
    project.jobs.retain(|_, job| enabled(&job.profiles));
}

/// Leaves only the named services enabled, and what they depend upon. To name a service activates its profiles.
pub(super) fn select(project: &mut Project, names: &[String], active: &[String], report: &mut Report) {
    let mut active = active.to_vec();
    for name in names {
        active.extend(project.disabled_services.get(name).into_iter().flat_map(|service| service.profiles.clone()));
    }
    apply(project, &active);
    let mut selected: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<(String, bool)> = names.iter().map(|name| (name.clone(), true)).collect();
    while let Some((name, required)) = open.pop() {
        match project.services.get(&name) {
            Some(service) => {
                let dependencies = service.workload.depends_on.iter();
                open.extend(
                    dependencies
                        .filter(|(upon, _)| !selected.contains(*upon) && **upon != name)
                        .map(|(upon, dependency)| (upon.clone(), dependency.required)),
                );
                selected.insert(name);
            }
            None if required => {
                let message = format!("there is no service {name}; name one that the project has enabled");
                report.error(&At::ROOT, None, ErrorClass::Consistency, "UndefinedService", message);
            }
            None => {}
        }
    }
    let others = project.services.extract_if(.., |name, _| !selected.contains(name));
    project.disabled_services.extend(others);
    for service in project.services.values_mut() {
        service.workload.depends_on.retain(|upon, _| selected.contains(upon));
    }
}
