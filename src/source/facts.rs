//! What a project needs to know of the cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use kube::{Api, Client, ResourceExt};

use super::SourceError;
use crate::api::ComposeStack;
use crate::compose::Project;
use crate::translate::Facts;

/// Gathers the facts: the keys of external configs and secrets, and how services were discovered before.
///
/// # Errors
/// When an external object may not be read, or the API server cannot be asked. One that is not there is no error
/// here: the translation says so by its path.
pub async fn facts(
    client: &Client,
    stack: &ComposeStack,
    project: &Project,
    network_policy_enforced: Option<bool>,
    dns_peers: &[NetworkPolicyPeer],
) -> Result<Facts, SourceError> {
    let namespace = stack.namespace().unwrap_or_default();
    let mut facts = Facts { network_policy_enforced, dns_peers: dns_peers.to_vec(), ..Facts::default() };
    let failed = |field: String, kind: &'static str, name: &str, error: kube::Error| match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            SourceError::Forbidden { field, kind, name: name.to_owned(), namespace: namespace.clone() }
        }
        error => SourceError::Api { field, kind, name: name.to_owned(), source: Box::new(error) },
    };
    for (key, secret) in project.secrets.iter().filter(|(_, secret)| secret.external) {
        let api: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        let found = api.get_opt(&secret.name).await;
        if let Some(object) = found.map_err(|e| failed(format!("secrets.{key}"), "Secret", &secret.name, e))? {
            facts.secret_keys.insert(secret.name.clone(), object.data.unwrap_or_default().into_keys().collect());
        }
    }
    for (key, config) in project.configs.iter().filter(|(_, config)| config.external) {
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
        let found = api.get_opt(&config.name).await;
        if let Some(object) = found.map_err(|e| failed(format!("configs.{key}"), "ConfigMap", &config.name, e))? {
            let text = object.data.unwrap_or_default().into_keys();
            let binary = object.binary_data.unwrap_or_default().into_keys();
            facts.config_map_keys.insert(config.name.clone(), text.chain(binary).collect());
        }
    }
    facts.discovery = stack
        .status
        .iter()
        .flat_map(|status| &status.services)
        .filter_map(|service| Some((service.name.clone(), service.discovery.clone()?)))
        .collect::<BTreeMap<_, _>>();
    Ok(facts)
}
