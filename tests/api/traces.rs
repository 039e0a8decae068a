//! Reconciliations as traces, at a collector that answers, one that is gone, and one that hangs.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::Value;

use crate::collector::{Collector, attributes, mute};
use crate::harness::{Namespace, Operator, cluster, wait_for};
use crate::{settle, stack};

const SHOP: &str =
    "services:\n  web:\n    image: nginx\n    depends_on: [db]\n    ports: [\"80\"]\n  db: {image: postgres}\n";
const BROKEN: &str = "services: {web: {image: nginx, ports: [\"a:b:c:d\"]}}\n";
/// Batches are sent at once, and not every five seconds.
const SOON: (&str, &str) = ("OTEL_BSP_SCHEDULE_DELAY", "100");
/// How long the last spans may take, and what runs besides.
const END: Duration = Duration::from_secs(5);

/// The traces of a stack: their spans by their ids.
type Trace = BTreeMap<Vec<u8>, Span>;

fn traces_of(collector: &Collector, stack: &str) -> Vec<(Span, Trace)> {
    let spans = collector.spans();
    let roots = spans.iter().filter(|span| {
        span.parent_span_id.is_empty() && attributes(&span.attributes)["compose_operator.stack.name"] == stack
    });
    let traces = roots.map(|root| {
        let trace = spans.iter().filter(|span| span.trace_id == root.trace_id);
        (root.clone(), trace.map(|span| (span.span_id.clone(), span.clone())).collect())
    });
    traces.collect()
}

/// The names of a span and of those that it is a part of, from the root on.
fn path(trace: &Trace, span: &Span) -> String {
    match trace.get(&span.parent_span_id) {
        Some(parent) => format!("{} > {}", path(trace, parent), span.name),
        None => span.name.clone(),
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

fn converge(namespace: &Namespace, name: &str) {
    namespace.apply(&stack(name, SHOP));
    wait_for(&format!("the children of {name}"), 30, || namespace.get("deployment", "db"));
    settle(namespace, name);
}

#[test]
fn a_reconciliation_is_a_trace() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("traces");
    let collector = Collector::start();
    // Spans do not depend upon what is logged.
    let args = ["--otlp-endpoint", &collector.url(), "--log-level", "warn"];
    let environment = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-tenant=shop")];
    let mut operator = Operator::start_in(&environment, cluster, &[&namespace], &args);
    converge(&namespace, "shop");
    namespace.apply(&stack("broken", BROKEN));
    let (reason, message) = namespace.wait_condition("broken", "Ready", "False", 20);
    settle(&namespace, "broken");
    // What is not sent yet is sent at the end.
    let (took, succeeded) = operator.terminate();
    assert!(succeeded && took < END, "{took:?}");
    assert_eq!(operator.log(), "", "nothing is wrong");

    collector.requests(|requests| {
        let headers = &requests[0].headers;
        assert_eq!(headers["content-type"], "application/x-protobuf");
        assert_eq!([&headers["authorization"], &headers["x-tenant"]], ["Bearer abc", "shop"]);
    });
    let resource = collector.resource();
    let sender = |key: &str| resource[key].as_str();
    assert_eq!([sender("service.name"), sender("service.version")], ["compose-operator", env!("CARGO_PKG_VERSION")]);
    assert_eq!(sender("service.instance.id"), operator.name);

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.events.is_empty()), "log lines are no part of a trace");
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty());
    assert!(roots.into_iter().all(|span| span.name == "reconcile"), "watches and Leases belong to no reconciliation");

    let shop = traces_of(&collector, "shop");
    for (root, trace) in &shop {
        for span in trace.values().filter(|span| span.span_id != root.span_id) {
            let parent = &trace[&span.parent_span_id];
            let within = parent.start_time_unix_nano <= span.start_time_unix_nano
                && span.end_time_unix_nano <= parent.end_time_unix_nano;
            assert!(within, "{} is longer than what it is a part of", path(trace, span));
        }
    }
    let (root, trace) = &shop[0];
    let about = attributes(&root.attributes);
    assert_eq!(about["k8s.namespace.name"], namespace.name);
    assert_eq!([&about["compose_operator.stack.generation"], &about["compose_operator.result"]], ["1", "waiting"]);
    let status = namespace.get("composestack", "shop").unwrap()["status"].clone();
    assert_eq!(about["compose_operator.stack.revision"], status["revision"]);
    assert!(!is_error(root), "{root:?}");
    let paths: Vec<String> = trace.values().map(|span| path(trace, span)).collect();
    for step in [
        "gather inputs",
        "load compose",
        "gather facts",
        "read images",
        "translate > judge by policy",
        "apply > look",
        "apply > apply objects > PATCH /api/v1/namespaces/{namespace}/services/{name}",
        "apply > apply workloads > PATCH /apis/apps/v1/namespaces/{namespace}/deployments/{name}",
        "apply > prune",
        "write status > PATCH /apis/compose-operator.dev/v1alpha1/namespaces/{namespace}/composestacks/{name}/status",
    ] {
        assert!(paths.contains(&format!("reconcile > {step}")), "{step} is not in {paths:#?}");
    }
    let steps = ["gather inputs", "load compose", "gather facts", "read images", "translate", "apply", "write status"];
    let steps = steps.map(|name| trace.values().find(|span| span.name == name).unwrap());
    for pair in steps.windows(2) {
        let [one, next] = pair else { unreachable!() };
        assert!(one.end_time_unix_nano <= next.start_time_unix_nano, "{} begins within {}", next.name, one.name);
    }
    let wave = trace.values().find(|span| {
        span.name == "apply workloads" && trace.values().any(|other| other.parent_span_id == span.span_id)
    });
    assert_eq!(attributes(&wave.unwrap().attributes)["compose_operator.wave"], "0", "web waits for db");
    let request = trace.values().find(|span| span.name.starts_with("PATCH /apis/apps/v1")).unwrap();
    assert_eq!(request.kind(), SpanKind::Client);
    let about = attributes(&request.attributes);
    assert_eq!([&about["http.request.method"], &about["http.response.status_code"]], ["PATCH", "201"]);
    let end = format!("/apis/apps/v1/namespaces/{}/deployments/db", namespace.name);
    let server = format!(":{}{end}", about["server.port"]);
    assert!(about["url.full"].starts_with("https://") && about["url.full"].ends_with(&server), "{about:?}");
    assert!(!trace.values().any(is_error), "what is not there yet is no error");

    let broken = traces_of(&collector, "broken");
    let (root, trace) = &broken[0];
    let expected = Status { message, code: StatusCode::Error.into() };
    assert_eq!(root.status.as_ref(), Some(&expected));
    assert_eq!(attributes(&root.attributes)["error.type"], reason);
    let failed: Vec<String> = trace.values().filter(|span| is_error(span)).map(|span| path(trace, span)).collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed.contains(&"reconcile > load compose".to_owned()), "{failed:?}");
}

#[test]
fn the_standard_variables_name_the_service_and_sample() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("sampled");
    let collector = Collector::start();
    // The flag's own variable, and a path below which the collector is not.
    let url = format!("{}/", collector.url());
    let named = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_SERVICE_NAME", "stacks"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=0"),
        SOON,
    ];
    let mut operator = Operator::start_in(&named, cluster, &[&namespace], &[]);
    converge(&namespace, "shop");
    wait_for("a trace", 10, || (!collector.spans().is_empty()).then_some(()));
    let resource = collector.resource();
    let sender = ["service.name", "service.version", "deployment.environment.name"].map(|key| resource[key].as_str());
    assert_eq!(sender, ["stacks", "0", "test"]);
    operator.terminate();

    let taken = collector.requests(<[_]>::len);
    let sampled = [&named[..], &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")]].concat();
    let mut operator = Operator::start_in(&sampled, cluster, &[&namespace], &[]);
    converge(&namespace, "blog");
    operator.terminate();
    assert_eq!(collector.requests(<[_]>::len), taken, "nothing is to be sampled");
}

#[test]
fn without_an_endpoint_there_is_no_exporter() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("untraced");
    let collector = Collector::start();
    let traces = format!("{}/v1/traces", collector.url());
    let environment =
        [("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.as_str()), SOON];
    let exports = |operator: &Operator| operator.threads().iter().any(|name| name.starts_with("OpenTelemetry"));
    let mut operator = Operator::start_in(&environment, cluster, &[&namespace], &[]);
    converge(&namespace, "shop");
    assert!(!exports(&operator), "{:?}", operator.threads());
    let untraced = operator.log();
    assert!(!untraced.contains("reconcile"), "spans of traces are in no log: {untraced}");
    operator.terminate();
    assert_eq!(collector.requests(<[_]>::len), 0);

    let operator = Operator::start(cluster, &[&namespace], &["--otlp-endpoint", &collector.url()]);
    assert!(exports(&operator), "else nothing was looked for: {:?}", operator.threads());
}

#[test]
fn a_collector_that_is_gone_is_told_of_once() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("gone");
    let address = Collector::start().address;
    let mut operator =
        Operator::start_in(&[SOON], cluster, &[&namespace], &["--otlp-endpoint", &format!("http://{address}")]);
    let told = |operator: &Operator| operator.log().matches("traces are not delivered").count();
    for name in ["shop", "blog"] {
        converge(&namespace, name);
        wait_for("the warning", 20, || (told(&operator) > 0).then_some(()));
    }
    // An export is tried four times within two seconds or so.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(told(&operator), 1, "{}", operator.log());
    assert!(operator.log().contains("refused"), "{}", operator.log());

    let collector = Collector::on(address);
    wait_for("traces to be delivered again", 20, || {
        namespace.ok(&["delete", "deployment", "db", "--ignore-not-found", "--wait=false"]);
        operator.log().contains("traces are delivered again").then_some(())
    });
    assert!(!collector.spans().is_empty());
    drop(collector);
    namespace.ok(&["delete", "deployment", "db", "--ignore-not-found", "--wait=false"]);
    let (took, succeeded) = operator.terminate();
    assert!(succeeded && took < END, "{took:?}");
}

#[test]
fn a_collector_that_hangs_holds_nothing_up() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("hangs");
    let (listener, url) = mute();
    // A queue that is soon full, of spans that nobody takes.
    let small = [SOON, ("OTEL_BSP_MAX_QUEUE_SIZE", "16"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")];
    let mut operator = Operator::start_in(&small, cluster, &[&namespace], &["--otlp-endpoint", &url]);
    converge(&namespace, "shop");
    listener.accept().unwrap();
    converge(&namespace, "blog");
    let (took, succeeded) = operator.terminate();
    assert!(succeeded && took < END, "{took:?}");
    let log = operator.log();
    assert!(log.contains("the last traces were not delivered within 3 s"), "{log}");
    assert!(log.matches("traces are not delivered").count() <= 1, "{log}");
}

#[test]
fn a_collector_is_known_by_its_certificate() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("certified");
    let file = |name: &str| std::env::temp_dir().join(format!("{}-{name}", namespace.name)).display().to_string();
    let (key, certificate, taken) = (file("key.pem"), file("certificate.pem"), file("taken"));
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).stdin(Stdio::piped()).stderr(Stdio::null());
        command
    };
    let names = "/CN=collector -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:false";
    let made = format!("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {key} -out {certificate} -subj {names}");
    assert!(openssl(&made).status().unwrap().success());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let serve = format!("s_server -quiet -accept 127.0.0.1:{port} -key {key} -cert {certificate}");
    let mut server = openssl(&serve).stdout(File::create(&taken).unwrap()).spawn().unwrap();

    let args = ["--otlp-endpoint", &format!("https://127.0.0.1:{port}")];
    let mut operator = Operator::start_in(&[SOON], cluster, &[&namespace], &args);
    converge(&namespace, "shop");
    wait_for("the warning", 20, || operator.log().contains("traces are not delivered").then_some(()));
    assert!(operator.log().contains("invalid peer certificate"), "{}", operator.log());
    operator.terminate();
    assert!(std::fs::read(&taken).unwrap().is_empty(), "nothing is told to a stranger");

    let trusting = [SOON, ("SSL_CERT_FILE", certificate.as_str())];
    let mut operator = Operator::start_in(&trusting, cluster, &[&namespace], &args);
    converge(&namespace, "blog");
    wait_for("a request", 20, || {
        let taken = std::fs::read(&taken).unwrap();
        String::from_utf8_lossy(&taken).starts_with("POST /v1/traces HTTP/1.1").then_some(())
    });
    operator.terminate();
    server.kill().unwrap();
    server.wait().unwrap();
    for file in [key, certificate, taken] {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn log_lines_name_their_trace_where_they_are_objects() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("lines");
    let collector = Collector::start();
    let url = collector.url();
    let logged = |name: &str, args: &[&str]| {
        let args = [&["--log-level", "debug"], args].concat();
        let mut operator = Operator::start_in(&[SOON], cluster, &[&namespace], &args);
        converge(&namespace, name);
        operator.terminate();
        operator.log()
    };
    let lines = logged("shop", &["--log-format", "json", "--otlp-endpoint", &url]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sent: BTreeMap<String, String> =
        collector.spans().iter().map(|span| (hex(&span.span_id), hex(&span.trace_id))).collect();
    let (within, without): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| !line["trace_id"].is_null());
    assert!(within.iter().any(|line| line["target"] == "kube_client::client"), "{lines:?}");
    // The queue before the client is served by a task of its own.
    for line in within.into_iter().filter(|line| line["target"] != "tower::buffer::worker") {
        assert_eq!(sent[line["span_id"].as_str().unwrap()], line["trace_id"].as_str().unwrap(), "{line}");
        let names: Vec<&Value> = line["spans"].as_array().unwrap().iter().map(|span| &span["name"]).collect();
        assert!(names[0] == "reconciling object" && names[1..].iter().all(|name| *name == "HTTP"), "as ever: {line}");
    }
    assert!(without.iter().any(|line| line["fields"]["message"] == "watching"), "{without:?}");

    // In text, lines are what they are without traces.
    let shape = |log: &str| {
        let of_requests = log.lines().filter(|line| line.contains("Unsuccessful")).map(|line| {
            let (_, line) = line.split_once(' ').unwrap();
            line.split("Status {").next().unwrap().replace("blog", "NAME").replace("news", "NAME")
        });
        of_requests.collect::<std::collections::BTreeSet<_>>()
    };
    let traced = shape(&logged("blog", &["--otlp-endpoint", &url]));
    let untraced = shape(&logged("news", &[]));
    assert!(!untraced.is_empty());
    assert_eq!(traced, untraced);
}

#[test]
fn an_endpoint_that_is_none_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_compose-operator"))
        .args(["run", "--otlp-endpoint", "collector:4317"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("expected the collector's URL without /v1/traces"), "{said}");
}
