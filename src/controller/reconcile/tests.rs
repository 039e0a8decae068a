//! Whole passes against a server that answers some requests and not others.

use std::sync::Mutex;

use clap::Parser;
use http::{Method, Request as HttpRequest, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use super::super::args::RunArgs;
use super::super::metrics::Metrics;
use super::super::shards::Shards;
use super::super::stacks::Stacks;
use super::*;
use crate::apply::{HashKey, LiveStore};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    run: RunArgs,
}

/// What was written to the status of stacks.
type Written = Arc<Mutex<Vec<Value>>>;

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Fate {
    /// It is never answered.
    Silence,
    /// It is refused.
    Refusal(u16),
    /// Its client panics.
    Panic,
}

/// A server to which this happens with requests to paths that end like this.
fn server(path: &'static str, fate: Fate) -> (Client, Written) {
    let written = Written::default();
    let kept = Arc::clone(&written);
    let service = tower::service_fn(move |request: HttpRequest<Body>| {
        let written = Arc::clone(&kept);
        async move {
            let (parts, body) = request.into_parts();
            if parts.uri.path().ends_with(path) {
                return match fate {
                    Fate::Silence => std::future::pending().await,
                    Fate::Refusal(code) => {
                        let refusal = json!({
                            "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code,
                            "reason": if code == 409 { "Conflict" } else { "InternalError" },
                        });
                        Response::builder().status(code).body(Body::from(serde_json::to_vec(&refusal).unwrap()))
                    }
                    Fate::Panic => panic!("planted"),
                };
            }
            let body = body.collect().await.unwrap().to_bytes();
            let answer = match (&parts.method, parts.uri.path()) {
                (&Method::PATCH, path) if path.ends_with("/status") => {
                    let sent: Value = serde_json::from_slice(&body).unwrap();
                    written.lock().unwrap().push(sent["status"].clone());
                    stack(path.split('/').rev().nth(1).unwrap(), &json!({"suspend": true}))
                }
                (&Method::GET, path) if path.ends_with("/composestacks") => {
                    let item = stack("unreadable", &json!({"unsupported": "Perhaps"}));
                    json!({"apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStackList", "metadata": {}, "items": [item]})
                }
                _ => json!({"metadata": {"name": "e"}}),
            };
            Response::builder().body(Body::from(serde_json::to_vec(&answer).unwrap()))
        }
    });
    (Client::new(service, "default"), written)
}

fn stack(name: &str, spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1, "resourceVersion": "7"},
        "spec": {"composeFile": "services: {}"},
    });
    object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    object
}

fn root(name: &str, spec: &Value) -> Arc<Root> {
    Arc::new(serde_json::from_value(stack(name, spec)).unwrap())
}

fn context(client: Client) -> Arc<Context> {
    let args = Line::parse_from(["x", "--reconcile-timeout", "1", "--image-configs", "off"]).run;
    Arc::new(Context::new(
        client.clone(),
        Shards::whole(client),
        LiveStore::new(HashKey::new(b"key"), &[]),
        Arc::default(),
        b"key".to_vec(),
        Arc::new(Metrics::default()),
        args,
        Stacks::default(),
    ))
}

fn counts(context: &Context, category: &str) -> bool {
    let line = format!("compose_operator_reconcile_errors_total{{category=\"{category}\"}} 1");
    context.metrics.encode().unwrap().contains(&line)
}

#[tokio::test]
async fn a_pass_whose_status_is_not_taken_ends_and_is_tried_again() {
    let (client, written) = server("/status", Fate::Silence);
    let context = context(client);
    let error = reconcile(root("app", &json!({"suspend": true})), Arc::clone(&context)).await.unwrap_err();
    assert!(matches!(error, ReconcileError::Unfinished(Unfinished::Late(_))), "{error:?}");
    assert_ne!(on_error(root("app", &json!({})), &error, Arc::clone(&context)), Action::await_change());
    assert!(counts(&context, "timeout") && written.lock().unwrap().is_empty());
    // Nothing is under way that the end of the operator would wait for.
    assert!(context.shards.iter().all(|(_, shard)| shard.is_idle()));
}

#[tokio::test]
async fn a_pass_that_takes_too_long_says_so() {
    let (client, written) = server("/configmaps/settings", Fate::Silence);
    let context = context(client);
    let spec = json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
    reconcile(root("app", &spec), Arc::clone(&context)).await.unwrap();
    let written = written.lock().unwrap();
    let ready = &written[0]["conditions"][0];
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("ApplyFailed")));
    assert!(ready["message"].as_str().unwrap().starts_with("not done after"), "{ready}");
    assert!(counts(&context, "timeout"));
}

/// The queues of several namespaces ask for more than there may be.
#[tokio::test]
async fn no_more_stacks_are_reconciled_at_a_time_than_may_be() {
    let (client, written) = server("/none", Fate::Silence);
    let context = context(client);
    let all = u32::from(context.args.concurrency);
    let taken = context.places.acquire_many(all - 1).await.unwrap();
    let hangs = context.places.acquire().await.unwrap();
    let waiting = reconcile(root("app", &json!({"suspend": true})), Arc::clone(&context));
    let mut waiting = std::pin::pin!(waiting);
    let moment = Duration::from_millis(100);
    assert!(tokio::time::timeout(moment, &mut waiting).await.is_err() && written.lock().unwrap().is_empty());
    // Nor has it begun, so that the end of the operator would wait for it.
    assert!(context.shards.iter().all(|(_, shard)| shard.is_idle()));
    drop(hangs);
    waiting.await.unwrap();
    assert_eq!(written.lock().unwrap().len(), 1);
    drop(taken);
    assert_eq!(context.places.available_permits(), usize::from(context.args.concurrency));
}

/// Not all that are broken come back at once.
#[tokio::test]
async fn a_stack_that_a_person_has_to_change_comes_back_in_its_own_share_of_the_interval() {
    let (client, _) = server("/none", Fate::Silence);
    let context = context(client);
    for (name, expected) in [("app", "shop/app"), ("other", "shop/other")] {
        let broken = root(name, &json!({"composeFile": "services: 1", "interval": "10m"}));
        let action = reconcile(broken, Arc::clone(&context)).await.unwrap();
        assert_eq!(action, Action::requeue(jittered(Duration::from_mins(10), expected)));
    }
}

/// Such as by a value that nobody thought of.
#[tokio::test]
async fn a_pass_that_panics_says_so_and_others_go_on() {
    let (client, written) = server("/configmaps/settings", Fate::Panic);
    let context = context(client);
    let spec = json!({"envFrom": [{"configMapRef": {"name": "settings"}}]});
    let action = reconcile(root("app", &spec), Arc::clone(&context)).await.unwrap();
    assert_ne!(action, Action::await_change(), "it is tried again");
    reconcile(root("other", &json!({"suspend": true})), Arc::clone(&context)).await.unwrap();
    let written = written.lock().unwrap();
    let ready: Vec<&Value> = written.iter().map(|status| &status["conditions"][0]).collect();
    assert_eq!((&ready[0]["status"], &ready[0]["reason"]), (&json!("False"), &json!("ApplyFailed")));
    assert!(ready[0]["message"].as_str().unwrap().starts_with("the operator failed on this stack"), "{}", ready[0]);
    assert_eq!(ready[1]["reason"], "Suspended");
    assert!(counts(&context, "panic"));
    assert!(context.shards.iter().all(|(_, shard)| shard.is_idle()));
}

/// A stack whose pass makes a Secret, and tells of that before.
fn makes_a_secret() -> Arc<Root> {
    let compose = "services: {web: {image: web, secrets: [key]}}\nsecrets: {key: {environment: KEY}}\n";
    root("app", &json!({"composeFile": compose, "env": {"KEY": "a"}}))
}

/// Somebody else was quicker: nothing is wrong.
#[tokio::test]
async fn a_stack_that_changes_before_its_pass_tells_of_secrets_has_no_error() {
    let (client, written) = server("/status", Fate::Refusal(409));
    let context = context(client);
    for (stack, pause) in [(makes_a_secret(), 200), (root("app", &json!({"suspend": true})), 400)] {
        let error = reconcile(Arc::clone(&stack), Arc::clone(&context)).await.unwrap_err();
        assert_eq!(error.kind(), "overtaken");
        let again = on_error(stack, &error, Arc::clone(&context));
        assert_eq!(again, Action::requeue(Duration::from_millis(pause)));
    }
    let counted = context.metrics.encode().unwrap();
    assert!(!counted.contains("reconcile_errors_total{") && written.lock().unwrap().is_empty(), "{counted}");
}

#[tokio::test]
async fn a_pass_that_cannot_tell_of_secrets_waits_longer_each_time() {
    let (client, written) = server("/status", Fate::Refusal(500));
    let context = context(client);
    for pause in [1, 2, 4] {
        let stack = makes_a_secret();
        let error = reconcile(Arc::clone(&stack), Arc::clone(&context)).await.unwrap_err();
        assert_eq!(error.kind(), "status");
        assert_eq!(on_error(stack, &error, Arc::clone(&context)), Action::requeue(Duration::from_secs(pause)));
    }
    assert!(written.lock().unwrap().is_empty());
}

/// What was done is done, but nobody can read so: a pass in each second would be one too many for a right that is missing.
#[tokio::test]
async fn a_stack_whose_status_is_refused_again_and_again_waits_longer_each_time() {
    let (client, _) = server("/status", Fate::Refusal(500));
    let context = context(client);
    for pause in [1, 2, 4, 8] {
        let stack = root("app", &json!({"suspend": true}));
        let error = reconcile(Arc::clone(&stack), Arc::clone(&context)).await.unwrap_err();
        assert_eq!(on_error(stack, &error, Arc::clone(&context)), Action::requeue(Duration::from_secs(pause)));
    }
}

#[tokio::test]
async fn a_stack_that_cannot_be_read_is_told_of_and_others_go_on() {
    let (client, written) = server("/none", Fate::Silence);
    let context = context(client);
    let unreadable = root("unreadable", &json!({"unsupported": "Perhaps"}));
    let error = reconcile(Arc::clone(&unreadable), Arc::clone(&context)).await.unwrap_err();
    assert!(matches!(error, ReconcileError::Unreadable(_)), "{error:?}");
    assert_eq!(on_error(unreadable, &error, Arc::clone(&context)), Action::await_change());
    assert!(counts(&context, "unreadable"));
    reconcile(root("app", &json!({"suspend": true})), Arc::clone(&context)).await.unwrap();
    let written = written.lock().unwrap();
    let reasons: Vec<_> = written.iter().map(|status| status["conditions"][0]["reason"].clone()).collect();
    assert_eq!(reasons, [json!("InvalidObject"), json!("Suspended")]);
    assert_eq!(written[0]["conditions"][1]["type"], "Stalled");
}

/// Whoever asks for a pass in no time would get nothing but passes.
#[test]
fn no_interval_is_shorter_than_the_shortest() {
    for (text, seconds) in [("0s", 10), ("5ms", 10), ("9.9s", 10), ("10s", 10), ("1m", 60)] {
        let stack: ComposeStack = serde_json::from_value(stack("app", &json!({"interval": text}))).unwrap();
        assert_eq!(interval(&stack), Duration::from_secs(seconds), "{text}");
    }
}
