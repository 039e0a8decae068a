//! What a project needs to know of the cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use kube::Client;
use kube::core::ApiResource;

use super::reader::{Data, Reader};
use super::{DIGITS, SourceError};
use crate::api::ComposeStack;
use crate::api::v1alpha1::PublishType;
use crate::compose::Project;
use crate::keyed_hash::KeyedHash;
use crate::translate::{Facts, external_name, http_route_api, is_node_network_driver, network_attachment_api};

/// Whether the cluster serves a kind of objects.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn is_served(client: &Client, resource: &ApiResource) -> Result<bool, kube::Error> {
    match client.list_api_group_resources(&resource.api_version).await {
        Ok(list) => Ok(list.resources.iter().any(|served| served.kind == resource.kind)),
        // An unknown group is answered without a reason.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gathers the facts: the keys of external configs and secrets with keyed hashes of what they hold, and how services were
/// discovered before.
///
/// # Errors
/// When an external object may not be read, or the API server cannot be asked. One that is not there is no error
/// here: the translation says so by its path.
pub async fn facts(
    reader: &Reader<'_>,
    stack: &ComposeStack,
    project: &Project,
    hash_key: &[u8],
    network_policy_enforced: Option<bool>,
    dns_peers: &[NetworkPolicyPeer],
) -> Result<Facts, SourceError> {
    let mut facts = Facts { network_policy_enforced, dns_peers: dns_peers.to_vec(), ..Facts::default() };
    for (key, secret) in project.secrets.iter().filter(|(_, secret)| secret.external) {
        let name = external_name(key, secret);
        if let Some(data) = reader.find_secret(&format!("secrets.{key}"), &name).await? {
            facts.secret_hashes.insert(name.clone(), hashes(&data, hash_key));
            facts.secret_keys.insert(name, data.into_keys().collect());
        }
    }
    for (key, config) in project.configs.iter().filter(|(_, config)| config.external) {
        let name = external_name(key, config);
        if let Some(data) = reader.find_config_map(&format!("configs.{key}"), &name).await? {
            facts.config_map_hashes.insert(name.clone(), hashes(&data, hash_key));
            facts.config_map_keys.insert(name, data.into_keys().collect());
        }
    }
    if stack.spec.publish.kind == PublishType::Gateway {
        facts.gateway_api = served(reader.client(), "spec.publish.type", &http_route_api()).await?;
    }
    if project.networks.values().any(|network| is_node_network_driver(&network.driver)) {
        facts.network_attachments = served(reader.client(), "networks", &network_attachment_api()).await?;
    }
    if project.services.values().any(|service| !service.container.hostname.is_empty()) {
        facts.hostname_override = has_hostname_override(reader.client()).await?;
    }
    facts.discovery = stack
        .status
        .iter()
        .flat_map(|status| &status.services)
        .filter_map(|service| Some((service.name.clone(), service.discovery.clone()?)))
        .collect::<BTreeMap<_, _>>();
    Ok(facts)
}

/// Keyed hashes of what an object holds, by key.
fn hashes(data: &Data, hash_key: &[u8]) -> BTreeMap<String, String> {
    let hash = |content: &[u8]| {
        let mut hash = KeyedHash::with_digest_of(hash_key);
        hash.part(content);
        hash.digits(DIGITS)
    };
    data.iter().map(|(key, content)| (key.clone(), hash(content))).collect()
}

/// Whether pods keep `hostnameOverride`, which older API servers drop without a word (Kubernetes, feature gate
/// `HostnameOverride`, on by default from 1.35 on).
async fn has_hostname_override(client: &Client) -> Result<bool, SourceError> {
    let version = client.apiserver_version().await.map_err(|error| SourceError::Api {
        field: "services".to_owned(),
        kind: "version",
        name: "of the API server".to_owned(),
        source: Box::new(error),
    })?;
    // Vendors append a sign to the number: `35+`.
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().unwrap_or_default();
    Ok((number(&version.major), number(&version.minor)) >= (1, 35))
}

async fn served(client: &Client, field: &str, resource: &ApiResource) -> Result<bool, SourceError> {
    is_served(client, resource).await.map_err(|error| SourceError::Api {
        field: field.to_owned(),
        kind: "API",
        name: resource.api_version.clone(),
        source: Box::new(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pods that use an object stay in the next version: the hash is as Python's `hmac` makes it.
    #[test]
    fn the_hash_of_what_an_object_holds_stays_what_it_is() {
        let data = Data::from([("password".to_owned(), b"hunter2".to_vec())]);
        assert_eq!(hashes(&data, b"key")["password"], "8a70f56a9b7a8e06");
    }
}
