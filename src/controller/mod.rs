//! The operator's process: watches, the queue of stacks, and the reconciliation of each.

mod args;
mod census;
mod connection;
mod context;
mod debounce;
mod election;
mod events;
mod guard;
mod hash_key;
mod identity;
mod leases;
mod memory;
mod metrics;
mod passed;
mod reconcile;
mod reports;
mod requests;
mod retry;
mod server;
mod shards;
mod shutdown;
mod spans;
mod stacks;
mod term;
mod unreadable;

pub use args::{IdentityArgs, Known, RunArgs, Switch};

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, StreamExt, TryStreamExt};
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{self, Controller};
use kube::runtime::reflector::{ObjectRef, reflector};
use kube::runtime::{PredicateConfig, WatchStreamExt, watcher};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::api::ComposeStack;
use crate::api::names::{ANNOTATION_LAST_APPLIED, ANNOTATION_RECONCILE_REQUESTED};
use crate::apply::{HashKey, Kind, LiveStore, StackRef, changes};
use crate::source::{self, References, input_changes};
use connection::resent;
use context::Context;
use debounce::debounced;
use election::{Election, ElectionError};
use metrics::Metrics;
use shards::Shards;
use shutdown::Shutdown;
use stacks::{Kept, Queue, Stacks};
use term::{Term, fenced};

/// How many stacks one answer of a list brings.
const PAGE: u32 = 100;

/// A stack as it arrives: one that no longer fits the type must not stop the watch of the others.
type Root = DeserializeGuard<ComposeStack>;

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no cluster to talk to.
    #[error("no cluster configuration: run in a pod with a service account, or set KUBECONFIG")]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The API server could not be asked at the start.
    #[error("cannot talk to the API server at {url}")]
    Api {
        /// Its address.
        url: String,
        /// What the client says.
        #[source]
        source: Box<kube::Error>,
    },
    /// The resource is not installed.
    #[error("the API server has no ComposeStack: apply crds/composestacks.yaml first")]
    NoDefinition,
    /// There is no key for the hashes in names.
    #[error(transparent)]
    HashKey(#[from] hash_key::HashKeyError),
    /// The address for probes and metrics cannot be bound.
    #[error("cannot serve on {address}: choose another with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The signals cannot be waited for.
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
    /// Only one of several operators may act for a stack, and which cannot be agreed upon, or it is another by now.
    #[error(transparent)]
    Election(#[from] ElectionError),
    /// Something that has to run until the end did not.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

/// Runs the operator until it is asked to end, and then lets running reconciliations finish.
///
/// # Errors
/// When it cannot start, or a part of it ended.
pub async fn run(args: RunArgs) -> Result<(), RunError> {
    let shutdown = Shutdown::on_signals().map_err(RunError::Signals)?;
    let config = Config::infer().await.map_err(|error| RunError::Config(Box::new(error)))?;
    let config = connection::bounded(config);
    let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let cluster_url = config.cluster_url.clone();
    let url = cluster_url.to_string();
    let election = args.leader_elect.then(|| Election::new(&config, &namespace)).transpose()?;
    let mut client =
        Client::try_from(config).map_err(|source| RunError::Api { url: url.clone(), source: source.into() })?;
    let starting = resent(client.clone(), &namespace);
    is_defined(&starting, &args, url.clone()).await?;
    let key = hash_key::hash_key(&starting, &namespace).await?;
    client = requests::traced(client, &cluster_url, &namespace);

    let shards = if election.is_some() {
        let shards = Shards::elected(args.shards, &client, &namespace);
        // What is written is written for a stack, by the client of its shard.
        client = resent(fenced(client, Term::none(), &namespace), &namespace);
        shards
    } else {
        client = resent(client, &namespace);
        Shards::whole(client.clone())
    };

    let metrics = Arc::new(Metrics::default());
    metrics.divides(shards.count());
    metrics.leads(shards.open());
    let ready = Arc::new(AtomicBool::new(false));
    // Dropped at the end, and its tasks with it: none of them has anything to finish.
    let mut tasks = JoinSet::new();
    let listener =
        TcpListener::bind(args.listen).await.map_err(|source| RunError::Listen { address: args.listen, source })?;
    tasks.spawn(server::serve(listener, Arc::clone(&metrics), Arc::clone(&ready)));

    let mut also: Vec<Kind> = args.watch_secrets.then_some(Kind::Secret).into_iter().collect();
    for kind in Kind::OPTIONAL {
        let served = source::is_served(&client, &kind.resource()).await;
        if served.map_err(|source| RunError::Api { url: url.clone(), source: source.into() })? {
            also.push(kind);
        }
    }
    let live = LiveStore::new(HashKey::new(&key), &also);
    let references = Arc::new(References::default());
    let mut stacks = Stacks::default();
    let scopes: Vec<_> = scopes(&args).into_iter().map(|scope| (stacks.begin(scope.as_deref()), scope)).collect();
    let context = Arc::new(Context::new(client, shards, Arc::clone(&live), references, key, metrics, args, stacks));
    let counted = Arc::downgrade(&context);
    context.metrics.counts_stacks(move || counted.upgrade().map(|context| context.census()).unwrap_or_default());
    for (kept, namespace) in &scopes {
        watch(&mut tasks, &context, namespace.as_deref(), kept.queue.clone());
    }
    let reconciling = async {
        // Before the first lists are complete, every object looks absent.
        live.synced().await;
        // One that waits to lead is ready as well: it has all that it takes to begin at once.
        ready.store(true, Ordering::Relaxed);
        tracing::info!("watching");
        let elected = async {
            match &election {
                Some(election) => election.run(&context).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = reconcile_all(scopes, &context) => Err(RunError::Ended("the controller")),
            Err(error) = elected => Err(error.into()),
        }
    };
    let ending = async {
        shutdown.requested().await;
        ready.store(false, Ordering::Relaxed);
        // Had when the last running pass is done; none begins behind it.
        context.shards.close().await
    };
    tokio::select! {
        _ended = ending => {
            if let Some(election) = &election {
                election.release(&context.shards).await;
            }
            Ok(())
        }
        result = reconciling => result,
        Some(task) = tasks.join_next() => Err(RunError::Ended(task.unwrap_or("a task"))),
    }
}

fn scopes(args: &RunArgs) -> Vec<Option<String>> {
    if args.watch_namespaces.is_empty() {
        vec![None]
    } else {
        args.watch_namespaces.iter().cloned().map(Some).collect()
    }
}

/// Begins to watch the children and the inputs of a scope.
fn watch(tasks: &mut JoinSet<&'static str>, context: &Context, namespace: Option<&str>, queue: Queue) {
    let Context { client, live, references, metrics, args, .. } = context;
    let failed = {
        let metrics = Arc::clone(metrics);
        move |kind: &'static str| metrics.watch_failed(kind)
    };
    let child_failed = {
        let failed = failed.clone();
        move |kind: Kind| failed(kind.as_str())
    };
    let children = changes(client, live, namespace, &child_failed);
    let inputs = input_changes(client, references, namespace, args.watch_secrets, &failed)
        .map(|(namespace, name)| StackRef { namespace, name });
    if args.vulnerability_reports == Switch::On {
        let (client, live) = (client.clone(), Arc::clone(live));
        let (namespace, queue) = (namespace.map(str::to_owned), queue.clone());
        tasks.spawn(async move {
            let changed = |StackRef { namespace, name }: StackRef| {
                // The queue is gone only when the operator ends.
                let _ = queue.unbounded_send(ObjectRef::new(&name).within(&namespace));
            };
            reports::watch(client, live, namespace, changed, failed).await;
            "the watch of vulnerability reports"
        });
    }
    let changed = stream::select(children, inputs).boxed();
    tasks.spawn(async move {
        // The queue is gone only when the operator ends.
        let pass = |StackRef { namespace, name }: StackRef| {
            queue.unbounded_send(ObjectRef::new(&name).within(&namespace)).is_ok()
        };
        debounced(changed, debounce::MOMENT, pass).await;
        "a watch"
    });
}

/// Drives the queues: each stack by its own changes, those of its children, and its interval.
async fn reconcile_all(scopes: Vec<(Kept, Option<String>)>, context: &Arc<Context>) {
    let client = &context.client;
    let controllers = scopes.into_iter().map(|(Kept { store, writer, queued, .. }, namespace)| {
        let api: Api<Root> = match &namespace {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        let arriving = watcher(api, watcher::Config::default().page_size(PAGE)).modify(reduce);
        let arrived = Arc::clone(context);
        let roots = reflector(writer, arriving)
            .inspect_ok(move |event| match event {
                watcher::Event::Apply(root) => arrived.memory.arrived(root),
                // A list is in the store as a whole, after each stack of it has come: those that are new in it were not
                // found there yet, and those of a shard that was taken meanwhile were passed over.
                watcher::Event::InitDone => arrived.stacks.wake(|root| arrived.shards.of(root).is_open()),
                _ => {}
            })
            .default_backoff()
            .applied_objects()
            .predicate_filter(what_users_write, PredicateConfig::default());
        Controller::for_stream(roots, store)
            .with_config(controller::Config::default().concurrency(context.args.concurrency))
            .reconcile_on(queued)
            .run(reconcile::reconcile, reconcile::on_error, Arc::clone(context))
            .boxed()
    });
    stream::select_all(controllers)
        .for_each(|result| {
            match result {
                // The reconciliation itself has told of it.
                Ok(_) | Err(controller::Error::ReconcilerFailed(..)) => {}
                // The children's events come after their stack is gone.
                Err(controller::Error::ObjectNotFound(stack)) => {
                    let namespace = stack.namespace.unwrap_or_default();
                    context.references.forget(&namespace, &stack.name);
                    context.live.forget(&namespace, &stack.name);
                    let key = format!("{namespace}/{}", stack.name);
                    context.memory.forget(&key);
                    context.retries.succeeded(&key);
                }
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the queue failed"),
            }
            std::future::ready(())
        })
        .await;
}

/// Takes out of a stack what nobody asks for: who set which field, which takes more memory than the stack itself, and what
/// a client applied, where the stack holds no object that may have lost something on its way.
fn reduce(root: &mut Root) {
    root.meta_mut().managed_fields = None;
    if let Ok(stack) = &mut root.0
        && stack.spec.compose.is_none()
        && stack.spec.overrides.iter().all(Value::is_string)
    {
        stack.annotations_mut().remove(ANNOTATION_LAST_APPLIED);
    }
}

/// A hash of what users write of a stack. The operator's own writes, to the status, do not change it, so they bring
/// no stack back.
#[allow(clippy::unnecessary_wraps, reason = "the signature of a predicate")]
fn what_users_write(root: &Root) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let meta = root.meta();
    meta.uid.hash(&mut hasher);
    meta.generation.hash(&mut hasher);
    meta.deletion_timestamp.is_some().hash(&mut hasher);
    for key in [ANNOTATION_RECONCILE_REQUESTED, ANNOTATION_LAST_APPLIED] {
        root.annotations().get(key).hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Whether the resource is installed: without it, the watch would fail again and again and say less.
async fn is_defined(client: &Client, args: &RunArgs, url: String) -> Result<(), RunError> {
    let api: Api<Root> = match args.watch_namespaces.first() {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    match api.list_metadata(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Err(RunError::NoDefinition),
        Err(source) => Err(RunError::Api { url, source: source.into() }),
    }
}
