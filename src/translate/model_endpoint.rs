//! Models: services are told where one is served and what it is called (Compose Specification, "models"). The cluster
//! runs none itself; `spec.models` says where each is.

use std::collections::BTreeMap;

use super::context::{Context, Unit};
use super::notes::Notes;

/// The variables of the models that a service uses, which stand above its own of the same name, as in Docker Compose.
pub(super) fn variables(context: &Context, unit: &Unit, notes: &mut Notes) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (key, names) in &unit.service.container.models {
        let Some(server) = context.stack.spec.models.get(key) else {
            notes.error(
                format!("{}.models.{key}", unit.path),
                "EndpointRequired",
                format!("the cluster runs no models: set spec.models.{key}.endpoint to the URL at which it is served"),
            );
            continue;
        };
        let model = context.project.models.get(key).map_or("", |model| model.model.as_str());
        let prefix = key.to_uppercase().replace('-', "_");
        let names = names.clone().unwrap_or_default();
        let name = |given: &str, suffix: &str| {
            if given.is_empty() { format!("{prefix}_{suffix}") } else { given.to_owned() }
        };
        variables.insert(name(&names.model_var, "MODEL"), model.to_owned());
        variables.insert(name(&names.endpoint_var, "URL"), server.endpoint.clone());
    }
    variables
}

/// Says what of the models is up to their servers, and which endpoints nobody uses.
pub(super) fn note_differences(context: &Context, notes: &mut Notes) {
    let models = &context.project.models;
    for (key, model) in models {
        let settings = [("context_size", model.context_size != 0), ("runtime_flags", !model.runtime_flags.is_empty())];
        for (attribute, _) in settings.into_iter().filter(|(_, given)| *given) {
            notes.approximated(
                format!("models.{key}.{attribute}"),
                "is up to the server of the model, which is not started here: set it there",
            );
        }
    }
    for key in context.stack.spec.models.keys().filter(|key| !models.contains_key(*key)) {
        notes.ignored(format!("spec.models.{key}"), format!("no service of the Compose file uses a model `{key}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::ModelEndpoint;
    use crate::translate::fixture;

    #[test]
    fn services_are_told_where_and_what() {
        let stack = fixture::stack_with(|spec| {
            let endpoint = ModelEndpoint { endpoint: "http://llm/v1".to_owned() };
            spec.models = ["my-llm", "other"].map(|key| (key.to_owned(), endpoint.clone())).into();
        });
        let text = "services: {web: {image: x, models: {my-llm: null, absent: {model_var: M}}}}\n\
                    models: {my-llm: {model: ai/m, context_size: 4096}, absent: {model: ai/n}}";
        fixture::with_stack(text, &stack, |context, notes| {
            let variables = variables(context, &context.units["web"], notes);
            let pairs: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(pairs, [("MY_LLM_MODEL", "ai/m"), ("MY_LLM_URL", "http://llm/v1")]);
            note_differences(context, notes);
            assert_eq!(
                std::mem::take(notes).summary(),
                [
                    "models.my-llm.context_size: Approximated",
                    "services.web.models.absent: Error",
                    "spec.models.other: Ignored",
                ]
            );
        });
    }
}
