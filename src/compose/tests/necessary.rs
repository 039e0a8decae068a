//! What the output of `config` leaves out.

use super::Fixture;

#[test]
fn resources_that_no_enabled_service_uses_are_left_out() {
    let project = Fixture::new(
        "services:
  web:
    image: a
    build: {context: ., secrets: [built]}
    volumes: [\"data:/data\", {type: bind, source: ./spare, target: /s}]
    secrets: [token]
    configs: [page]
    networks: [front]
    models: [small]
  off:
    image: b
    profiles: [later]
    volumes: [\"old:/old\"]
networks: {front: {}, spare: {}}
volumes: {data: {}, old: {}, spare: {}}
secrets: {built: {file: b}, token: {file: t}, spare: {file: s}}
configs: {page: {file: p}, spare: {file: s}}
models: {small: {model: m}, spare: {model: s}}
",
    )
    .project();
    assert_eq!(project.volumes.len(), 3);
    let pruned = project.clone().without_unnecessary_resources();
    let keys = |keys: Vec<&String>| keys.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!(keys(pruned.networks.keys().collect()), "front");
    assert_eq!(keys(pruned.volumes.keys().collect()), "data");
    assert_eq!(keys(pruned.secrets.keys().collect()), "built token");
    assert_eq!(keys(pruned.configs.keys().collect()), "page");
    assert_eq!(keys(pruned.models.keys().collect()), "small");
    assert_eq!(pruned.services, project.services);
    assert_eq!(pruned.clone().without_unnecessary_resources(), pruned, "a second time changes nothing");
}
