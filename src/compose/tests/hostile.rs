//! Input that means harm: an error, soon, and in little memory.

use super::Fixture;
use crate::compose::limits;

fn reason(fixture: &Fixture) -> &'static str {
    fixture.errors()[0].0
}

#[test]
fn aliases_do_not_explode() {
    let level = |level: usize| {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        format!("x-{level}: &a{level} [{aliases}]\n")
    };
    let text = "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned() + &(1..10).map(level).collect::<String>();
    assert_eq!(reason(&Fixture::new(&text)), "LimitExceeded");
}

#[test]
fn nesting_is_bounded() {
    let deep = "[".repeat(10_000);
    assert!(matches!(reason(&Fixture::new(&format!("x-a: {deep}"))), "LimitExceeded" | "InvalidYaml"));
    let nested = format!("x-a: {}{}\n", "{a: ".repeat(200), "}".repeat(200));
    assert_eq!(reason(&Fixture::new(&nested)), "LimitExceeded");
}

#[test]
fn size_is_bounded() {
    let text = format!("# {}\n", "x".repeat(limits::Limits::default().document_bytes));
    assert_eq!(reason(&Fixture::new(&text)), "LimitExceeded");
}

#[test]
fn interpolation_is_bounded() {
    let value = "v".repeat(10_000);
    let template = "${V}".repeat(200);
    let fixture = Fixture::new(&format!("x-a: \"{template}\"\n")).variable("V", &value, false);
    assert_eq!(reason(&fixture), "LimitExceeded");
    let many = format!("x-a: [{}]\n", vec!["\"${V}${V}${V}${V}${V}${V}${V}${V}\""; 500].join(", "));
    assert_eq!(reason(&Fixture::new(&many).variable("V", &value, false)), "LimitExceeded");
}

#[test]
fn a_self_containing_anchor_is_an_error() {
    assert_eq!(reason(&Fixture::new("services: &s {a: {image: x, x-s: *s}}\n")), "InvalidYaml");
}

#[test]
fn odd_bytes_are_harmless() {
    for text in [
        "\u{0}",
        "services: {a: {image: \"\u{1}\"}}",
        "\u{feff}",
        "%YAML 9.9\n---\na: b\n",
        "---\n---\n",
        "a: !!binary x",
    ] {
        drop(Fixture::new(text).load());
    }
}

#[test]
fn time_grows_with_the_document_and_not_faster() {
    let seconds = |services: usize| {
        let mut text = "x-base: &base {image: x, environment: {A: 1, B: 2}, labels: [l=1]}\nservices:\n".to_owned();
        for index in 0..services {
            text += "  s";
            text += &index.to_string();
            text += ": {<<: *base, ports: ['80'], extends: {file: base.yaml, service: b}, env_file: e.env}\n";
        }
        let base = "services: {b: {image: y, command: run it, depends_on: {s0: {condition: service_started}}}}\n";
        let text =
            text.replace("s0: {<<: *base, ports: ['80'], extends: {file: base.yaml, service: b}", "s0: {<<: *base");
        let fixture = Fixture::new(&text).file("base.yaml", base).file("e.env", "K=${A}\n");
        let start = std::time::Instant::now();
        assert_eq!(fixture.project().services.len(), services);
        start.elapsed().as_secs_f64()
    };
    // The shortest of some: what else the machine does only adds to it.
    let shortest = |services| (0..3).map(|_| seconds(services)).fold(f64::INFINITY, f64::min);
    let (small, large) = (shortest(100).max(0.005), shortest(1_600));
    assert!(large < small * 16.0 * 4.0, "{small} s for 100 services, {large} s for 1600");
}
