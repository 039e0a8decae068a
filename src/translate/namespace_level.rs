//! The Pod Security level that the namespace enforces (Kubernetes, "Pod Security Admission"). The API server takes a
//! workload whose pods it then refuses one by one; what it will refuse is said by its path, before that.

use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::context::{Context, Unit};
use super::notes::Notes;
use super::plan::{NoteLevel, WorkloadObject};
use super::pod_security;
use crate::api::v1alpha1::SecurityLevel;

/// Rejects what the namespace would not admit of a finished workload.
pub(super) fn foresee(context: &Context, unit: &Unit, object: &WorkloadObject, notes: &mut Notes) {
    let enforced = context.facts.pod_security;
    if is_met_by(context.stack.spec.security, enforced) {
        return;
    }
    let Some(pod) = object.template().and_then(|template| template.spec.as_ref()) else { return };
    for note in pod_security::against(context, unit, enforced, pod) {
        if note.level == NoteLevel::Rejected {
            notes.add(note);
        }
    }
    if enforced == SecurityLevel::Restricted && !says_what_restricted_asks_for(pod) {
        notes.rejected(
            &unit.path,
            "the namespace enforces the Pod Security level Restricted, and pods have to say that they meet it: set \
             spec.security: Restricted",
        );
    }
}

fn is_met_by(asked: SecurityLevel, enforced: SecurityLevel) -> bool {
    match enforced {
        SecurityLevel::Unset => true,
        SecurityLevel::Baseline => asked != SecurityLevel::Unset,
        SecurityLevel::Restricted => asked == SecurityLevel::Restricted,
    }
}

/// Whether all containers have the fields that the level Restricted wants to see (Kubernetes, "Pod Security Standards").
fn says_what_restricted_asks_for(pod: &PodSpec) -> bool {
    let of_pod = pod.security_context.as_ref();
    let says = |container: &Container| {
        let own = container.security_context.as_ref();
        let non_root = own.and_then(|own| own.run_as_non_root).or_else(|| of_pod.and_then(|pod| pod.run_as_non_root));
        let seccomp = own
            .and_then(|own| own.seccomp_profile.as_ref())
            .or_else(|| of_pod.and_then(|pod| pod.seccomp_profile.as_ref()))
            .is_some_and(|profile| profile.type_ != "Unconfined");
        let drops = own.and_then(|own| own.capabilities.as_ref()?.drop.as_ref());
        non_root == Some(true)
            && seccomp
            && own.and_then(|own| own.allow_privilege_escalation) == Some(false)
            && drops.is_some_and(|drops| drops.iter().any(|name| name == "ALL"))
    };
    pod.init_containers.iter().flatten().chain(&pod.containers).all(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, fixture, translate};

    fn rejected(enforced: SecurityLevel, asked: SecurityLevel, service: &str) -> Vec<String> {
        let facts = Facts { pod_security: enforced, ..Facts::default() };
        let stack = fixture::stack_with(|spec| spec.security = asked);
        let project = fixture::project(&format!("services: {{web: {{image: x, {service}}}}}"));
        let policy = Policy { privileged: true, ..Policy::default() };
        let notes = translate(&project, &stack, &facts, &policy).notes;
        notes.into_iter().filter(|note| note.level == NoteLevel::Rejected).map(|note| note.path).collect()
    }

    #[test]
    fn what_the_namespace_would_not_admit_is_foreseen() {
        use SecurityLevel::{Baseline, Restricted, Unset};
        let none: [&str; 0] = [];
        for (enforced, asked, service, expected) in [
            (Unset, Unset, "privileged: true", &none[..]),
            (Baseline, Unset, "", &[]),
            (Baseline, Unset, "privileged: true", &["services.web.privileged"]),
            (Baseline, Restricted, "user: \"7\"", &[]),
            (Restricted, Unset, "user: \"7\"", &["services.web"]),
            (Restricted, Baseline, "user: \"7\"", &["services.web"]),
            (Restricted, Unset, "user: \"0\"", &["services.web", "services.web.user"]),
            (Restricted, Restricted, "user: \"7\"", &[]),
            // Said once, by what the stack asks for.
            (Restricted, Restricted, "user: \"0\"", &["services.web.user"]),
        ] {
            assert_eq!(rejected(enforced, asked, service), expected, "{enforced:?} {asked:?} {service}");
        }
    }

    #[test]
    fn a_pod_that_an_override_made_fit_is_admitted() {
        let patch = "user: \"7\", x-kubernetes: {patch: {template: {spec: {securityContext: {runAsNonRoot: true, \
                     seccompProfile: {type: RuntimeDefault}}, containers: [{name: web, securityContext: \
                     {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}}}}";
        assert_eq!(rejected(SecurityLevel::Restricted, SecurityLevel::Unset, patch), Vec::<String>::new());
    }
}
