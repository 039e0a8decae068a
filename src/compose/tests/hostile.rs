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
