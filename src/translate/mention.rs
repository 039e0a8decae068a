//! Names of services that had to change.
//!
//! Only DNS labels can be names in a cluster. A service that is called otherwise gets a name that is one, and whoever
//! used the old name has to know.

use super::context::{Context, Unit};
use super::notes::Notes;

/// Says which services are called otherwise, and where the old names still stand.
pub(super) fn note(context: &Context, notes: &mut Notes) {
    for unit in context.units.values().filter(|unit| unit.name != unit.key) {
        notes.approximated(
            unit.path.clone(),
            format!("other services reach it as `{}`, since `{}` is no DNS label", unit.name, unit.key),
        );
        for other in context.units.values() {
            for path in mentions(other, unit.key) {
                notes.approximated(
                    path,
                    format!("mentions `{}`, which does not resolve here: write `{}`", unit.key, unit.name),
                );
            }
        }
    }
}

fn mentions(unit: &Unit, name: &str) -> Vec<String> {
    let container = &unit.service.container;
    let mut paths: Vec<String> = container
        .environment
        .iter()
        .filter(|(_, value)| value.as_deref().is_some_and(|value| has_word(value, name)))
        .map(|(key, _)| format!("{}.environment.{key}", unit.path))
        .collect();
    for (attribute, words) in [("command", &container.command), ("entrypoint", &container.entrypoint)] {
        if words.iter().flatten().any(|word| has_word(word, name)) {
            paths.push(format!("{}.{attribute}", unit.path));
        }
    }
    paths
}

/// Whether the text has the name as a word of its own: not as a part of a longer name, nor of a path.
fn has_word(text: &str, name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(inner) && !after.is_some_and(inner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    #[test]
    fn words() {
        assert!(has_word("http://my_api:80/x", "my_api"));
        assert!(has_word("my_api", "my_api"));
        assert!(!has_word("my_api_2", "my_api"));
        assert!(!has_word("not-my_api", "my_api"));
    }

    #[test]
    fn old_names_are_found_where_they_are_used() {
        let text = "services: {my_api: {image: x}, web: {image: x, command: [curl, \"my_api:80\"], environment: {API: \
                    \"http://my_api\", OTHER: my_api2}}}";
        fixture::with(text, |context, notes| {
            note(context, notes);
            assert_eq!(
                std::mem::take(notes).summary(),
                [
                    "services.my_api: Approximated",
                    "services.web.command: Approximated",
                    "services.web.environment.API: Approximated"
                ]
            );
        });
    }
}
