//! What the operator tells of its work while it works: the log and, where a collector is named, traces over OTLP.
//!
//! A trace consists of the spans with the target [`TRACE_TARGET`] and of nothing else. Log lines are no part of it: they
//! have readers of their own, and a library may put into one what nobody has looked at.

mod endpoint;
mod exporter;
mod log_line;
mod transport;

pub use endpoint::Endpoint;

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use clap::ValueEnum;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, ParseError, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::api::names::TRACE_TARGET;
use log_line::WithTraceId;

/// What the operator is called in traces, unless the environment says otherwise.
const SERVICE: &str = "compose-operator";
/// The names that the SDK gives to a service that has none begin with this.
const UNNAMED: &str = "unknown_service";
/// How long the end waits for the last spans to be delivered.
const FLUSH: Duration = Duration::from_secs(3);

/// How log lines are written.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people
    Text,
    /// For log collectors: one JSON object a line
    Json,
}

/// Why neither logs nor traces can be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// What is to be logged is not understood.
    #[error("--log-level {level:?}: expected a level, or directives such as compose_operator=debug,kube=info")]
    LogLevel {
        /// What was given.
        level: String,
        /// What is wrong with it.
        #[source]
        source: ParseError,
    },
    /// A collector is to be talked to over TLS, and no certificate authority is known.
    #[error("--otlp-endpoint {0}: there are no certificates of authorities to know it by (SSL_CERT_FILE)")]
    NoAuthorities(String),
    /// The exporter does not accept what the environment says.
    #[error("--otlp-endpoint: see the environment variables that begin with OTEL_EXPORTER_OTLP")]
    Exporter(#[from] ExporterBuildError),
}

/// The log and the traces of this process.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Begins to log to standard error and, where there is an endpoint, to send traces there. To be called once, within
    /// the runtime that sends.
    ///
    /// # Errors
    /// When the level is not understood, or the exporter cannot be made.
    pub fn start(level: &str, format: LogFormat, endpoint: &Endpoint) -> Result<Self, TelemetryError> {
        let of_log = log_filter(level)?;
        let Some(endpoint) = endpoint.traces() else {
            let log = fmt().with_env_filter(of_log).with_writer(stderr).with_ansi(stderr().is_terminal());
            match format {
                LogFormat::Text => log.compact().init(),
                LogFormat::Json => log.json().init(),
            }
            return Ok(Self { traces: None });
        };
        let provider = provider(endpoint)?;
        let log = fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
        let log = match format {
            LogFormat::Text => log.compact().boxed(),
            LogFormat::Json => log.json().map_event_format(WithTraceId).boxed(),
        };
        registry().with(log.with_filter(of_log)).with(spans(&provider)).init();
        Ok(Self { traces: Some(provider) })
    }

    /// Delivers the last spans, if their collector takes them within 3 seconds. Blocks; the runtime has to go on.
    pub fn end(self) {
        if let Some(provider) = self.traces
            && provider.shutdown_with_timeout(FLUSH).is_err()
        {
            tracing::warn!("the last traces were not delivered within {} s", FLUSH.as_secs());
        }
    }
}

/// What is logged: of the spans of traces nothing, or every line would name them.
fn log_filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let error = |source| TelemetryError::LogLevel { level: level.to_owned(), source };
    let none = format!("{TRACE_TARGET}=off").parse().map_err(error)?;
    Ok(EnvFilter::try_new(level).map_err(error)?.add_directive(none))
}

/// Hands the spans of traces to the provider, whatever is logged.
fn spans<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let traced = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target() == TRACE_TARGET;
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SERVICE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(LevelFilter::INFO.and(filter_fn(traced)))
}

fn provider(endpoint: &http::Uri) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = exporter::exporter(endpoint, tokio::runtime::Handle::current())?;
    Ok(SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build())
}

/// Who sends the traces. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let has = |key: &'static str| named.get(&Key::from_static_str(key));
    let mut attributes = Vec::new();
    if has("service.name").is_none_or(|name| name.as_str().starts_with(UNNAMED)) {
        attributes.push(KeyValue::new("service.name", SERVICE));
    }
    if has("service.version").is_none() {
        attributes.push(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    }
    // In a pod, its name.
    if let (None, Ok(host)) = (has("service.instance.id"), std::env::var("HOSTNAME")) {
        attributes.push(KeyValue::new("service.instance.id", host));
    }
    Resource::builder().with_attributes(attributes).build()
}
