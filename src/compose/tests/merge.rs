//! Documents merged onto others.

use serde_json::{Value, json};

use super::{Fixture, paths};

/// An attribute of the service `a` after a merge.
fn merged(base: &str, over: &str, attribute: &str) -> Value {
    let service = |text: &str| format!("services: {{a: {{image: x, {text}}}, b: {{image: x}}, c: {{image: x}}}}\n");
    let mut json = Fixture::new(&service(base)).and(&service(over)).json();
    json["services"]["a"][attribute].take()
}

#[test]
fn each_attribute_merges_by_its_rule() {
    for (base, over, attribute, expected) in [
        ("command: a b", "command: c", "command", json!(["c"])),
        ("command: a b", "command: ", "command", json!(null)),
        ("hostname: h", "user: u", "hostname", json!("h")),
        ("environment: [A=1, B=1]", "environment: {B: 2, C: }", "environment", json!({"A": "1", "B": "2", "C": null})),
        ("labels: {a: 1}", "labels: [a=2, b]", "labels", json!({"a": "2", "b": ""})),
        ("dns: 1.1.1.1", "dns: [1.1.1.1, 2.2.2.2]", "dns", json!(["1.1.1.1", "2.2.2.2"])),
        ("tmpfs: /a", "tmpfs: /b", "tmpfs", json!(["/a", "/b"])),
        ("cap_add: [A, B]", "cap_add: [B, C]", "cap_add", json!(["A", "B", "C"])),
        ("expose: [80]", "expose: ['80', '81']", "expose", json!(["80", "81"])),
        (
            "depends_on: [b]",
            "depends_on: {c: {condition: service_healthy}}",
            "depends_on",
            json!({"b": {"condition": "service_started", "required": true},
                   "c": {"condition": "service_healthy", "required": true}}),
        ),
        (
            "healthcheck: {test: [CMD, a], retries: 1}",
            "healthcheck: {test: b}",
            "healthcheck",
            json!({"test": ["CMD-SHELL", "b"], "retries": 1}),
        ),
        (
            "logging: {driver: x, options: {a: 1}}",
            "logging: {driver: y, options: {b: 1}}",
            "logging",
            json!({"driver": "y", "options": {"b": "1"}}),
        ),
        (
            "logging: {options: {a: 1}}",
            "logging: {driver: y, options: {b: 1}}",
            "logging",
            json!({"driver": "y", "options": {"a": "1", "b": "1"}}),
        ),
        (
            "ulimits: {nofile: 1}",
            "ulimits: {nofile: {soft: 2, hard: 3}}",
            "ulimits",
            json!({"nofile": {"soft": 2, "hard": 3}}),
        ),
        ("extra_hosts: [a=1.1.1.1]", "extra_hosts: {a: 2.2.2.2}", "extra_hosts", json!(["a=1.1.1.1", "a=2.2.2.2"])),
    ] {
        assert_eq!(merged(base, over, attribute), expected, "{base} / {over}");
    }
}

#[test]
fn mounts_are_told_apart_by_target_and_ports_by_all_their_parts() {
    let volumes = merged("volumes: ['./x:/t', './y:/u']", "volumes: ['./z:/t']", "volumes");
    let sources: Vec<_> = volumes.as_array().unwrap().iter().map(|mount| mount["source"].clone()).collect();
    assert_eq!(sources, ["/project/z", "/project/y"]);
    let ports = merged("ports: ['80:80', '81:81']", "ports: ['80:80', '82:81']", "ports");
    let published: Vec<_> = ports.as_array().unwrap().iter().map(|port| port["published"].clone()).collect();
    assert_eq!(published, ["80", "81", "82"]);
}

#[test]
fn a_build_may_be_short_on_one_side() {
    let build = merged("build: ./a", "build: {target: t}", "build");
    assert_eq!(build, json!({"context": "/project/a", "target": "t", "dockerfile": "Dockerfile"}));
}

#[test]
fn reset_removes_and_override_replaces() {
    let base = "services:\n  a: {image: x, ports: ['80', '81'], environment: {A: 1}, user: u}\n  b: {image: x}\n";
    let over = "services:\n  a: {ports: !override ['90'], environment: {A: !reset null, B: 2}, user: !reset ''}\n  b: !reset\n";
    let project = Fixture::new(base).and(over).project();
    assert_eq!(project.services.keys().collect::<Vec<_>>(), ["a"]);
    let service = &project.services["a"];
    assert_eq!(service.workload.ports.iter().map(|port| port.target).collect::<Vec<_>>(), [90]);
    assert_eq!(service.container.environment, super::variables(&[("B", "2")]));
    assert_eq!(service.container.user, "");
}

#[test]
fn a_null_section_changes_nothing() {
    let json = Fixture::new("services: {a: {image: x}}\nvolumes: {v: {driver: d}}\n").and("volumes: {v: }\n").json();
    assert_eq!(json["volumes"]["v"]["driver"], "d");
}

#[test]
fn forms_that_do_not_go_together_are_an_error() {
    let fixture =
        Fixture::new("services: {a: {image: x, healthcheck: {test: x}}}\n").and("services: {a: {healthcheck: [x]}}\n");
    assert_eq!(fixture.errors(), paths(&[("InvalidMerge", "services.a.healthcheck")]));
    let twice = Fixture::new("services: {a: {image: x, cap_add: [A, A], security_opt: [b, b]}}\n");
    assert_eq!(twice.errors(), paths(&[("DuplicateItem", "services.a.security_opt")]));
}
