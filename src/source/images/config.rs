//! Manifests and configurations of images (OCI Image Specification; HEALTHCHECK is Docker's own addition to it).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::api::v1alpha1::{ImageHealthCheck, ImageStatus};
use crate::compose::model::Duration;

/// What a manifest says: where the configuration is, or which manifests there are for which platforms.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Manifest {
    pub(super) config: Option<Descriptor>,
    pub(super) manifests: Vec<Descriptor>,
}

/// A part of an image by its digest.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Descriptor {
    pub(super) digest: String,
    platform: Option<Platform>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    fn name(&self) -> String {
        match self.variant.as_deref().filter(|variant| !variant.is_empty()) {
            Some(variant) => format!("{}/{}/{variant}", self.os, self.architecture),
            None => format!("{}/{}", self.os, self.architecture),
        }
    }
}

impl Manifest {
    /// The platforms of an index, and the digest of the manifest for the wanted one, else for the operator's own, else
    /// for any.
    pub(super) fn choose(&self, wanted: &str) -> Option<(Vec<String>, String)> {
        // Attestations stand among the manifests too, for the platform `unknown/unknown`.
        let images: Vec<(String, &Descriptor)> = self
            .manifests
            .iter()
            .filter_map(|descriptor| Some((descriptor.platform.as_ref()?.name(), descriptor)))
            .filter(|(platform, _)| !platform.starts_with("unknown"))
            .collect();
        let own = format!("linux/{}", architecture());
        let find = |wanted: &str| {
            let is_wanted = |platform: &str| platform == wanted || platform.starts_with(&format!("{wanted}/"));
            images.iter().find(|(platform, _)| !wanted.is_empty() && is_wanted(platform))
        };
        let (_, chosen) = find(wanted).or_else(|| find(&own)).or_else(|| images.first())?;
        Some((images.iter().map(|(platform, _)| platform.clone()).collect(), chosen.digest.clone()))
    }
}

/// Go's word for the architecture that this program was built for.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The configuration of an image.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigFile {
    #[serde(flatten)]
    platform: Platform,
    config: Option<RunConfig>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct RunConfig {
    user: Option<String>,
    exposed_ports: Option<BTreeMap<String, Value>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    volumes: Option<BTreeMap<String, Value>>,
    working_dir: Option<String>,
    stop_signal: Option<String>,
    healthcheck: Option<Check>,
}

/// Durations in nanoseconds; 0 is the default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Check {
    test: Option<Vec<String>>,
    interval: i64,
    timeout: i64,
    start_period: i64,
    start_interval: i64,
    retries: i64,
}

/// A configuration and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) digest: String,
    /// The platforms of the index; empty when there is no index.
    pub(super) platforms: Vec<String>,
    pub(super) config: ConfigFile,
}

impl Image {
    /// What the stack's status records.
    pub(super) fn status(self, image: &str) -> ImageStatus {
        let run = self.config.config.unwrap_or_default();
        let own = self.config.platform.name();
        ImageStatus {
            image: image.to_owned(),
            digest: self.digest,
            checked_at: None,
            unread: None,
            platforms: if self.platforms.is_empty() { vec![own] } else { self.platforms },
            exposed_ports: run.exposed_ports.unwrap_or_default().into_keys().collect(),
            user: run.user.unwrap_or_default(),
            entrypoint: run.entrypoint.unwrap_or_default(),
            cmd: run.cmd.unwrap_or_default(),
            volumes: run.volumes.unwrap_or_default().into_keys().collect(),
            working_dir: run.working_dir.unwrap_or_default(),
            stop_signal: run.stop_signal.unwrap_or_default(),
            health_check: run.healthcheck.and_then(Check::status),
        }
    }
}

impl Check {
    fn status(self) -> Option<ImageHealthCheck> {
        let duration = |nanoseconds: i64| (nanoseconds > 0).then(|| Duration(nanoseconds).to_string());
        let test = self.test.filter(|test| test.first().is_some_and(|kind| kind != "NONE"))?;
        Some(ImageHealthCheck {
            test,
            interval: duration(self.interval),
            timeout: duration(self.timeout),
            start_period: duration(self.start_period),
            start_interval: duration(self.start_interval),
            retries: (self.retries > 0).then_some(self.retries),
        })
    }
}
