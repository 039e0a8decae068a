//! What a project needs to know of the cluster.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::core::ApiResource;
use kube::{Api, Client};

use super::reader::{Data, Reader};
use super::{DIGITS, SourceError};
use crate::api::ComposeStack;
use crate::api::v1alpha1::PublishType;
use crate::compose::Project;
use crate::compose::model::{self, MountKind};
use crate::keyed_hash::KeyedHash;
use crate::translate::{
    Facts, external_name, http_route_api, is_node_network_driver, is_without_ipv4, network_attachment_api,
};

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
    if project.networks.values().any(is_without_ipv4) {
        facts.ipv6 = has_ipv6(reader).await?;
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
fn mounts_images(service: &model::Service) -> bool {
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

/// Whether Services may have addresses of version 6 alone, by one that is not made: nothing else tells it to those who
/// may not look at nodes.
async fn has_ipv6(reader: &Reader<'_>) -> Result<bool, SourceError> {
    let service = Service {
        metadata: ObjectMeta { generate_name: Some("ipv6-".to_owned()), ..ObjectMeta::default() },
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            ip_families: Some(vec!["IPv6".to_owned()]),
            // Without one, a Service may have addresses that the cluster has not.
            selector: Some(BTreeMap::from([("ipv6".to_owned(), "ipv6".to_owned())])),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    };
    let api: Api<Service> = Api::namespaced(reader.client().clone(), reader.namespace());
    match api.create(&PostParams { dry_run: true, ..PostParams::default() }, &service).await {
        Ok(_) => Ok(true),
        // A quota is asked after that, and must not change the answer when the stack has filled it. Who may make no Service at
        // all learns that when it is applied.
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(true),
        Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Ok(false),
        Err(error) => Err(SourceError::Api {
            field: "networks".to_owned(),
            kind: "Service",
            name: "with an address of version 6".to_owned(),
            source: Box::new(error),
        }),
    }
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

    #[tokio::test]
    async fn addresses_of_version_6_are_asked_for_where_a_network_has_no_others() {
        let found = async |code: u16, network: &str| {
            let server = tower::service_fn(move |request: http::Request<kube::client::Body>| async move {
                assert_eq!(request.method(), http::Method::POST);
                assert_eq!(request.uri(), "/api/v1/namespaces/shop/services?&dryRun=All");
                let sent: serde_json::Value = serde_json::from_slice(&request.into_body().collect_bytes().await?)?;
                assert_eq!(sent["spec"]["ipFamilies"], serde_json::json!(["IPv6"]));
                assert!(sent["spec"]["selector"].is_object());
                let answer = match code {
                    201 => sent,
                    code => serde_json::json!({
                        "kind": "Status", "status": "Failure", "message": "no", "reason": "", "code": code,
                    }),
                };
                let answer = http::Response::builder().status(code).body(answer.to_string().into_bytes().into());
                Ok::<http::Response<kube::client::Body>, tower::BoxError>(answer?)
            });
            let client = Client::new(server, "default");
            let mut stack = ComposeStack::new("shop", ComposeStackSpec::default());
            stack.metadata.namespace = Some("shop".to_owned());
            let references = References::default();
            let project: serde_json::Value =
                serde_saphyr::from_str(&format!("{{services: {{}}, networks: {{n: {network}}}}}")).unwrap();
            let project: Project = serde_json::from_value(project).unwrap();
            let facts = facts(&Reader::new(&client, &stack, &references), &stack, &project, b"key", None, &[]).await;
            facts.map(|facts| facts.ipv6)
        };
        let alone = "{enable_ipv4: false, enable_ipv6: true}";
        for (code, expected) in [(201, true), (403, true), (422, false), (400, false)] {
            assert_eq!(found(code, alone).await.unwrap(), expected, "{code}");
        }
        assert!(found(500, alone).await.is_err());
        // Nothing is asked of others, to whom it makes no difference.
        for network in ["{enable_ipv6: true}", "{enable_ipv4: false}", "{}"] {
            assert!(!found(500, network).await.unwrap(), "{network}");
        }
    }

    /// The pods that use an object stay in the next version: the hash is as Python's `hmac` makes it.
    #[test]
    fn the_hash_of_what_an_object_holds_stays_what_it_is() {
        let data = Data::from([("password".to_owned(), b"hunter2".to_vec())]);
        assert_eq!(hashes(&data, b"key")["password"], "8a70f56a9b7a8e06");
    }
}
