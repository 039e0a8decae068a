//! Where text from a Secret ends up.

use super::Fixture;
use crate::compose::{DocumentBody, report};

fn tainted(fixture: &Fixture) -> Vec<String> {
    fixture.project().tainted.into_iter().collect()
}

#[test]
fn a_secret_variable_taints_what_it_is_interpolated_into() {
    let fixture = Fixture::new(
        "services:
  web:
    image: nginx
    command: [serve, \"--token=${TOKEN}\"]
    environment: [\"PASSWORD=${TOKEN}\", PLAIN=x, TOKEN]
    labels: {a: \"${TOKEN}\", b: \"$PUBLIC\"}
configs: {c: {content: \"x=${TOKEN}\"}}
secrets: {s: {environment: TOKEN}}
",
    )
    .variable("TOKEN", "hunter2", true)
    .variable("PUBLIC", "p", false);
    assert_eq!(
        tainted(&fixture),
        [
            "configs.c.content",
            "secrets.s.content",
            "services.web.command[1]",
            "services.web.environment.PASSWORD",
            "services.web.environment.TOKEN",
            "services.web.labels.a",
        ]
    );
    let project = fixture.project();
    assert_eq!(project.secrets["s"].value.as_deref(), Some("hunter2"));
    assert!(!serde_json::to_string(&project.secrets).unwrap().contains("hunter2"));
}

#[test]
fn a_secret_file_taints_the_variables_that_it_gives() {
    let fixture = Fixture::new("services: {a: {image: x, env_file: [s.env, p.env], environment: {OWN: '1'}}}\n")
        .any_file("s.env", "KEY=hunter2\nOWN=hunter2\n", true)
        .file("p.env", "PUBLIC=1\nMADE=${KEY}\n");
    assert_eq!(tainted(&fixture), ["services.a.environment.KEY", "services.a.environment.MADE"]);
}

#[test]
fn jobs_are_given_their_files_and_variables_as_services_are() {
    let text = "jobs:
  j: {image: x, env_file: [s.env], label_file: [l.env], environment: {TOKEN: null, NONE: null}, triggers: {manual: true}}
";
    let mut fixture = Fixture::new(text)
        .any_file("s.env", "KEY=hunter2\n", true)
        .file("l.env", "made=1\n")
        .variable("TOKEN", "hunter2", true);
    let project = fixture.project();
    let container = &project.jobs["j"].container;
    let variables: Vec<_> =
        container.environment.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    assert_eq!(variables, [("KEY", Some("hunter2")), ("NONE", None), ("TOKEN", Some("hunter2"))]);
    assert_eq!((container.labels["made"].as_str(), container.env_file.len()), ("1", 0));
    assert_eq!(tainted(&fixture), ["jobs.j.environment.KEY", "jobs.j.environment.TOKEN"]);
    fixture.options.skip.jobs = true;
    let project = fixture.project();
    let container = &project.jobs["j"].container;
    assert_eq!(
        (container.environment.contains_key("KEY"), container.env_file.len(), container.label_file.len()),
        (false, 1, 1)
    );
    assert_eq!(tainted(&fixture), ["jobs.j.environment.TOKEN"]);
}

#[test]
fn a_secret_dotenv_taints_as_its_variables_do() {
    let fixture = Fixture::new("services: {a: {image: x, hostname: \"$H\"}}\n").any_file(".env", "H=h\n", true);
    assert_eq!(tainted(&fixture), ["services.a.hostname"]);
}

#[test]
fn a_secret_document_taints_environments_and_contents() {
    let body = DocumentBody::Text(
        "services: {a: {image: x, environment: {K: v}, labels: {l: v}}}\nconfigs: {c: {content: x}}\n".to_owned(),
    );
    let mut fixture = Fixture::default().document(body, true);
    fixture.options.project_name = Some("demo".to_owned());
    assert_eq!(tainted(&fixture), ["configs.c.content", "services.a.environment.K"]);
}

#[test]
fn taint_goes_through_merging_and_extending() {
    let fixture = Fixture::new(
        "services:
  base: {image: x, environment: {K: \"$TOKEN\", L: l}}
  a: {extends: base, environment: [L=m]}
",
    )
    .and("services: {a: {environment: {M: m}}, base: {environment: {K: plain}}}\n")
    .variable("TOKEN", "hunter2", true);
    assert_eq!(tainted(&fixture), ["services.a.environment.K"]);
}

#[test]
fn short_forms_taint_the_fields_that_they_become() {
    let fixture = Fixture::new("services: {a: {image: x, volumes: [\"./$TOKEN:/x\"], command: \"run $TOKEN\"}}\n")
        .variable("TOKEN", "t", true);
    let tainted = tainted(&fixture);
    assert!(tainted.contains(&"services.a.volumes[0].source".to_owned()), "{tainted:?}");
    assert!(tainted.contains(&"services.a.command[1]".to_owned()), "{tainted:?}");
}

#[test]
fn no_message_shows_a_secret() {
    let fixture = Fixture::new(
        "services:
  a:
    image: x
    ports: [\"$TOKEN\"]
    tty: \"$TOKEN\"
    scale: \"$TOKEN\"
    stop_grace_period: \"$TOKEN\"
    mem_limit: \"$TOKEN\"
    command: \"'$TOKEN\"
    pull_policy: \"$TOKEN\"
    devices: [\"a:b:c:$TOKEN\"]
    env_file: [s.env]
",
    )
    .variable("TOKEN", "hunter2", true)
    .any_file("s.env", "A B=hunter2\n", true);
    let complaint = fixture.complaint();
    assert!(!complaint.contains("hunter2"), "{complaint}");
    assert!(complaint.lines().count() >= 8, "{complaint}");
}

#[test]
fn text_from_a_secret_is_in_no_message() {
    let fixture = Fixture::new(
        "include: [\"$S.yaml\"]
services:
  a:
    image: x
    volumes: [\"$S:/x\", \"/d:/$S\", \"/e:/$S\"]
    configs: [$S]
    secrets: [$S]
    env_file: $S
    label_file: $S
    depends_on: [$S]
    networks: [$S]
    links: [$S]
    build: {context: ., secrets: [$S]}
  b:
    extends: {file: $S, service: c}
  c: {image: x, profiles: [$S]}
  d: {image: x, depends_on: [c], models: [$S], network_mode: \"service:$S\"}
  e: {image: x, depends_on: $S, networks: $S}
",
    )
    .and("services: {a: {depends_on: [$S], networks: {n: {}}}}\n")
    .variable("S", "hunter2", true);
    let complaint = fixture.complaint();
    assert!(!complaint.contains("hunter2"), "{complaint}");
    for told in ["there is no volume the name", "there is no config the name", "stands in a name or path"] {
        assert!(complaint.contains(told), "{told}: {complaint}");
    }
}

/// Whoever prints a part of a project has no project that tells what of it came from a Secret.
#[test]
fn no_part_of_a_project_shows_a_secret_when_it_is_printed() {
    let fixture = Fixture::new(
        "services:
  web:
    image: $S
    build: {context: ., args: [\"A=$S\"], labels: {l: $S}}
    command: [$S]
    environment: [\"P=$S\"]
    labels: {l: $S}
    healthcheck: {test: [CMD, $S]}
    ports: [{target: 80, name: $S}]
    post_start: [{command: [$S], environment: [\"P=$S\"]}]
    volumes: [{type: bind, source: \"/$S\", target: /d}]
    configs: [{source: c, target: $S}]
    networks: {n: {aliases: [$S]}}
    extra_hosts: [\"$S=10.0.0.1\"]
    logging: {driver: d, options: {o: $S}}
    deploy: {labels: {l: $S}, placement: {constraints: [$S]}}
jobs: {j: {image: $S, command: [$S], triggers: {schedule: [{cron: $S}]}}}
networks: {n: {driver_opts: {o: $S}, ipam: {config: [{subnet: $S}]}}}
volumes: {v: {driver_opts: {o: $S}}}
configs: {c: {content: $S}}
models: {m: {model: $S}}
x-own: $S
",
    )
    .variable("S", "hunter2", true);
    let project = fixture.project();
    assert!(project.tainted.len() > 20, "{:?}", project.tainted);
    let (web, job, network) = (&project.services["web"], &project.jobs["j"], &project.networks["n"]);
    let (container, workload) = (&web.container, &web.workload);
    let services = format!("{web:?} {container:?} {workload:?} {job:?} {:?} {:?}", job.container, job.triggers);
    let parts = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        workload.build,
        workload.healthcheck,
        workload.ports,
        web.post_start,
        container.volumes,
        container.configs,
        container.networks,
        container.extra_hosts,
        container.logging,
        web.deploy,
        web.deploy.as_ref().map(|deploy| &deploy.placement),
    );
    let others = format!(
        "{network:?} {:?} {:?} {:?} {:?}",
        network.ipam, project.volumes["v"], project.configs["c"], project.models["m"]
    );
    let printed = format!("{project:?} {services} {parts} {others}");
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("\"web\"") && printed.contains("HealthCheck"), "{printed}");
}

/// A struct that comes to the model has to be in `model/shown.rs`.
#[test]
fn no_struct_of_the_model_prints_its_fields() {
    let sources = [
        include_str!("../model/build.rs"),
        include_str!("../model/container.rs"),
        include_str!("../model/deploy.rs"),
        include_str!("../model/mod.rs"),
        include_str!("../model/network.rs"),
        include_str!("../model/service.rs"),
        include_str!("../model/storage.rs"),
    ];
    let mut derived = Vec::new();
    for item in sources.iter().flat_map(|source| source.split("#[derive(").skip(1)) {
        let (traits, item) = item.split_once(")]").unwrap();
        let declared = item.lines().find(|line| line.starts_with("pub ")).unwrap_or_default();
        if declared.starts_with("pub struct") && traits.contains("Debug") {
            derived.push(declared);
        }
    }
    assert_eq!(derived, Vec::<&str>::new());
}

/// Of more sources than marks can tell apart, the last ones are one, which is secret as soon as one of them is.
#[test]
fn a_secret_source_among_too_many_is_secret() {
    let source = |secret| report::Source { name: "x".to_owned(), secret, object: false };
    let mut report = report::Report::default();
    let marks: Vec<_> = (0..=u16::MAX).map(|_| report.source(source(false))).collect();
    let secret = report.source(source(true));
    let are_secret = [marks[0], marks[usize::from(u16::MAX) - 2], marks[usize::from(u16::MAX)], secret];
    assert_eq!(are_secret.map(|mark| report.is_secret(Some(mark))), [false, false, true, true]);
}
