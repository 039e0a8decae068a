//! Requests to the API server as parts of a trace.

use http::{Method, Request, Response, StatusCode, Uri};
use kube::Client;
use kube::client::Body;
use tracing::field::Empty;
use tracing::{Instrument, Level, Span};

use crate::api::names::TRACE_TARGET;

/// A client whose requests within a reconciliation are spans of its trace; the client itself when nothing is traced.
/// Watches and Leases belong to no reconciliation.
pub(super) fn traced(client: Client, server: &Uri, namespace: &str) -> Client {
    if !tracing::span_enabled!(target: TRACE_TARGET, Level::INFO) {
        return client;
    }
    let server = server.clone();
    let traced = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        let within = Span::current().metadata().is_some_and(|metadata| metadata.target() == TRACE_TARGET);
        let span = if within { span(&request, &server) } else { Span::none() };
        let sent = {
            let span = span.clone();
            async move {
                let asks = request.method() == Method::GET;
                let answer = client.send(request).await;
                record(&span, asks, &answer);
                answer
            }
        };
        sent.instrument(span)
    });
    Client::new(traced, namespace)
}

/// The span of a request, by the conventions for clients of HTTP
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span>). Its URL has no query: that says
/// how, and not what.
fn span(request: &Request<Body>, server: &Uri) -> Span {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let template = template(path);
    let port = server.port_u16().unwrap_or_else(|| if server.scheme_str() == Some("http") { 80 } else { 443 });
    tracing::info_span!(
        target: TRACE_TARGET,
        "request",
        otel.name = format!("{method} {template}"),
        otel.kind = "client",
        http.request.method = method,
        url.full = format!("{}{path}", server.to_string().trim_end_matches('/')),
        url.template = template,
        server.address = server.host(),
        server.port = port,
        http.response.status_code = Empty,
        otel.status_code = Empty,
        error.r#type = Empty,
    )
}

fn record(span: &Span, asks: bool, answer: &Result<Response<Body>, kube::Error>) {
    let status = answer.as_ref().ok().map(Response::status);
    span.record("http.response.status_code", status.map(|status| status.as_u16()));
    // Whoever asks for an object that is not there has an answer.
    let is_answer = status.is_some_and(|status| {
        !status.is_client_error() && !status.is_server_error() || asks && status == StatusCode::NOT_FOUND
    });
    if !is_answer {
        span.record("otel.status_code", "ERROR");
        // The conventions' word for an error that has no name.
        span.record("error.type", status.as_ref().map_or("_OTHER", StatusCode::as_str));
    }
}

/// A path of the API with its namespace and its name left out, so that there are as many as there are kinds.
fn template(path: &str) -> String {
    let mut segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let group = match segments.first() {
        Some(&"api") => 2,
        Some(&"apis") => 3,
        _ => segments.len(),
    };
    let is_namespaced = segments.get(group) == Some(&"namespaces") && segments.len() > group + 2;
    if is_namespaced {
        segments[group + 1] = "{namespace}";
    }
    let name = group + if is_namespaced { 3 } else { 1 };
    if let Some(segment) = segments.get_mut(name) {
        *segment = "{name}";
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_hold_no_name() {
        let cases = [
            ("/api/v1/namespaces/shop/secrets/db", "/api/v1/namespaces/{namespace}/secrets/{name}"),
            ("/apis/apps/v1/namespaces/shop/deployments", "/apis/apps/v1/namespaces/{namespace}/deployments"),
            (
                "/apis/compose-operator.dev/v1alpha1/namespaces/a/composestacks/b/status",
                "/apis/compose-operator.dev/v1alpha1/namespaces/{namespace}/composestacks/{name}/status",
            ),
            ("/api/v1/namespaces/shop", "/api/v1/namespaces/{name}"),
            ("/api/v1/namespaces", "/api/v1/namespaces"),
            ("/apis/storage.k8s.io/v1/storageclasses/fast", "/apis/storage.k8s.io/v1/storageclasses/{name}"),
            ("/apis/apps/v1", "/apis/apps/v1"),
            ("/version", "/version"),
        ];
        for (path, expected) in cases {
            assert_eq!(template(path), expected, "{path}");
        }
    }
}
