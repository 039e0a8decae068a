//! Users, privileges and kernel settings.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Capabilities, PodSecurityContext, PodSpec, SELinuxOptions, SeccompProfile, SecurityContext, Sysctl,
};

use super::context::{Context, Unit};
use super::notes::Notes;
use super::{shared_pod, windows};

/// The kernel parameters that every kubelet and every Pod Security level accepts (Kubernetes, "Using sysctls": safe sysctls).
pub(super) const SAFE_SYSCTLS: [&str; 11] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// The greatest number of a user or a group (Kubernetes, `IsValidUserID`).
const MAX_ID: i64 = 2_147_483_647;

/// The whole of /proc, without what container runtimes hide of it.
const UNMASKED: &str = "Unmasked";

/// A profile that lies on the nodes.
const LOCALHOST: &str = "Localhost";

/// Where kubelets look for profiles of system calls, unless they are told otherwise (`--root-dir`).
const PROFILES: &str = "/var/lib/kubelet/seccomp/";

/// From which port on every user may listen. Docker sets it to 0 for every container that has a network of its own.
pub(super) const UNPRIVILEGED_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";

/// The security settings of a service's container.
pub(super) fn container_context(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<SecurityContext> {
    let container = &unit.service.container;
    let mut security = SecurityContext::default();
    user(context, unit, &mut security, notes);
    let add = capabilities(&container.cap_add);
    let drop = capabilities(&container.cap_drop);
    if !add.is_empty() || !drop.is_empty() {
        security.capabilities =
            Some(Capabilities { add: (!add.is_empty()).then_some(add), drop: (!drop.is_empty()).then_some(drop) });
    }
    security.privileged = container.privileged.then_some(true);
    security.read_only_root_filesystem = container.read_only.then_some(true);
    if !container.privileged {
        // Docker confines system calls by default, Kubernetes does not.
        security.seccomp_profile = Some(seccomp("RuntimeDefault"));
    }
    for (index, option) in container.security_opt.iter().enumerate() {
        if let Err(problem) = security_option(option, &mut security) {
            notes.rejected(format!("{}.security_opt[{index}]", unit.path), problem);
        }
        // The API server refuses both together (Kubernetes, `validateSecurityContext`).
        if security.privileged == Some(true) && security.allow_privilege_escalation.take() == Some(false) {
            notes.approximated(
                format!("{}.security_opt[{index}]", unit.path),
                "is not honoured: Kubernetes has no privileged container without new privileges; leave `privileged` out",
            );
        }
    }
    note_profile(unit, &security, notes);
    if !container.device_cgroup_rules.is_empty() {
        let path = format!("{}.device_cgroup_rules", unit.path);
        if container.privileged {
            notes.ignored(path, "a privileged container may use all devices anyway");
        } else {
            notes.rejected(path, "devices of the node cannot be given to containers: use a device plugin");
        }
    }
    (security != SecurityContext::default()).then_some(security)
}

/// Writes the settings that pods have as a whole.
pub(super) fn pod_context(unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let container = &unit.service.container;
    let mut context = PodSecurityContext::default();
    let mut groups = Vec::new();
    for (index, group) in container.group_add.iter().enumerate() {
        match group.parse::<i64>() {
            Ok(group) if (0..=MAX_ID).contains(&group) => groups.push(group),
            _ => notes.rejected(
                format!("{}.group_add[{index}]", unit.path),
                format!(
                    "Kubernetes knows groups by number only: give the number of `{group}` in the image, from 0 to {MAX_ID}"
                ),
            ),
        }
    }
    context.supplemental_groups = (!groups.is_empty()).then_some(groups);
    let mut sysctls = Vec::new();
    for (name, value) in &container.sysctls {
        let path = format!("{}.sysctls.{name}", unit.path);
        if !is_sysctl_name(name) {
            notes.rejected(path, "is no kernel parameter, such as net.core.somaxconn");
            continue;
        }
        if let Some(attribute) = of_node(name, pod.host_network == Some(true), container.ipc == "host") {
            notes.rejected(
                path,
                format!(
                    "would be set for the whole node, which `{attribute}: host` shares with the pod, and is refused, as \
                     by Docker: set it on the nodes, or leave `{attribute}` out"
                ),
            );
            continue;
        }
        if !SAFE_SYSCTLS.contains(&name.as_str()) {
            notes.approximated(path, "nodes refuse the pod unless their kubelet allows it (--allowed-unsafe-sysctls)");
        }
        sysctls.push(Sysctl { name: name.clone(), value: value.clone() });
    }
    // A pod in the node's network may set nothing there.
    let is_set = sysctls.iter().any(|sysctl| sysctl.name.replace('/', ".") == UNPRIVILEGED_PORTS);
    if pod.host_network != Some(true) && !is_set {
        sysctls.push(Sysctl { name: UNPRIVILEGED_PORTS.to_owned(), value: "0".to_owned() });
    }
    context.sysctls = (!sysctls.is_empty()).then_some(sysctls);
    pod.security_context = (context != PodSecurityContext::default()).then_some(context);
    namespaces(unit, pod, notes);
    if !matches!(container.runtime.as_str(), "" | "runc" | "io.containerd.runc.v2") {
        pod.runtime_class_name = Some(container.runtime.clone());
        notes.approximated(
            format!("{}.runtime", unit.path),
            format!("the cluster has to have a RuntimeClass `{}`", container.runtime),
        );
    }
}

/// Gives a pod users of its own where it asks for them, and where a container sees all of /proc, which Kubernetes allows
/// to no others (`procMount`).
pub(super) fn separate_users(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let of_node = [pod.host_network, pod.host_pid, pod.host_ipc].contains(&Some(true));
    if unit.service.container.userns_mode == "private" {
        let path = format!("{}.userns_mode", unit.path);
        if of_node {
            notes.rejected(path, "`private` goes with none of the node's namespaces: leave one of them out");
        } else {
            pod.host_users = Some(false);
            notes.approximated(path, "every node has to support it (Kubernetes, \"User Namespaces\")");
        }
    }
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        let container = pod.containers.iter_mut().find(|container| container.name == unit.name);
        let Some(security) = container.and_then(|container| container.security_context.as_mut()) else { continue };
        if security.proc_mount.as_deref() != Some(UNMASKED) {
            continue;
        }
        let path = format!("{}.security_opt", unit.path);
        if of_node {
            security.proc_mount = None;
            notes.rejected(
                path,
                "`systempaths=unconfined` goes with none of the node's namespaces: leave one of them out",
            );
        } else {
            pod.host_users = Some(false);
            notes.approximated(
                path,
                "`systempaths=unconfined` gives the pod users of its own: root is nobody on the node, which has to \
                 support that (Kubernetes, \"User Namespaces\")",
            );
        }
    }
}

/// Takes the parameter out that pods have without asking, where an override puts them into the node's network: the API
/// server would refuse the pod.
pub(super) fn fit_node_network(pod: &mut PodSpec) {
    if pod.host_network != Some(true) {
        return;
    }
    if let Some(context) = &mut pod.security_context
        && let Some(sysctls) = &mut context.sysctls
    {
        sysctls.retain(|sysctl| sysctl.name != UNPRIVILEGED_PORTS || sysctl.value != "0");
        if sysctls.is_empty() {
            context.sysctls = None;
        }
    }
}

/// The attribute that puts the pod into the node's namespace to which a kernel parameter belongs (Kubernetes,
/// `ValidateHostSysctl`).
fn of_node(name: &str, host_network: bool, host_ipc: bool) -> Option<&'static str> {
    let name = name.replace('/', ".");
    let of_ipc = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."];
    if host_network && name.starts_with("net.") {
        return Some("network_mode");
    }
    (host_ipc && of_ipc.iter().any(|prefix| name.starts_with(prefix))).then_some("ipc")
}

/// Whether the API server takes a kernel parameter of this name: words of lower-case letters, digits, `-` and `_` between
/// dots or slashes (Kubernetes, `SysctlContainSlashFmt`).
fn is_sysctl_name(name: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_word = |word: &str| {
        word.starts_with(alphanumeric)
            && word.ends_with(alphanumeric)
            && word.chars().all(|c| alphanumeric(c) || c == '-' || c == '_')
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_word)
}

fn namespaces(unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let container = &unit.service.container;
    let mut reject = |attribute: &str, message: &str| notes.rejected(format!("{}.{attribute}", unit.path), message);
    // Those of other services and containers are dealt with where pods are shared.
    match container.ipc.as_str() {
        "" | "private" | "shareable" | "none" => {}
        "host" => pod.host_ipc = Some(true),
        mode if mode.contains(':') => {}
        _ => reject("ipc", "is not known: use `private`, `host` or `service:<name>`"),
    }
    match container.pid.as_str() {
        "" | "private" => {}
        "host" => pod.host_pid = Some(true),
        mode if mode.contains(':') => {}
        _ => reject("pid", "is not known: use `private`, `host` or `service:<name>`"),
    }
    if container.cgroup == "host" {
        reject("cgroup", "pods have a control group namespace of their own");
    }
    if !matches!(container.userns_mode.as_str(), "" | "host" | "private") {
        reject("userns_mode", "is not known: use `host`, which is Kubernetes' default too, or `private`");
    }
    let is_by_runtime = !container.runtime.is_empty();
    if !matches!(container.isolation.as_str(), "" | "default" | "process") && !is_by_runtime {
        reject("isolation", "is chosen by a RuntimeClass of the cluster: name it by `runtime`");
    }
    match container.uts.as_str() {
        "" | "private" => {}
        // Who uses the node's network has its name too.
        "host" if pod.host_network == Some(true) => {}
        "host" => notes.approximated(
            format!("{}.uts", unit.path),
            "the host name is the pod's: only with `network_mode: host` it is the node's",
        ),
        mode if mode.contains(':') => {}
        _ => notes.rejected(format!("{}.uts", unit.path), "is not known: use `private`, `host` or `service:<name>`"),
    }
}

/// `user`: a number with an optional group, `root`, or the name that the image runs as anyway; other names are known to the
/// image alone. Windows knows users by name.
fn user(context: &Context, unit: &Unit, security: &mut SecurityContext, notes: &mut Notes) {
    let asked = unit.service.container.user.as_str();
    if asked.is_empty() {
        return;
    }
    let path = format!("{}.user", unit.path);
    if windows::is_windows(&unit.service.container) {
        if windows::is_user(asked) {
            security.windows_options.get_or_insert_default().run_as_user_name = Some(asked.to_owned());
        } else {
            notes.rejected(path, format!("Windows has no user `{asked}`: give a name, such as `ContainerUser`"));
        }
        return;
    }
    let (user, group) = asked.split_once(':').map_or((asked, None), |(u, g)| (u, Some(g)));
    let number = |text: &str| {
        if text == "root" { Some(0) } else { text.parse::<i64>().ok().filter(|id| (0..=MAX_ID).contains(id)) }
    };
    let group_number = group.filter(|group| !group.is_empty()).map(number);
    match (number(user), group_number) {
        (Some(user), None) => security.run_as_user = Some(user),
        (Some(user), Some(Some(group))) => {
            security.run_as_user = Some(user);
            security.run_as_group = Some(group);
        }
        _ if context.image(unit.service).is_some_and(|image| image.user == asked) => {}
        _ => notes.rejected(
            path,
            format!(
                "Kubernetes knows users and groups by number only{}: give the numbers of `{asked}` in the image, such as \
                 `1000:1000`, from 0 to {MAX_ID}",
                images_user(context, unit)
            ),
        ),
    }
}

/// What is known of the user that the image names, to go on after a sentence.
fn images_user(context: &Context, unit: &Unit) -> String {
    match context.facts.images.get(&unit.service.container.image) {
        None => String::new(),
        Some(image) => match (&image.unread, image.user.as_str()) {
            (Some(reason), _) => format!(", and the image's own was not read ({reason})"),
            (None, "") => ", and the image has no USER of its own".to_owned(),
            (None, user) => format!(", and the image's USER is `{user}`"),
        },
    }
}

/// Kubernetes' names of capabilities: capitals without the prefix, which a kubelet refuses.
fn capabilities(names: &[String]) -> Vec<String> {
    let mut capabilities: Vec<String> = names
        .iter()
        .map(|name| {
            let name = name.to_uppercase();
            name.strip_prefix("CAP_").map_or_else(|| name.clone(), str::to_owned)
        })
        .collect();
    capabilities.sort();
    capabilities.dedup();
    capabilities
}

/// One of Docker's security options (`docker run`, "Security configuration"): `name=value`, or `name:value` of old.
fn security_option(option: &str, context: &mut SecurityContext) -> Result<(), String> {
    let (name, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
    match (name, value) {
        ("no-new-privileges", "" | "true") => context.allow_privilege_escalation = Some(false),
        ("no-new-privileges", "false") | ("seccomp", "builtin") | ("apparmor", "docker-default") => {}
        ("seccomp", "unconfined") => context.seccomp_profile = Some(seccomp("Unconfined")),
        ("seccomp", profile) => {
            let profile = profile_on_nodes(profile)?;
            context.seccomp_profile =
                Some(SeccompProfile { type_: LOCALHOST.to_owned(), localhost_profile: Some(profile) });
        }
        ("apparmor", "unconfined") => {
            context.app_armor_profile =
                Some(AppArmorProfile { type_: "Unconfined".to_owned(), localhost_profile: None });
        }
        ("apparmor", profile) if !profile.is_empty() => {
            context.app_armor_profile =
                Some(AppArmorProfile { type_: LOCALHOST.to_owned(), localhost_profile: Some(profile.to_owned()) });
        }
        // Privileged containers see all of /proc and /sys anyway.
        ("systempaths", "unconfined") if context.privileged == Some(true) => {}
        ("systempaths", "unconfined") => context.proc_mount = Some(UNMASKED.to_owned()),
        ("label", value) => return se_linux(value, context),
        _ => return Err(format!("`{option}` has no counterpart in Kubernetes")),
    }
    Ok(())
}

/// Where a profile of system calls lies below the kubelet's directory for these.
fn profile_on_nodes(profile: &str) -> Result<String, String> {
    let path = profile.strip_prefix(PROFILES).unwrap_or(profile).trim_start_matches("./");
    let is_below = !path.is_empty() && path.split('/').all(|step| !matches!(step, "" | "." | ".."));
    // Docker takes a profile itself, too.
    if !is_below || path.starts_with('{') {
        return Err(format!(
            "profiles of system calls lie on the nodes in Kubernetes: expected a file's path below {PROFILES} of the nodes"
        ));
    }
    Ok(path.to_owned())
}

/// Says where a profile of system calls has to be.
fn note_profile(unit: &Unit, context: &SecurityContext, notes: &mut Notes) {
    let profile = context.seccomp_profile.as_ref().and_then(|profile| profile.localhost_profile.as_ref());
    let is_seccomp = |option: &String| option.starts_with("seccomp");
    let index = unit.service.container.security_opt.iter().rposition(is_seccomp);
    let (Some(profile), Some(index)) = (profile, index) else { return };
    notes.approximated(
        format!("{}.security_opt[{index}]", unit.path),
        format!(
            "no file of the project or of your machine is read: every node has to have the profile, as {PROFILES}{profile}"
        ),
    );
}

fn se_linux(option: &str, context: &mut SecurityContext) -> Result<(), String> {
    let (name, value) = option.split_once(':').unwrap_or((option, ""));
    let mut options: SELinuxOptions = context.se_linux_options.clone().unwrap_or_default();
    let value = Some(value.to_owned());
    match name {
        "user" => options.user = value,
        "role" => options.role = value,
        "type" => options.type_ = value,
        "level" => options.level = value,
        // The type that disables the separation (container-selinux).
        "disable" => options.type_ = Some("spc_t".to_owned()),
        _ => return Err(format!("`label:{option}` has no counterpart in Kubernetes")),
    }
    context.se_linux_options = Some(options);
    Ok(())
}

pub(super) fn seccomp(kind: &str) -> SeccompProfile {
    SeccompProfile { type_: kind.to_owned(), localhost_profile: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn secured(service: &str) -> (SecurityContext, PodSpec, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let unit = &context.units["web"];
            let security = container_context(context, unit, notes).unwrap_or_default();
            let mut pod = PodSpec::default();
            pod_context(unit, &mut pod, notes);
            (security, pod, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn users_are_numbers() {
        for (user, uid, gid) in
            [("1000", 1000, None), ("1000:2000", 1000, Some(2000)), ("root", 0, None), ("root:root", 0, Some(0))]
        {
            let (security, _, notes) = secured(&format!("user: \"{user}\""));
            assert_eq!((security.run_as_user, security.run_as_group), (Some(uid), gid), "{user}");
            assert_eq!(notes, Vec::<String>::new());
        }
        for user in ["node", "1000:users", "-1", "4000000000", "1000:4000000000"] {
            let (security, _, notes) = secured(&format!("user: \"{user}\""));
            assert_eq!(security.run_as_user, None);
            assert_eq!(notes, ["services.web.user: Rejected"], "{user}");
        }
    }

    #[test]
    fn a_name_that_the_image_runs_as_needs_no_number() {
        for (image, asked, said) in [
            ("node", "node", None),
            ("node:app", "node:app", None),
            ("node:app", "node", Some("the image's USER is `node:app`")),
            ("", "node", Some("the image has no USER of its own")),
        ] {
            let facts = fixture::image(serde_json::json!({"user": image}));
            let text = format!("services: {{web: {{image: x, user: \"{asked}\"}}}}");
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                let security = container_context(context, &context.units["web"], notes).unwrap();
                assert_eq!(security.run_as_user, None);
                let noted = std::mem::take(notes).sorted();
                assert_eq!(noted.len(), usize::from(said.is_some()), "{image} {asked}");
                assert!(noted.iter().all(|note| note.message.contains(said.unwrap())), "{noted:?}");
            });
        }
        let facts = fixture::image(serde_json::json!({"unread": "gone"}));
        fixture::with_facts("services: {web: {image: x, user: node}}", &fixture::stack(), &facts, |context, notes| {
            container_context(context, &context.units["web"], notes);
            let message = &std::mem::take(notes).sorted()[0].message;
            assert!(message.contains("was not read (gone)"), "{message}");
        });
    }

    #[test]
    fn capabilities_lose_their_prefix() {
        let (security, _, _) = secured("cap_add: [CAP_NET_ADMIN, net_admin, SYS_TIME], cap_drop: [all]");
        let capabilities = security.capabilities.unwrap();
        assert_eq!(capabilities.add.unwrap(), ["NET_ADMIN", "SYS_TIME"]);
        assert_eq!(capabilities.drop.unwrap(), ["ALL"]);
    }

    #[test]
    fn system_calls_are_confined_as_in_docker() {
        let kind = |service: &str| secured(service).0.seccomp_profile.map(|profile| profile.type_);
        assert_eq!(kind("").as_deref(), Some("RuntimeDefault"));
        assert_eq!(kind("security_opt: [\"seccomp:unconfined\"]").as_deref(), Some("Unconfined"));
        assert_eq!(kind("privileged: true"), None);
    }

    #[test]
    fn security_options() {
        let (security, _, notes) =
            secured("security_opt: [\"no-new-privileges:true\", apparmor=unconfined, \"label=type:svirt_t\", magic=1]");
        assert_eq!(security.allow_privilege_escalation, Some(false));
        assert_eq!(security.app_armor_profile.unwrap().type_, "Unconfined");
        assert_eq!(security.se_linux_options.unwrap().type_.as_deref(), Some("svirt_t"));
        assert_eq!(notes, ["services.web.security_opt[3]: Rejected"]);
    }

    #[test]
    fn what_is_privileged_may_gain_privileges() {
        let (security, _, notes) = secured("privileged: true, security_opt: [label=disable, no-new-privileges=true]");
        assert_eq!((security.privileged, security.allow_privilege_escalation), (Some(true), None));
        assert!(notes.contains(&"services.web.security_opt[1]: Approximated".to_owned()), "{notes:?}");
    }

    #[test]
    fn groups_are_numbers() {
        let (_, pod, notes) = secured("group_add: [\"-1\", \"44\", \"2147483648\"]");
        assert_eq!(pod.security_context.unwrap().supplemental_groups.unwrap(), [44]);
        assert_eq!(notes, ["services.web.group_add[0]: Rejected", "services.web.group_add[2]: Rejected"]);
    }

    #[test]
    fn kernel_parameters_of_the_node_are_left_to_it() {
        let names = ["net.core.somaxconn", "net/ipv4/tcp_rmem", "kernel.shmmax", "kernel.sem", "fs.mqueue.msg_max"];
        let sysctls = names.map(|name| format!("{name}: \"1\"")).join(", ");
        let look = |mode: &str| {
            fixture::with(
                &format!("services: {{web: {{image: x, {mode}, sysctls: {{{sysctls}}}}}}}"),
                |context, notes| {
                    let host_network = mode.starts_with("network_mode").then_some(true);
                    let mut pod = PodSpec { host_network, ..PodSpec::default() };
                    pod_context(&context.units["web"], &mut pod, notes);
                    let kept = pod.security_context.unwrap().sysctls.unwrap().into_iter().map(|sysctl| sysctl.name);
                    let kept: Vec<String> = kept.filter(|name| name != UNPRIVILEGED_PORTS).collect();
                    let refused = std::mem::take(notes).summary();
                    (kept, refused.into_iter().filter(|note| note.ends_with("Rejected")).collect::<Vec<_>>())
                },
            )
        };
        let refused = |names: &[&str]| {
            names.iter().map(|name| format!("services.web.sysctls.{name}: Rejected")).collect::<Vec<_>>()
        };
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let ipc = ["fs.mqueue.msg_max", "kernel.sem", "kernel.shmmax"];
        assert_eq!(look("network_mode: host"), (owned(&ipc), refused(&names[..2])));
        assert_eq!(look("ipc: host"), (owned(&names[..2]), refused(&ipc)));
        assert_eq!(look("pid: host").1, Vec::<String>::new());
    }

    #[test]
    fn profiles_of_system_calls_lie_on_the_nodes() {
        for (option, expected) in [
            ("seccomp=profiles/audit.json", Some("profiles/audit.json")),
            ("seccomp:./audit.json", Some("audit.json")),
            ("seccomp=/var/lib/kubelet/seccomp/audit.json", Some("audit.json")),
            ("seccomp=/etc/docker/audit.json", None),
            ("seccomp=../audit.json", None),
            ("seccomp=", None),
            ("seccomp={}", None),
        ] {
            let (security, _, notes) = secured(&format!("security_opt: [\"{option}\"]"));
            let profile = security.seccomp_profile.and_then(|profile| profile.localhost_profile);
            assert_eq!(profile.as_deref(), expected, "{option}");
            let level = if expected.is_some() { "Approximated" } else { "Rejected" };
            assert_eq!(notes, [format!("services.web.security_opt[0]: {level}")], "{option}");
        }
    }

    #[test]
    fn rules_for_devices_mean_nothing_to_a_privileged_container() {
        let rules = "device_cgroup_rules: [\"c 1:3 mr\"]";
        assert_eq!(secured(rules).2, ["services.web.device_cgroup_rules: Rejected"]);
        let privileged = format!("{rules}, privileged: true");
        assert_eq!(secured(&privileged).2, ["services.web.device_cgroup_rules: Ignored"]);
    }

    #[test]
    fn isolation_is_left_to_a_runtime_that_is_named() {
        assert_eq!(secured("isolation: hyperv").2, ["services.web.isolation: Rejected"]);
        assert_eq!(secured("isolation: hyperv, runtime: windows").2, ["services.web.runtime: Approximated"]);
    }

    #[test]
    fn users_of_their_own() {
        for (service, expected, noted) in [
            ("userns_mode: private", Some(false), vec!["Approximated"]),
            ("userns_mode: private, pid: host", None, vec!["Rejected"]),
            ("userns_mode: host", None, vec![]),
            ("userns_mode: other", None, vec!["Rejected"]),
        ] {
            fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
                let (unit, mut pod) = (&context.units["web"], PodSpec::default());
                pod_context(unit, &mut pod, notes);
                separate_users(context, unit, &mut pod, notes);
                assert_eq!(pod.host_users, expected, "{service}");
                let noted = noted.iter().map(|level| format!("services.web.userns_mode: {level}"));
                assert_eq!(std::mem::take(notes).summary(), noted.collect::<Vec<_>>(), "{service}");
            });
        }
    }

    #[test]
    fn pods_have_groups_and_kernel_parameters() {
        let (_, pod, notes) =
            secured("group_add: [\"44\", video], sysctls: {net.core.somaxconn: \"1024\", net.ipv4.tcp_rmem: \"1\"}");
        let context = pod.security_context.unwrap();
        assert_eq!(context.supplemental_groups.unwrap(), [44]);
        assert_eq!(context.sysctls.unwrap().len(), 3);
        assert_eq!(
            notes,
            ["services.web.group_add[1]: Rejected", "services.web.sysctls.net.core.somaxconn: Approximated"]
        );
    }

    #[test]
    fn what_is_no_kernel_parameter_is_rejected() {
        let (_, pod, notes) = secured("sysctls: {net/ipv4/tcp_rmem: \"1\", A: \"1\", net..ipv4: \"1\", net.-a: \"1\"}");
        let names: Vec<_> =
            pod.security_context.unwrap().sysctls.unwrap().into_iter().map(|sysctl| sysctl.name).collect();
        assert_eq!(names, ["net/ipv4/tcp_rmem", UNPRIVILEGED_PORTS]);
        assert_eq!(
            notes,
            [
                "services.web.sysctls.A: Rejected",
                "services.web.sysctls.net.-a: Rejected",
                "services.web.sysctls.net..ipv4: Rejected",
                "services.web.sysctls.net/ipv4/tcp_rmem: Approximated",
            ]
        );
    }

    #[test]
    fn host_names_of_nodes_come_with_their_network() {
        let noted = |service: &str| {
            fixture::with(&format!("services: {{web: {{image: x, uts: host, {service}}}}}"), |context, notes| {
                let mut pod = PodSpec { host_network: service.contains("host").then_some(true), ..PodSpec::default() };
                pod_context(&context.units["web"], &mut pod, notes);
                std::mem::take(notes).summary()
            })
        };
        assert_eq!(noted(""), ["services.web.uts: Approximated"]);
        assert_eq!(noted("network_mode: host"), Vec::<String>::new());
    }

    #[test]
    fn namespaces_are_the_hosts_or_of_the_pod() {
        let (_, pod, notes) = secured("ipc: host, pid: other");
        assert_eq!((pod.host_ipc, pod.host_pid), (Some(true), None));
        assert_eq!(notes, ["services.web.pid: Rejected"]);
    }
}
