//! Errors: all of them at once, with their places.

use super::{Fixture, paths};
use crate::compose::{ErrorClass, Level, Position};

#[test]
fn errors_of_every_stage_are_reported_together() {
    let fixture = Fixture::new(
        "services:
  web:
    image: nginx
    helthcheck: {test: x}
    ports: [\"80:http\"]
    volumes: [\"data:/data\"]
    depends_on: [db]
  db:
    image: postgres
    environment: {A: \"${B!x}\"}
    depends_on: [web]
",
    );
    let mut errors = fixture.errors();
    errors.sort();
    assert_eq!(
        errors,
        paths(&[
            ("DependencyCycle", "services.db.depends_on.web"),
            ("InvalidInterpolation", "services.db.environment.A"),
            ("InvalidPort", "services.web.ports[0]"),
            ("UndefinedVolume", "services.web.volumes[0]"),
            ("UnknownAttribute", "services.web.helthcheck"),
        ])
    );
}

#[test]
fn an_error_has_the_class_of_the_stage_that_found_it() {
    let class = |text: &str| {
        let diagnostics = Fixture::new(text).file("e.env", "a b=c").load().unwrap_err().0;
        diagnostics.into_iter().map(|error| error.class.unwrap().as_str()).collect::<Vec<_>>().join(" ")
    };
    for (text, classes) in [
        ("services: [", "yaml"),
        ("services: {a: {image: \"${X?}\"}}", "interpolation"),
        ("include: [gone.yaml]", "file-missing"),
        ("include: [compose.yaml]", "include"),
        ("services: {a: {extends: b}}", "extends"),
        ("services: {a: {image: x, labels: [true]}}", "merge"),
        ("services: {a: {image: x, unknown: 1}}", "schema"),
        ("services: {a: {image: x, ports: [\"1:a\"]}}", "decode"),
        ("services: {a: {image: x, depends_on: [b]}}", "consistency"),
        ("services: {a: {image: x, env_file: e.env}}", "dotenv"),
    ] {
        assert_eq!(class(text), classes, "{text}");
    }
    let mut fixture = Fixture::new("services: {a: {image: x}}");
    fixture.options.project_name = Some("A".to_owned());
    assert_eq!(fixture.load().unwrap_err().0[0].class, Some(ErrorClass::ProjectName));
}

#[test]
fn what_a_long_form_lacks_is_told_of_the_form() {
    let fixture = Fixture::new(
        "services:
  a:
    image: x
    ulimits: {nproc: {soft: 1}}
    depends_on: {b: {}}
    security_opt: [\"1\", \"1\"]
  b: {image: x, container_name: same}
  c: {image: x, container_name: same}
  d d: {image: x}
jobs: {j: {image: x, triggers: {}}}
",
    );
    let mut errors = fixture.errors();
    errors.sort();
    assert_eq!(
        errors,
        paths(&[
            ("Conflict", "services.b.container_name"),
            ("Conflict", "services.c.container_name"),
            ("DuplicateItem", "services.a.security_opt"),
            ("InvalidName", "services.d d"),
            ("MissingAttribute", "jobs.j.triggers.manual"),
            ("MissingAttribute", "services.a.depends_on.b.condition"),
            ("MissingAttribute", "services.a.ulimits.nproc"),
        ])
    );
}

#[test]
fn an_error_says_where_and_what_to_do() {
    let fixture = Fixture::new("services:\n  web:\n    image: nginx\n    helthcheck: {test: x}\n");
    assert_eq!(
        fixture.complaint(),
        "compose.yaml:4:5: services.web.helthcheck: the specification does not know this attribute; did you mean \
         healthcheck?"
    );
    let fixture = Fixture::new("services:\n  web:\n    image: 5\n    read_only: [x]\n");
    assert_eq!(
        fixture.complaint(),
        "compose.yaml:3:12: services.web.image: expected a string, and this is a number; put it into quotes\n\
         compose.yaml:4:16: services.web.read_only: expected a string or a boolean, and this is a list"
    );
}

#[test]
fn what_follows_from_an_error_is_not_reported_again() {
    let fixture = Fixture::new("services:\n  web:\n    imge: nginx\n");
    assert_eq!(fixture.errors(), paths(&[("UnknownAttribute", "services.web.imge")]));
    let fixture = Fixture::new("services:\n  web: {image: a, volumes: [\"data:/x\"]}\nvolumes: {data: {drivr: x}}\n");
    assert_eq!(fixture.errors(), paths(&[("UnknownAttribute", "volumes.data.drivr")]));
}

#[test]
fn every_kind_of_reference_must_lead_somewhere() {
    let fixture = Fixture::new(
        "services:
  web:
    image: a
    networks: [back]
    configs: [c]
    secrets: [s]
    models: [m]
    depends_on: [gone]
    links: [lost]
    build: {secrets: [b]}
",
    );
    let mut errors = fixture.errors();
    errors.sort();
    assert_eq!(
        errors,
        paths(&[
            ("UndefinedConfig", "services.web.configs[0]"),
            ("UndefinedModel", "services.web.models.m"),
            ("UndefinedNetwork", "services.web.networks.back"),
            ("UndefinedSecret", "services.web.build.secrets[0]"),
            ("UndefinedSecret", "services.web.secrets[0]"),
            ("UndefinedService", "services.web.depends_on.gone"),
            ("UndefinedService", "services.web.depends_on.lost"),
        ])
    );
}

#[test]
fn an_error_in_an_override_points_into_the_override() {
    let fixture = Fixture::new("services: {web: {image: a}}\n").and("services:\n  web:\n    tty: [1]\n");
    let diagnostics = fixture.load().unwrap_err().0;
    let position = Position { document: "override-1.yaml".to_owned(), line: 3, column: 10, width: 1, secret: false };
    assert_eq!(diagnostics[0].position, Some(position));
}

#[test]
fn yaml_that_is_none_and_keys_that_are_twice_are_errors() {
    assert_eq!(Fixture::new("services: {a: [}").errors()[0].0, "InvalidYaml");
    let twice = Fixture::new("services:\n  a: {image: x}\n  a: {image: y}\n");
    assert_eq!(twice.errors(), paths(&[("DuplicateKey", "services.a")]));
    assert_eq!(Fixture::new("- a\n").errors(), paths(&[("InvalidType", "")]));
    assert_eq!(Fixture::new("# nothing\n").errors(), paths(&[("EmptyDocument", "")]));
    assert_eq!(Fixture::new("services: {1: {image: a}}\n").errors()[0].0, "InvalidType");
}

#[test]
fn files_of_the_first_format_are_told() {
    let complaint = Fixture::new("web:\n  image: nginx\n").complaint();
    assert!(complaint.contains("services stand under services:"), "{complaint}");
}

#[test]
fn a_missing_file_is_named() {
    let fixture = Fixture::new("services: {a: {image: x, env_file: [nope.env, {path: y.env, required: false}]}}\n");
    assert_eq!(fixture.errors(), paths(&[("MissingFile", "services.a.env_file[0]")]));
    assert!(fixture.complaint().contains("/project/nope.env: no such file"));
}

#[test]
fn a_project_needs_a_name() {
    let mut fixture = Fixture::new("services: {a: {image: x}}\n");
    fixture.options.project_name = None;
    assert_eq!(fixture.errors(), paths(&[("MissingAttribute", "name")]));
    let mut fixture = Fixture::new("name: My_Proj.ect\nservices: {a: {image: x}}\n");
    fixture.options.project_name = None;
    assert_eq!(fixture.project().name, "my_project");
    fixture.options.project_name = Some("Not Normal".to_owned());
    assert_eq!(fixture.errors()[0].0, "InvalidName");
}

#[test]
fn warnings_do_not_stop_the_load() {
    let project = Fixture::new(
        "version: '3'\nservices:\n  a:\n    image: \"x${NOPE}\"\n    command: echo a && b\n    hostname: $NOPE\n",
    )
    .project();
    let warnings: Vec<_> = project.warnings.iter().map(|warning| (warning.reason, warning.path.as_str())).collect();
    assert_eq!(
        warnings,
        [("ObsoleteAttribute", "version"), ("UnsetVariable", "services.a.image"), ("CommandCut", "services.a.command"),]
    );
    assert!(project.warnings.iter().all(|warning| warning.level == Level::Warning));
    assert_eq!(project.services["a"].container.command.as_deref(), Some(&["echo".to_owned(), "a".to_owned()][..]));
}

#[test]
fn nothing_of_a_secret_document_is_shown() {
    let body = crate::compose::DocumentBody::Text(
        "services:\n  a:\n    image: {x: hunter2}\n    ports: ['hunter2']\n    tty: hunter2\n    hunter2: 1\n    \
         pull_policy: hunter2\n    volumes: ['hunter2:/x']\n"
            .to_owned(),
    );
    let mut fixture = Fixture::default().document(body, true);
    fixture.options.project_name = Some("demo".to_owned());
    let complaint = fixture.complaint();
    assert!(!complaint.contains("hunter2"), "{complaint}");
    let broken = crate::compose::DocumentBody::Text("a: [hunter2: {\n".to_owned());
    let complaint = Fixture::default().document(broken, true).complaint();
    assert!(!complaint.contains("hunter2"), "{complaint}");
}

#[test]
fn positions_are_known_by_attribute_path() {
    let project = Fixture::new(
        "services:\n  web:\n    image: a\n    ports:\n      - \"80\"\n      - \"81\"\n    environment:\n      - A=b\n",
    )
    .project();
    for (path, line, column) in [
        ("services.web", 2, 3),
        ("services.web.image", 3, 5),
        ("services.web.ports[1]", 6, 9),
        ("services.web.environment.A", 8, 9),
    ] {
        let position = project.positions.get(path).unwrap();
        assert_eq!((position.line, position.column), (line, column), "{path}");
    }
    assert_eq!(format!("{:?}", project.positions), "Positions { .. }", "they hold the values of the document");
}
