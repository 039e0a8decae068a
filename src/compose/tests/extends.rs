//! Services that start from others.

use super::{Fixture, paths, variables};

#[test]
fn a_service_starts_from_another_one() {
    let project = Fixture::new(
        "services:
  base: {image: x, environment: {A: 1, B: 1}, command: base, ports: ['80']}
  mid: {extends: base, environment: [B=2]}
  top: {extends: {service: mid}, command: top, ports: ['81']}
",
    )
    .project();
    let top = &project.services["top"];
    assert_eq!(top.container.environment, variables(&[("A", "1"), ("B", "2")]));
    assert_eq!(top.container.command.as_deref(), Some(&["top".to_owned()][..]));
    assert_eq!(top.workload.ports.iter().map(|port| port.target).collect::<Vec<_>>(), [80, 81]);
}

#[test]
fn a_file_is_relative_to_the_file_that_names_it() {
    let fixture = Fixture::new("services: {a: {extends: {file: sub/base.yaml, service: b}}}\n")
        .file("sub/base.yaml", "services: {b: {extends: {file: deep/c.yaml, service: c}, volumes: ['./v:/v']}}\n")
        .file("sub/deep/c.yaml", "services: {c: {image: x, build: ., env_file: c.env}}\n")
        .file("sub/deep/c.env", "K=v\n");
    let service = &fixture.project().services["a"];
    assert_eq!(service.container.volumes[0].source, "/project/sub/v");
    assert_eq!(service.workload.build.as_ref().unwrap().context, "/project/sub/deep");
    assert_eq!(service.container.environment, variables(&[("K", "v")]));
}

#[test]
fn rings_and_missing_services_are_errors() {
    let ring = Fixture::new("services: {a: {extends: b, image: x}, b: {extends: a, image: x}}\n");
    assert_eq!(ring.errors()[0].0, "ExtendsCycle");
    let files = Fixture::new("services: {a: {extends: {file: b.yaml, service: b}}}\n")
        .file("b.yaml", "services: {b: {extends: {file: compose.yaml, service: a}}}\n")
        .file("compose.yaml", "services: {a: {extends: {file: b.yaml, service: b}}}\n");
    assert!(files.errors().iter().any(|(reason, _)| *reason == "ExtendsCycle"));
    let missing = Fixture::new("services: {a: {extends: nope, image: x}}\n");
    assert_eq!(missing.errors(), paths(&[("UndefinedService", "services.a.extends")]));
    let file = Fixture::new("services: {a: {extends: {file: no.yaml, service: b}, image: x}}\n");
    assert_eq!(file.errors(), paths(&[("MissingFile", "services.a.extends.file")]));
}

#[test]
fn a_reset_takes_away_what_is_inherited() {
    let fixture = Fixture::new("services: {a: {extends: {file: b.yaml, service: b}, ports: !reset []}}\n")
        .file("b.yaml", "services: {b: {image: x, ports: ['80']}}\n");
    assert!(fixture.project().services["a"].workload.ports.is_empty());
}
