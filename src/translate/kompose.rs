//! kompose's labels, which people have in their files already (kompose, "Labels").

mod checks;
mod precedence;
mod volumes;

pub(super) use checks::checks;
pub(super) use precedence::paths;
pub(super) use volumes::{has_empty_directories, sub_paths, with_empty_directories};

use k8s_openapi::api::core::v1::{Container, PodSecurityContext, PodSpec};

use precedence::{fill, give_way};

use super::context::Unit;
use super::cron;
use super::discovery::HEADLESS;
use super::dns_label::{MAX_LABEL, label};
use super::drop_in::{DropIn, Replicas, kind, pull_policy};
use super::expansion::literals;
use super::kind::Kind;
use super::notes::Notes;
use super::quantity::Amount;
use super::route::{MAX_PLACES, Place, is_host, is_path, too_many};
use crate::api::v1alpha1::PublishType;
use crate::compose::model::Service;
use crate::compose::words;

/// What a service's labels ask for, besides what `x-kubernetes` can ask for too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kompose {
    /// How its published ports are exposed.
    pub(super) publish: Option<PublishType>,
    /// Where it is reached by an Ingress.
    pub(super) expose: Option<Expose>,
    /// The port of every node.
    pub(super) node_port: Option<i32>,
    /// `Cluster` or `Local`.
    pub(super) external_traffic_policy: Option<&'static str>,
    /// A further name.
    pub(super) name: Option<String>,
    /// Whether its ports are ports of the node.
    pub(super) host_ports: bool,
    /// The group that owns its volumes.
    pub(super) fs_group: Option<i64>,
    /// Who decides on the number of its pods.
    pub(super) autoscaler: Option<Autoscaler>,
    /// When it runs, if it is a CronJob.
    pub(super) cron: Option<Cron>,
    /// What runs before its container.
    init: Option<Init>,
    /// Its readiness, if not by the health check.
    readiness: checks::Readiness,
    /// How an unhealthy container is told, to restart it.
    liveness: checks::Handler,
    /// The size of its volumes.
    pub(super) volume_size: Option<String>,
    /// The StorageClass of its volumes.
    pub(super) storage_class: Option<String>,
    /// The directory of its volumes that is mounted.
    sub_path: Option<String>,
    /// How much it may write into its container.
    pub(super) storage_limit: Option<Amount>,
    /// How much of that is reserved.
    pub(super) storage_request: Option<Amount>,
}

/// Where a service is reached by an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expose {
    /// None for the stack's host.
    pub(super) places: Vec<Place>,
    pub(super) class: Option<String>,
    pub(super) tls: Option<String>,
}

/// Bounds of the number of pods, and how busy they are to be, in percent of what they request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Autoscaler {
    pub(super) min: i32,
    pub(super) max: i32,
    pub(super) cpu: i32,
    pub(super) memory: i32,
}

impl Default for Autoscaler {
    fn default() -> Self {
        Self { min: 1, max: 3, cpu: 50, memory: 70 }
    }
}

/// A CronJob: when it runs, what becomes of runs that overlap, and how often one that fails is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cron {
    pub(super) schedule: String,
    pub(super) concurrency: Option<&'static str>,
    pub(super) backoff_limit: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Init {
    name: String,
    image: String,
    command: Vec<String>,
}

/// Reads the labels, if there are any. What `x-kubernetes` says too stays as it is there.
pub(super) fn kompose(path: &str, service: &Service, drop_in: &mut DropIn, notes: &mut Notes) -> Option<Kompose> {
    let deploy = service.deploy.iter().flat_map(|deploy| &deploy.labels).map(|label| ("deploy.labels", label));
    let container = service.container.labels.iter().map(|label| ("labels", label));
    let labels = container
        .chain(deploy)
        .filter_map(|(attribute, (key, value))| key.strip_prefix("kompose.").map(|name| (attribute, key, name, value)));
    let mut labels = labels.peekable();
    labels.peek()?;
    let mut kompose = Kompose::default();
    let workload = drop_in.workload;
    for (attribute, key, name, value) in labels {
        let path = format!("{path}.{attribute}.{key}");
        let taken = match (attribute, name.starts_with("ephemeral-storage.")) {
            ("labels", true) => Taken::Elsewhere("deploy.labels"),
            ("deploy.labels", false) => Taken::Elsewhere("labels"),
            _ => kompose.take(name, value, drop_in),
        };
        match taken {
            Taken::Yes => {}
            Taken::Wrong(expected) => {
                notes.rejected(path, format!("`{value}` is not understood: expected {expected}"));
            }
            Taken::TooMany => notes.rejected(path, format!("names too many: {}", too_many())),
            Taken::Differs(how) => notes.approximated(path, how),
            Taken::Elsewhere(place) => {
                notes.approximated(path, format!("is not honoured: kompose reads it from `{place}`"));
            }
            Taken::Yields(entry) => notes.approximated(path, precedence::problem(entry)),
            Taken::Unknown => notes.approximated(path, "is not honoured: kompose has no label of this name"),
        }
    }
    give_way(&mut kompose, path, service, (workload, drop_in), notes);
    volumes::note_binds(path, service, notes);
    let label = |name: &str| format!("{path}.labels.kompose.{name}");
    if kompose.expose.as_ref().is_some_and(|expose| expose.places.is_empty()) {
        notes.rejected(label("service.expose"), "is missing: the TLS secret and the class are those of its Ingress");
        kompose.expose = None;
    }
    if kompose.init.as_ref().is_some_and(|init| init.image.is_empty()) {
        notes.rejected(label("init.containers.image"), "is missing: the init container needs an image");
        kompose.init = None;
    }
    if kompose.cron.as_ref().is_some_and(|cron| cron.schedule.is_empty()) {
        notes.approximated(
            label("cronjob.schedule"),
            "is missing: without a schedule there is no CronJob, in kompose either",
        );
        kompose.cron = None;
    }
    if kompose.cron.is_some() && service.restart != "no" && !service.restart.starts_with("on-failure") {
        notes.approximated(
            label("cronjob.schedule"),
            "makes the service a CronJob, whose runs end: `restart` says nothing else",
        );
    }
    if kompose.node_port.is_some() && service.workload.ports.len() != 1 {
        notes.rejected(label("service.nodeport.port"), "is for a service that publishes one port");
        kompose.node_port = None;
    }
    if kompose.autoscaler.is_some() && drop_in.replicas.is_none() {
        drop_in.replicas = Some(Replicas::External);
    }
    Some(kompose)
}

/// What became of a label.
enum Taken {
    Yes,
    Wrong(&'static str),
    TooMany,
    Differs(&'static str),
    Elsewhere(&'static str),
    Yields(&'static str),
    Unknown,
}

impl Kompose {
    #[allow(clippy::too_many_lines, reason = "one arm for each label")]
    fn take(&mut self, name: &str, value: &str, drop_in: &mut DropIn) -> Taken {
        let word = value.to_ascii_lowercase();
        let number = value.trim().parse::<i32>().ok().filter(|number| *number >= 0);
        let some = (!value.is_empty()).then(|| value.to_owned());
        match name {
            "service.type" => match word.as_str() {
                "clusterip" => self.publish = Some(PublishType::ClusterIP),
                "nodeport" => self.publish = Some(PublishType::NodePort),
                "loadbalancer" => self.publish = Some(PublishType::LoadBalancer),
                "headless" => return fill(&mut drop_in.discovery, HEADLESS, "internal_service_type"),
                _ => return Taken::Wrong("clusterip, nodeport, loadbalancer or headless"),
            },
            "service.expose" => {
                let places: Option<Vec<Place>> = match word.as_str() {
                    "false" => return Taken::Yes,
                    "true" => Some(vec![Place { host: None, path: "/".to_owned() }]),
                    _ if value.split(',').nth(MAX_PLACES).is_some() => return Taken::TooMany,
                    _ => value.split(',').map(place).collect(),
                };
                match places {
                    Some(places) => self.expose.get_or_insert_default().places = places,
                    None => return Taken::Wrong("`true`, or hosts with paths such as `shop.example.com/api`"),
                }
            }
            "service.expose.tls-secret" => {
                let secret = if word == "true" { Some(String::new()) } else { some };
                self.expose.get_or_insert_default().tls = secret;
            }
            "service.expose.ingress-class-name" => self.expose.get_or_insert_default().class = some,
            "service.nodeport.port" => {
                let Some(port) = number.filter(|port| (1..=65535).contains(port)) else {
                    return Taken::Wrong("a port");
                };
                self.publish = self.publish.or(Some(PublishType::NodePort));
                self.node_port = Some(port);
            }
            "service.external-traffic-policy" => match word.as_str() {
                "cluster" => self.external_traffic_policy = Some("Cluster"),
                "local" => self.external_traffic_policy = Some("Local"),
                _ => return Taken::Wrong("cluster or local"),
            },
            "service.name_override" => {
                self.name = some.map(|name| label(&name, MAX_LABEL));
                return Taken::Differs("is a further name of the service, which keeps its own");
            }
            // Pods are shared before labels are read.
            "service.group" => return expect(some.is_some(), "the name of a group"),
            "controller.type" => match kind(&word).filter(|kind| *kind != Kind::Job) {
                Some(kind) => return fill(&mut drop_in.workload, kind, "workload"),
                None if word == "replicationcontroller" => {
                    return match fill(&mut drop_in.workload, Kind::Deployment, "workload") {
                        Taken::Yes => Taken::Differs("is a Deployment, which took the place of ReplicationControllers"),
                        other => other,
                    };
                }
                None => return Taken::Wrong("deployment, daemonset or statefulset"),
            },
            "controller.port.expose" | "controller.expose.port" => self.host_ports = word == "true",
            "serviceaccount-name" => {
                return some.map_or(Taken::Yes, |name| fill(&mut drop_in.service_account, name, "serviceAccountName"));
            }
            "image-pull-secret" => {
                return some.map_or(Taken::Yes, |name| fill(&mut drop_in.pull_secret, name, "pull_secret"));
            }
            "image-pull-policy" => match pull_policy(&word) {
                Some(policy) => return fill(&mut drop_in.pull_policy, policy, "pull_policy"),
                None => return Taken::Wrong("Always, IfNotPresent or Never"),
            },
            "security-context.fsgroup" => {
                self.fs_group = number.map(i64::from);
                return expect(number.is_some(), "the number of a group");
            }
            "cronjob.schedule" => {
                if cron::check(value).is_err() {
                    return Taken::Wrong("a schedule such as `0 3 * * *`");
                }
                value.clone_into(&mut self.cron.get_or_insert_default().schedule);
            }
            "cronjob.concurrency_policy" => {
                let policy =
                    ["Allow", "Forbid", "Replace"].into_iter().find(|policy| policy.eq_ignore_ascii_case(value));
                self.cron.get_or_insert_default().concurrency = policy;
                return expect(policy.is_some(), "Allow, Forbid or Replace");
            }
            "cronjob.backoff_limit" => {
                self.cron.get_or_insert_default().backoff_limit = number;
                return expect(number.is_some(), "a number");
            }
            "init.containers.name" => self.init.get_or_insert_default().name = label(value, MAX_LABEL),
            "init.containers.image" => value.clone_into(&mut self.init.get_or_insert_default().image),
            "init.containers.command" => match command(value) {
                Some(command) => self.init.get_or_insert_default().command = command,
                None => return Taken::Wrong("words, or a list such as `[\"sh\", \"-c\", \"echo\"]`"),
            },
            "hpa.replicas.min" | "hpa.replicas.max" | "hpa.cpu" | "hpa.memory" => {
                let Some(number) = number.filter(|number| *number > 0) else { return Taken::Wrong("a number from 1") };
                let autoscaler = self.autoscaler.get_or_insert_default();
                match name {
                    "hpa.replicas.min" => {
                        autoscaler.min = number;
                        autoscaler.max = autoscaler.max.max(number);
                    }
                    "hpa.replicas.max" => {
                        autoscaler.max = number.max(autoscaler.min);
                    }
                    "hpa.cpu" => autoscaler.cpu = number,
                    _ => autoscaler.memory = number,
                }
            }
            "volume.size" => {
                if Amount::parse(value).is_none() {
                    return Taken::Wrong("a size such as `10Gi`");
                }
                self.volume_size = some;
            }
            "volume.storage-class-name" => self.storage_class = some,
            "volume.subpath" => self.sub_path = some.map(|path| path.trim_matches('/').to_owned()),
            "volume.type" => match word.as_str() {
                // Volumes have lost their names by then.
                "persistentvolumeclaim" | "emptydir" => {}
                "hostpath" => {
                    return Taken::Differs("is so for an absolute path, and for nothing else that the service mounts");
                }
                "configmap" => {
                    return Taken::Differs(
                        "is so for files of the project, and for nothing else that the service mounts",
                    );
                }
                _ => return Taken::Wrong("persistentVolumeClaim, emptyDir, hostPath or configMap"),
            },
            "ephemeral-storage.limit" | "ephemeral-storage.request" => {
                let amount = Amount::parse(value);
                *(if name.ends_with("limit") { &mut self.storage_limit } else { &mut self.storage_request }) = amount;
                return expect(amount.is_some(), "an amount such as `1Gi`");
            }
            _ => return self.take_check(name, value),
        }
        Taken::Yes
    }
}

fn expect(fits: bool, expected: &'static str) -> Taken {
    if fits { Taken::Yes } else { Taken::Wrong(expected) }
}

/// `host[/path]`; a host may be a wildcard.
fn place(text: &str) -> Option<Place> {
    let text = text.trim();
    let (host, path) =
        text.split_once('/').map_or_else(|| (text, "/".to_owned()), |(host, path)| (host, format!("/{path}")));
    (is_host(host) && is_path(&path)).then(|| Place { host: Some(host.to_owned()), path })
}

/// A command: a list of JSON, or words.
fn command(text: &str) -> Option<Vec<String>> {
    if text.trim_start().starts_with('[') { serde_json::from_str(text).ok() } else { words(text) }
}

/// Writes what pods have as a whole.
pub(super) fn pod(unit: &Unit, pod: &mut PodSpec) {
    if let Some(group) = unit.kompose.fs_group {
        pod.security_context.get_or_insert_with(PodSecurityContext::default).fs_group = Some(group);
    }
    if let Some(init) = &unit.kompose.init {
        let name = if init.name.is_empty() { format!("{}-init", unit.name) } else { init.name.clone() };
        pod.init_containers.get_or_insert_default().push(Container {
            name: label(&name, MAX_LABEL),
            image: Some(init.image.clone()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            command: (!init.command.is_empty()).then(|| literals(&init.command)),
            ..Container::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn read(labels: &str, more: &str) -> (Kompose, DropIn, Vec<String>) {
        let project = fixture::project(&format!("services: {{web: {{image: x, labels: {{{labels}}}, {more}}}}}"));
        let (mut notes, mut drop_in) = (Notes::default(), DropIn::default());
        let kompose = kompose("services.web", &project.services["web"], &mut drop_in, &mut notes);
        (kompose.unwrap_or_default(), drop_in, notes.summary())
    }

    #[test]
    fn labels_are_read() {
        let (kompose, drop_in, notes) = read(
            "kompose.service.type: LoadBalancer, kompose.service.expose: 'a.com/x,b.com', \
             kompose.service.expose.tls-secret: \"true\", kompose.service.expose.ingress-class-name: nginx, \
             kompose.service.external-traffic-policy: local, kompose.controller.type: statefulset, \
             kompose.controller.port.expose: \"true\", kompose.serviceaccount-name: sa, kompose.image-pull-secret: s, \
             kompose.image-pull-policy: Always, kompose.security-context.fsgroup: \"2000\", kompose.hpa.replicas.max: \
             \"9\", kompose.hpa.cpu: \"60\", kompose.volume.size: 5Gi, kompose.volume.storage-class-name: fast",
            "deploy: {labels: {kompose.ephemeral-storage.limit: 1Gi}}",
        );
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(kompose.publish, Some(PublishType::LoadBalancer));
        let expose = kompose.expose.unwrap();
        let places: Vec<_> = expose.places.iter().map(|p| format!("{}{}", p.host.clone().unwrap(), p.path)).collect();
        assert_eq!(places, ["a.com/x", "b.com/"]);
        assert_eq!((expose.class.as_deref(), expose.tls.as_deref()), (Some("nginx"), Some("")));
        assert_eq!(
            (kompose.external_traffic_policy, kompose.host_ports, kompose.fs_group),
            (Some("Local"), true, Some(2000))
        );
        assert_eq!(kompose.autoscaler, Some(Autoscaler { min: 1, max: 9, cpu: 60, memory: 70 }));
        assert_eq!((kompose.volume_size.as_deref(), kompose.storage_class.as_deref()), (Some("5Gi"), Some("fast")));
        assert_eq!(kompose.storage_limit, Amount::parse("1Gi"));
        let expected = DropIn {
            workload: Some(Kind::StatefulSet),
            service_account: Some("sa".to_owned()),
            pull_secret: Some("s".to_owned()),
            pull_policy: Some("Always"),
            replicas: Some(Replicas::External),
            ..DropIn::default()
        };
        assert_eq!(drop_in, expected);
    }

    #[test]
    fn the_places_of_a_service_are_bounded() {
        let hosts = |count: usize| {
            let hosts: Vec<String> = (0..count).map(|host| format!("{host}.a")).collect();
            let (kompose, _, notes) = read(&format!("kompose.service.expose: \"{}\"", hosts.join(",")), "");
            (kompose.expose.map(|expose| expose.places.len()), notes)
        };
        assert_eq!(hosts(MAX_PLACES), (Some(MAX_PLACES), vec![]));
        let rejected = vec!["services.web.labels.kompose.service.expose: Rejected".to_owned()];
        assert_eq!(hosts(MAX_PLACES + 1), (None, rejected));
    }

    #[test]
    fn x_kubernetes_goes_before_labels() {
        let project = fixture::project(
            "services: {web: {image: x, labels: {kompose.controller.type: daemonset, kompose.serviceaccount-name: other}}}",
        );
        let mut drop_in =
            DropIn { workload: Some(Kind::Deployment), service_account: Some("own".to_owned()), ..DropIn::default() };
        let before = drop_in.clone();
        kompose("services.web", &project.services["web"], &mut drop_in, &mut Notes::default());
        assert_eq!(drop_in, before);
    }

    #[test]
    fn what_is_not_understood_is_said_by_its_path() {
        for (labels, level) in [
            ("kompose.service.type: external", "Rejected"),
            ("kompose.service.expose: \"a_b\"", "Rejected"),
            ("kompose.service.nodeport.port: \"30000\"", "Rejected"),
            ("kompose.service.external-traffic-policy: any", "Rejected"),
            ("kompose.service.healthcheck.readiness.interval: soon", "Rejected"),
            ("kompose.service.healthcheck.liveness.tcp_port: x", "Rejected"),
            ("kompose.init.containers.command: \"'a\"", "Rejected"),
            ("kompose.hpa.cpu: \"0\"", "Rejected"),
            ("kompose.controller.type: pod", "Rejected"),
            ("kompose.volume.size: huge", "Rejected"),
            ("kompose.service.group: \"\"", "Rejected"),
            ("kompose.cronjob.schedule: daily", "Rejected"),
            ("kompose.cronjob.concurrency_policy: Never", "Rejected"),
            ("kompose.cronjob.backoff_limit: x", "Rejected"),
            ("kompose.volume.type: hostPath", "Approximated"),
            ("kompose.volume.type: disk", "Rejected"),
            ("kompose.service.name_override: b", "Approximated"),
            ("kompose.service.typo: a", "Approximated"),
            ("kompose.ephemeral-storage.limit: 1Gi", "Approximated"),
        ] {
            let key = labels.split_once(": ").unwrap().0;
            let (kompose, drop_in, notes) = read(labels, "");
            // These are wrong by what stands beside them.
            if level == "Rejected" && !key.starts_with("kompose.cronjob.") && !key.ends_with("nodeport.port") {
                assert_eq!((kompose, drop_in), Default::default(), "{labels}");
            }
            assert!(notes.contains(&format!("services.web.labels.{key}: {level}")), "{labels}: {notes:?}");
        }
        let (kompose, _, notes) = read("kompose.service.expose.tls-secret: s", "");
        assert_eq!(
            (kompose.expose, notes),
            (None, vec!["services.web.labels.kompose.service.expose: Rejected".to_owned()])
        );
    }
}
