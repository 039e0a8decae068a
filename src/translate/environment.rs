//! The environment of containers.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

use super::context::{Context, Unit};
use super::expansion::literal;
use super::generated::{Content, Generated};
use super::notes::Notes;
use super::swarm_template::{self, Field, Part};
use super::{devices, model_endpoint};

/// The variables of a service's container, in the order of their names, after those that they refer to. What came from
/// a Secret goes to a generated one; a variable without a value is unset, as in Compose.
pub(super) fn environment(
    context: &Context,
    unit: &Unit,
    generated: &mut Generated,
    notes: &mut Notes,
) -> Option<Vec<EnvVar>> {
    let path = |name: &str| format!("{}.environment.{name}", unit.path);
    let mut secret = BTreeSet::new();
    let mut entries = Content::new();
    let mut valued = Vec::new();
    let of_models = model_endpoint::variables(context, unit, notes);
    let mut all: BTreeMap<&String, &String> =
        unit.service.container.environment.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect();
    let of_devices = devices::variables(unit);
    for (name, value) in &of_devices {
        all.entry(name).or_insert(value);
    }
    all.extend(&of_models);
    for (name, value) in all {
        if !is_name(name) {
            notes.rejected(path(name), "Kubernetes knows only names of printable ASCII characters without `=`");
            continue;
        }
        if value.contains('\0') {
            notes.error(path(name), "Invalid", "no variable can hold a zero byte");
            continue;
        }
        if !of_models.contains_key(name) && is_tainted(context, unit, name) {
            if swarm_template::is_template(value) {
                notes.rejected(
                    path(name),
                    "placeholders of Swarm are not filled in in a value from a Secret: put them into another variable",
                );
            }
            if !is_key(name) {
                notes.rejected(path(name), "a value from a Secret needs a name of letters, digits, `-`, `_` and `.`");
                continue;
            }
            secret.insert(name.as_str());
            entries.insert(name.clone(), value.clone().into_bytes());
        }
        valued.push((name, value));
    }
    let secret_name = (!entries.is_empty()).then(|| {
        let path = format!("{}.environment", unit.path);
        generated.secret(context, &format!("{}-env", unit.key), &path, entries, notes)
    });
    let mut told = BTreeMap::new();
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
            _ => variable(context, unit, name, value, &mut told, notes),
        })
        .collect();
    let told = told.into_iter().map(|(field, name)| of_pod(name, field));
    let variables: Vec<EnvVar> = told.chain(variables).collect();
    (!variables.is_empty()).then_some(variables)
}

/// A variable whose value everybody may read. Where a field of the pod is only a part of it, another variable holds
/// that, which is added to `told`.
fn variable(
    context: &Context,
    unit: &Unit,
    name: &str,
    value: &str,
    told: &mut BTreeMap<Field, String>,
    notes: &mut Notes,
) -> EnvVar {
    let plain = |value: String| EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() };
    let path = || format!("{}.environment.{name}", unit.path);
    let parts = match swarm_template::parts(context, unit, value) {
        None => return plain(literal(value)),
        Some(Err(problem)) => {
            notes.rejected(path(), problem);
            return plain(literal(value));
        }
        Some(Ok(parts)) => parts,
    };
    if value.contains(".Node.ID") {
        notes.approximated(path(), "the id of the node is its name, by which Kubernetes knows it");
    }
    if value.contains(".Service.Name") {
        let swarms = format!("{}_{}", context.project.name, unit.key);
        notes.approximated(
            path(),
            format!("the service is `{swarms}` here, as Swarm calls it; to reach it, write `{}`", unit.name),
        );
    }
    if let [Part::Field(field)] = parts.as_slice() {
        return of_pod(name.to_owned(), *field);
    }
    let mut text = String::new();
    for part in &parts {
        match part {
            Part::Text(part) => text.push_str(&literal(part)),
            Part::Field(field) => {
                // Or it would take the reference for an escaped one.
                if text.ends_with('$') {
                    text.push('$');
                }
                let holder = told.entry(*field).or_insert_with(|| {
                    let mut holder = field.variable().to_owned();
                    while unit.service.container.environment.contains_key(&holder) {
                        holder.push('_');
                    }
                    holder
                });
                text.extend(["$(", holder, ")"]);
            }
        }
    }
    plain(text)
}

fn of_pod(name: String, field: Field) -> EnvVar {
    let selector = ObjectFieldSelector { field_path: field.path().to_owned(), ..ObjectFieldSelector::default() };
    let source = EnvVarSource { field_ref: Some(selector), ..EnvVarSource::default() };
    EnvVar { name, value_from: Some(source), ..EnvVar::default() }
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
        let policy = crate::policy::Policy::default();
        let context = Context::new(&project, &stack, &facts, &policy, &mut notes);
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
    fn placeholders_are_told_by_the_downward_api() {
        let (variables, _, notes) = environment_of(
            "{NODE: \"{{.Node.Hostname}}\", URL: \"$$(x)$/{{.Node.Hostname}}$/{{.Service.Name}}\", PRICE: \"5${{.Task.ID}}\", \
             COMPOSE_TASK_ID: own, ID: \"{{.Node.ID}}\", NONE: \"{{.Service.ID}}\"}",
            &[],
        );
        let shown: Vec<String> = variables
            .iter()
            .map(|variable| match &variable.value_from {
                Some(source) => format!("{}<-{}", variable.name, source.field_ref.as_ref().unwrap().field_path),
                None => format!("{}={}", variable.name, variable.value.as_ref().unwrap()),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "COMPOSE_NODE_HOSTNAME<-spec.nodeName",
                "COMPOSE_TASK_ID_<-metadata.uid",
                "COMPOSE_TASK_ID=own",
                "ID<-spec.nodeName",
                "NODE<-spec.nodeName",
                "NONE={{.Service.ID}}",
                "PRICE=5$$$(COMPOSE_TASK_ID_)",
                "URL=$$$$(x)$/$(COMPOSE_NODE_HOSTNAME)$/p_web",
            ]
        );
        assert_eq!(
            notes,
            [
                "services.web.environment.ID: Approximated",
                "services.web.environment.NONE: Rejected",
                "services.web.environment.URL: Approximated",
            ]
        );
        let (_, _, notes) = environment_of("{A: \"{{.Task.ID}}\"}", &["services.web.environment.A"]);
        assert_eq!(notes, ["services.web.environment.A: Rejected"]);
    }

    #[test]
    fn names_that_kubernetes_refuses_are_rejected() {
        let (variables, _, notes) = environment_of("{\"é\": a, \"a b\": c}", &["services.web.environment.a b"]);
        assert_eq!(variables, []);
        assert_eq!(notes, ["services.web.environment.a b: Rejected", "services.web.environment.é: Rejected"]);
    }
}
