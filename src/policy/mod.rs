//! What a plan may contain, judged on the finished plan so that no override is a way round it.

use std::path::{Component, Path};
use std::str::FromStr;

use clap::Args;
use k8s_openapi::api::core::v1::{Container, PodSpec, Service, Volume};

use crate::api::names;
use crate::translate::{BASELINE_CAPABILITIES, Note, NoteLevel, Plan, Workload};

/// The reason of the notes that [`judge`] makes.
pub const FORBIDDEN: &str = "Forbidden";

/// What the operator's administrator allows stacks to do, as options of a command line. By default, nothing that reaches
/// beyond the stack.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Policy")]
pub struct Policy {
    /// A host directory that stacks may mount, with all below it; may be repeated
    #[arg(long = "allow-host-path", env = "COMPOSE_OPERATOR_ALLOW_HOST_PATH", value_delimiter = ',')]
    pub host_path_prefixes: Vec<String>,
    /// Allow privileged containers
    #[arg(long = "allow-privileged", env = "COMPOSE_OPERATOR_ALLOW_PRIVILEGED")]
    pub privileged: bool,
    /// Allow the host's network, process and IPC namespaces, and networks on interfaces of the nodes
    #[arg(long = "allow-host-namespaces", env = "COMPOSE_OPERATOR_ALLOW_HOST_NAMESPACES")]
    pub host_namespaces: bool,
    /// A capability that containers may add, or * for all; may be repeated
    #[arg(long = "allow-capability", env = "COMPOSE_OPERATOR_ALLOW_CAPABILITY", value_delimiter = ',')]
    pub capabilities: Vec<String>,
    /// Allow ports of the node
    #[arg(long = "allow-host-ports", env = "COMPOSE_OPERATOR_ALLOW_HOST_PORTS")]
    pub host_ports: bool,
    /// Allow Services of type LoadBalancer
    #[arg(long = "allow-load-balancers", env = "COMPOSE_OPERATOR_ALLOW_LOAD_BALANCERS")]
    pub load_balancers: bool,
    /// Allow Services of type NodePort
    #[arg(long = "allow-node-ports", env = "COMPOSE_OPERATOR_ALLOW_NODE_PORTS")]
    pub node_ports: bool,
    /// A registry that images may come from, any when absent; may be repeated
    #[arg(long = "allow-registry", env = "COMPOSE_OPERATOR_ALLOW_REGISTRY", value_delimiter = ',')]
    pub registries: Vec<String>,
    /// A ServiceAccount whose rights pods may have, or * for all; may be repeated
    #[arg(long = "allow-service-account", env = "COMPOSE_OPERATOR_ALLOW_SERVICE_ACCOUNT", value_delimiter = ',')]
    pub service_accounts: Vec<String>,
    /// A network that stacks of another namespace may join, as NAMESPACE/NETWORK=OTHER; the last two may be *, for all; may
    /// be repeated
    #[arg(long = "allow-network", env = "COMPOSE_OPERATOR_ALLOW_NETWORK", value_delimiter = ',')]
    pub networks: Vec<OpenNetwork>,
    /// The operator's own image, which helper pods may use wherever it comes from.
    #[arg(skip)]
    pub operator_image: Option<String>,
}

/// A network that stacks of another namespace may join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNetwork {
    /// The namespace of the stack that has the network.
    pub namespace: String,
    /// The engine's name of the network; none for all of the namespace.
    pub network: Option<String>,
    /// The namespace of those that may join; none for all.
    pub joining: Option<String>,
}

impl FromStr for OpenNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=').and_then(|(network, joining)| Some((network.split_once('/')?, joining)));
        let Some(((namespace, network), joining)) = parts.filter(|((namespace, network), joining)| {
            ![*namespace, *network, *joining].contains(&"") && *namespace != "*"
        }) else {
            return Err("expected NAMESPACE/NETWORK=OTHER, such as `team-a/shared=team-b`".to_owned());
        };
        let unless_all = |name: &str| (name != "*").then(|| name.to_owned());
        Ok(Self { namespace: namespace.to_owned(), network: unless_all(network), joining: unless_all(joining) })
    }
}

impl Policy {
    /// Whether a stack of one namespace may join the network of another.
    pub(crate) fn allows_to_join(&self, namespace: &str, network: &str, joining: &str) -> bool {
        self.joining(namespace, network).any(|allowed| allowed.is_none_or(|allowed| allowed == joining))
    }

    /// The namespaces whose stacks may join a network of another; none among them stands for all.
    pub(crate) fn joining<'a>(&'a self, namespace: &'a str, network: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        let is_meant = move |open: &&OpenNetwork| {
            open.namespace == namespace && open.network.as_deref().is_none_or(|name| name == network)
        };
        self.networks.iter().filter(is_meant).map(|open| open.joining.as_deref())
    }

    /// Whether images may come from where this one does.
    pub fn allows_image(&self, image: &str) -> bool {
        if self.registries.is_empty() || self.operator_image.as_deref() == Some(image) {
            return true;
        }
        let repository = repository(image);
        self.registries.iter().any(|prefix| {
            let prefix = prefix.trim_end_matches('/');
            repository.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// The annotations by which pods get into networks that are not the cluster's.
const ATTACHMENTS: [&str; 2] = [names::ANNOTATION_ATTACHMENTS, names::ANNOTATION_DEFAULT_NETWORK];

/// What a plan holds that the policy forbids; each an error, with the value that would allow it.
pub fn judge(plan: &Plan, policy: &Policy) -> Vec<Note> {
    let mut verdict = Verdict { policy, notes: Vec::new() };
    // Nothing in these kinds gives rights beyond the namespace: what enters by an Ingress or an HTTPRoute was let in by
    // who runs the controller.
    let Plan {
        config_maps: _,
        secrets: _,
        claims: _,
        network_policies: _,
        network_attachments,
        services,
        ingresses: _,
        http_routes: _,
        autoscalers: _,
        workloads,
        notes: _,
    } = plan;
    if !policy.host_namespaces {
        for attachment in network_attachments {
            let name = attachment.metadata.name.as_deref().unwrap_or_default();
            verdict.forbid(
                &|| "networks".to_owned(),
                format!("the network `{name}` of the nodes"),
                "--allow-host-namespaces",
            );
        }
    }
    for service in services {
        verdict.service(service);
    }
    for workload in workloads {
        verdict.workload(workload);
    }
    verdict.notes.sort();
    verdict.notes.dedup();
    verdict.notes
}

/// The path of what is judged, which is asked for when there is something to say.
type AttributePath<'p> = &'p dyn Fn() -> String;

struct Verdict<'a> {
    policy: &'a Policy,
    notes: Vec<Note>,
}

impl Verdict<'_> {
    fn forbid(&mut self, path: AttributePath, what: impl Into<String>, allow: &str) {
        self.notes.push(Note {
            path: path(),
            level: NoteLevel::Error,
            reason: FORBIDDEN,
            message: not_allowed(&what.into(), allow),
        });
    }

    fn service(&mut self, service: &Service) {
        let path: AttributePath = &|| service_path(service);
        let Some(spec) = &service.spec else { return };
        match spec.type_.as_deref() {
            Some("LoadBalancer") if !self.policy.load_balancers => {
                self.forbid(path, "a load balancer", "--allow-load-balancers");
            }
            Some("NodePort") if !self.policy.node_ports => {
                self.forbid(path, "a port on every node", "--allow-node-ports");
            }
            _ => {}
        }
        // An address of somebody else's would draw that traffic to this stack (CVE-2020-8554).
        if spec.external_ips.as_ref().is_some_and(|addresses| !addresses.is_empty()) && !self.policy.load_balancers {
            self.forbid(path, "an external address", "--allow-load-balancers");
        }
    }

    fn workload(&mut self, workload: &Workload) {
        let path: AttributePath = &|| workload.path();
        let Some(template) = workload.object.template() else { return };
        let annotations = template.metadata.iter().flat_map(|metadata| metadata.annotations.iter().flatten());
        for (key, _) in annotations.filter(|(key, _)| ATTACHMENTS.contains(&key.as_str())) {
            if !self.policy.host_namespaces {
                self.forbid(path, format!("an interface in another network, by {key},"), "--allow-host-namespaces");
            }
        }
        if let Some(spec) = &template.spec {
            self.pod(path, spec);
        }
    }

    fn pod(&mut self, path: AttributePath, pod: &PodSpec) {
        let shared = [("network", pod.host_network), ("process", pod.host_pid), ("IPC", pod.host_ipc)];
        for (what, _) in shared.iter().filter(|(_, given)| *given == Some(true)) {
            if !self.policy.host_namespaces {
                self.forbid(path, format!("the node's {what} namespace"), "--allow-host-namespaces");
            }
        }
        self.service_account(path, pod);
        for volume in pod.volumes.iter().flatten() {
            self.volume(path, volume);
        }
        for container in pod.init_containers.iter().flatten().chain(&pod.containers) {
            self.container(path, container);
        }
        let Some(context) = &pod.security_context else { return };
        if context.se_linux_options.is_some() {
            self.labelled(path);
        }
        let windows = context.windows_options.as_ref();
        if windows.is_some_and(|options| options.host_process == Some(true)) && !self.policy.privileged {
            self.forbid(path, "a process of the node", "--allow-privileged");
        }
    }

    /// Whoever may write a stack is not therefore whom a ServiceAccount was made for: its token gives its rights.
    fn service_account(&mut self, path: AttributePath, pod: &PodSpec) {
        let named = pod.service_account_name.iter().chain(&pod.service_account).find(|name| !name.is_empty());
        let mounted =
            pod.volumes.iter().flatten().filter_map(|volume| volume.projected.as_ref()).any(|projected| {
                projected.sources.iter().flatten().any(|source| source.service_account_token.is_some())
            });
        if named.is_none() && pod.automount_service_account_token == Some(false) && !mounted {
            return;
        }
        let name = named.map_or("default", String::as_str);
        if !self.policy.service_accounts.iter().any(|allowed| allowed == "*" || allowed == name) {
            self.forbid(path, format!("the ServiceAccount `{name}`"), &format!("--allow-service-account={name}"));
        }
    }

    fn volume(&mut self, path: AttributePath, volume: &Volume) {
        if let Some(image) = volume.image.as_ref().and_then(|source| source.reference.as_deref()) {
            self.image(path, image);
        }
        let Some(host_path) = volume.host_path.as_ref().map(|source| source.path.as_str()) else { return };
        let allowed = self.policy.host_path_prefixes.iter().any(|prefix| lies_below(host_path, prefix));
        if !allowed {
            self.forbid(path, format!("the node's path `{host_path}`"), &format!("--allow-host-path={host_path}"));
        }
    }

    fn container(&mut self, path: AttributePath, container: &Container) {
        if container.ports.iter().flatten().any(|port| port.host_port.is_some_and(|port| port != 0))
            && !self.policy.host_ports
        {
            self.forbid(path, "a port of the node", "--allow-host-ports");
        }
        if let Some(image) = container.image.as_deref() {
            self.image(path, image);
        }
        let Some(context) = &container.security_context else { return };
        if context.privileged == Some(true) && !self.policy.privileged {
            self.forbid(path, "a privileged container", "--allow-privileged");
        }
        // The default mask hides what would let a container change the kernel's state.
        if context.proc_mount.as_deref().is_some_and(|mount| mount != "Default") && !self.policy.privileged {
            self.forbid(path, "an unmasked /proc", "--allow-privileged");
        }
        let windows = context.windows_options.as_ref();
        if windows.is_some_and(|options| options.host_process == Some(true)) && !self.policy.privileged {
            self.forbid(path, "a process of the node", "--allow-privileged");
        }
        if context.se_linux_options.is_some() {
            self.labelled(path);
        }
        let added = context.capabilities.as_ref().and_then(|capabilities| capabilities.add.as_ref());
        for capability in added.into_iter().flatten() {
            let name = capability.strip_prefix("CAP_").unwrap_or(capability);
            let allowed = |wanted: &String| wanted == "*" || wanted == name;
            // Containers have these when they drop nothing, so to add one again, after dropping all, gives no more.
            let by_default = BASELINE_CAPABILITIES.contains(&name) || name == "NET_RAW";
            if !by_default && !self.policy.capabilities.iter().any(allowed) {
                self.forbid(path, format!("the capability {name}"), &format!("--allow-capability={name}"));
            }
        }
    }

    /// Types such as spc_t lift the separation of containers.
    fn labelled(&mut self, path: AttributePath) {
        if !self.policy.privileged {
            self.forbid(path, "a SELinux label of its own", "--allow-privileged");
        }
    }

    fn image(&mut self, path: AttributePath, image: &str) {
        if !self.policy.allows_image(image) {
            let repository = repository(image);
            let registry = repository.split('/').next().unwrap_or_default().to_owned();
            self.forbid(path, format!("the image `{image}`"), &format!("--allow-registry={registry}"));
        }
    }
}

/// What is said of something that the policy forbids, with the option that would allow it.
pub(crate) fn not_allowed(what: &str, allow: &str) -> String {
    format!("{what} is not allowed here: an administrator can allow it by the operator's {allow}")
}

fn service_path(service: &Service) -> String {
    let labels = service.metadata.labels.as_ref();
    match labels.and_then(|labels| labels.get(names::LABEL_SERVICE)) {
        Some(key) => format!("services.{key}"),
        None => "services".to_owned(),
    }
}

/// Whether a path is the directory or lies below it, component by component: `/data2` is not below `/data`, and
/// nothing with `..` is below anything.
fn lies_below(path: &str, directory: &str) -> bool {
    let is_plain = |path: &Path| path.is_absolute() && !path.components().any(|part| part == Component::ParentDir);
    let (path, directory) = (Path::new(path), Path::new(directory));
    is_plain(path) && is_plain(directory) && path.starts_with(directory)
}

/// The image's repository with its registry written out, without tag and digest (distribution/reference).
fn repository(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    match name.split_once('/') {
        Some((registry, _)) if registry.contains(['.', ':']) || registry == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
    use k8s_openapi::api::core::v1::{
        Capabilities, ContainerPort, HostPathVolumeSource, PodTemplateSpec, SecurityContext, ServiceSpec,
    };

    use kube::core::DynamicObject;

    use crate::translate::{WorkloadObject, network_attachment_api};

    fn plan(change: impl FnOnce(&mut PodSpec)) -> Plan {
        let container = Container { image: Some("nginx".to_owned()), ..Container::default() };
        let mut pod =
            PodSpec { containers: vec![container], automount_service_account_token: Some(false), ..PodSpec::default() };
        change(&mut pod);
        let template = PodTemplateSpec { spec: Some(pod), ..PodTemplateSpec::default() };
        let spec = DeploymentSpec { template, ..DeploymentSpec::default() };
        let object = Deployment { spec: Some(spec), ..Deployment::default() };
        let workload = Workload {
            service: "web".to_owned(),
            is_job: false,
            image: String::new(),
            object: WorkloadObject::Deployment(Box::new(object)),
            gates: Vec::new(),
            lacks: Vec::new(),
            discovery: None,
            members: Vec::new(),
            rollout: None,
        };
        Plan { workloads: vec![workload], ..Plan::default() }
    }

    fn asked(plan: &Plan, policy: &Policy) -> Vec<String> {
        let flag = |note: &Note| note.message.rsplit(' ').next().unwrap_or_default().to_owned();
        judge(plan, policy).iter().map(flag).collect()
    }

    fn host_path(path: &str) -> Plan {
        plan(|pod| {
            let host_path = Some(HostPathVolumeSource { path: path.to_owned(), type_: None });
            pod.volumes = Some(vec![Volume { host_path, ..Volume::default() }]);
        })
    }

    #[test]
    fn an_ordinary_pod_is_allowed() {
        assert_eq!(judge(&plan(|_| {}), &Policy::default()), []);
    }

    #[test]
    fn paths_of_the_node_are_compared_by_component() {
        let policy = Policy { host_path_prefixes: vec!["/data".to_owned()], ..Policy::default() };
        for path in ["/data", "/data/", "/data/a"] {
            assert_eq!(asked(&host_path(path), &policy), Vec::<String>::new(), "{path}");
        }
        for path in ["/data2", "/data/../etc", "data", "/"] {
            assert_eq!(asked(&host_path(path), &policy), [format!("--allow-host-path={path}")], "{path}");
        }
    }

    #[test]
    fn each_privilege_names_its_flag() {
        let secured = |context: SecurityContext| plan(|pod| pod.containers[0].security_context = Some(context));
        let add = ["NET_ADMIN", "CAP_SYS_TIME", "NET_BIND_SERVICE"].map(str::to_owned).to_vec();
        let cases = [
            (
                secured(SecurityContext { privileged: Some(true), ..SecurityContext::default() }),
                vec!["--allow-privileged"],
            ),
            (
                secured(SecurityContext {
                    capabilities: Some(Capabilities { add: Some(add), drop: None }),
                    ..SecurityContext::default()
                }),
                vec!["--allow-capability=NET_ADMIN", "--allow-capability=SYS_TIME"],
            ),
            (plan(|pod| pod.host_network = Some(true)), vec!["--allow-host-namespaces"]),
            (
                plan(|pod| {
                    pod.containers[0].ports =
                        Some(vec![ContainerPort { host_port: Some(80), ..ContainerPort::default() }]);
                }),
                vec!["--allow-host-ports"],
            ),
        ];
        for (plan, flags) in cases {
            assert_eq!(asked(&plan, &Policy::default()), flags);
            let all = Policy {
                privileged: true,
                capabilities: vec!["*".to_owned()],
                host_namespaces: true,
                host_ports: true,
                ..Policy::default()
            };
            assert_eq!(asked(&plan, &all), Vec::<String>::new());
        }
    }

    #[test]
    fn networks_of_the_nodes_are_given_whoever_defined_them() {
        let allowing = Policy { host_namespaces: true, ..Policy::default() };
        let attachment = DynamicObject::new("shop-lan", &network_attachment_api());
        let mut plans = vec![Plan { network_attachments: vec![attachment], ..Plan::default() }];
        for key in ATTACHMENTS {
            let mut plan = plan(|_| {});
            let WorkloadObject::Deployment(object) = &mut plan.workloads[0].object else { unreachable!() };
            let metadata = object.spec.as_mut().unwrap().template.metadata.get_or_insert_default();
            metadata.annotations = Some([(key.to_owned(), "other/lan".to_owned())].into());
            plans.push(plan);
        }
        for plan in plans {
            assert_eq!(asked(&plan, &Policy::default()), ["--allow-host-namespaces"]);
            assert_eq!(asked(&plan, &allowing), Vec::<String>::new());
        }
    }

    #[test]
    fn the_rights_of_service_accounts_are_given_by_name() {
        use k8s_openapi::api::core::v1::{ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection};
        let token = || VolumeProjection {
            service_account_token: Some(ServiceAccountTokenProjection::default()),
            ..VolumeProjection::default()
        };
        let projected = || ProjectedVolumeSource { sources: Some(vec![token()]), ..ProjectedVolumeSource::default() };
        let name = |name: &str| Some(name.to_owned());
        for (plan, account) in [
            (plan(|pod| pod.service_account_name = name("admin")), "admin"),
            (plan(|pod| pod.service_account = name("admin")), "admin"),
            (plan(|pod| pod.automount_service_account_token = None), "default"),
            (
                plan(|pod| {
                    pod.volumes = Some(vec![Volume { projected: Some(projected()), ..Volume::default() }]);
                }),
                "default",
            ),
        ] {
            assert_eq!(asked(&plan, &Policy::default()), [format!("--allow-service-account={account}")]);
            let policy = Policy { service_accounts: vec![account.to_owned()], ..Policy::default() };
            assert_eq!(asked(&plan, &policy), Vec::<String>::new());
        }
    }

    #[test]
    fn init_containers_are_judged_too() {
        let plan = plan(|pod| {
            let security_context = Some(SecurityContext { privileged: Some(true), ..SecurityContext::default() });
            pod.init_containers = Some(vec![Container { security_context, ..Container::default() }]);
        });
        assert_eq!(asked(&plan, &Policy::default()), ["--allow-privileged"]);
    }

    #[test]
    fn services_that_reach_out() {
        let service = |kind: &str| Service {
            spec: Some(ServiceSpec { type_: Some(kind.to_owned()), ..ServiceSpec::default() }),
            ..Service::default()
        };
        for (kind, flags) in [
            ("ClusterIP", vec![]),
            ("NodePort", vec!["--allow-node-ports"]),
            ("LoadBalancer", vec!["--allow-load-balancers"]),
        ] {
            let plan = Plan { services: vec![service(kind)], ..Plan::default() };
            assert_eq!(asked(&plan, &Policy::default()), flags);
        }
    }

    #[test]
    fn networks_are_open_to_the_namespaces_that_are_named() {
        let open = |text: &str| Policy { networks: vec![text.parse().unwrap()], ..Policy::default() };
        for (entry, expected) in [
            ("a/shared=b", true),
            ("a/*=b", true),
            ("a/shared=*", true),
            ("a/*=*", true),
            ("a/other=b", false),
            ("a/shared=c", false),
            ("b/shared=a", false),
        ] {
            assert_eq!(open(entry).allows_to_join("a", "shared", "b"), expected, "{entry}");
        }
        assert!(!Policy::default().allows_to_join("a", "shared", "b"));
        for entry in ["", "a", "a/shared", "shared=b", "a/=b", "/shared=b", "a/shared=", "*/shared=b"] {
            assert!(entry.parse::<OpenNetwork>().is_err(), "{entry}");
        }
    }

    #[test]
    fn registries_are_written_out() {
        for (image, name) in [
            ("nginx", "docker.io/library/nginx"),
            ("nginx:1.25", "docker.io/library/nginx"),
            ("bitnami/redis@sha256:0", "docker.io/bitnami/redis"),
            ("reg:5000/a/b:1", "reg:5000/a/b"),
            ("localhost/a", "localhost/a"),
        ] {
            assert_eq!(repository(image), name);
        }
        let policy = Policy { registries: vec!["docker.io/library".to_owned()], ..Policy::default() };
        assert_eq!(asked(&plan(|_| {}), &policy), Vec::<String>::new());
        let policy = Policy { registries: vec!["docker.io/lib".to_owned()], ..Policy::default() };
        assert_eq!(asked(&plan(|_| {}), &policy), ["--allow-registry=docker.io"]);
    }
}
