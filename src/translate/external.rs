//! Configs and secrets that are in the cluster already: what pods wait for, and what makes them roll.

use std::collections::BTreeMap;

use super::context::{Context, Unit};
use super::file_object::external_name;
use super::{extension, shared_pod};
use crate::compose::model::{FileObject, FileReference};

/// The keys of objects, and keyed hashes of what stands at each, by the objects' names.
type Keys = BTreeMap<String, Vec<String>>;
type Hashes = BTreeMap<String, BTreeMap<String, String>>;

/// An external object as a service refers to it.
struct External<'a> {
    /// `ConfigMap` or `Secret`.
    kind: &'static str,
    /// `config` or `secret`.
    word: &'static str,
    /// The key in the Compose file.
    key: &'a str,
    /// The key in the object that the file asks for.
    asked: Option<&'a str>,
    /// The object's name.
    name: String,
    /// The object's keys; none when it is not there.
    keys: Option<&'a [String]>,
    /// Keyed hashes of what the object holds, by key.
    hashes: Option<&'a BTreeMap<String, String>>,
}

/// What is missing of what the pods of a service mount, each with its kind and name: the kubelet starts no such pod, and
/// before the object is there nobody knows which of its keys is meant.
pub(super) fn lacking(context: &Context, unit: &Unit) -> Vec<String> {
    let missing = of_pod(context, unit).into_iter().filter(|external| external.keys.is_none());
    let mut lacking: Vec<String> = missing
        .map(|External { kind, word, key, name, .. }| format!("{kind} {name} of external {word} {key}"))
        .collect();
    lacking.sort_unstable();
    lacking.dedup();
    lacking
}

/// A text that changes with what the pods of a service mount from external objects; none when they mount nothing of the
/// kind. The files are mounted one by one, and a kubelet never refreshes those.
pub(super) fn content(context: &Context, unit: &Unit) -> Option<String> {
    let hashes = of_pod(context, unit).into_iter().filter_map(|external| {
        let wanted = wanted_key(external.keys?, external.key, external.asked)?;
        external.hashes?.get(wanted).cloned()
    });
    // In the order of the mounts, which is part of the template as well.
    let hashes: Vec<String> = hashes.collect();
    (!hashes.is_empty()).then(|| hashes.join("-"))
}

/// Which key of an external object is meant: the one that is asked for; else the only one, else the one that is called as
/// in the file, else `file` (the convention of Docker's Compose on Kubernetes).
pub(super) fn wanted_key<'k>(keys: &'k [String], key: &str, asked: Option<&str>) -> Option<&'k String> {
    if let Some(asked) = asked {
        return keys.iter().find(|key| *key == asked);
    }
    match keys {
        [only] => Some(only),
        keys => [key, "file"].into_iter().find_map(|wanted| keys.iter().find(|key| *key == wanted)),
    }
}

fn of_pod<'a>(context: &'a Context, unit: &'a Unit) -> Vec<External<'a>> {
    let (project, facts) = (context.project, context.facts);
    let of = |kind, word, references: &'a [FileReference], objects, keys: &'a Keys, hashes: &'a Hashes| {
        of_references(references, objects).map(move |(key, asked, name)| External {
            kind,
            word,
            key,
            asked,
            keys: keys.get(&name).map(Vec::as_slice),
            hashes: hashes.get(&name),
            name,
        })
    };
    let mut all = Vec::new();
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        let container = &unit.service.container;
        let (configs, secrets) = (&container.configs, &container.secrets);
        let (keys, hashes) = (&facts.config_map_keys, &facts.config_map_hashes);
        all.extend(of("ConfigMap", "config", configs, &project.configs, keys, hashes));
        all.extend(of("Secret", "secret", secrets, &project.secrets, &facts.secret_keys, &facts.secret_hashes));
    }
    all
}

fn of_references<'a>(
    references: &'a [FileReference],
    objects: &'a BTreeMap<String, FileObject>,
) -> impl Iterator<Item = (&'a str, Option<&'a str>, String)> {
    references.iter().filter_map(|reference| {
        let (key, object) = objects.get_key_value(&reference.source)?;
        object.external.then(|| (key.as_str(), extension::key(object), external_name(key, object)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Facts, fixture};

    const TEXT: &str = "services: {web: {image: x, secrets: [{source: db}, {source: own}], configs: [{source: site}]}}\n\
                        secrets: {db: {name: db-auth, external: true}, own: {content: x}}\n\
                        configs: {site: {external: true}}";

    fn look(facts: &Facts) -> (Vec<String>, Option<String>) {
        fixture::with_facts(TEXT, &fixture::stack(), facts, |context, _| {
            let web = &context.units["web"];
            (lacking(context, web), content(context, web))
        })
    }

    fn known(keys: &[(&str, &str)]) -> Facts {
        let hashes: BTreeMap<String, String> =
            keys.iter().map(|(key, hash)| ((*key).to_owned(), (*hash).to_owned())).collect();
        Facts {
            secret_keys: BTreeMap::from([("db-auth".to_owned(), hashes.keys().cloned().collect())]),
            secret_hashes: BTreeMap::from([("db-auth".to_owned(), hashes)]),
            ..Facts::default()
        }
    }

    #[test]
    fn what_is_not_there_is_lacking_by_kind_and_name() {
        let both = ["ConfigMap site of external config site", "Secret db-auth of external secret db"];
        assert_eq!(look(&Facts::default()), (both.map(str::to_owned).to_vec(), None));
        assert_eq!(look(&known(&[("password", "1")])).0, both[..1]);
    }

    #[test]
    fn the_content_of_the_key_in_use_counts() {
        let content = |keys: &[(&str, &str)]| look(&known(keys)).1;
        assert_eq!(content(&[("password", "1")]).as_deref(), Some("1"));
        assert_eq!(content(&[("db", "1"), ("other", "2")]), content(&[("db", "1"), ("other", "3")]));
        assert_ne!(content(&[("db", "1"), ("other", "2")]), content(&[("db", "2"), ("other", "2")]));
        assert_eq!(content(&[("one", "1"), ("two", "2")]), None);
    }

    #[test]
    fn a_key_that_is_asked_for_goes_before_all_others() {
        let keys = ["db", "password"].map(str::to_owned);
        assert_eq!(wanted_key(&keys, "db", None), Some(&keys[0]));
        assert_eq!(wanted_key(&keys, "db", Some("password")), Some(&keys[1]));
        assert_eq!(wanted_key(&keys[..1], "db", Some("password")), None);
        let text = "services: {web: {image: x, secrets: [{source: db}]}}\n\
                    secrets: {db: {name: db-auth, external: true, x-kubernetes: {key: password}}}";
        let content = |facts: &Facts| {
            fixture::with_facts(text, &fixture::stack(), facts, |context, _| content(context, &context.units["web"]))
        };
        assert_eq!(content(&known(&[("db", "1"), ("password", "2")])).as_deref(), Some("2"));
    }
}
