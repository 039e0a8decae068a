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
use crate::compose::model::{MountKind, Service};
use crate::keyed_hash::KeyedHash;
use crate::translate::{Facts, external_name, http_route_api, is_node_network_driver, network_attachment_api};

/// From when on pods keep `hostnameOverride`, which older API servers drop without a word (Kubernetes, feature gate
/// `HostnameOverride`, on by default).
const HOSTNAME_OVERRIDE: (u32, u32) = (1, 35);
/// From when on pods keep volumes that are images, which older API servers drop (Kubernetes, feature gate `ImageVolume`,
/// on by default): the oldest make an empty directory of it without a word.
const IMAGE_VOLUMES: (u32, u32) = (1, 35);
/// From when on that feature gate can be switched on, which nothing tells.
const IMAGE_VOLUMES_BY_GATE: (u32, u32) = (1, 31);

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
    let has_host_names = project.services.values().any(|service| !service.container.hostname.is_empty());
    let mounts_images = project.services.values().any(|service| mounts_images(service));
    if has_host_names || mounts_images {
        let version = version(reader.client()).await?;
        facts.hostname_override = has_host_names && version >= HOSTNAME_OVERRIDE;
        if mounts_images && !(IMAGE_VOLUMES_BY_GATE..IMAGE_VOLUMES).contains(&version) {
            facts.image_volumes = Some(version >= IMAGE_VOLUMES);
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

/// Keyed hashes of what an object holds, by key.
fn hashes(data: &Data, hash_key: &[u8]) -> BTreeMap<String, String> {
    let hash = |content: &[u8]| {
        let mut hash = KeyedHash::with_digest_of(hash_key);
        hash.part(content);
        hash.digits(DIGITS)
    };
    data.iter().map(|(key, content)| (key.clone(), hash(content))).collect()
}

/// Whether a service, or a step before it, mounts what an image holds.
fn mounts_images(service: &Service) -> bool {
    let steps = service.pre_start.iter().map(|step| &step.container);
    let mounts = steps.chain([&service.container]).flat_map(|container| &container.volumes);
    mounts.into_iter().any(|mount| mount.kind == MountKind::Image)
}

/// The version of the API server, as its major and minor number.
async fn version(client: &Client) -> Result<(u32, u32), SourceError> {
    let version = client.apiserver_version().await.map_err(|error| SourceError::Api {
        field: "services".to_owned(),
        kind: "version",
        name: "of the API server".to_owned(),
        source: Box::new(error),
    })?;
    // Vendors append a sign to the number: `35+`.
    let number = |text: &str| text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().unwrap_or_default();
    Ok((number(&version.major), number(&version.minor)))
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
    use super::super::References;
    use super::*;
    use crate::api::v1alpha1::ComposeStackSpec;

    /// What is found of a cluster whose API server answers nothing but its version, if it has one.
    async fn found(minor: Option<&'static str>, service: &str) -> Result<Facts, SourceError> {
        let server = tower::service_fn(move |request: http::Request<kube::client::Body>| async move {
            let minor = minor.filter(|_| request.uri().path() == "/version");
            let minor = minor.ok_or_else(|| std::io::Error::other("not to be asked"))?;
            let version = serde_json::json!({
                "major": "1", "minor": minor, "gitVersion": "", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": "",
            });
            Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::from(version.to_string().into_bytes())))
        });
        let client = Client::new(server, "default");
        let stack = ComposeStack::new("shop", ComposeStackSpec::default());
        let references = References::default();
        let text = format!("services: {{web: {{image: x, {service}}}}}");
        let project: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let project: Project = serde_json::from_value(project).unwrap();
        facts(&Reader::new(&client, &stack, &references), &stack, &project, b"key", None, &[]).await
    }

    /// One that asks for nothing of the kind does not depend on the answer.
    #[tokio::test]
    async fn the_version_is_asked_where_something_depends_on_it() {
        let image = "volumes: [{type: image, source: files, target: /i}]";
        let step = format!("pre_start: [{{image: z, {image}}}]");
        let both = format!("hostname: box, {image}");
        for (service, minor, expected) in [
            ("init: true", None, (false, None)),
            ("hostname: box", Some("35"), (true, None)),
            ("hostname: box", Some("34"), (false, None)),
            (image, Some("30"), (false, Some(false))),
            (image, Some("31"), (false, None)),
            (image, Some("34+"), (false, None)),
            (image, Some("35+"), (false, Some(true))),
            (&step, Some("36"), (false, Some(true))),
            (&both, Some("35"), (true, Some(true))),
        ] {
            let found = found(minor, service).await.unwrap();
            assert_eq!((found.hostname_override, found.image_volumes), expected, "{service}, {minor:?}");
        }
        assert!(found(None, image).await.is_err());
    }

    /// The pods that use an object stay in the next version: the hash is as Python's `hmac` makes it.
    #[test]
    fn the_hash_of_what_an_object_holds_stays_what_it_is() {
        let data = Data::from([("password".to_owned(), b"hunter2".to_vec())]);
        assert_eq!(hashes(&data, b"key")["password"], "8a70f56a9b7a8e06");
    }
}
