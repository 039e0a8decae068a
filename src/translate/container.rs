//! The container of a service.

use k8s_openapi::api::core::v1::{Container, ContainerPort, WindowsSecurityContextOptions};

use super::context::{Context, Unit};
use super::environment::environment;
use super::expansion::literals;
use super::generated::Generated;
use super::lifecycle::lifecycle;
use super::notes::Notes;
use super::ports::{self, PortKey};
use super::probe::probe;
use super::resources::resources;
use super::security::container_context;
use super::{kompose, managed_account, network};
use crate::compose::model::Port;

/// The container, without its mounts.
pub(super) fn container(context: &Context, unit: &Unit, generated: &mut Generated, notes: &mut Notes) -> Container {
    let spec = &unit.service.container;
    let (command, args) = words(context, unit, notes);
    let mut container = Container {
        name: unit.name.clone(),
        image: Some(image(context, unit)),
        image_pull_policy: Some(pull_policy(context, unit, notes).to_owned()),
        command,
        args,
        env: environment(context, unit, generated, notes),
        ports: container_ports(unit, notes),
        resources: Some(resources(context, unit, notes)),
        security_context: container_context(context, unit, notes),
        lifecycle: lifecycle(unit, notes),
        working_dir: (!spec.working_dir.is_empty()).then(|| spec.working_dir.clone()),
        stdin: unit.service.workload.stdin_open.then_some(true),
        tty: unit.service.workload.tty.then_some(true),
        ..Container::default()
    };
    if let Some(account) = managed_account::options(context, unit, notes) {
        let options = &mut container.security_context.get_or_insert_default().windows_options;
        let run_as_user_name = options.take().and_then(|options| options.run_as_user_name);
        *options = Some(WindowsSecurityContextOptions { run_as_user_name, ..account });
    }
    probe(context, unit, &mut container, notes);
    kompose::checks(unit, &mut container, notes);
    container
}

/// `entrypoint` and `command` as Kubernetes' command and args, which replace the image's in the same way: an entry
/// point drops the image's command.
fn words(context: &Context, unit: &Unit, notes: &mut Notes) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let spec = &unit.service.container;
    let command = spec.command.as_deref().filter(|words| !words.is_empty());
    if command.is_none() && spec.command.is_some() && spec.entrypoint.as_ref().is_none_or(Vec::is_empty) {
        // The specification would clear it; Docker Engine takes an empty command for none (moby, daemon/commit.go).
        notes.approximated(
            format!("{}.command", unit.path),
            "is empty, so that the image's command is used, as by Docker Engine",
        );
    }
    match (spec.entrypoint.as_deref(), command) {
        (None, command) => (None, command.map(literals)),
        (Some([]), Some(command)) => (Some(literals(command)), None),
        (Some([]), None) => {
            if let Some(image) = context.image(unit.service).filter(|image| !image.cmd.is_empty()) {
                return (Some(literals(&image.cmd)), None);
            }
            notes.rejected(
                format!("{}.entrypoint", unit.path),
                "clears the image's entry point and keeps its command, which is not known here: repeat it by `command:`",
            );
            (None, None)
        }
        (Some(entrypoint), command) => (Some(literals(entrypoint)), command.map(literals)),
    }
}

/// The image that the tag stood for when it was last looked up, where `pull_policy` asks for that by time: another one
/// rolls the pods. Otherwise as it is in the file.
fn image(context: &Context, unit: &Unit) -> String {
    let image = &unit.service.container.image;
    match digest(context, unit) {
        Some(digest) if !image.contains('@') => format!("{image}@{digest}"),
        _ => image.clone(),
    }
}

fn digest<'c>(context: &'c Context, unit: &Unit) -> Option<&'c str> {
    let is_timed = unit.drop_in.pull_policy.is_none() && unit.service.container.pull_period().is_some();
    let known = context.image(unit.service).filter(|image| is_timed && !image.digest.is_empty())?;
    Some(&known.digest)
}

/// Never left to Kubernetes' default, which pulls `:latest` again at each start: Docker uses what is there.
pub(super) fn pull_policy(context: &Context, unit: &Unit, notes: &mut Notes) -> &'static str {
    if let Some(policy) = unit.drop_in.pull_policy {
        return policy;
    }
    let policy = unit.service.container.pull_policy.as_str();
    match policy {
        "always" => "Always",
        "never" => "Never",
        "" | "missing" | "if_not_present" => "IfNotPresent",
        "build" => {
            notes.approximated(
                format!("{}.pull_policy", unit.path),
                "images are not built in the cluster yet: the image is pulled where it is missing",
            );
            "IfNotPresent"
        }
        // Older than no time at all.
        _ if unit.service.container.pull_period().is_none() => "Always",
        _ => {
            if digest(context, unit).is_none() {
                notes.approximated(
                    format!("{}.pull_policy", unit.path),
                    "what the tag stands for was not looked up (`--image-configs`): the image is pulled where it is \
                     missing",
                );
            }
            "IfNotPresent"
        }
    }
}

/// The ports that are written into the pod: a list by port and protocol, since the API server refuses duplicates.
fn container_ports(unit: &Unit, notes: &mut Notes) -> Option<Vec<ContainerPort>> {
    if network::is_host_mode(unit.pod) {
        // The API server would make each of them a port of the node; Docker opens what the program opens.
        return None;
    }
    let mut list: Vec<ContainerPort> = Vec::new();
    for PortKey { port, protocol } in ports::declared(unit.service) {
        list.push(ContainerPort {
            container_port: port,
            protocol: Some(protocol.to_owned()),
            ..ContainerPort::default()
        });
    }
    for (index, port) in unit.service.workload.ports.iter().enumerate().filter(|(_, port)| port.mode == "host") {
        let path = format!("{}.ports[{index}]", unit.path);
        let Some(published) = ports::published(port) else {
            notes.rejected(path, "a port of the node has to be given: set `published`");
            continue;
        };
        note_host_port(port, published, &path, notes);
        let key = ports::target(port);
        let entry = list
            .iter_mut()
            .find(|entry| entry.container_port == key.port && entry.protocol.as_deref() == Some(key.protocol));
        match entry {
            Some(entry) if entry.host_port.is_none() => {
                entry.host_port = Some(published);
                entry.host_ip = (!ports::is_any_address(&port.host_ip)).then(|| port.host_ip.clone());
            }
            Some(_) => notes.rejected(path, "a container's port can be bound to one port of the node only"),
            None => notes.rejected(
                path,
                format!(
                    "is not bound: only the first {} ports of a container are listed in its pod; bind fewer, or let the \
                     service use the node's network (`network_mode: host`), where all ports are open",
                    list.len()
                ),
            ),
        }
    }
    if unit.kompose.host_ports {
        for entry in list.iter_mut().filter(|entry| entry.host_port.is_none()) {
            entry.host_port = Some(entry.container_port);
        }
    }
    (!list.is_empty()).then_some(list)
}

/// Says what of a port of the node gets lost.
fn note_host_port(port: &Port, published: i32, path: &str, notes: &mut Notes) {
    if port.published.contains('-') {
        notes.approximated(
            format!("{path}.published"),
            format!("`{}` is {published}, the first port of the range: pods cannot choose among ports", port.published),
        );
    }
    if !port.app_protocol.is_empty() {
        notes.approximated(
            format!("{path}.app_protocol"),
            "is not honoured: only a port that is published by a Service says what it speaks, not one of the node",
        );
    }
    if !port.name.is_empty() && !ports::can_be_name(&port.name) {
        notes.ignored(
            format!("{path}.name"),
            "is no name of a port in a cluster: use lower case letters, digits and hyphens",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn container_of(service: &str) -> (Container, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let container = container(context, &context.units["web"], &mut Generated::default(), notes);
            (container, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn entry_point_and_command() {
        let list = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        for (text, command, args, notes) in [
            ("", None, None, vec![]),
            ("command: [a, $(b)]", None, list(&["a", "$$(b)"]), vec![]),
            ("entrypoint: [e]", list(&["e"]), None, vec![]),
            ("entrypoint: [e], command: [a]", list(&["e"]), list(&["a"]), vec![]),
            ("entrypoint: [e], command: []", list(&["e"]), None, vec![]),
            ("entrypoint: [], command: [a]", list(&["a"]), None, vec![]),
            ("command: []", None, None, vec!["services.web.command: Approximated"]),
            ("entrypoint: []", None, None, vec!["services.web.entrypoint: Rejected"]),
        ] {
            let (container, said) = container_of(text);
            assert_eq!((container.command, container.args), (command, args), "{text}");
            assert_eq!(said, notes, "{text}");
        }
    }

    #[test]
    fn what_a_port_of_the_node_loses_is_told() {
        let (container, notes) = container_of(
            "ports: [{target: 80, published: \"8080-8090\", protocol: tcp, mode: host, app_protocol: http, name: A_b}]",
        );
        assert_eq!(container.ports.unwrap()[0].host_port, Some(8080));
        assert_eq!(
            notes,
            [
                "services.web.ports[0].app_protocol: Approximated",
                "services.web.ports[0].name: Ignored",
                "services.web.ports[0].published: Approximated",
            ]
        );
    }

    #[test]
    fn ports_of_the_node_beyond_those_that_are_listed_are_told() {
        let ports: Vec<String> = (1000..1102)
            .map(|port| format!("{{target: {port}, published: \"{port}\", protocol: tcp, mode: host}}"))
            .collect();
        let text = format!("services: {{web: {{image: x, ports: [{}]}}}}", ports.join(", "));
        fixture::with(&text, |context, notes| {
            let container = container(context, &context.units["web"], &mut Generated::default(), notes);
            assert_eq!(container.ports.unwrap().len(), 101);
            let notes = std::mem::take(notes).sorted();
            assert_eq!((notes.len(), notes[0].path.as_str()), (1, "services.web.ports[101]"));
            assert!(notes[0].message.contains("first 101 ports"), "{}", notes[0].message);
        });
    }

    #[test]
    fn a_cleared_entry_point_leaves_the_images_command() {
        let facts = fixture::image(serde_json::json!({"entrypoint": ["/e"], "cmd": ["serve", "$(A)"]}));
        let text = "services: {web: {image: x, entrypoint: []}}";
        fixture::with_facts(text, &fixture::stack(), &facts, |context, notes| {
            let container = container(context, &context.units["web"], &mut Generated::default(), notes);
            assert_eq!(container.command.unwrap(), ["serve", "$$(A)"]);
            assert_eq!(std::mem::take(notes).summary(), Vec::<String>::new());
        });
    }

    #[test]
    fn images_are_pulled_where_they_are_missing() {
        let policy = |text: &str| container_of(text).0.image_pull_policy.unwrap();
        assert_eq!(policy(""), "IfNotPresent");
        assert_eq!(policy("pull_policy: always"), "Always");
        assert_eq!(policy("pull_policy: never"), "Never");
        assert_eq!(policy("pull_policy: refresh"), "Always");
        assert_eq!(container_of("pull_policy: daily").1, ["services.web.pull_policy: Approximated"]);
    }

    #[test]
    fn images_that_are_looked_up_by_time_are_named_by_what_was_found() {
        let facts = fixture::image(serde_json::json!({"digest": "sha256:1f"}));
        for (policy, expected) in [
            ("pull_policy: daily", "x@sha256:1f"),
            ("pull_policy: refresh, pull_refresh_after: 2h", "x@sha256:1f"),
            ("pull_policy: always", "x"),
            ("pull_policy: daily, x-kubernetes: {pull_policy: Always}", "x"),
            ("", "x"),
        ] {
            let text = format!("services: {{web: {{image: x, {policy}}}}}");
            fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
                let container = container(context, &context.units["web"], &mut Generated::default(), notes);
                assert_eq!(container.image.as_deref(), Some(expected), "{policy}");
                assert_eq!(std::mem::take(notes).summary(), Vec::<String>::new(), "{policy}");
            });
        }
    }

    #[test]
    fn ports_are_listed_once() {
        let (container, notes) = container_of(
            "expose: [\"80\", \"53/udp\"], ports: [{target: 80, published: \"8080\", protocol: tcp, mode: host, host_ip: \
             0.0.0.0}, {target: 80, published: \"8081\", protocol: tcp, mode: host}]",
        );
        let ports: Vec<_> = container
            .ports
            .unwrap()
            .into_iter()
            .map(|p| (p.container_port, p.protocol.unwrap(), p.host_port))
            .collect();
        assert_eq!(ports, [(53, "UDP".to_owned(), None), (80, "TCP".to_owned(), Some(8080))]);
        assert_eq!(notes, ["services.web.ports[1]: Rejected"]);
    }
}
