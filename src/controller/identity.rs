//! The identity that a stack is reconciled as.
//!
//! Whoever may write a stack must not gain the operator's rights by it: its inputs are read and its children are
//! written as a ServiceAccount of its own namespace, by impersonation
//! (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation>). Where that
//! account lacks a right, the operator never steps in with its own.

use http::HeaderValue;
use http::header::HeaderName;
use kube::{Client, ResourceExt};

use super::args::IdentityArgs;
use crate::api::ComposeStack;

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// Why a stack has no identity to be reconciled as.
#[derive(Debug, thiserror::Error)]
pub(super) enum IdentityError {
    /// The administrator wants every stack to name one.
    #[error(
        "spec.serviceAccountName: the operator runs with --require-service-account: name a ServiceAccount of this namespace that may create the stack's objects"
    )]
    Required,
    /// The name is no name of a ServiceAccount, which the API server excludes.
    #[error("spec.serviceAccountName: {0:?} is not the name of a ServiceAccount")]
    Invalid(String),
}

/// The name of the ServiceAccount that a stack is reconciled as; none for the operator itself.
///
/// # Errors
/// When there is none and the administrator wants one.
pub(super) fn account<'a>(stack: &'a ComposeStack, args: &'a IdentityArgs) -> Result<Option<&'a str>, IdentityError> {
    match stack.spec.service_account_name.as_deref().or(args.default_service_account.as_deref()) {
        None if args.require_service_account => Err(IdentityError::Required),
        account => Ok(account),
    }
}

/// A client that acts as the stack's identity, over the connections of the operator's own.
///
/// # Errors
/// When the stack has no identity.
pub(super) fn client(operator: &Client, stack: &ComposeStack, args: &IdentityArgs) -> Result<Client, IdentityError> {
    let Some(account) = account(stack, args)? else { return Ok(operator.clone()) };
    let namespace = stack.namespace().unwrap_or_default();
    // The API server adds the groups of ServiceAccounts by itself when the user is one and no group is asked for.
    let user = HeaderValue::try_from(format!("system:serviceaccount:{namespace}:{account}"))
        .map_err(|_| IdentityError::Invalid(account.to_owned()))?;
    let operator = operator.clone();
    let impersonating = tower::service_fn(move |mut request: http::Request<kube::client::Body>| {
        request.headers_mut().insert(IMPERSONATE_USER, user.clone());
        let operator = operator.clone();
        async move { operator.send(request).await }
    });
    Ok(Client::new(impersonating, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(account: Option<&str>) -> ComposeStack {
        let spec = crate::api::ComposeStackSpec {
            service_account_name: account.map(str::to_owned),
            ..crate::api::ComposeStackSpec::default()
        };
        ComposeStack::new("shop", spec)
    }

    #[test]
    fn the_stacks_own_account_comes_first_and_none_is_the_operator() {
        let mut args = IdentityArgs::default();
        assert_eq!(account(&stack(None), &args).unwrap(), None);
        args.default_service_account = Some("deployer".to_owned());
        assert_eq!(account(&stack(None), &args).unwrap(), Some("deployer"));
        assert_eq!(account(&stack(Some("team")), &args).unwrap(), Some("team"));
    }

    #[test]
    fn an_account_can_be_required() {
        let mut args = IdentityArgs { require_service_account: true, ..IdentityArgs::default() };
        assert!(matches!(account(&stack(None), &args), Err(IdentityError::Required)));
        assert_eq!(account(&stack(Some("team")), &args).unwrap(), Some("team"));
        args.default_service_account = Some("deployer".to_owned());
        assert_eq!(account(&stack(None), &args).unwrap(), Some("deployer"), "the default fulfils the requirement");
    }
}
