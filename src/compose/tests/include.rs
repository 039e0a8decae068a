//! Applications that include others.

use super::{Fixture, variables};

#[test]
fn an_included_application_has_its_own_directory_and_variables() {
    let fixture = Fixture::new("include: [inc/compose.yaml]\nservices: {a: {image: 'x:${TAG:-none}'}}\n")
        .file(
            "inc/compose.yaml",
            "services: {b: {image: 'y:${TAG}', volumes: ['./v:/v'], environment: {E: '${OUT}'}}}\nvolumes: {w: }\n",
        )
        .file("inc/.env", "TAG=inner\nOUT=inner\n")
        .variable("OUT", "outer", false);
    let project = fixture.project();
    assert_eq!(project.services["a"].container.image, "x:none");
    let included = &project.services["b"].container;
    assert_eq!(included.image, "y:inner");
    assert_eq!(included.volumes[0].source, "/project/inc/v");
    assert_eq!(included.environment, variables(&[("E", "outer")]));
    assert_eq!(project.volumes["w"].name, "demo_w");
}

#[test]
fn the_long_form_has_overrides_a_directory_and_variables() {
    let fixture = Fixture::new("include: [{path: [i/a.yaml, i/b.yaml], project_directory: ., env_file: e.env}]\n")
        .file("i/a.yaml", "services: {b: {image: 'x', build: ./ctx}}\n")
        .file("i/b.yaml", "services: {b: {image: '${TAG}'}}\n")
        .file("e.env", "TAG=tagged\n");
    let service = &fixture.project().services["b"];
    assert_eq!(service.container.image, "tagged");
    assert_eq!(service.workload.build.as_ref().unwrap().context, "/project/ctx");
}

#[test]
fn the_including_document_wins() {
    let fixture = Fixture::new("include: [i.yaml]\nservices: {b: {image: mine}}\n")
        .file("i.yaml", "services: {b: {image: theirs, user: u}}\n");
    let service = &fixture.project().services["b"].container;
    assert_eq!((service.image.as_str(), service.user.as_str()), ("mine", "u"));
}

#[test]
fn a_diamond_is_no_conflict_and_a_ring_is_an_error() {
    let diamond = Fixture::new("include: [a.yaml, b.yaml]\n")
        .file("a.yaml", "include: [c.yaml]\nservices: {a: {image: x}}\n")
        .file("b.yaml", "include: [c.yaml]\nservices: {b: {image: x}}\n")
        .file("c.yaml", "services: {c: {image: x, ports: ['80'], security_opt: [s]}}\n");
    assert_eq!(diamond.project().services["c"].workload.ports.len(), 1);
    let ring = Fixture::new("include: [a.yaml]\nservices: {a: {image: x}}\n")
        .file("a.yaml", "include: [b.yaml]\n")
        .file("b.yaml", "include: [a.yaml]\n");
    assert!(ring.errors().iter().any(|(reason, _)| *reason == "IncludeCycle"));
    let missing = Fixture::new("include: [no.yaml]\nservices: {a: {image: x}}\n");
    assert_eq!(missing.errors()[0].0, "MissingFile");
}

#[test]
fn overrides_that_include_their_includer_end_at_a_limit() {
    let fixture = Fixture::new("include: [{path: [a.yaml, b.yaml]}]\n")
        .file("a.yaml", "services: {a: {image: x}}\n")
        .file("b.yaml", "include: [{path: [a.yaml, b.yaml]}]\n");
    let errors = fixture.errors();
    assert!(errors.iter().any(|(reason, _)| matches!(*reason, "LimitExceeded" | "IncludeCycle")), "{errors:?}");
}
