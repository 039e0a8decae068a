//! Carries what is exported to the collector.

use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

use super::TelemetryError;

/// How long one request may take: what the specification sets for an export.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// The most that is read of an answer, which says at most that spans were refused and why.
const MAX_BYTES: usize = 64 << 10;

/// A client that sends within the operator's runtime: spans are exported by a thread of their own, which has none.
#[derive(Debug)]
pub(super) struct Transport {
    runtime: Handle,
    client: Protocol,
}

#[derive(Clone, Debug)]
enum Protocol {
    Http(Client<HttpConnector, Full<Bytes>>),
    Https(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Transport {
    /// A client for one collector.
    ///
    /// # Errors
    /// When it is talked to over TLS, and this machine knows no certificate authority.
    pub(super) fn new(collector: &Uri, runtime: Handle) -> Result<Self, TelemetryError> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        let mut builder = Client::builder(TokioExecutor::new());
        let builder = builder.pool_max_idle_per_host(1);
        let client = if collector.scheme_str() == Some("https") {
            connector.enforce_http(false);
            let tls = HttpsConnectorBuilder::new()
                .with_native_roots()
                .map_err(|_| TelemetryError::NoAuthorities(collector.to_string()))?;
            Protocol::Https(builder.build(tls.https_only().enable_http1().wrap_connector(connector)))
        } else {
            Protocol::Http(builder.build(connector))
        };
        Ok(Self { runtime, client })
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = request.map(Full::new);
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answered = async move {
                match client {
                    Protocol::Http(client) => answer(client, request).await,
                    Protocol::Https(client) => answer(client, request).await,
                }
            };
            let late = |_| HttpError::from(format!("no answer within {} s", TIMEOUT.as_secs()));
            tokio::time::timeout(TIMEOUT, answered).await.map_err(late)?
        });
        sent.await?
    }
}

async fn answer<C>(client: Client<C, Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let (parts, body) = client.request(request).await?.into_parts();
    let body = Limited::new(body, MAX_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
