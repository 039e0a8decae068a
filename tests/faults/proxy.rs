//! What is between the operator and the API server.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::sync::watch;

use crate::harness::{Cluster, Namespace};
use crate::kubelet;
use crate::relay::{News, relay};

/// What can become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The API server answers with this and does nothing.
    Status(u16),
    /// It does not arrive, and the connection breaks.
    Lost,
    /// It is carried out, and the connection breaks before the answer is through.
    Unanswered,
    /// It takes two seconds.
    Slow,
    /// The operator is killed before it is sent.
    KilledBefore,
    /// The operator is killed after it was carried out.
    KilledAfter,
}

/// What may be wrong with the API server as a whole, for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing is answered, and what was open breaks.
    Gone,
    /// Every request takes this much longer.
    Slow(Duration),
    /// Every request is refused with this.
    Refusing(u16),
    /// Every write is refused, as if somebody else had changed what is written (409).
    Conflicting,
    /// What was since is no longer known (410): watches end and none begins, and lists end after their first page, which
    /// has one entry.
    Forgetful,
}

impl Trouble {
    /// What a request is refused with.
    fn refuses(self, method: &Method, place: &str) -> Option<u16> {
        match self {
            Self::Gone | Self::Slow(_) => None,
            Self::Refusing(code) => Some(code),
            Self::Conflicting => (method != Method::GET).then_some(409),
            Self::Forgetful => (place.contains("watch=true") || place.contains("continue=")).then_some(410),
        }
    }
}

/// A write that is on its way for as long as a test wants.
#[derive(Default)]
pub struct Late {
    /// The end of the path of what is written.
    pub to: Mutex<Option<String>>,
    /// Whether the write may arrive; it has left when somebody waits for that.
    pub may_arrive: watch::Sender<bool>,
    /// What the API server said to it.
    pub answer: Mutex<Option<u16>>,
}

impl Late {
    /// Whether this is the write. It happens once.
    fn is(&self, method: &Method, path: &str) -> bool {
        *method == Method::PATCH && self.to.lock().unwrap().take_if(|to| path.ends_with(to.as_str())).is_some()
    }

    async fn wait(&self) {
        // The sender is here.
        let _ = self.may_arrive.subscribe().wait_for(|may| *may).await;
    }

    /// Whether the operator has sent it.
    pub fn has_left(&self) -> bool {
        self.may_arrive.receiver_count() > 0
    }
}

/// What requests that name no stack count as: those that an operator makes when it starts.
pub const START: &str = "start";

/// Which request of which stack fails, and how many there were.
#[derive(Default)]
pub struct Plan {
    pub faults: Mutex<BTreeMap<String, (usize, Fault)>>,
    pub counts: Mutex<BTreeMap<String, usize>>,
    fired: Mutex<Vec<Fault>>,
    /// What arrives late.
    pub late: Late,
    /// What becomes of events.
    pub news: News,
    /// The version that lists tell of, where that is an old one, as if the API server were behind; and how many have.
    pub stale: Mutex<Option<(u64, usize)>>,
    /// Whose requests wait, but for those that tell of its status, and how many do.
    pub held_up: watch::Sender<Option<String>>,
    pub waiting: AtomicUsize,
    /// What is wrong with the API server, and how many requests have met with it.
    pub trouble: watch::Sender<Option<Trouble>>,
    pub troubled: AtomicUsize,
}

impl Plan {
    /// Counts a request, and says what is to become of it. A fault happens once.
    fn next(&self, stack: &str) -> Option<Fault> {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(stack.to_owned()).or_default();
        *count += 1;
        let mut faults = self.faults.lock().unwrap();
        let (_, fault) = *faults.get(stack).filter(|(at, _)| at == count)?;
        faults.remove(stack);
        Some(fault)
    }

    pub fn calls(&self, stack: &str) -> usize {
        self.counts.lock().unwrap().get(stack).copied().unwrap_or_default()
    }

    pub fn fired(&self) -> Vec<Fault> {
        self.fired.lock().unwrap().clone()
    }
}

/// The proxy, and who completes the Jobs of a namespace: they end with their test.
pub struct Proxy {
    pub plan: Arc<Plan>,
    pub kubeconfig: PathBuf,
    /// The end of the audit log when it began.
    pub mark: u64,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    pub fn before(cluster: &Cluster, namespace: &Namespace) -> Self {
        let mark = cluster.audit_mark();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let plan = Arc::new(Plan::default());
        let text = std::fs::read_to_string(&cluster.operator_kubeconfig).unwrap();
        let address: SocketAddr = runtime.block_on(async {
            let kubeconfig = Kubeconfig::from_yaml(&text).unwrap();
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            // What the API server answers is for the operator to judge.
            config.default_retry = false;
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = Client::try_from(config).unwrap();
            let router = Router::new().fallback(pass).with_state((client, Arc::clone(&plan)));
            tokio::spawn(async move { axum::serve(listener, router).await });
            let admin = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
            let admin = Config::from_custom_kubeconfig(admin, &KubeConfigOptions::default()).await.unwrap();
            tokio::spawn(kubelet::play(Client::try_from(admin).unwrap(), vec![namespace.name.clone()]));
            address
        });
        let server = text.lines().find_map(|line| line.trim().strip_prefix("server: ")).unwrap().to_owned();
        let kubeconfig = std::env::temp_dir().join(format!("faults-{}.kubeconfig", address.port()));
        std::fs::write(&kubeconfig, text.replace(&server, &format!("http://{address}"))).unwrap();
        Self { plan, kubeconfig, mark, _runtime: runtime }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

async fn pass(State((client, plan)): State<(Client, Arc<Plan>)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut place = parts.uri.path_and_query().unwrap().as_str().to_owned();
    // In pages is listed what is then watched; the one of a single entry asks whether the resource is there.
    // Further pages are of the version of their first.
    let is_list = place.contains("limit=")
        && !place.contains("limit=1&")
        && !place.ends_with("limit=1")
        && !place.contains("continue=");
    if let (true, Some((version, lists))) = (is_list, plan.stale.lock().unwrap().as_mut()) {
        let _ = write!(place, "&resourceVersion={version}&resourceVersionMatch=Exact");
        *lists += 1;
    }
    let is_watch = place.contains("watch=true");
    let trouble = *plan.trouble.borrow();
    let refused = trouble.and_then(|trouble| trouble.refuses(&parts.method, &place));
    let is_met = refused.is_some() || matches!(trouble, Some(Trouble::Gone | Trouble::Slow(_)));
    plan.troubled.fetch_add(usize::from(is_met), Ordering::Relaxed);
    if let Some(code) = refused {
        return refusal(code);
    }
    match trouble {
        Some(Trouble::Gone) => return broken(),
        Some(Trouble::Slow(by)) => tokio::time::sleep(by).await,
        Some(Trouble::Forgetful) if is_list => place = in_pages_of_one(&place),
        _ => {}
    }
    let stack = stack_of(&place).or_else(|| stack_of(&String::from_utf8_lossy(&body)));
    if !is_watch && !parts.uri.path().ends_with("/status") && stack.is_some() && *plan.held_up.borrow() == stack {
        plan.waiting.fetch_add(1, Ordering::Relaxed);
        // The sender is here.
        let _ = plan.held_up.subscribe().wait_for(|held_up| *held_up != stack).await;
    }
    let fault = match stack {
        Some(_) if is_watch => None,
        Some(stack) => plan.next(&stack),
        None => plan.next(START),
    };
    let fire = |fault| plan.fired.lock().unwrap().push(fault);
    match fault {
        Some(fault @ Fault::Status(code)) => {
            fire(fault);
            return refusal(code);
        }
        Some(Fault::Lost) => {
            fire(Fault::Lost);
            return broken();
        }
        Some(Fault::KilledBefore) => {
            fire(Fault::KilledBefore);
            return std::future::pending().await;
        }
        Some(Fault::Slow) => {
            fire(Fault::Slow);
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        Some(Fault::Unanswered | Fault::KilledAfter) | None => {}
    }
    let is_late = plan.late.is(&parts.method, parts.uri.path());
    if is_late {
        plan.late.wait().await;
    }
    let mut forwarded = http::Request::builder().method(parts.method).uri(place);
    for (name, value) in &parts.headers {
        // The connection, the encoding and the identity are those of this client.
        if ![header::HOST, header::AUTHORIZATION, header::ACCEPT_ENCODING, header::CONNECTION].contains(name) {
            forwarded = forwarded.header(name, value);
        }
    }
    let forwarded = forwarded.body(kube::client::Body::from(body.to_vec())).unwrap();
    let Ok(answer) = client.send(forwarded).await else { return broken() };
    if is_late {
        *plan.late.answer.lock().unwrap() = Some(answer.status().as_u16());
    }
    if is_watch && fault.is_none() {
        return answer.map(|body| relay(plan, body));
    }
    match fault {
        Some(Fault::Unanswered) => {
            fire(Fault::Unanswered);
            broken()
        }
        Some(Fault::KilledAfter) => {
            fire(Fault::KilledAfter);
            std::future::pending().await
        }
        _ => answer.map(Body::new),
    }
}

/// The stack that a request names: all that belongs to one begins with its name, such as `f0012x`.
pub fn stack_of(text: &str) -> Option<String> {
    let found = text.match_indices('f').find(|(at, _)| {
        let name = text.as_bytes().get(*at..*at + 6);
        name.is_some_and(|name| name[1..5].iter().all(u8::is_ascii_digit) && name[5] == b'x')
    });
    found.map(|(at, _)| text[at..at + 6].to_owned())
}

/// The place of a list whose pages have one entry each.
fn in_pages_of_one(place: &str) -> String {
    let (before, limit) = place.split_once("limit=").unwrap();
    format!("{before}limit=1{}", limit.trim_start_matches(|it: char| it.is_ascii_digit()))
}

fn refusal(code: u16) -> Response {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": "injected", "reason": reason, "code": code,
    });
    (
        StatusCode::from_u16(code).unwrap(),
        [(header::RETRY_AFTER, "1"), (header::CONTENT_TYPE, "application/json")],
        status.to_string(),
    )
        .into_response()
}

/// An answer that ends before its end.
fn broken() -> Response {
    let cut = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    ([(header::CONTENT_LENGTH, "1000")], Body::from_stream(cut)).into_response()
}
