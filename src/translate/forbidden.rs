//! Each gate of the policy against each way to it: the attribute, what both kinds of overrides put on top, and labels.

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use serde_json::{Value, json};

use super::{Facts, NoteLevel, Plan, fixture, translate};
use crate::policy::{FORBIDDEN, Policy};

/// The operator's options.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    policy: Policy,
}

/// The policy that a flag of the command line sets.
fn policy(flags: &[&str]) -> Policy {
    Options::try_parse_from(["operator"].iter().chain(flags)).unwrap().policy
}

/// A project of one service, and the settings of its stack.
#[derive(Debug)]
struct Way {
    service: String,
    rest: &'static str,
    spec: Value,
}

impl Way {
    fn of_service(service: impl Into<String>) -> Self {
        Self { service: service.into(), rest: "", spec: json!({}) }
    }

    fn plan(&self, policy: &Policy) -> Plan {
        let stack = fixture::stack_with(|spec| *spec = serde_json::from_value(self.spec.clone()).unwrap());
        let image = if self.service.starts_with("image: ") { "" } else { "image: x, " };
        let text = format!("{{services: {{web: {{{image}{}}}}}, {}}}", self.service, self.rest);
        let facts = Facts { network_attachments: true, ..Facts::default() };
        translate(&fixture::project(&text), &stack, &facts, policy)
    }

    /// The options that the errors name, of a plan without other errors.
    fn asked(&self, policy: &Policy) -> BTreeSet<String> {
        let plan = self.plan(policy);
        let errors: Vec<_> = plan.notes.iter().filter(|note| note.level == NoteLevel::Error).collect();
        assert!(errors.iter().all(|note| note.reason == FORBIDDEN), "{self:?}: {errors:?}");
        let option = |message: &str| message.rsplit(' ').next().unwrap_or_default().to_owned();
        errors.iter().map(|note| option(&note.message)).collect()
    }
}

/// What makes a workload of each kind.
const KINDS: [&str; 5] = [
    "x-kubernetes: {workload: Deployment",
    "x-kubernetes: {workload: StatefulSet",
    "x-kubernetes: {workload: DaemonSet",
    "restart: \"no\", x-kubernetes: {workload: Job",
    "restart: \"no\", labels: {kompose.cronjob.schedule: \"0 3 * * *\"}, x-kubernetes: {liveness: false",
];

/// The same partial workload by each kind of override, on each kind of workload.
fn overrides(patch: &Value) -> Vec<Way> {
    let both = |kind: &&str| {
        let spec = json!({"serviceOverrides": {"web": patch}});
        [Way { service: format!("{kind}}}"), rest: "", spec }, Way::of_service(format!("{kind}, patch: {patch}}}"))]
    };
    KINDS.iter().flat_map(both).collect()
}

/// Patches of the pods' spec.
fn pods(spec: &Value) -> Vec<Way> {
    overrides(&json!({"template": {"spec": spec}}))
}

/// Patches of the service's container, of one that runs first, and of one beside it.
fn containers(part: &Value) -> Vec<Way> {
    let container = |name: &str| {
        let mut container = json!({"name": name, "image": "x"});
        container.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        container
    };
    let places = [
        json!({"containers": [container("web")]}),
        json!({"containers": [container("beside")]}),
        json!({"initContainers": [container("first")]}),
    ];
    places.iter().flat_map(pods).collect()
}

/// Patches of the security context of each container.
fn contexts(context: &Value) -> Vec<Way> {
    containers(&json!({"securityContext": context}))
}

fn services(attributes: &[&str]) -> Vec<Way> {
    attributes.iter().map(|attribute| Way::of_service(*attribute)).collect()
}

fn published(kind: &str) -> Way {
    let spec = json!({"publish": {"type": kind}});
    Way { service: PORT.to_owned(), rest: "", spec }
}

const PORT: &str = "ports: [{target: 80, published: \"8080\", protocol: tcp, mode: ingress}]";

/// Each option, and the ways to what it allows.
#[allow(clippy::too_many_lines, reason = "a table")]
fn gates() -> Vec<(&'static str, Vec<Way>)> {
    let attachments = ["k8s.v1.cni.cncf.io/networks", "v1.multus-cni.io/default-network"];
    let attached = |key: &str| {
        let metadata = json!({"annotations": {key: "other/lan"}});
        let mut ways = overrides(&json!({"template": {"metadata": metadata}}));
        ways.push(Way::of_service(format!("annotations: {{{key}: other/lan}}")));
        ways.push(Way::of_service(format!("labels: {{{key}: other/lan}}")));
        ways
    };
    let on_the_node = Way {
        rest: "networks: {lan: {name: p_lan, driver: macvlan, driver_opts: {parent: eth0}, ipam: {config: [{subnet: \
               192.168.7.0/24}]}}}",
        ..Way::of_service("networks: {lan: null}")
    };
    let options = |options: Value| json!({"windowsOptions": options});
    let labelled = json!({"seLinuxOptions": {"type": "spc_t"}});
    let token = json!({"sources": [{"serviceAccountToken": {"path": "token"}}]});
    vec![
        (
            "--allow-host-path=/etc",
            [
                services(&["volumes: [{type: bind, source: /etc, target: /host}]"]),
                vec![Way {
                    rest: "volumes: {etc: {name: p_etc, driver: local, driver_opts: {type: none, o: bind, device: /etc}}}",
                    ..Way::of_service("volumes: [{type: volume, source: etc, target: /host}]")
                }],
                pods(&json!({"volumes": [{"name": "host", "hostPath": {"path": "/etc"}}]})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-privileged",
            [
                services(&[
                    "privileged: true",
                    "security_opt: [\"systempaths=unconfined\"]",
                    "security_opt: [\"label=type:spc_t\"]",
                    "pre_start: [{command: [a], privileged: true}]",
                    "pre_start: [{command: [a], privileged: true, per_replica: true}]",
                ]),
                vec![Way {
                    rest: "jobs: {nightly: {image: x, privileged: true, triggers: {schedule: [{cron: \"0 3 * * *\"}]}}}",
                    ..Way::of_service("")
                }],
                contexts(&json!({"privileged": true})),
                contexts(&json!({"procMount": "Unmasked"})),
                contexts(&labelled),
                contexts(&options(json!({"hostProcess": true}))),
                pods(&json!({"securityContext": labelled})),
                pods(&json!({"securityContext": options(json!({"hostProcess": true}))})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-host-namespaces",
            [
                services(&["network_mode: host", "pid: host", "ipc: host"]),
                vec![on_the_node],
                pods(&json!({"hostNetwork": true})),
                pods(&json!({"hostPID": true})),
                pods(&json!({"hostIPC": true})),
                attachments.into_iter().flat_map(attached).collect(),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-capability=NET_ADMIN",
            [
                services(&["cap_add: [NET_ADMIN]", "cap_add: [CAP_NET_ADMIN]", "cap_add: [net_admin]"]),
                contexts(&json!({"capabilities": {"add": ["NET_ADMIN"]}})),
                contexts(&json!({"capabilities": {"add": ["CAP_NET_ADMIN"]}})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-host-ports",
            [
                services(&[
                    "ports: [{target: 80, published: \"8080\", protocol: tcp, mode: host}]",
                    &format!("{PORT}, labels: {{kompose.controller.port.expose: \"true\"}}"),
                ]),
                containers(&json!({"ports": [{"containerPort": 80, "hostPort": 8080}]})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-load-balancers",
            vec![
                published("LoadBalancer"),
                Way::of_service(format!("{PORT}, labels: {{kompose.service.type: LoadBalancer}}")),
            ],
        ),
        (
            "--allow-node-ports",
            vec![
                published("NodePort"),
                Way::of_service(format!("{PORT}, labels: {{kompose.service.type: nodeport}}")),
                Way::of_service(format!("{PORT}, labels: {{kompose.service.nodeport.port: \"30000\"}}")),
            ],
        ),
        (
            "--allow-registry=evil.example.com",
            [
                services(&[
                    "image: evil.example.com/x",
                    "labels: {kompose.init.containers.image: evil.example.com/x}",
                    "pre_start: [{command: [a], image: evil.example.com/x}]",
                    "volumes: [{type: image, source: evil.example.com/x, target: /x}]",
                ]),
                containers(&json!({"image": "evil.example.com/x"})),
                pods(&json!({"volumes": [{"name": "x", "image": {"reference": "evil.example.com/x"}}]})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-service-account=admin",
            [
                services(&[
                    "x-kubernetes: {serviceAccountName: admin}",
                    "labels: {kompose.serviceaccount-name: admin}",
                ]),
                pods(&json!({"serviceAccountName": "admin"})),
                pods(&json!({"serviceAccount": "admin"})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
        (
            "--allow-network=team-a/shared=default",
            vec![Way {
                rest: "networks: {shared: {name: shared, external: true, x-kubernetes: {namespace: team-a}}}",
                ..Way::of_service("networks: {shared: null}")
            }],
        ),
        (
            "--allow-service-account=default",
            [
                pods(&json!({"automountServiceAccountToken": true})),
                pods(&json!({"automountServiceAccountToken": null})),
                pods(&json!({"volumes": [{"name": "token", "projected": token}]})),
            ]
            .into_iter()
            .flatten()
            .collect(),
        ),
    ]
}

#[test]
fn no_way_leads_round_a_gate() {
    let gates = gates();
    // Images may come from anywhere until a registry is named.
    let closed: &[&str] = &["--allow-registry=docker.io"];
    for (option, ways) in &gates {
        for way in ways {
            assert_eq!(way.asked(&policy(closed)), [(*option).to_owned()].into(), "{way:?}");
            assert_eq!(way.asked(&policy(&[closed, &[*option]].concat())), BTreeSet::new(), "{way:?}");
        }
    }
    for kind in KINDS {
        assert_eq!(Way::of_service(format!("{kind}}}")).asked(&policy(closed)), BTreeSet::new(), "{kind}");
    }

    let named: BTreeSet<&str> = gates.iter().filter_map(|(option, _)| option.split('=').next()).collect();
    let command = Options::command();
    let all: Vec<String> = command.get_arguments().filter_map(|it| it.get_long()).map(|it| format!("--{it}")).collect();
    assert!(all.len() > 8, "{all:?}");
    for option in all.iter().filter(|option| !matches!(option.as_str(), "--help" | "--version")) {
        assert!(named.contains(option.as_str()), "no way to what {option} allows is tried");
    }
}
