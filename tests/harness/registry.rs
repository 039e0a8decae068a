//! A registry of the test's own, on this machine's loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The registry: it ends with its test.
pub struct TestRegistry {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Shared {
    /// `user:password` for who may read.
    credential: Option<String>,
    /// By `repository/reference` and by digest.
    parts: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl TestRegistry {
    /// A registry that everybody reads, or that gives tokens to one user.
    pub fn start(credential: Option<&str>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared { credential: credential.map(str::to_owned), ..Shared::default() });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/token", axum::routing::get(token))
            .route("/v2/{*path}", axum::routing::get(part))
            .with_state((Arc::clone(&shared), address));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, shared, _runtime: runtime }
    }

    /// Adds an image and returns its reference.
    pub fn push(&self, repository: &str, config: &Value) -> String {
        let manifest = self.manifest(config);
        self.tag(repository, &manifest)
    }

    /// Adds an image for several platforms and returns its reference.
    pub fn push_index(&self, repository: &str, images: &[(&str, Value)]) -> String {
        let manifests: Vec<Value> = images
            .iter()
            .map(|(platform, config)| {
                let (os, architecture) = platform.split_once('/').unwrap();
                let digest = self.put(self.manifest(config).to_string().into_bytes());
                json!({"digest": digest, "platform": {"os": os, "architecture": architecture}})
            })
            .collect();
        self.tag(repository, &json!({"schemaVersion": 2, "manifests": manifests}))
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Answers with something else in place of a digest's content.
    pub fn corrupt(&self) {
        for content in self.shared.parts.lock().unwrap().values_mut() {
            content.push(b' ');
        }
    }

    fn manifest(&self, config: &Value) -> Value {
        let digest = self.put(config.to_string().into_bytes());
        json!({"schemaVersion": 2, "config": {"digest": digest}, "layers": []})
    }

    fn tag(&self, repository: &str, manifest: &Value) -> String {
        let content = manifest.to_string().into_bytes();
        self.put(content.clone());
        self.shared.parts.lock().unwrap().insert(format!("{repository}/1"), content);
        format!("{}/{repository}:1", self.address)
    }

    fn put(&self, content: Vec<u8>) -> String {
        let mut digest = "sha256:".to_owned();
        for byte in Sha256::digest(&content) {
            write!(digest, "{byte:02x}").unwrap();
        }
        self.shared.parts.lock().unwrap().insert(digest.clone(), content);
        digest
    }
}

type Shelf = (Arc<Shared>, SocketAddr);

async fn token(State((shared, _)): State<Shelf>, headers: HeaderMap) -> Response {
    let expected = format!("Basic {}", STANDARD.encode(shared.credential.clone().unwrap_or_default()));
    if headers.get(header::AUTHORIZATION).is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    r#"{"token": "granted"}"#.into_response()
}

async fn part(State((shared, address)): State<Shelf>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    shared.asked.lock().unwrap().push(path.clone());
    let token = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec());
    if shared.credential.is_some() && token.as_deref() != Some(b"Bearer granted") {
        let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"a test\"");
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response();
    }
    let (rest, reference) = path.rsplit_once('/').unwrap_or(("", &path));
    let repository = rest.rsplit_once('/').map_or("", |(repository, _)| repository);
    let key = if reference.starts_with("sha256:") { reference.to_owned() } else { format!("{repository}/{reference}") };
    match shared.parts.lock().unwrap().get(&key) {
        Some(content) => content.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
