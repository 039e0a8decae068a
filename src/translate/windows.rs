//! Pods of Windows: they may have nothing that only Linux knows (Kubernetes, "Windows containers in Kubernetes"), and the
//! kubelets of Windows nodes refuse those that do.

use k8s_openapi::api::core::v1::{PodOS, PodSecurityContext, PodSpec, SecurityContext};

use super::context::{Context, Unit};
use super::notes::Notes;
use super::shared_pod;
use crate::compose::model::ContainerSpec;

/// The system's name, by which nodes are labelled too.
pub(super) const WINDOWS: &str = "windows";

/// Whether a container is one of Windows: by its platform, or because only Windows has managed accounts.
pub(super) fn is_windows(container: &ContainerSpec) -> bool {
    match container.platform.split('/').next().unwrap_or_default() {
        "" => container.credential_spec.is_some(),
        system => system.eq_ignore_ascii_case(WINDOWS),
    }
}

/// Whether a finished pod is one of Windows.
pub(super) fn is_of_windows(pod: &PodSpec) -> bool {
    pod.os.as_ref().is_some_and(|system| system.name == WINDOWS)
}

/// Says of what system the pod is, and takes out what the API server then refuses.
pub(super) fn fit(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    if !is_windows(&unit.service.container) {
        return;
    }
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        note_linux(unit, notes);
    }
    pod.os = Some(PodOS { name: WINDOWS.to_owned() });
    (pod.host_pid, pod.host_ipc, pod.host_users, pod.share_process_namespace) = (None, None, None, None);
    if let Some(security) = pod.security_context.take() {
        let PodSecurityContext { run_as_non_root, windows_options, .. } = security;
        let left = PodSecurityContext { run_as_non_root, windows_options, ..PodSecurityContext::default() };
        pod.security_context = (left != PodSecurityContext::default()).then_some(left);
    }
    for container in pod.init_containers.iter_mut().flatten().chain(&mut pod.containers) {
        let Some(security) = container.security_context.take() else { continue };
        let SecurityContext { run_as_non_root, windows_options, .. } = security;
        let left = SecurityContext { run_as_non_root, windows_options, ..SecurityContext::default() };
        container.security_context = (left != SecurityContext::default()).then_some(left);
    }
}

fn note_linux(unit: &Unit, notes: &mut Notes) {
    let container = &unit.service.container;
    let asked = [
        ("cap_add", !container.cap_add.is_empty()),
        ("cap_drop", !container.cap_drop.is_empty()),
        ("group_add", !container.group_add.is_empty()),
        ("init", container.init == Some(true)),
        ("ipc", container.ipc == "host"),
        ("pid", !matches!(container.pid.as_str(), "" | "private")),
        ("privileged", container.privileged),
        ("read_only", container.read_only),
        ("security_opt", !container.security_opt.is_empty()),
        ("sysctls", !container.sysctls.is_empty()),
    ];
    for (attribute, _) in asked.into_iter().filter(|(_, is_set)| *is_set) {
        notes.rejected(
            format!("{}.{attribute}", unit.path),
            "is known to Linux only, and this is a container of Windows: leave it out",
        );
    }
}

/// Whether Windows can have a user of this name, `DOMAIN\USER` or `USER` (Kubernetes, `runAsUserName`).
pub(super) fn is_user(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 120
        && !name.contains(['"', '/', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::SecurityLevel;
    use crate::translate::fixture;
    use crate::translate::generated::Generated;
    use crate::translate::pod::template;

    fn pod(level: SecurityLevel, service: &str) -> (PodSpec, Vec<String>) {
        let stack = fixture::stack_with(|spec| spec.security = level);
        let text = format!("services: {{web: {{image: x, {service}}}}}");
        fixture::with_stack(&text, &stack, |context, notes| {
            let template = template(context, &context.units["web"], None, &mut Generated::default(), notes);
            (template.spec.unwrap(), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn a_pod_of_windows_has_nothing_of_linux() {
        for service in ["platform: Windows/amd64", "credential_spec: {registry: r}"] {
            let (pod, _) = pod(SecurityLevel::Unset, service);
            assert_eq!(pod.os.as_ref().unwrap().name, "windows");
            assert_eq!((&pod.security_context, &pod.containers[0].security_context), (&None, &None));
            assert_eq!(pod.node_selector.unwrap()["kubernetes.io/os"], "windows");
        }
        let (pod, _) = pod(SecurityLevel::Unset, "platform: linux/amd64");
        assert!(pod.os.is_none() && pod.security_context.is_some());
    }

    #[test]
    fn what_only_linux_knows_is_rejected() {
        let (pod, notes) = pod(
            SecurityLevel::Unset,
            "platform: windows, user: ContainerUser, read_only: true, init: true, cap_drop: [ALL], sysctls: \
             {net.ipv4.tcp_rmem: \"1\"}",
        );
        let security = pod.containers[0].security_context.clone().unwrap();
        let name = security.windows_options.clone().unwrap().run_as_user_name;
        assert_eq!((name.as_deref(), security.read_only_root_filesystem), (Some("ContainerUser"), None));
        assert_eq!((pod.security_context, pod.share_process_namespace), (None, None));
        let rejected = ["cap_drop", "init", "read_only", "sysctls"];
        assert_eq!(notes, rejected.map(|attribute| format!("services.web.{attribute}: Rejected")));
        let (_, notes) = self::pod(SecurityLevel::Unset, "platform: windows, user: \"1000:1000\"");
        assert_eq!(notes, ["services.web.user: Rejected"]);
    }

    #[test]
    fn the_levels_ask_nothing_of_linux_of_it() {
        let (pod, notes) = pod(SecurityLevel::Restricted, "platform: windows, user: ContainerUser");
        let security = pod.containers[0].security_context.clone().unwrap();
        let expected = SecurityContext {
            run_as_non_root: Some(true),
            windows_options: security.windows_options.clone(),
            ..SecurityContext::default()
        };
        assert_eq!((security, pod.security_context), (expected, None));
        assert_eq!(notes, Vec::<String>::new());
    }
}
