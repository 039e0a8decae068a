//! Names of services that had to change.
//!
//! Only DNS labels can be names in a cluster. A service that is called otherwise gets a name that is one, and whoever
//! used the old name has to know.

use std::collections::{BTreeMap, BTreeSet};

use super::alias::{self, Renamed};
use super::context::{Context, Unit};
use super::notes::Notes;
use super::project_directory::{as_relative, shown};
use crate::compose::model::{FileObject, MountKind};
use crate::compose::{FileError, ProjectFile, ProjectFiles};

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
    let mentioned = |text: &str| -> BTreeSet<(&str, &String)> {
        words(text).filter_map(|word| renamed.get_key_value(word)).map(|(from, to)| (*from, to)).collect()
    };
    for unit in context.units.values() {
        for (path, text) in texts(unit) {
            for (from, to) in mentioned(text) {
                let message = format!("mentions `{from}`, which does not resolve here: write `{to}`");
                notes.approximated(path.clone(), message);
            }
        }
        for_each_file(context, unit, |path, file, text| {
            for (from, to) in mentioned(text) {
                let message = format!("{file} mentions `{from}`, which does not resolve here: write `{to}`");
                notes.approximated(path, message);
            }
        });
    }
}

/// Shows the texts that a service's container finds in files, with the path of the attribute and what the file is called.
/// Nothing of what came from a Secret is among them.
fn for_each_file(context: &Context, unit: &Unit, mut look: impl FnMut(&str, &str, &str)) {
    let files = &context.stack.files;
    let container = &unit.service.container;
    for reference in &container.configs {
        let Some(object) = context.project.configs.get(&reference.source).filter(|object| !object.external) else {
            continue;
        };
        let path = format!("configs.{}", reference.source);
        if !object.file.is_empty() {
            show(files.read(&object.file).ok().as_ref(), |text| {
                look(&format!("{path}.file"), &named(&object.file), text);
            });
        } else if let Some((attribute, text)) = content(context, &path, object) {
            look(&format!("{path}.{attribute}"), "the content", text);
        }
    }
    for (index, mount) in container.volumes.iter().enumerate() {
        let source = mount.source.trim_end_matches('/');
        if mount.kind != MountKind::Bind || as_relative(source).is_none() || is_build_context(unit, source) {
            continue;
        }
        let path = unit.mount_path(index);
        match files.read(source) {
            Ok(file) => show(Some(&file), |text| look(&path, &named(source), text)),
            Err(FileError::IsDirectory) => {
                for (name, file) in files.under(source) {
                    show(Some(file), |text| look(&path, &named(&format!("{source}/{name}")), text));
                }
            }
            Err(_) => {}
        }
    }
}

/// The content of a config that is in no file, with its attribute, unless it came from a Secret.
fn content<'c>(context: &'c Context, path: &str, object: &'c FileObject) -> Option<(&'static str, &'c str)> {
    if context.project.tainted.contains(&format!("{path}.content")) {
        return None;
    }
    if object.environment.is_empty() {
        return Some(("content", &object.content));
    }
    let variable = context.stack.environment.get(&object.environment);
    if variable.is_some_and(|variable| variable.secret) {
        return None;
    }
    let value = object.value.as_ref().or_else(|| variable.map(|variable| &variable.value));
    Some(("environment", value?))
}

/// Shows a file's text, if it is one and everybody may read it.
fn show(file: Option<&ProjectFile>, look: impl FnOnce(&str)) {
    if let Some(text) = file.filter(|file| !file.secret).and_then(|file| std::str::from_utf8(&file.content).ok()) {
        look(text);
    }
}

/// A file as people call it.
fn named(path: &str) -> String {
    format!("`{}`", shown(path))
}

/// Whether a bind is of what the image was built from: it holds the content already.
fn is_build_context(unit: &Unit, source: &str) -> bool {
    let build = unit.service.workload.build.as_ref();
    build.is_some_and(|build| build.context.trim_end_matches('/') == source)
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
    let test = unit.service.workload.healthcheck.iter().flat_map(|check| &check.test);
    let test = test.map(|word| (format!("{}.healthcheck.test", unit.path), word.as_str()));
    environment.chain(commands).chain(test)
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
    fn old_names_are_found_in_health_checks_and_in_files() {
        let mut stack = fixture::stack();
        for (name, content, secret) in [
            ("site.conf", &b"proxy_pass http://my_api;"[..], false),
            ("conf/a.conf", b"server my_api:80; server my_api:81;", false),
            ("conf/b.conf", b"server other;", false),
            ("conf/key", b"my_api", true),
            ("image", b"my_api \xff", false),
            ("token", b"my_api", true),
        ] {
            fixture::add_file(&mut stack, name, content, secret);
        }
        let at = crate::translate::PROJECT_DIRECTORY;
        let bind = |name: &str| format!("{{type: bind, source: {at}/{name}, target: /{name}}}");
        let binds = ["conf", "image", "token"].map(bind).join(", ");
        let text = format!(
            "services: {{my_api: {{image: x}}, web: {{image: x, healthcheck: {{test: [CMD, ping, my_api]}}, configs: \
             [{{source: site}}, {{source: own}}], secrets: [{{source: auth}}], volumes: [{binds}]}}}}\n\
             configs: {{site: {{file: {at}/site.conf}}, own: {{content: \"api: my_api\"}}}}\n\
             secrets: {{auth: {{file: {at}/token}}}}"
        );
        fixture::with_stack(&text, &stack, |context, notes| {
            note(context, notes);
            let noted = std::mem::take(notes).sorted();
            let paths: Vec<&str> = noted.iter().map(|note| note.path.as_str()).collect();
            let expected = [
                "configs.own.content",
                "configs.site.file",
                "services.my_api",
                "services.web.healthcheck.test",
                "services.web.volumes[0]",
            ];
            assert_eq!(paths, expected);
            assert!(noted[4].message.starts_with("`conf/a.conf` mentions `my_api`"), "{}", noted[4].message);
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
