//! Projects and stacks for the unit tests of the mappings.

use k8s_openapi::api::core::v1::Service;

use super::context::Context;
use super::notes::Notes;
use super::{Facts, Stack, alias, discovery};
use crate::api::v1alpha1::{ComposeStackSpec, ImageStatus};
use crate::compose::{Project, ProjectFile};
use crate::policy::Policy;

/// Services on one network, on two, on an internal one, and on none.
pub(super) const NETWORKS: &str = "services: {web: {image: x, networks: {front: null}, ports: [{target: 80, published: \"8080\", \
                    protocol: tcp, mode: ingress}]}, api: {image: x, networks: {front: null, back: null}}, db: \
                    {image: x, networks: {back: null}, ports: [{target: 5432, published: \"5432\", protocol: tcp, \
                    mode: ingress}]}, batch: {image: x, network_mode: none}}\nnetworks: {front: {name: p_front}, \
                    back: {name: p_back, internal: true}, unused: {}}";

/// A canonical project, written as YAML.
pub(super) fn project(text: &str) -> Project {
    let value: serde_json::Value = serde_saphyr::from_str(text).expect("the fixture is YAML");
    let mut project: Project = serde_json::from_value(value).expect("the fixture is a canonical project");
    if project.name.is_empty() {
        "p".clone_into(&mut project.name);
    }
    project
}

/// A stack with the settings that users get by default.
pub(super) fn stack() -> Stack {
    Stack {
        name: "shop".to_owned(),
        namespace: "default".to_owned(),
        uid: Some("d9607e19-f88f-11e6-a518-42010a800195".to_owned()),
        spec: serde_json::from_value::<ComposeStackSpec>(serde_json::json!({})).expect("all settings have defaults"),
        files: crate::compose::ProjectTree::default(),
        environment: std::collections::BTreeMap::new(),
        hash_key: b"key".to_vec(),
    }
}

/// A stack with settings of its own.
pub(super) fn stack_with(change: impl FnOnce(&mut ComposeStackSpec)) -> Stack {
    let mut stack = stack();
    change(&mut stack.spec);
    stack
}

/// Adds a file to the project directory.
pub(super) fn add_file(stack: &mut Stack, path: &str, content: &[u8], secret: bool) {
    stack.files.insert(
        format!("{}/{path}", super::PROJECT_DIRECTORY),
        ProjectFile { content: content.to_vec(), mode: None, secret },
    );
}

/// Facts about the image `x`.
pub(super) fn image(value: serde_json::Value) -> Facts {
    let image: ImageStatus = serde_json::from_value(value).expect("the fixture is an image's record");
    Facts { images: [("x".to_owned(), image)].into(), ..Facts::default() }
}

/// Looks at a project in a default stack.
pub(super) fn with<T>(text: &str, look: impl FnOnce(&Context, &mut Notes) -> T) -> T {
    with_stack(text, &stack(), look)
}

/// Looks at a project in a stack.
pub(super) fn with_stack<T>(text: &str, stack: &Stack, look: impl FnOnce(&Context, &mut Notes) -> T) -> T {
    with_facts(text, stack, &Facts::default(), look)
}

/// Looks at a project in a stack of a cluster.
pub(super) fn with_facts<T>(
    text: &str,
    stack: &Stack,
    facts: &Facts,
    look: impl FnOnce(&Context, &mut Notes) -> T,
) -> T {
    within(text, stack, facts, &Policy::default(), look)
}

/// Looks at a project in a stack of a cluster whose operator has a policy.
pub(super) fn within<T>(
    text: &str,
    stack: &Stack,
    facts: &Facts,
    policy: &Policy,
    look: impl FnOnce(&Context, &mut Notes) -> T,
) -> T {
    let project = project(text);
    let mut notes = Notes::default();
    let project = super::in_plain_words(&project);
    let context = Context::new(&project, stack, facts, policy, &mut notes);
    look(&context, &mut notes)
}

/// The Services of the services' names, and of their aliases.
pub(super) fn services(context: &Context, notes: &mut Notes) -> Vec<Service> {
    let own = context.units.values().filter_map(|unit| discovery::own(context, unit));
    own.chain(alias::services(context, notes)).collect()
}
