//! A collector of traces on this machine's loopback: OTLP over HTTP with protobuf.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// The collector: it ends with its test.
pub struct Collector {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Shared {
    requests: Mutex<Vec<Received>>,
}

/// One request.
pub struct Received {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub message: ExportTraceServiceRequest,
}

impl Collector {
    pub fn start() -> Self {
        Self::on("127.0.0.1:0".parse().unwrap())
    }

    /// A collector at an address that was free a moment ago.
    pub fn on(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared::default());
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", axum::routing::post(receive)).with_state(Arc::clone(&shared));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, shared, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come so far.
    pub fn requests<T>(&self, look: impl FnOnce(&[Received]) -> T) -> T {
        look(&self.shared.requests.lock().unwrap())
    }

    /// All spans that have come so far.
    pub fn spans(&self) -> Vec<Span> {
        self.requests(|requests| {
            let resources = requests.iter().flat_map(|request| &request.message.resource_spans);
            resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect()
        })
    }

    /// What the first request says of its sender.
    pub fn resource(&self) -> BTreeMap<String, String> {
        self.requests(|requests| {
            attributes(&requests[0].message.resource_spans[0].resource.as_ref().unwrap().attributes)
        })
    }

    /// Everything that has come, as it came and as it is understood.
    pub fn everything(&self) -> String {
        self.requests(|requests| {
            let both = |request: &Received| format!("{}{:?}", String::from_utf8_lossy(&request.body), request.message);
            requests.iter().map(both).collect()
        })
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(message) = ExportTraceServiceRequest::decode(&body[..]) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    shared.requests.lock().unwrap().push(Received { headers, body: body.to_vec(), message });
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
}

/// A server that accepts connections and never says a word, for as long as the answer is kept.
pub fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Attributes as texts.
pub fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Any| match value {
        Any::StringValue(text) => text.clone(),
        Any::BoolValue(value) => value.to_string(),
        Any::IntValue(value) => value.to_string(),
        other => panic!("an attribute of another kind: {other:?}"),
    };
    let value = |attribute: &KeyValue| attribute.value.as_ref().and_then(|value| value.value.as_ref()).map(text);
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute).unwrap_or_default())).collect()
}
