//! Properties that hold for any document.

use proptest::prelude::*;

use super::Fixture;
use crate::compose::template::{Expansion, expand};
use crate::compose::{Variable, dotenv, shellwords, yaml_scalar};

/// A service of attributes that merge by different rules.
fn service() -> impl Strategy<Value = serde_json::Value> {
    let name = prop::sample::select(vec!["A", "B", "C"]);
    let environment = prop::collection::btree_map(name.clone(), "[a-z]{0,3}", 0..3);
    let labels = prop::collection::vec(name.prop_map(|name| format!("{name}=l")), 0..1);
    let ports = prop::collection::btree_set(80_u16..84, 0..3);
    let tmpfs = prop::collection::btree_set("/[a-c]", 0..3);
    (environment, labels, ports, tmpfs, prop::option::of("[a-z]{1,4}")).prop_map(
        |(environment, labels, ports, tmpfs, command)| {
            let mut service = serde_json::json!({
                "image": "x", "environment": environment, "labels": labels, "ports": ports, "tmpfs": tmpfs,
            });
            if let Some(command) = command {
                service["command"] = command.into();
            }
            service
        },
    )
}

fn document(service: &serde_json::Value) -> String {
    serde_json::json!({"services": {"a": service}}).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn merging_a_document_onto_itself_changes_nothing(service in service()) {
        let text = document(&service);
        prop_assert_eq!(Fixture::new(&text).json(), Fixture::new(&text).and(&text).json());
    }

    #[test]
    fn merging_an_empty_override_changes_nothing(service in service()) {
        let text = document(&service);
        prop_assert_eq!(Fixture::new(&text).json(), Fixture::new(&text).and("services: {a: {}}").json());
    }

    #[test]
    fn three_documents_merge_as_documents_of_one_stream(a in service(), b in service(), c in service()) {
        let (a, b, c) = (document(&a), document(&b), document(&c));
        let stream = format!("{a}\n---\n{b}\n---\n{c}\n");
        prop_assert_eq!(Fixture::new(&a).and(&b).and(&c).json(), Fixture::new(&stream).json());
    }

    #[test]
    fn text_without_dollars_is_its_own_expansion(text in "[^$]{0,40}") {
        let expansion = expand(&text, &|_| None);
        prop_assert_eq!(expansion, Ok(Expansion { text, ..Expansion::default() }));
    }

    #[test]
    fn doubled_dollars_come_out_single(text in "[a-z${}:?+-]{0,30}") {
        let doubled = text.replace('$', "$$");
        let expansion = expand(&doubled, &|_| None).unwrap();
        prop_assert_eq!(expansion.text, text);
    }

    #[test]
    fn a_substitution_never_panics(text in "[$A{}:?+\\-\n]{0,30}") {
        let variable = Variable { value: "v".to_owned(), secret: false };
        drop(expand(&text, &|_| Some(&variable)));
    }

    #[test]
    fn words_in_quotes_come_out_whole(words in prop::collection::vec("[a-z ;&|<>]{1,8}", 0..5)) {
        let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let split = shellwords::split(&line).unwrap();
        prop_assert_eq!(split.words, words);
    }

    #[test]
    fn readers_never_panic(text in "\\PC{0,60}") {
        drop(dotenv::parse(&text, false, &mut dotenv::Variables::new(), &|_| None));
        drop(shellwords::split(&text));
        let _ = yaml_scalar::resolve(&text);
        drop(Fixture::new(&text).load());
    }
}
