//! Reads the ConfigMaps and Secrets that a stack names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, Client, ResourceExt};

use super::references::References;
use super::{Missing, SourceError};
use crate::api::ComposeStack;

/// Content by key.
pub(super) type Data = BTreeMap<String, Vec<u8>>;

/// Reads objects of the stack's namespace, and notes which, so that a change of one brings the stack back.
pub struct Reader<'a> {
    client: Client,
    namespace: String,
    stack: String,
    references: &'a References,
    read: Mutex<BTreeSet<(&'static str, String)>>,
}

impl<'a> Reader<'a> {
    /// Reads with this client, which acts as the stack's identity.
    pub fn new(client: &Client, stack: &ComposeStack, references: &'a References) -> Self {
        Self {
            client: client.clone(),
            namespace: stack.namespace().unwrap_or_default(),
            stack: stack.name_any(),
            references,
            read: Mutex::default(),
        }
    }

    /// Forgets what the stack read in former passes and not in this one. To be said when a pass has read all; one
    /// that ended early has not seen what else the stack refers to.
    pub fn has_read_all(&self) {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        self.references.keep(&self.namespace, &self.stack, &read);
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    fn note(&self, kind: &'static str, name: &str) {
        self.references.add(&self.namespace, &self.stack, kind, name);
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, name.to_owned()));
    }

    /// A ConfigMap that has to be there.
    pub(super) async fn config_map(&self, field: &str, name: &str) -> Result<Data, SourceError> {
        self.find_config_map(field, name)
            .await?
            .ok_or_else(|| SourceError::NotFound(vec![self.missing(field, "ConfigMap", name, None)]))
    }

    /// A Secret that has to be there.
    pub(super) async fn secret(&self, field: &str, name: &str) -> Result<Data, SourceError> {
        self.find_secret(field, name)
            .await?
            .ok_or_else(|| SourceError::NotFound(vec![self.missing(field, "Secret", name, None)]))
    }

    /// A ConfigMap, if it is there.
    pub(super) async fn find_config_map(&self, field: &str, name: &str) -> Result<Option<Data>, SourceError> {
        self.note("ConfigMap", name);
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let object = api.get_opt(name).await.map_err(|error| Self::failed(field, "ConfigMap", name, error))?;
        Ok(object.map(|object| {
            let text = object.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes()));
            let binary = object.binary_data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0));
            text.chain(binary).collect()
        }))
    }

    /// A Secret, if it is there.
    pub(super) async fn find_secret(&self, field: &str, name: &str) -> Result<Option<Data>, SourceError> {
        self.note("Secret", name);
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let object = api.get_opt(name).await.map_err(|error| Self::failed(field, "Secret", name, error))?;
        Ok(object
            .map(|object| object.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect()))
    }

    /// A key that an object has to have, and has not.
    pub(super) fn missing_key(&self, field: &str, secret: bool, name: &str, key: &str) -> Missing {
        self.missing(field, if secret { "Secret" } else { "ConfigMap" }, name, Some(key.to_owned()))
    }

    fn missing(&self, field: &str, kind: &'static str, name: &str, key: Option<String>) -> Missing {
        let (field, name, namespace) = (field.to_owned(), name.to_owned(), self.namespace.clone());
        Missing { field, kind, name, key, namespace }
    }

    fn failed(field: &str, kind: &'static str, name: &str, error: kube::Error) -> SourceError {
        let (field, name) = (field.to_owned(), name.to_owned());
        match error {
            kube::Error::Api(status) if status.is_forbidden() => {
                SourceError::Forbidden { field, kind, name, message: status.message }
            }
            error => SourceError::Api { field, kind, name, source: Box::new(error) },
        }
    }
}
