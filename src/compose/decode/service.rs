//! Services and jobs.

use std::collections::BTreeMap;

use super::super::attribute::At;
use super::super::model::{
    Develop, DevelopTrigger, Extends, HealthCheck, Hook, Job, Port, PreStartHook, Provider, Schedule, Service,
    ServiceDependency, Triggers, WorkloadSpec,
};
use super::super::node::{Node, Value};
use super::super::report::Report;
use super::{fill, mapping, mistyped, variables};

fill!(Service {
    profiles, deploy, develop, restart, scale, attach, container_name, provider, extends, external_links, links, net,
    pre_start, post_start, pre_stop,
} flat { container, workload } extensions extensions);
fill!(Job { profiles, triggers } flat { container, workload } extensions extensions);
fill!(WorkloadSpec {
    build, depends_on, dockerfile, expose by printed, healthcheck, ports, stdin_open, tty,
});
fill!(ServiceDependency { condition, restart, required } extensions extensions);
fill!(HealthCheck {
    test, timeout, interval, retries, start_period, start_interval, disable,
} extensions extensions);
fill!(Port { name, mode, host_ip, target, published, protocol, app_protocol } extensions extensions);
fill!(Hook { command, user, privileged, working_dir, environment by variables } extensions extensions);
fill!(PreStartHook { per_replica } flat { container } extensions extensions);
fill!(Triggers { manual, schedule } extensions extensions);
fill!(Schedule { cron, timezone, concurrency, missed_fires } extensions extensions);
fill!(Provider { kind = "type", options by options } extensions extensions);
fill!(Extends { file, service });
fill!(Develop { watch } extensions extensions);
fill!(DevelopTrigger {
    path, action, target, exec, include, ignore, initial_sync,
} extensions extensions);

/// A list of texts or numbers.
fn printed(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Vec<String>> {
    match &node.value {
        Value::List(items) => {
            Some(items.iter().filter(|item| !item.is_broken()).map(|item| item.printed().into_owned()).collect())
        }
        Value::String(text) => Some(vec![text.clone()]),
        _ => {
            mistyped(node, "a list", at, report);
            None
        }
    }
}

/// Options that may be repeated.
fn options(node: &Node, at: &At<'_>, report: &mut Report) -> Option<BTreeMap<String, Vec<String>>> {
    let map = mapping(node, at, report)?;
    let values = |node: &Node| match &node.value {
        Value::List(items) => items.iter().map(|item| item.printed().into_owned()).collect(),
        _ => vec![node.printed().into_owned()],
    };
    let options = map.iter().map(|(key, node)| (key.clone(), values(node)));
    Some(options.filter(|(_, values): &(String, Vec<String>)| !values.is_empty()).collect())
}
