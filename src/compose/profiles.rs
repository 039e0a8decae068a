//! Which services and jobs the active profiles enable (Compose Specification, "profiles").

use super::model::Project;

/// Moves what no active profile enables out of the project.
pub(super) fn apply(project: &mut Project, active: &[String]) {
    let enabled = |declared: &[String]| {
        declared.is_empty() || active.iter().any(|profile| profile == "*" || declared.contains(profile))
    };
    let services = std::mem::take(&mut project.services);
    let (on, off) = services.into_iter().partition(|(_, service)| enabled(&service.profiles));
    project.services = on;
    project.disabled_services = off;
    project.jobs.retain(|_, job| enabled(&job.profiles));
}
