//! Asks registries for the configurations of images (OCI Distribution Specification, with Docker's token
//! authentication).
//!
//! Stacks name registries, so that none is trusted: an answer is bounded, nothing of it gets into a message, and
//! credentials go to the registry that they are for, and to the token server that it names, over TLS.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::config::{ConfigFile, Image, Manifest};
use super::credentials::{Credential, matching};
use super::reference::{Reference, is_loopback};
use super::silent::Silent;

/// The most that is read of an answer. Manifests and configurations of real images have some kilobytes.
const MAX_BYTES: usize = 1 << 20;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How often a registry may send elsewhere.
const REDIRECTS: usize = 4;
/// How many configurations are kept.
const KEPT: usize = 256;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

/// A client of registries, with the configurations that were read of late.
pub struct Registry {
    /// None when this machine knows no certificate authority.
    client: Option<Client<HttpsConnector<HttpConnector>, Empty<&'static [u8]>>>,
    /// By digest: who could read the manifest that names it may read it.
    kept: Mutex<BTreeMap<String, ConfigFile>>,
    /// Those that did not answer lately.
    pub(super) silent: Silent,
}

/// Why an image's configuration could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the operator has no certificates of authorities (SSL_CERT_FILE)")]
    NoAuthorities,
    #[error("its registry cannot be reached")]
    Unreachable,
    #[error("its registry does not have it, or does not let it be read: see spec.imagePullSecrets")]
    Refused,
    #[error("its registry answers {0}")]
    Status(u16),
    #[error("its registry's answer is not understood")]
    NotUnderstood,
}

struct Answer {
    body: Vec<u8>,
}

impl Default for Registry {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT));
        let client = HttpsConnectorBuilder::new().with_native_roots().ok().map(|builder| {
            let connector = builder.https_or_http().enable_http1().wrap_connector(connector);
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector)
        });
        Self { client, kept: Mutex::default(), silent: Silent::default() }
    }
}

impl Registry {
    /// Reads the configuration of an image for a platform.
    pub(super) async fn read(
        &self,
        reference: &Reference,
        platform: &str,
        credentials: &[Credential],
    ) -> Result<Image, ReadError> {
        let credential = matching(credentials, reference);
        let mut session = Session { registry: self, reference, credential, authorization: None };
        let answer = session.manifest(&reference.version).await?;
        let digest = digest_of(&answer.body);
        if reference.version.starts_with("sha256:") && reference.version != digest {
            return Err(ReadError::NotUnderstood);
        }
        let mut manifest: Manifest = parse(&answer.body)?;
        let mut platforms = Vec::new();
        if manifest.config.is_none() {
            let (all, chosen) = manifest.choose(platform).ok_or(ReadError::NotUnderstood)?;
            platforms = all;
            let answer = session.manifest(&chosen).await?;
            if digest_of(&answer.body) != chosen {
                return Err(ReadError::NotUnderstood);
            }
            manifest = parse(&answer.body)?;
        }
        let blob = manifest.config.ok_or(ReadError::NotUnderstood)?.digest;
        let config = if let Some(config) = self.kept(&blob) {
            config
        } else {
            let config = session.blob(&blob).await?;
            self.keep(blob, config.clone());
            config
        };
        Ok(Image { digest, platforms, config })
    }

    fn kept(&self, digest: &str) -> Option<ConfigFile> {
        self.kept.lock().ok()?.get(digest).cloned()
    }

    fn keep(&self, digest: String, config: ConfigFile) {
        if let Ok(mut kept) = self.kept.lock() {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(digest, config);
        }
    }

    async fn get(&self, uri: &Uri, headers: &HeaderMap) -> Result<(StatusCode, HeaderMap, Vec<u8>), ReadError> {
        let client = self.client.as_ref().ok_or(ReadError::NoAuthorities)?;
        let mut request = Request::get(uri.clone());
        if let Some(into) = request.headers_mut() {
            into.extend(headers.clone());
            into.insert(USER_AGENT, HeaderValue::from_static(concat!("compose-operator/", env!("CARGO_PKG_VERSION"))));
        }
        let request = request.body(Empty::new()).map_err(|_| ReadError::NotUnderstood)?;
        let answer = client.request(request).await.map_err(|_| ReadError::Unreachable)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|_| ReadError::NotUnderstood)?;
        Ok((parts.status, parts.headers, body.to_bytes().to_vec()))
    }
}

/// The requests for one image.
struct Session<'a> {
    registry: &'a Registry,
    reference: &'a Reference,
    credential: Option<&'a Credential>,
    authorization: Option<HeaderValue>,
}

impl Session<'_> {
    async fn manifest(&mut self, version: &str) -> Result<Answer, ReadError> {
        self.get(&format!("manifests/{version}"), Some(MANIFESTS)).await
    }

    async fn blob(&mut self, digest: &str) -> Result<ConfigFile, ReadError> {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
        if !plain(digest) {
            return Err(ReadError::NotUnderstood);
        }
        let answer = self.get(&format!("blobs/{digest}"), None).await?;
        if digest_of(&answer.body) != digest {
            return Err(ReadError::NotUnderstood);
        }
        parse(&answer.body)
    }

    /// Asks for a part of the image, and once more with what the registry wants to see.
    async fn get(&mut self, path: &str, accept: Option<&'static str>) -> Result<Answer, ReadError> {
        let scheme = if self.reference.is_loopback() { "http" } else { "https" };
        let uri = format!("{scheme}://{}/v2/{}/{path}", self.reference.host(), self.reference.repository);
        let uri: Uri = uri.parse().map_err(|_| ReadError::NotUnderstood)?;
        let mut challenged = false;
        loop {
            let (status, headers, body) = self.follow(uri.clone(), accept).await?;
            match status {
                StatusCode::OK => return Ok(Answer { body }),
                StatusCode::UNAUTHORIZED if !challenged => {
                    challenged = true;
                    self.authorization = Some(self.answer_challenge(&headers).await?);
                }
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                    return Err(ReadError::Refused);
                }
                status => return Err(ReadError::Status(status.as_u16())),
            }
        }
    }

    /// Goes where the registry sends: blobs often lie elsewhere. The authorization stays with the registry's host.
    async fn follow(
        &self,
        mut uri: Uri,
        accept: Option<&'static str>,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), ReadError> {
        let origin = uri.authority().cloned();
        for _ in 0..=REDIRECTS {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            if let Some(authorization) = self.authorization.as_ref().filter(|_| uri.authority() == origin.as_ref()) {
                headers.insert(AUTHORIZATION, authorization.clone());
            }
            let (status, answered, body) = self.registry.get(&uri, &headers).await?;
            if !status.is_redirection() {
                return Ok((status, answered, body));
            }
            let location = answered.get(LOCATION).and_then(|location| location.to_str().ok());
            uri = self.permitted(location.unwrap_or_default(), &uri)?;
        }
        Err(ReadError::NotUnderstood)
    }

    /// Answers `WWW-Authenticate`: with the credential itself, or with a token that it is exchanged for.
    async fn answer_challenge(&self, headers: &HeaderMap) -> Result<HeaderValue, ReadError> {
        let challenge = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let basic = self.credential.map(|credential| {
            HeaderValue::from_str(&format!(
                "Basic {}",
                STANDARD.encode(format!("{}:{}", credential.user, credential.password))
            ))
        });
        let basic = basic.transpose().map_err(|_| ReadError::Refused)?;
        let (scheme, parameters) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return basic.ok_or(ReadError::Refused);
        }
        let parameters = parameters_of(parameters);
        let realm = parameters.get("realm").ok_or(ReadError::NotUnderstood)?;
        let mut query = format!("scope=repository:{}:pull", self.reference.repository);
        if let Some(service) = parameters.get("service") {
            query.push_str("&service=");
            query.extend(service.bytes().map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            }));
        }
        let separator = if realm.contains('?') { '&' } else { '?' };
        let uri = self.permitted(&format!("{realm}{separator}{query}"), &Uri::default())?;
        let mut headers = HeaderMap::new();
        if let Some(basic) = basic {
            headers.insert(AUTHORIZATION, basic);
        }
        let (status, _, body) = self.registry.get(&uri, &headers).await?;
        if status != StatusCode::OK {
            return Err(ReadError::Refused);
        }
        let token: Token = parse(&body)?;
        let token = token.token.or(token.access_token).ok_or(ReadError::NotUnderstood)?;
        HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| ReadError::NotUnderstood)
    }

    /// An address that the registry names: over TLS; without only where the registry itself is this machine.
    fn permitted(&self, text: &str, base: &Uri) -> Result<Uri, ReadError> {
        let whole = match (text.strip_prefix('/'), base.scheme_str(), base.authority()) {
            (Some(path), Some(scheme), Some(authority)) => format!("{scheme}://{authority}/{path}"),
            _ => text.to_owned(),
        };
        let uri: Uri = whole.parse().map_err(|_| ReadError::NotUnderstood)?;
        let local =
            self.reference.is_loopback() && uri.authority().is_some_and(|authority| is_loopback(authority.as_str()));
        match uri.scheme_str() {
            Some("https") => Ok(uri),
            Some("http") if local => Ok(uri),
            _ => Err(ReadError::NotUnderstood),
        }
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// `key="value",key="value"`.
fn parameters_of(text: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    let mut rest = text;
    while let Some((key, value)) = rest.split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(',').map_or((value, ""), |(value, after)| (value, after)),
        };
        parameters.insert(key.trim().trim_start_matches(',').trim().to_ascii_lowercase(), value.to_owned());
        rest = after;
    }
    parameters
}

fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(body).map_err(|_| ReadError::NotUnderstood)
}

fn digest_of(body: &[u8]) -> String {
    let hex = |byte: &u8| [char::from_digit(u32::from(byte >> 4), 16), char::from_digit(u32::from(byte & 15), 16)];
    format!("sha256:{}", Sha256::digest(body).iter().flat_map(hex).flatten().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_taken_apart() {
        let parameters = parameters_of(r#"realm="https://auth.io/token?a=b",service="reg.io", scope=x"#);
        assert_eq!(parameters["realm"], "https://auth.io/token?a=b");
        assert_eq!((parameters["service"].as_str(), parameters["scope"].as_str()), ("reg.io", "x"));
        assert!(parameters_of("").is_empty());
    }
}
