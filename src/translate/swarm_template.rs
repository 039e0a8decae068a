//! Swarm's placeholders, such as `{{.Node.Hostname}}`, which Swarm fills in for every task in variables, host names and
//! mounts (`docker service create`, "Create services using templates").
//!
//! What is the same in all pods of a service is written out; what each pod has of its own, the downward API tells.
//! Templates of a program's own, which begin otherwise, stay as they are.

use super::context::{Context, Unit};
use super::dns_label::{self, MAX_STATEFUL_SET};
use super::kind::Kind;

/// The label that Docker puts onto each service of a stack.
const NAMESPACE_LABEL: &str = "com.docker.stack.namespace";

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The same in all pods.
    Text(String),
    /// What each pod has of its own.
    Field(Field),
}

/// What a pod can be told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    /// The name of its node.
    Node,
    /// Its own name.
    Name,
    /// Its uid.
    Uid,
    /// Its number among the pods of a StatefulSet.
    Number,
}

impl Field {
    /// The variable that holds it where it is a part of another one's value.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::Node => "COMPOSE_NODE_HOSTNAME",
            Self::Name => "COMPOSE_TASK_NAME",
            Self::Uid => "COMPOSE_TASK_ID",
            Self::Number => "COMPOSE_TASK_SLOT",
        }
    }

    /// Where the pod has it (Kubernetes, "Downward API").
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Node => "spec.nodeName",
            Self::Name => "metadata.name",
            Self::Uid => "metadata.uid",
            Self::Number => "metadata.labels['apps.kubernetes.io/pod-index']",
        }
    }
}

/// The parts of a text that has placeholders; none when it has none. An error says which one cannot be filled in, and
/// what to do.
pub(super) fn parts(context: &Context, unit: &Unit, text: &str) -> Option<Result<Vec<Part>, String>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((action, after)) = after.split_once("}}") else { break };
        plain.push_str(before);
        rest = after;
        if !is_placeholder(action) {
            plain.push_str("{{");
            plain.push_str(action);
            plain.push_str("}}");
            continue;
        }
        found = true;
        match part(context, unit, action.trim()) {
            Ok(Part::Text(text)) => plain.push_str(&text),
            Ok(field) => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(field);
            }
            Err(problem) => return Some(Err(format!("`{{{{{action}}}}}`: {problem}"))),
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    found.then_some(Ok(parts))
}

/// A text that has to be the same in all pods: itself when it has no placeholders.
pub(super) fn constant(context: &Context, unit: &Unit, text: &str) -> Result<String, String> {
    match parts(context, unit, text) {
        None => Ok(text.to_owned()),
        Some(Err(problem)) => Err(problem),
        Some(Ok(parts)) => match parts.as_slice() {
            [Part::Text(text)] => Ok(text.clone()),
            _ => Err("is filled in for each task by Swarm, and is one for all pods of a service in Kubernetes: write \
                      what is meant"
                .to_owned()),
        },
    }
}

/// Whether a text has placeholders of Swarm.
pub(super) fn is_template(text: &str) -> bool {
    let actions = text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
    actions.into_iter().any(is_placeholder)
}

/// Whether an action of a template speaks of what Swarm knows.
fn is_placeholder(action: &str) -> bool {
    let mut words = action.split([' ', '\t', '(', ')', '-']);
    words.any(|word| [".Service.", ".Node.", ".Task."].iter().any(|of| format!("{word}.").starts_with(of)))
}

fn part(context: &Context, unit: &Unit, action: &str) -> Result<Part, String> {
    let field = match action {
        ".Service.Name" => return Ok(Part::Text(format!("{}_{}", context.project.name, unit.key))),
        ".Node.Hostname" | ".Node.ID" => Field::Node,
        ".Task.Name" => Field::Name,
        ".Task.ID" => Field::Uid,
        ".Task.Slot" => return slot(unit),
        ".Service.ID" => return Err("a service has no such number in Kubernetes: use `{{.Service.Name}}`".to_owned()),
        ".Node.Platform.Architecture" | ".Node.Platform.OS" => {
            return Err("pods are not told it: ask the system in the container, as `uname` does".to_owned());
        }
        _ => return label(context, unit, action),
    };
    Ok(Part::Field(field))
}

/// The number of a task, from 1; tasks of a global service have their node's id in its place (swarmkit, template).
fn slot(unit: &Unit) -> Result<Part, String> {
    match unit.kind {
        Kind::DaemonSet => Ok(Part::Field(Field::Node)),
        _ if !unit.is_several() => Ok(Part::Text("1".to_owned())),
        Kind::StatefulSet => Ok(Part::Field(Field::Number)),
        _ => Err("pods have a number only in a StatefulSet: leave `x-kubernetes.workload` out, or ask for one there"
            .to_owned()),
    }
}

/// A label of the service, which is one of `deploy.labels`: `.Service.Labels.key`, or `index .Service.Labels "key"`.
fn label(context: &Context, unit: &Unit, action: &str) -> Result<Part, String> {
    let indexed =
        action.strip_prefix("index").map(str::trim_start).and_then(|rest| rest.strip_prefix(".Service.Labels"));
    let quoted = indexed.map(str::trim).and_then(|key| key.strip_prefix(['"', '`'])?.strip_suffix(['"', '`']));
    let is_word = |key: &&str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
    let Some(key) = quoted.or_else(|| action.strip_prefix(".Service.Labels.").filter(is_word)) else {
        return Err("only a placeholder by itself is understood, and `index .Service.Labels \"key\"`".to_owned());
    };
    let labels = unit.service.deploy.as_ref().map(|deploy| &deploy.labels);
    let value = labels.and_then(|labels| labels.get(key)).cloned();
    let value = value.or_else(|| (key == NAMESPACE_LABEL).then(|| context.project.name.clone()));
    value.map(Part::Text).ok_or_else(|| format!("`deploy.labels` has no `{key}`: add it"))
}

/// Whether the service is told the numbers of its tasks: in variables, or in host names as those of a StatefulSet's pods
/// are.
pub(super) fn asks_for_number(unit: &Unit) -> bool {
    let mut values = unit.service.container.environment.values().flatten();
    let is_slot = |action: &str| action.trim() == ".Task.Slot";
    values.any(|value| {
        let actions = value.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
        actions.into_iter().any(is_slot)
    }) || has_numbered_host_names(unit)
}

/// Whether `hostname` is what the pods of a StatefulSet are called: `web-{{.Task.Slot}}` of the service `web`.
pub(super) fn has_numbered_host_names(unit: &Unit) -> bool {
    let name = dns_label::label(&unit.name, MAX_STATEFUL_SET);
    let rest = unit.service.container.hostname.strip_prefix(&name).and_then(|rest| rest.strip_prefix("-{{"));
    rest.and_then(|rest| rest.strip_suffix("}}")).is_some_and(|action| action.trim() == ".Task.Slot")
}

/// Whether pods are told their numbers, which begin with 1 in Swarm.
pub(super) fn counts_pods(context: &Context, unit: &Unit) -> bool {
    if unit.is_several() && has_numbered_host_names(unit) {
        return true;
    }
    let values = unit.service.container.environment.values().flatten();
    let mut parts = values.filter_map(|value| parts(context, unit, value)?.ok()).flatten();
    parts.any(|part| part == Part::Field(Field::Number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn filled(service: &str, text: &str) -> Option<Result<Vec<Part>, String>> {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, _| {
            parts(context, &context.units["web"], text)
        })
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn what_all_pods_share_is_written_out() {
        let labels = "deploy: {labels: {tier: gold, com.example.team: a}}";
        for (template, expected) in [
            ("tasks.{{.Service.Name}}:80", "tasks.p_web:80"),
            ("{{ .Task.Slot }}", "1"),
            ("{{.Service.Labels.tier}}-{{index .Service.Labels \"com.example.team\"}}", "gold-a"),
            ("{{index .Service.Labels \"com.docker.stack.namespace\"}}", "p"),
        ] {
            assert_eq!(filled(labels, template), Some(Ok(vec![text(expected)])), "{template}");
        }
    }

    #[test]
    fn what_a_pod_has_of_its_own_is_a_field() {
        let parts = filled("", "a-{{.Node.Hostname}}/{{.Task.ID}}{{.Name}}").unwrap().unwrap();
        let expected = [text("a-"), Part::Field(Field::Node), text("/"), Part::Field(Field::Uid), text("{{.Name}}")];
        assert_eq!(parts, expected);
    }

    #[test]
    fn numbers_are_of_stateful_sets() {
        let slot = |service: &str| filled(service, "{{.Task.Slot}}").unwrap();
        assert_eq!(slot("x-kubernetes: {workload: StatefulSet}, scale: 2"), Ok(vec![Part::Field(Field::Number)]));
        assert_eq!(slot("deploy: {mode: global}"), Ok(vec![Part::Field(Field::Node)]));
        assert!(slot("scale: 2").unwrap_err().contains("StatefulSet"));
    }

    #[test]
    fn what_is_no_placeholder_of_swarm_stays() {
        for template in
            ["", "{{", "{{.Name}}", "{{ env \"A\" }}", "{{.Foo.Node.X}}", "{{.Nodes}}", "}} {{.Node.Hostname"]
        {
            assert_eq!(filled("", template), None, "{template}");
            assert!(!is_template(template), "{template}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_an_error() {
        for template in [
            "{{.Service.ID}}",
            "{{printf \"%s\" .Task.Slot}}",
            "{{.Service.Labels.absent}}",
            "{{.Node.Platform.OS}}",
            "{{.Service.Labels}}",
            "{{- .Task.Slot -}}",
        ] {
            assert!(filled("", template).unwrap().is_err(), "{template}");
            assert!(is_template(template), "{template}");
        }
    }
}
