//! The one write of a pass to its stack.

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;

use crate::api::names::STATUS_FIELD_MANAGER;
use crate::api::v1alpha1::{ComposeStack, ComposeStackStatus};

/// Writes a status that differs from the one that the stack has, and returns the version that the stack then has. A
/// stack that is gone needs none.
///
/// The whole status is applied by one manager, so that what is left out, an emptied list too, is removed.
///
/// # Errors
/// When the API server does not take it.
pub async fn write_if_changed(
    client: &Client,
    stack: &ComposeStack,
    next: &ComposeStackStatus,
) -> Result<Option<String>, kube::Error> {
    if stack.status.as_ref() == Some(next) {
        return Ok(None);
    }
    // The version, so that a status that is late does not undo a later one. Naming the uid would be of no use: the API
    // server ignores it in an apply of a status.
    let body = json!({
        "apiVersion": ComposeStack::api_version(&()),
        "kind": ComposeStack::kind(&()),
        "metadata": {"resourceVersion": stack.metadata.resource_version},
        "status": next,
    });
    let api: Api<ComposeStack> = Api::namespaced(client.clone(), &stack.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    match api.patch_status(&stack.name_any(), &parameters, &Patch::Apply(body)).await {
        Ok(written) => Ok(written.resource_version()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
