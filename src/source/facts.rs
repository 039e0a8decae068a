//! What a project needs to know of the cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use kube::Client;

use super::SourceError;
use super::reader::Reader;
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
    let reader = Reader::new(client, stack);
    let mut facts = Facts { network_policy_enforced, dns_peers: dns_peers.to_vec(), ..Facts::default() };
    for (key, secret) in project.secrets.iter().filter(|(_, secret)| secret.external) {
        if let Some(data) = reader.find_secret(&format!("secrets.{key}"), &secret.name).await? {
            facts.secret_keys.insert(secret.name.clone(), data.into_keys().collect());
        }
    }
    for (key, config) in project.configs.iter().filter(|(_, config)| config.external) {
        if let Some(data) = reader.find_config_map(&format!("configs.{key}"), &config.name).await? {
            facts.config_map_keys.insert(config.name.clone(), data.into_keys().collect());
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
