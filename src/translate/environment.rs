//! The environment of containers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};

use super::context::{Context, Unit};
use super::expansion::literal;
use super::generated::{Content, Generated};
use super::notes::Notes;

/// The variables of a service's container, in the order of their names. What came from a Secret goes to a generated
/// one; a variable without a value is unset, as in Compose.
pub(super) fn environment(
    context: &Context,
    unit: &Unit,
    generated: &mut Generated,
    notes: &mut Notes,
) -> Option<Vec<EnvVar>> {
    let path = format!("{}.environment", unit.path);
    let mut secret = BTreeSet::new();
    let mut entries = Content::new();
    let mut valued = Vec::new();
    for (name, value) in &unit.service.container.environment {
        let Some(value) = value else { continue };
        if !is_name(name) {
            notes.rejected(
                format!("{path}.{name}"),
                "Kubernetes knows only names of printable ASCII characters without `=`",
            );
            continue;
        }
        if value.contains('\0') {
            notes.error(format!("{path}.{name}"), "Invalid", "no variable can hold a zero byte");
            continue;
        }
        if is_tainted(context, unit, name) {
            if !is_key(name) {
                notes.rejected(
                    format!("{path}.{name}"),
                    "a value from a Secret needs a name of letters, digits, `-`, `_` and `.`",
                );
                continue;
            }
            secret.insert(name.as_str());
            entries.insert(name.clone(), value.clone().into_bytes());
        }
        valued.push((name, value));
    }
    let secret_name =
        (!entries.is_empty()).then(|| generated.secret(context, &format!("{}-env", unit.key), &path, entries, notes));
    let variables: Vec<EnvVar> = valued
        .into_iter()
        .map(|(name, value)| match &secret_name {
            Some(secret_name) if secret.contains(name.as_str()) => EnvVar {
                name: name.clone(),
                value_from: Some(EnvVarSource {
                    secret_key_ref: Some(SecretKeySelector {
                        key: name.clone(),
                        name: secret_name.clone(),
                        optional: None,
                    }),
                    ..EnvVarSource::default()
                }),
                ..EnvVar::default()
            },
            _ => EnvVar { name: name.clone(), value: Some(literal(value)), ..EnvVar::default() },
        })
        .collect();
    (!variables.is_empty()).then_some(variables)
}

/// Whether the variable's value, or the whole environment, came from a Secret.
fn is_tainted(context: &Context, unit: &Unit, name: &str) -> bool {
    let tainted = &context.project.tainted;
    let environment = format!("{}.environment", unit.path);
    tainted.contains(&format!("{environment}.{name}")) || tainted.contains(&environment)
}

/// `RelaxedEnvironmentVariableValidation` of Kubernetes 1.34.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}

/// Whether a Secret can have this key.
fn is_key(name: &str) -> bool {
    name.len() <= 253
        && name != "."
        && name != ".."
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn environment_of(text: &str, tainted: &[&str]) -> (Vec<EnvVar>, Generated, Vec<String>) {
        let mut project = fixture::project(&format!("services: {{web: {{image: x, environment: {text}}}}}"));
        project.tainted = tainted.iter().map(|path| (*path).to_owned()).collect();
        let stack = fixture::stack();
        let facts = crate::translate::Facts::default();
        let mut notes = Notes::default();
        let mut generated = Generated::default();
        let context = Context::new(&project, &stack, &facts, &mut notes);
        let variables = environment(&context, &context.units["web"], &mut generated, &mut notes);
        (variables.unwrap_or_default(), generated, notes.summary())
    }

    #[test]
    fn values_are_literal_and_unset_names_are_left_out() {
        let (variables, _, notes) = environment_of("{B: \"$(id) $$ $x\", A: \"\", C: null}", &[]);
        let pairs: Vec<_> = variables.iter().map(|v| (v.name.as_str(), v.value.as_deref().unwrap())).collect();
        assert_eq!(pairs, [("A", ""), ("B", "$$(id) $$$ $x")]);
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn tainted_values_are_in_a_secret_and_nowhere_else() {
        let (variables, generated, notes) =
            environment_of("{TOKEN: \"s3cr$(x)et\", PLAIN: a}", &["services.web.environment.TOKEN"]);
        let (name, secret) = generated.secrets.first_key_value().unwrap();
        assert!(name.starts_with("shop-web-env-"), "{name}");
        // A Secret's value is not expanded, hence not escaped.
        assert_eq!(secret.data.as_ref().unwrap()["TOKEN"].0, b"s3cr$(x)et");
        let reference = variables[1].value_from.clone().unwrap().secret_key_ref.unwrap();
        assert_eq!((reference.name.as_str(), reference.key.as_str()), (name.as_str(), "TOKEN"));
        assert_eq!(variables[1].value, None);
        assert_eq!(variables[0].value.as_deref(), Some("a"));
        assert_eq!(notes, Vec::<String>::new());
    }

    #[test]
    fn names_that_kubernetes_refuses_are_rejected() {
        let (variables, _, notes) = environment_of("{\"é\": a, \"a b\": c}", &["services.web.environment.a b"]);
        assert_eq!(variables, []);
        assert_eq!(notes, ["services.web.environment.a b: Rejected", "services.web.environment.é: Rejected"]);
    }
}
