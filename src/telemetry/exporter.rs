//! Sends spans to the collector, and says in the log whether it takes them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::TelemetryError;
use super::transport::{TIMEOUT, Transport};

/// An exporter that logs when the collector begins to fail and when it is back, and not each batch.
#[derive(Debug)]
pub(super) struct Exporter<E> {
    inner: E,
    endpoint: String,
    cause: Cause,
    /// How many spans were lost since the collector last took some.
    lost: AtomicU64,
}

/// Why the last request failed: the exporter itself says of a network error just that it was one.
#[derive(Clone, Debug, Default)]
struct Cause(Arc<Mutex<Option<String>>>);

/// A client that remembers why a request failed.
#[derive(Debug)]
struct Remembering {
    client: Transport,
    cause: Cause,
}

/// Sends to this URL, with the headers of `OTEL_EXPORTER_OTLP_HEADERS`.
///
/// # Errors
/// When there is no way to send, or the environment asks for what the exporter cannot do.
pub(super) fn exporter(
    endpoint: &Uri,
    runtime: Handle,
) -> Result<Exporter<opentelemetry_otlp::SpanExporter>, TelemetryError> {
    let cause = Cause::default();
    let client = Remembering { client: Transport::new(endpoint, runtime)?, cause: cause.clone() };
    let inner = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint.to_string())
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .build()?;
    Ok(Exporter { inner, endpoint: endpoint.to_string(), cause, lost: AtomicU64::new(0) })
}

impl Cause {
    fn set(&self, cause: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[async_trait]
impl HttpClient for Remembering {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.send_bytes(request).await;
        self.cause.set(answer.as_ref().err().map(|error| innermost(error.as_ref())));
        answer
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) => {
                let lost = self.lost.swap(0, Ordering::Relaxed);
                if lost > 0 {
                    tracing::info!(endpoint = self.endpoint, lost, "traces are delivered again");
                }
            }
            Err(error) => {
                if self.lost.fetch_add(count, Ordering::Relaxed) == 0 {
                    let error = self.cause.take().unwrap_or_else(|| said(error));
                    tracing::warn!(
                        endpoint = self.endpoint,
                        error,
                        "traces are not delivered, and are lost until they are"
                    );
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// What an error of the SDK is about, without what kind of result it is.
fn said(error: &OTelSdkError) -> String {
    match error {
        OTelSdkError::InternalFailure(message) => message.clone(),
        other => other.to_string(),
    }
}

/// What is wrong in the end: the layers above say that something is.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
