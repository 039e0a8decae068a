//! The Pod Security level that a stack asks for (Kubernetes, "Pod Security Standards", version 1.35).
//!
//! Pods are made to meet it. What in the file contradicts it is rejected by its path, and left out where the stack goes
//! on without what is rejected: the level holds in any case, also after overrides.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSpec, SELinuxOptions, SecurityContext, Sysctl, Volume, VolumeMount,
};

use super::context::{Context, Unit};
use super::notes::Notes;
use super::plan::Note;
use super::security::{SAFE_SYSCTLS, UNPRIVILEGED_PORTS, seccomp};
use super::windows;
use crate::api::v1alpha1::SecurityLevel;

/// The capabilities that the level Baseline lets containers add (Kubernetes, "Pod Security Standards"): those of every
/// container that drops nothing, but for `NET_RAW`.
pub const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The one capability that the level Restricted lets containers add.
const RESTRICTED_CAPABILITIES: [&str; 1] = ["NET_BIND_SERVICE"];

/// The SELinux types of ordinary containers.
const SE_LINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Makes a pod of the service meet the stack's level.
pub(super) fn meet(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let Some(level) = Level::of(context.stack.spec.security) else { return };
    let images_user = context.image(unit.service).map(|image| image.user.as_str());
    let mut review = Review { level, unit, images_user, place: None, is_windows: false, notes };
    review.pod(pod);
}

/// Makes a pod meet the level again after an override, which is at `place`. `before` is the pod without it.
pub(super) fn meet_again(
    context: &Context,
    unit: &Unit,
    place: &str,
    before: &PodSpec,
    pod: &mut PodSpec,
    notes: &mut Notes,
) {
    let Some(level) = Level::of(context.stack.spec.security) else { return };
    let overridden = pod.clone();
    let images_user = context.image(unit.service).map(|image| image.user.as_str());
    let mut found = Notes::default();
    Review { level, unit, images_user, place: Some(place), is_windows: false, notes: &mut found }.pod(pod);
    let found = found.sorted();
    // A container that the override adds may leave to the level what it does not say; one that was there met it.
    if found.is_empty() && context_of(before, unit) == context_of(pod, unit) && overridden != *pod {
        let undone = context_of(&overridden, unit) != context_of(pod, unit)
            || overridden.security_context != pod.security_context;
        if undone {
            let name = level.name;
            notes.rejected(place, format!("takes out what the level {name} of spec.security asks for: leave that out"));
        }
    }
    for note in found {
        notes.add(note);
    }
}

/// What in a finished pod is against the level that its namespace enforces.
pub(super) fn against(context: &Context, unit: &Unit, enforced: SecurityLevel, pod: &PodSpec) -> Vec<Note> {
    let Some(level) = Level::of(enforced) else { return Vec::new() };
    let level = Level { whose: "that the namespace enforces", ..level };
    let images_user = context.image(unit.service).map(|image| image.user.as_str());
    let mut notes = Notes::default();
    Review { level, unit, images_user, place: None, is_windows: false, notes: &mut notes }.pod(&mut pod.clone());
    notes.sorted()
}

/// The settings of the service's own container.
fn context_of<'p>(pod: &'p PodSpec, unit: &Unit) -> Option<&'p SecurityContext> {
    pod.containers.iter().find(|container| container.name == unit.name)?.security_context.as_ref()
}

#[derive(Clone, Copy)]
struct Level {
    name: &'static str,
    /// Who asks for it, to go on after the name.
    whose: &'static str,
    restricted: bool,
}

struct Review<'a> {
    level: Level,
    unit: &'a Unit<'a>,
    /// The image's USER, when it is known.
    images_user: Option<&'a str>,
    /// The path of the override that is reviewed; none for what comes from the file.
    place: Option<&'a str>,
    /// Whether the pod is one of Windows, of which the levels ask only what Windows knows.
    is_windows: bool,
    notes: &'a mut Notes,
}

impl Review<'_> {
    fn refuse(&mut self, attribute: &str, what: &str, remedy: &str) {
        let message = format!("{what} is against the level {} {}: {remedy}", self.level.name, self.level.whose);
        let path = self.place.map_or_else(|| format!("{}.{attribute}", self.unit.path), str::to_owned);
        self.notes.rejected(path, message);
    }

    fn pod(&mut self, pod: &mut PodSpec) {
        self.is_windows = windows::is_of_windows(pod);
        self.namespaces(pod);
        self.sysctls(pod);
        self.volumes(pod);
        for container in pod.init_containers.iter_mut().flatten().chain(&mut pod.containers) {
            self.container(container);
        }
        if self.level.restricted && !self.is_windows {
            give_claims_to_the_user(pod, self.images_user);
        }
    }

    fn namespaces(&mut self, pod: &mut PodSpec) {
        if pod.host_network.take() == Some(true) {
            pod.dns_policy = None;
            self.refuse("network_mode", "the node's network", "leave it out, and reach services by their names");
        }
        if pod.host_pid.take() == Some(true) {
            self.refuse("pid", "the node's process namespace", "leave it out");
        }
        if pod.host_ipc.take() == Some(true) {
            self.refuse("ipc", "the node's IPC namespace", "leave it out");
        }
    }

    fn sysctls(&mut self, pod: &mut PodSpec) {
        let context = pod.security_context.get_or_insert_default();
        let (safe, unsafe_ones): (Vec<Sysctl>, Vec<Sysctl>) = context
            .sysctls
            .take()
            .unwrap_or_default()
            .into_iter()
            .partition(|sysctl| SAFE_SYSCTLS.contains(&sysctl.name.as_str()));
        for sysctl in unsafe_ones {
            self.refuse(&format!("sysctls.{}", sysctl.name), "a kernel parameter that is not safe", "leave it out");
        }
        let mut sysctls = safe;
        if self.level.restricted && !self.is_windows && !sysctls.iter().any(|sysctl| sysctl.name == UNPRIVILEGED_PORTS)
        {
            sysctls.push(Sysctl { name: UNPRIVILEGED_PORTS.to_owned(), value: "0".to_owned() });
        }
        context.sysctls = (!sysctls.is_empty()).then_some(sysctls);
        if *context == k8s_openapi::api::core::v1::PodSecurityContext::default() {
            pod.security_context = None;
        }
    }

    fn volumes(&mut self, pod: &mut PodSpec) {
        let (kept, refused): (Vec<Volume>, Vec<Volume>) =
            pod.volumes.take().unwrap_or_default().into_iter().partition(|volume| self.level.allows(volume));
        pod.volumes = (!kept.is_empty()).then_some(kept);
        for volume in refused {
            let what =
                if volume.host_path.is_some() { "a path of the node" } else { "a share that is mounted directly" };
            for container in pod.init_containers.iter_mut().flatten().chain(&mut pod.containers) {
                let mounts = container.volume_mounts.take().unwrap_or_default();
                let (gone, left): (Vec<VolumeMount>, Vec<VolumeMount>) =
                    mounts.into_iter().partition(|mount| mount.name == volume.name);
                container.volume_mounts = (!left.is_empty()).then_some(left);
                for mount in gone {
                    let listed = &self.unit.service.container.volumes;
                    let attribute = match listed.iter().position(|listed| listed.target == mount.mount_path) {
                        Some(index) => format!("volumes[{index}]"),
                        None => "volumes".to_owned(),
                    };
                    let remedy = "use a named volume, or put files of the project into spec.files";
                    self.refuse(&attribute, what, remedy);
                }
            }
        }
    }

    fn container(&mut self, container: &mut Container) {
        for port in container.ports.iter_mut().flatten() {
            if port.host_port.take().is_some() {
                port.host_ip = None;
                self.refuse("ports", "a port of the node", "publish it without `mode: host`");
            }
        }
        let context = container.security_context.get_or_insert_default();
        if context.privileged.take() == Some(true) {
            self.refuse("privileged", "a privileged container", "leave it out");
        }
        if context.proc_mount.take().is_some_and(|mount| mount != "Default") {
            self.refuse("security_opt", "an unmasked /proc", "leave it out");
        }
        if !self.is_windows {
            self.confinement(context);
            self.capabilities(context);
        }
        if self.level.restricted {
            self.user(context);
        }
        if *context == SecurityContext::default() {
            container.security_context = None;
        }
    }

    fn confinement(&mut self, context: &mut SecurityContext) {
        if context.seccomp_profile.as_ref().is_some_and(|profile| profile.type_ == "Unconfined") {
            context.seccomp_profile = None;
            self.refuse("security_opt", "`seccomp:unconfined`", "leave it out");
        }
        context.seccomp_profile.get_or_insert_with(|| seccomp("RuntimeDefault"));
        if context.app_armor_profile.as_ref().is_some_and(|profile| profile.type_ == "Unconfined") {
            context.app_armor_profile = None;
            self.refuse("security_opt", "`apparmor:unconfined`", "leave it out");
        }
        let is_ordinary = |options: &SELinuxOptions| {
            options.user.is_none()
                && options.role.is_none()
                && SE_LINUX_TYPES.contains(&options.type_.as_deref().unwrap_or_default())
        };
        if context.se_linux_options.as_ref().is_some_and(|options| !is_ordinary(options)) {
            context.se_linux_options = None;
            self.refuse("security_opt", "a SELinux user, role or type of its own", "leave it out");
        }
    }

    fn capabilities(&mut self, context: &mut SecurityContext) {
        let allowed: &[&str] = if self.level.restricted { &RESTRICTED_CAPABILITIES } else { &BASELINE_CAPABILITIES };
        let capabilities = context.capabilities.take().unwrap_or_default();
        let mut add = capabilities.add.unwrap_or_default();
        add.retain(|name| {
            let fits = allowed.contains(&name.as_str());
            if !fits {
                self.refuse("cap_add", &format!("the capability {name}"), "leave it out");
            }
            fits
        });
        let drop = if self.level.restricted { Some(vec!["ALL".to_owned()]) } else { capabilities.drop };
        let capabilities = Capabilities { add: (!add.is_empty()).then_some(add), drop };
        context.capabilities = (capabilities != Capabilities::default()).then_some(capabilities);
    }

    fn user(&mut self, context: &mut SecurityContext) {
        if self.place.is_some() {
            self.user_of_override(context);
            return;
        }
        let escalates = |option: &String| option == "no-new-privileges:false" || option == "no-new-privileges=false";
        if self.unit.service.container.security_opt.iter().any(escalates) {
            self.refuse("security_opt", "`no-new-privileges:false`", "leave it out");
        }
        context.allow_privilege_escalation = (!self.is_windows).then_some(false);
        context.run_as_non_root = Some(true);
        let asked = !self.unit.service.container.user.is_empty();
        let remedy = "give the number of a user of the image, such as `user: \"1000:1000\"`";
        match context.run_as_user {
            Some(0) => {
                context.run_as_user = None;
                self.refuse("user", "the user root", remedy);
            }
            Some(_) => {}
            // A name was rejected already, unless it is the image's.
            None if asked && self.images_user != Some(self.unit.service.container.user.as_str()) => {}
            None if self.images_user.is_some() => match self.images_user.and_then(numbers) {
                Some((user, _)) if user > 0 => {}
                Some(_) => self.refuse("user", "the image's user root", remedy),
                None => {
                    let name = self.images_user.unwrap_or_default();
                    self.refuse("user", &format!("the image's user `{name}`, a name that may be root's,"), remedy);
                }
            },
            None => self.notes.approximated(
                format!("{}.user", self.unit.path),
                format!(
                    "the image's own user is not known here; unless that is a number other than 0, the kubelet does not \
                     start the container (level {} {}): {remedy}",
                    self.level.name, self.level.whose
                ),
            ),
        }
    }
}

impl Review<'_> {
    /// What an override says of the user; what it does not say was judged before.
    fn user_of_override(&mut self, context: &mut SecurityContext) {
        let escalates = context.allow_privilege_escalation.take() == Some(true);
        context.allow_privilege_escalation = (!self.is_windows).then_some(false);
        if escalates {
            self.refuse("", "`allowPrivilegeEscalation: true`", "leave it out");
        }
        if context.run_as_non_root.replace(true) == Some(false) {
            self.refuse("", "`runAsNonRoot: false`", "leave it out");
        }
        if context.run_as_user == Some(0) {
            context.run_as_user = None;
            self.refuse("", "the user root", "give the number of a user of the image");
        }
    }
}

impl Level {
    fn of(level: SecurityLevel) -> Option<Self> {
        match level {
            SecurityLevel::Unset => None,
            SecurityLevel::Baseline => Some(Self { name: "Baseline", whose: "of spec.security", restricted: false }),
            SecurityLevel::Restricted => Some(Self { name: "Restricted", whose: "of spec.security", restricted: true }),
        }
    }

    fn allows(self, volume: &Volume) -> bool {
        let baseline = volume.host_path.is_none();
        let restricted = volume.config_map.is_some()
            || volume.csi.is_some()
            || volume.downward_api.is_some()
            || volume.empty_dir.is_some()
            || volume.ephemeral.is_some()
            || volume.image.is_some()
            || volume.persistent_volume_claim.is_some()
            || volume.projected.is_some()
            || volume.secret.is_some();
        baseline && (restricted || !self.restricted)
    }
}

/// User and group of a USER instruction, if they are numbers; without a user, it is root.
fn numbers(user: &str) -> Option<(i64, Option<i64>)> {
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
    let number = |text: &str| if matches!(text, "" | "root") { Some(0) } else { text.parse::<i64>().ok() };
    Some((number(user)?, group.and_then(number)))
}

/// A fresh claim belongs to root, whom nobody is here: the group of the pod's user is given it, once.
fn give_claims_to_the_user(pod: &mut PodSpec, images_user: Option<&str>) {
    let has_claim = pod.volumes.iter().flatten().any(|volume| volume.persistent_volume_claim.is_some());
    let user = pod.containers.iter().find_map(|container| container.security_context.as_ref());
    let of_image = images_user.and_then(numbers).map(|(user, group)| group.unwrap_or(user));
    let group = user.and_then(|context| context.run_as_group.or(context.run_as_user)).or(of_image);
    if let (true, Some(group)) = (has_claim, group) {
        let context = pod.security_context.get_or_insert_default();
        context.fs_group = context.fs_group.or(Some(group));
        context.fs_group_change_policy = Some("OnRootMismatch".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;
    use crate::translate::generated::Generated;
    use crate::translate::pod::template;

    fn met(level: SecurityLevel, service: &str) -> (PodSpec, Vec<String>) {
        let stack = fixture::stack_with(|spec| spec.security = level);
        let text = format!("services: {{web: {{image: x, {service}}}}}\nvolumes: {{data: {{name: p_data}}}}");
        fixture::with_stack(&text, &stack, |context, notes| {
            let template = template(context, &context.units["web"], None, &mut Generated::default(), notes);
            (template.spec.unwrap(), std::mem::take(notes).summary())
        })
    }

    fn context(pod: &PodSpec) -> SecurityContext {
        pod.containers[0].security_context.clone().unwrap()
    }

    #[test]
    fn the_restricted_level_is_met_by_a_file_that_asks_for_nothing() {
        let (pod, notes) = met(SecurityLevel::Restricted, "user: \"1000\"");
        let context = context(&pod);
        assert_eq!((context.run_as_non_root, context.allow_privilege_escalation), (Some(true), Some(false)));
        assert_eq!(context.capabilities.unwrap().drop.unwrap(), ["ALL"]);
        assert_eq!(context.seccomp_profile.unwrap().type_, "RuntimeDefault");
        assert_eq!(pod.security_context.unwrap().sysctls.unwrap()[0].value, "0");
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn an_unknown_user_is_told_of() {
        assert_eq!(met(SecurityLevel::Restricted, "").1, ["services.web.user: Approximated"]);
        assert_eq!(met(SecurityLevel::Baseline, "").1, Vec::<String>::new());
        assert_eq!(met(SecurityLevel::Restricted, "user: root").1, ["services.web.user: Rejected"]);
        assert_eq!(met(SecurityLevel::Restricted, "user: node").1, ["services.web.user: Rejected"]);
    }

    #[test]
    fn the_images_user_counts_where_the_file_gives_none() {
        let stack = fixture::stack_with(|spec| spec.security = SecurityLevel::Restricted);
        for (user, file, expected) in [
            ("1000", "", vec![]),
            ("1000:2000", "", vec![]),
            ("", "", vec!["services.web.user: Rejected"]),
            ("0:5", "", vec!["services.web.user: Rejected"]),
            ("node", "", vec!["services.web.user: Rejected"]),
            ("node", "user: \"7\"", vec![]),
            ("node", "user: node", vec!["services.web.user: Rejected"]),
        ] {
            let facts = fixture::image(serde_json::json!({"user": user}));
            let text = format!(
                "services: {{web: {{image: x, volumes: [{{type: volume, source: data, target: /d, volume: {{nocopy: \
                 true}}}}], {file}}}}}\nvolumes: {{data: {{name: p_data}}}}"
            );
            fixture::with_facts(&text, &stack, &facts, |context, notes| {
                let template = template(context, &context.units["web"], None, &mut Generated::default(), notes);
                assert_eq!(std::mem::take(notes).summary(), expected, "{user} {file}");
                let group = template.spec.unwrap().security_context.unwrap().fs_group;
                assert_eq!(group == Some(2000), user == "1000:2000");
            });
        }
    }

    #[test]
    fn what_contradicts_a_level_is_rejected_and_left_out() {
        let (pod, notes) = met(
            SecurityLevel::Restricted,
            "user: \"0\", privileged: true, cap_add: [NET_BIND_SERVICE, CHOWN], security_opt: [\"seccomp:unconfined\"], \
             volumes: [{type: bind, source: /srv, target: /srv}], ports: [{target: 80, published: \"80\", protocol: tcp, \
             mode: host}], pid: host, ipc: host, network_mode: host, sysctls: {kernel.msgmax: \"1\"}",
        );
        let security = context(&pod);
        assert_eq!((security.privileged, security.run_as_user), (None, None));
        assert_eq!(security.capabilities.unwrap().add.unwrap(), ["NET_BIND_SERVICE"]);
        assert_eq!(security.seccomp_profile.unwrap().type_, "RuntimeDefault");
        assert_eq!((pod.host_network, pod.host_pid, pod.host_ipc), (None, None, None));
        assert_eq!((pod.volumes, pod.containers[0].volume_mounts.clone()), (None, None));
        let rejected: Vec<_> = notes.iter().filter(|note| note.ends_with(": Rejected")).collect();
        let expected = [
            "cap_add",
            "ipc",
            "network_mode",
            "pid",
            "privileged",
            "security_opt",
            "sysctls.kernel.msgmax",
            "user",
            "volumes[0]",
        ];
        assert_eq!(
            rejected,
            expected.map(|attribute| format!("services.web.{attribute}: Rejected")).iter().collect::<Vec<_>>()
        );
    }

    #[test]
    fn ports_of_the_node_are_against_both_levels() {
        let port = "user: \"1\", ports: [{target: 80, published: \"80\", protocol: tcp, mode: host}]";
        for level in [SecurityLevel::Baseline, SecurityLevel::Restricted] {
            let (pod, notes) = met(level, port);
            assert_eq!(pod.containers[0].ports.clone().unwrap()[0].host_port, None);
            assert_eq!(notes, ["services.web.ports: Rejected"]);
        }
    }

    #[test]
    fn the_baseline_level_leaves_what_is_ordinary() {
        let (pod, notes) = met(SecurityLevel::Baseline, "user: root, cap_add: [CHOWN], cap_drop: [KILL]");
        let security = context(&pod);
        assert_eq!(security.run_as_user, Some(0));
        assert_eq!(security.capabilities.unwrap().add.unwrap(), ["CHOWN"]);
        assert_eq!(pod.security_context.unwrap().sysctls.unwrap()[0].name, UNPRIVILEGED_PORTS);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn a_claim_is_given_to_the_group_of_its_user() {
        let volume = "volumes: [{type: volume, source: data, target: /d, volume: {nocopy: true}}]";
        for (user, group) in [("1000", 1000), ("1000:2000", 2000)] {
            let (pod, _) = met(SecurityLevel::Restricted, &format!("user: \"{user}\", {volume}"));
            assert_eq!(pod.security_context.unwrap().fs_group, Some(group));
        }
        let (pod, _) = met(SecurityLevel::Baseline, &format!("user: \"1000\", {volume}"));
        assert_eq!(pod.security_context.unwrap().fs_group, None);
    }
}
