//! What can go wrong with one child.

use kube::core::Status;

use super::kind::Kind;

/// Whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The cluster was not able to; it may be later.
    Transient,
    /// Somebody else changed the object meanwhile; trying again at once helps.
    Conflict,
    /// Nothing changes until a person does something.
    Terminal,
}

/// What kind of trouble it is, for condition reasons, events and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The identity that applies lacks a right.
    Forbidden,
    /// The API server refuses the object as it is.
    Invalid,
    /// A field that cannot change would have to, and the object is none that may be made anew.
    Immutable,
    /// The object could not be deleted.
    Prune,
    /// Anything else that the API server answered, or that it did not answer.
    Api,
}

impl Category {
    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::Immutable => "immutable",
            Self::Prune => "prune",
            Self::Api => "api",
        }
    }
}

/// What went wrong with one child.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name}: {message}")]
pub struct ApplyError {
    /// The child's kind.
    pub kind: Kind,
    /// The child's name.
    pub name: String,
    /// Whether trying again helps.
    pub class: Class,
    /// What kind of trouble it is.
    pub category: Category,
    /// What happened and what to do: lower case, no full stop at the end; never the content of a Secret.
    pub message: String,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The namespace is going away, and everything in it: nothing is to be done or said.
    Terminating,
    /// The object was there already, was replaced, or changed meanwhile.
    Conflict,
    /// The object, or its namespace, is not there.
    NotFound,
    /// The API server refuses the object.
    Invalid { message: String, immutable: bool },
    /// Anything else.
    Other { class: Class, category: Category, message: String },
}

impl Failure {
    /// Judges an answer. Kubernetes puts the offending value into its messages, so for Secrets only the field and
    /// the rule are told.
    pub(super) fn of(kind: Kind, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::Other {
                class: Class::Transient,
                category: Category::Api,
                message: format!("the API server could not be asked: {}", chain(error)),
            };
        };
        if caused_by(status, "NamespaceTerminating") {
            return Self::Terminating;
        }
        match status.code {
            422 if is_replaced(status) => Self::Conflict,
            404 => Self::NotFound,
            409 => Self::Conflict,
            403 if is_about_rights(status) => {
                Self::Other { class: Class::Terminal, category: Category::Forbidden, message: told(kind, status) }
            }
            // Admission answers 403 as well: a quota, a policy, a storage class whose volumes do not grow.
            400 | 403 | 413 | 422 => Self::Invalid { message: told(kind, status), immutable: is_immutable(status) },
            500 if is_untyped(status) => Self::Invalid { message: told(kind, status), immutable: false },
            _ => Self::Other { class: Class::Transient, category: Category::Api, message: told(kind, status) },
        }
    }

    pub(super) fn on(self, kind: Kind, name: &str) -> Option<ApplyError> {
        let (class, category, message) = match self {
            Self::Terminating => return None,
            Self::Conflict => {
                (Class::Conflict, Category::Api, "changed while it was being applied; it is tried again".to_owned())
            }
            Self::NotFound => (Class::Transient, Category::Api, "was not found while it was being applied".to_owned()),
            Self::Invalid { message, .. } => (Class::Terminal, Category::Invalid, message),
            Self::Other { class, category, message } => (class, category, message),
        };
        Some(ApplyError { kind, name: name.to_owned(), class, category, message })
    }
}

fn caused_by(status: &Status, reason: &str) -> bool {
    status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == reason)
}

/// The API server has no reason of its own for immutable fields, only these sentences
/// (`apimachinery/pkg/api/validation` and `pkg/apis/{core,batch}/validation`).
fn is_immutable(status: &Status) -> bool {
    ["field is immutable", "spec is immutable", "may not change once set", "updates to statefulset spec"]
        .iter()
        .any(|sentence| status.message.contains(sentence))
}

/// How the refusal of every authorizer is told (`apiserver/pkg/endpoints/handlers/responsewriters`), such as
/// `User "shop" cannot patch resource "services" in API group ""`.
fn is_about_rights(status: &Status) -> bool {
    let told = status.message.split_once(" cannot ").and_then(|(_, what)| what.split_once(' '));
    told.is_some_and(|(_verb, what)| what.starts_with("resource \"") || what.starts_with("path \""))
}

/// An apply that names the uid of an object that another has replaced fails with 422, and not with 409.
fn is_replaced(status: &Status) -> bool {
    status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.field == "metadata.uid")
}

/// Server-side apply answers 500 to a field that the kind does not have, and to a value of the wrong type.
fn is_untyped(status: &Status) -> bool {
    status.message.starts_with("failed to create typed patch object")
        || status.message.starts_with("failed to convert new object")
}

/// A message of a length that fits into a status: some repeat the whole object.
pub(super) fn short(message: &str) -> String {
    const CHARACTERS: usize = 1000;
    match message.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

fn told(kind: Kind, status: &Status) -> String {
    // Who lacks which right, and how much of what a quota has left, is no content.
    let is_harmless = status.code == 403 && (is_about_rights(status) || status.message.contains("exceeded quota: "));
    if kind != Kind::Secret || is_harmless {
        return short(&status.message);
    }
    let causes: Vec<String> = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .map(|cause| format!("{}: {}", cause.field, cause.reason))
        .collect();
    if causes.is_empty() {
        format!("the API server answered {} {}", status.code, status.reason)
    } else {
        causes.join(", ")
    }
}

/// An error with its sources: kube's outermost message alone seldom says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: Kind, message: &str) -> (Class, Category, String) {
        let status = Status { code: 403, reason: "Forbidden".into(), message: message.into(), ..Status::default() };
        let failure = Failure::of(kind, &kube::Error::Api(Box::new(status)));
        let error = failure.on(kind, "web").unwrap();
        (error.class, error.category, error.message)
    }

    #[test]
    fn only_a_lack_of_rights_is_forbidden() {
        for rights in [
            "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:shop:app\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\"",
            "serviceaccounts \"app\" is forbidden: User \"operator\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"shop\"",
        ] {
            for kind in [Kind::Deployment, Kind::Secret] {
                assert_eq!(refused(kind, rights), (Class::Terminal, Category::Forbidden, rights.to_owned()));
            }
        }
        for admission in [
            "persistentvolumeclaims \"web\" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
            "persistentvolumeclaims \"web\" is forbidden: exceeded quota: small, requested: requests.storage=2Gi, used: requests.storage=1Gi, limited: requests.storage=2Gi",
            "admission webhook \"policy.example.com\" denied the request: such a service cannot be exposed",
        ] {
            let kind = Kind::PersistentVolumeClaim;
            assert_eq!(refused(kind, admission), (Class::Terminal, Category::Invalid, admission.to_owned()));
        }
    }

    #[test]
    fn what_a_webhook_says_of_a_secret_is_not_told() {
        let (_, category, message) =
            refused(Kind::Secret, "admission webhook \"x\" denied the request: hunter2 is weak");
        assert_eq!((category, message.as_str()), (Category::Invalid, "the API server answered 403 Forbidden"));
        let quota = "secrets \"web\" is forbidden: exceeded quota: few, requested: secrets=1, used: secrets=1, limited: secrets=1";
        assert_eq!(refused(Kind::Secret, quota).2, quota);
    }
}
