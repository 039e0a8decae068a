//! Typical files, from end to end.

use serde_json::json;

use super::{Fixture, variables};

#[test]
fn a_typical_application_loads() {
    let fixture = Fixture::new(
        "services:
  web:
    build: ./web
    command: npm start
    env_file: web.env
    environment: [DEBUG=1, HOME]
    ports: ['8080:80', {target: 443, published: 8443}]
    volumes: ['data:/data:ro', './src:/src']
    depends_on: [db]
    restart: unless-stopped
    deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 64M}}}
  db:
    image: 'postgres:${TAG}'
    user: '70'
    healthcheck: {test: pg_isready, interval: 1m30s, retries: 3}
    secrets: [password]
    labels: {a.b: 1, on: true}
volumes:
  data:
secrets:
  password: {file: password.txt}
",
    )
    .file(".env", "TAG=16\n")
    .file("web.env", "DEBUG=0\nLEVEL=${TAG}-x\n");
    assert_eq!(
        fixture.json(),
        json!({
            "name": "demo",
            "services": {
                "web": {
                    "build": {"context": "/project/web", "dockerfile": "Dockerfile"},
                    "command": ["npm", "start"],
                    "entrypoint": null,
                    "environment": {"DEBUG": "1", "HOME": null, "LEVEL": "16-x"},
                    "depends_on": {"db": {"condition": "service_started", "required": true}},
                    "deploy": {
                        "replicas": 2, "placement": {},
                        "resources": {"limits": {"cpus": 0.5, "memory": "67108864"}},
                    },
                    "networks": {"default": null},
                    "ports": [
                        {"mode": "ingress", "protocol": "tcp", "published": "8080", "target": 80},
                        {"mode": "ingress", "protocol": "tcp", "published": "8443", "target": 443},
                    ],
                    "restart": "unless-stopped",
                    "volumes": [
                        {"type": "volume", "source": "data", "target": "/data", "read_only": true, "volume": {}},
                        {"type": "bind", "source": "/project/src", "target": "/src", "bind": {}},
                    ],
                },
                "db": {
                    "command": null,
                    "entrypoint": null,
                    "healthcheck": {"interval": "1m30s", "retries": 3, "test": ["CMD-SHELL", "pg_isready"]},
                    "image": "postgres:16",
                    "labels": {"a.b": "1", "on": "true"},
                    "networks": {"default": null},
                    "secrets": [{"source": "password", "target": "/run/secrets/password"}],
                    "user": "70",
                },
            },
            "networks": {"default": {"ipam": {}, "name": "demo_default"}},
            "secrets": {"password": {"file": "/project/password.txt", "name": "demo_password"}},
            "volumes": {"data": {"name": "demo_data"}},
        })
    );
}

#[test]
fn yaml_has_anchors_merge_keys_and_several_documents() {
    let project = Fixture::new(
        "x-base: &base {image: a, labels: {l: '1'}}
x-more: &more {image: b, user: u}
services:
  one: {<<: [*base, *more], user: own}
  two: {<<: *more}
---
services:
  two: {hostname: h}
",
    )
    .project();
    let one = &project.services["one"].container;
    assert_eq!((one.image.as_str(), one.user.as_str()), ("a", "own"));
    let two = &project.services["two"].container;
    assert_eq!((two.image.as_str(), two.hostname.as_str()), ("b", "h"));
    assert!(project.extensions.contains_key("x-base"));
}

#[test]
fn variables_are_looked_up_in_their_order() {
    let fixture = Fixture::new(
        "services:\n  a:\n    image: x\n    env_file: [a.env, b.env]\n    environment: {OWN: \"${V}\", NULLED: , E: ''}\n",
    )
    .file(".env", "V=dotenv\nNULLED_NOT=1\n")
    .file("a.env", "F=a\nOWN=file\nNULLED=file\nG=${OWN}\nH=${V}\n")
    .file("b.env", "F=b\n")
    .variable("V", "given", false);
    let mut expected = variables(&[("OWN", "given"), ("E", ""), ("F", "b"), ("G", "given"), ("H", "given")]);
    expected.insert("NULLED".to_owned(), None);
    assert_eq!(fixture.project().services["a"].container.environment, expected);
}

#[test]
fn labels_come_from_files_too() {
    let fixture =
        Fixture::new("services: {a: {image: x, label_file: l, labels: [own=1]}}\n").file("l", "own=0\nb=${own}\n");
    let labels = &fixture.project().services["a"].container.labels;
    assert_eq!((labels["own"].as_str(), labels["b"].as_str()), ("1", "0"));
}

#[test]
fn what_is_implied_is_depended_upon() {
    let project = Fixture::new(
        "services:
  a: {image: x, links: [b:alias], volumes_from: [c], network_mode: 'service:d'}
  b: {image: x}
  c: {image: x}
  d: {image: x}
",
    )
    .project();
    let upon = &project.services["a"].workload.depends_on;
    assert_eq!(upon.keys().collect::<Vec<_>>(), ["b", "c", "d"]);
    assert!(upon["b"].restart && !upon["c"].restart && upon["d"].restart);
    assert!(project.services["a"].container.networks.is_empty());
}

#[test]
fn profiles_enable_services() {
    let text = "services:\n  a: {image: x}\n  b: {image: x, profiles: [debug]}\n";
    let project = Fixture::new(text).project();
    assert_eq!(project.services.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(project.disabled_services.keys().collect::<Vec<_>>(), ["b"]);
    for profiles in [&["debug"][..], &["*"][..]] {
        assert_eq!(Fixture::new(text).profiles(profiles).project().services.len(), 2);
    }
    assert_eq!(Fixture::new(text).variable("COMPOSE_PROFILES", "x, debug", false).project().services.len(), 2);
    let needy = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, profiles: [debug]}\n";
    assert_eq!(Fixture::new(needy).errors()[0], ("DisabledService", "services.a.depends_on.b".to_owned()));
}

#[test]
fn an_external_resource_keeps_its_name() {
    let project = Fixture::new(
        "services: {a: {image: x}}\nvolumes: {v: {external: true}, w: {name: n}, u: }\nnetworks: {n: {external: {name: o}}}\n",
    )
    .project();
    let names: Vec<_> = project.volumes.values().map(|volume| volume.name.as_str()).collect();
    assert_eq!(names, ["demo_u", "v", "n"]);
    assert_eq!(project.networks["n"].name, "o");
}

#[test]
fn hooks_take_over_what_their_service_says() {
    let project = Fixture::new(
        "services:
  a:
    image: x
    environment: {A: '1', B: '1'}
    volumes: ['/x']
    pre_start: [{command: init, environment: [B=2]}]
",
    )
    .project();
    let hook = &project.services["a"].pre_start[0].container;
    assert_eq!(hook.image, "x");
    assert_eq!(hook.environment, variables(&[("A", "1"), ("B", "2")]));
    assert!(hook.volumes.is_empty());
}
