//! The one write of a pass to its stack.

use kube::api::{Api, Patch, PatchParams};
use kube::core::Status;
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
    // A stack of the same name that was made meanwhile has a status of its own, so the uid goes along.
    let body = json!({
        "apiVersion": ComposeStack::api_version(&()),
        "kind": ComposeStack::kind(&()),
        "metadata": { "uid": stack.uid() },
        "status": next,
    });
    let api: Api<ComposeStack> = Api::namespaced(client.clone(), &stack.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    match api.patch_status(&stack.name_any(), &parameters, &Patch::Apply(body)).await {
        Ok(written) => Ok(written.resource_version()),
        Err(kube::Error::Api(status)) if is_gone(&status) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An apply that names the uid of an object that is gone fails with 404 or 409, and one that was replaced with 422.
fn is_gone(status: &Status) -> bool {
    let is_other = status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.field == "metadata.uid");
    status.is_not_found() || is_other || status.is_conflict() && status.message.contains("uid mismatch")
}
