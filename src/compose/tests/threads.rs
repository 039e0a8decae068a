//! Loads on several threads.

use std::fmt::Write as _;

use super::Fixture;
use crate::parallel::Threads;

/// Enough services for several threads; every hundredth is written as it is given.
fn document(hundredth: &str) -> String {
    let mut text = String::from("x-labels: &labels {a: b}\nservices:\n");
    for number in 0..400 {
        let more = if number % 100 == 99 { hundredth } else { "" };
        writeln!(
            text,
            "  s{number}:\n    image: registry.example.com/s{number}:${{TAG:-1}}\n    labels: *labels\n    \
             ports: [\"{}:80\"]\n    environment: [\"A=${{UNSET}}\"]\n{more}",
            8000 + number,
        )
        .unwrap();
    }
    text
}

fn on_both(text: &str) -> [Fixture; 2] {
    [Threads::One, Threads::EachProcessor].map(|threads| {
        let mut fixture = Fixture::new(text);
        fixture.options.threads = threads;
        fixture
    })
}

#[test]
fn a_project_is_the_same_on_one_thread_and_on_several() {
    let [one, several] = on_both(&document("    restart: always")).map(|fixture| fixture.project());
    assert!(one == several);
    assert_eq!((several.services.len(), several.services["s399"].restart.as_str()), (400, "always"));
}

#[test]
fn what_is_wrong_is_the_same_on_one_thread_and_on_several() {
    for wrong in [
        "    stop_grace_period: soon",
        "    image: b",
        "    labels: [",
        "    depends_on: [nobody]",
        "    volumes: [\"data:/b:c:d\"]",
        "    pid:",
        "    command: \"'\"",
        "    expose: [[]]",
        "    imagee: b",
        "    x-ring: &ring {again: *ring}",
        "    tty: !!int many",
        "    ? [a]\n    : b",
        "    <<: 1",
    ] {
        let [one, several] = on_both(&document(wrong)).map(|fixture| fixture.load().expect_err(wrong));
        assert_eq!(one.to_string(), several.to_string(), "{wrong}");
        assert!(wrong.ends_with("labels: [") || one.to_string().contains("services.s99"), "{wrong}: {one}");
    }
}

#[test]
fn what_a_document_resets_is_the_same_on_one_thread_and_on_several() {
    let later = document("    restart: !reset null\n    command: !override [b]");
    let [one, several] = on_both(&document("    restart: always\n    command: [a]")).map(|it| it.and(&later).project());
    assert!(one == several);
    let service = &several.services["s399"];
    assert_eq!((service.restart.as_str(), service.container.command.as_deref()), ("", Some(&["b".to_owned()][..])));
}

#[test]
fn a_section_that_stands_elsewhere_is_the_same_on_one_thread_and_on_several() {
    let text = document("    restart: !reset always");
    for section in ["x-services: &all", "services: &all !override", "services: &all {s0: {image: a}}\n\"services\":"] {
        let text = format!("{}services: *all\n", text.replacen("services:", section, 1));
        let [one, several] = on_both(&text).map(|fixture| fixture.load().map_err(|error| error.to_string()));
        assert!(one == several && several.is_ok() == section.starts_with("x-"), "{section}: {:?}", several.err());
    }
}

#[test]
fn nothing_else_is_said_of_what_is_no_yaml_at_its_end() {
    let [one, several] = on_both(&format!("{}x-end: [", document("    image: b"))).map(|it| it.load().unwrap_err());
    assert_eq!(one.to_string(), several.to_string());
    assert!(several.to_string().contains("not valid YAML") && !several.to_string().contains("services.s99"));
}
