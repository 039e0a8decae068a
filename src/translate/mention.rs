//! Names of services that had to change.
//!
//! Only DNS labels can be names in a cluster. A service that is called otherwise gets a name that is one, and whoever
//! used the old name has to know.

use std::collections::BTreeMap;

use super::alias::{self, Renamed};
use super::context::{Context, Unit};
use super::notes::Notes;

/// Says which services are called otherwise, and where the old names still stand.
pub(super) fn note(context: &Context, notes: &mut Notes) {
    let mut renamed: BTreeMap<&str, String> = BTreeMap::new();
    for Renamed { from, to, path } in alias::renamed(context) {
        notes.approximated(path, format!("is `{to}` here, since `{from}` is no DNS label"));
        renamed.insert(from, to);
    }
    for unit in context.units.values().filter(|unit| unit.name != unit.key) {
        notes.approximated(
            unit.path.clone(),
            format!("other services reach it as `{}`, since `{}` is no DNS label", unit.name, unit.key),
        );
        renamed.insert(unit.key, unit.name.clone());
    }
    if renamed.is_empty() {
        return;
    }
    for unit in context.units.values() {
        for (path, text) in texts(unit) {
            for (from, to) in words(text).filter_map(|word| renamed.get_key_value(word)) {
                let message = format!("mentions `{from}`, which does not resolve here: write `{to}`");
                notes.approximated(path.clone(), message);
            }
        }
    }
}

/// What a service tells its program, with the paths.
fn texts<'u>(unit: &'u Unit) -> impl Iterator<Item = (String, &'u str)> {
    let container = &unit.service.container;
    let environment = container
        .environment
        .iter()
        .filter_map(|(key, value)| Some((format!("{}.environment.{key}", unit.path), value.as_deref()?)));
    let commands = [("command", &container.command), ("entrypoint", &container.entrypoint)];
    let commands = commands.into_iter().flat_map(move |(attribute, words)| {
        words.iter().flatten().map(move |word| (format!("{}.{attribute}", unit.path), word.as_str()))
    });
    environment.chain(commands)
}

/// The words of a text that could be names: none is a part of a longer name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    #[test]
    fn words_are_whole_names() {
        let words = |text| words(text).collect::<Vec<_>>();
        assert_eq!(words("http://my_api:80/x"), ["http", "my_api", "80", "x"]);
        assert_eq!(words("a=my_api_2,not-my_api"), ["a", "my_api_2", "not-my_api"]);
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

    #[test]
    fn other_names_change_too() {
        let text = "services: {db: {image: x, container_name: shop_db, networks: {n: {aliases: [Main_DB]}}}, web: {image: x, \
                    links: [\"db:my_store\"], external_links: [\"redis:my_cache\"], environment: {URL: \"pg://shop_db/x\", \
                    DB: Main_DB, STORE: my_store, CACHE: \"my_cache:6379\"}}}";
        fixture::with(text, |context, notes| {
            note(context, notes);
            let noted = std::mem::take(notes).sorted();
            let paths: Vec<&str> = noted.iter().map(|note| note.path.as_str()).collect();
            let expected = [
                "services.db.container_name",
                "services.db.networks.n.aliases[0]",
                "services.web.environment.CACHE",
                "services.web.environment.DB",
                "services.web.environment.STORE",
                "services.web.environment.URL",
                "services.web.external_links[0]",
                "services.web.links[0]",
            ];
            assert_eq!(paths, expected);
            assert!(noted[3].message.contains("write `main-db-"), "{}", noted[3].message);
        });
    }
}
