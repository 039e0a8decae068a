//! Whether both loaders say the same.

use serde_json::Value;

use crate::difference;
use crate::oracle_client::{Load, Oracle, Outcome};
use crate::ours::{Ours, ours};

/// How often the reference implementation is asked again where it says something else: the order of Go's maps makes
/// some of its outcomes a matter of chance, and then one of them has to be ours.
const AGAIN: usize = 40;

/// What both loaders made of a load.
pub struct Verdict {
    /// The reference implementation's answer, the one that is ours where it has several.
    pub expected: Outcome,
    /// How they differ; empty when they do not.
    pub differences: Vec<String>,
    /// The divergence that stands in the documentation.
    pub known: Option<&'static str>,
    /// Whether the reference implementation had several answers.
    pub by_chance: bool,
}

/// Asks both. `classes` tells whether the class of errors has to agree too.
pub fn ask(oracle: &mut Oracle, load: &Load, classes: bool) -> Verdict {
    ask_again(oracle, load, classes, AGAIN)
}

/// The same, asking again so many times.
pub fn ask_again(oracle: &mut Oracle, load: &Load, classes: bool, again: usize) -> Verdict {
    let own = ours(load);
    let expected = oracle.load(load);
    let differences = differences(&expected, &own, classes);
    if differences.is_empty() {
        return Verdict { expected, differences, by_chance: false, known: None };
    }
    // A ring that was planted is one.
    if let Some(known) = known(&expected, &own.outcome).filter(|_| !classes) {
        return Verdict { expected, differences: Vec::new(), by_chance: false, known: Some(known) };
    }
    let outcomes = oracle.load_repeatedly(load, again);
    let by_chance = outcomes.len() > 1;
    match outcomes.into_iter().find(|outcome| self::differences(outcome, &own, classes).is_empty()) {
        Some(expected) => Verdict { expected, differences: Vec::new(), by_chance, known: None },
        None => Verdict { expected, differences, by_chance, known: None },
    }
}

/// Where the reference implementation refuses what it should not. `docs/compose-divergences.md` has a line for each.
pub fn known(expected: &Outcome, own: &Outcome) -> Option<&'static str> {
    own.project.as_ref()?;
    if expected.class == "extends" && expected.error.starts_with("Circular reference") {
        return Some("a ring of extends that is none");
    }
    let empty = expected.class == "schema" && expected.error.ends_with("extra_hosts must be a mapping");
    empty.then_some("no extra_hosts onto no extra_hosts")
}

/// How our outcome differs from the expected one.
pub fn differences(expected: &Outcome, own: &Ours, classes: bool) -> Vec<String> {
    let mut out = Vec::new();
    let Ours { outcome: found, .. } = own;
    match (expected.project.is_some(), found.project.is_some()) {
        (true, false) => out.push(format!("it must load, and fails here:\n{}", found.error)),
        (false, true) => out.push(format!("it must fail, and loads here: {} ({})", expected.error, expected.class)),
        (false, false) => {
            // What the reference stumbles over is a form that one of these two stages should have refused.
            let allowed = if expected.class == "panic" { vec!["schema", "decode"] } else { vec![&*expected.class] };
            if classes && !own.classes.iter().any(|class| allowed.contains(class)) {
                out.push(format!(
                    "it must fail with {} ({}), and fails with {:?} here:\n{}",
                    expected.class, expected.error, own.classes, found.error
                ));
            }
        }
        (true, true) => {
            let pairs = [
                ("", expected.project.as_ref(), found.project.as_ref()),
                ("pruned", expected.printed(), found.printed()),
                ("models", expected.models.as_ref(), found.models.as_ref()),
                ("pruned models", expected.pruned_models.as_ref(), found.pruned_models.as_ref()),
            ];
            for (path, expected, found) in pairs {
                if out.is_empty() {
                    difference::differences(
                        path,
                        expected.unwrap_or(&Value::Null),
                        found.unwrap_or(&Value::Null),
                        &mut out,
                    );
                }
            }
        }
    }
    out
}
