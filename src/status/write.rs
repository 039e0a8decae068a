//! The one write of a pass to its stack.

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource, ResourceExt};
use serde_json::json;

use crate::api::names::STATUS_FIELD_MANAGER;
use crate::api::v1alpha1::{ComposeStack, ComposeStackStatus};

/// Writes a status that differs from the one that the stack has, and returns whether it did. A stack that is gone
/// needs none.
///
/// The whole status is applied by one manager, so that what is left out, an emptied list too, is removed.
///
/// # Errors
/// When the API server does not take it.
pub async fn write_if_changed(
    client: &Client,
    stack: &ComposeStack,
    next: &ComposeStackStatus,
) -> Result<bool, kube::Error> {
    if stack.status.as_ref() == Some(next) {
        return Ok(false);
    }
    let mut body = json!({
        "apiVersion": ComposeStack::api_version(&()),
        "kind": ComposeStack::kind(&()),
        "status": next,
    });
    // A stack of the same name that was made meanwhile has a status of its own.
    if let Some(uid) = stack.uid() {
        body["metadata"] = json!({ "uid": uid });
    }
    let api: Api<ComposeStack> = Api::namespaced(client.clone(), &stack.namespace().unwrap_or_default());
    let parameters = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    match api.patch_status(&stack.name_any(), &parameters, &Patch::Apply(body)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() && is_gone(&status.message) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// An apply that names the uid of an object that is gone fails with 409.
fn is_gone(message: &str) -> bool {
    message.contains("uid mismatch")
}
