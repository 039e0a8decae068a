//! One reconciliation of one stack.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Client, Resource, ResourceExt};
use tracing::{Instrument, Span};

use super::Root;
use super::args::Switch;
use super::context::Context;
use super::events;
use super::guard::{Unfinished, guarded};
use super::identity;
use super::memory::Owed;
use super::passed::{Ended, Failed, Passed, not_gathered, warnings};
use super::retry::jittered;
use super::spans::{self, step};
use super::unreadable;
use crate::api::condition::{READY, Reason};
use crate::api::names::ANNOTATION_RECONCILE_REQUESTED;
use crate::api::v1alpha1::{ImageStatus, Reclaim};
use crate::api::{ComposeStack, ComposeStackStatus};
use crate::apply::{self, Applier, Class, Kind, Outcome, Owner, Request};
use crate::compose;
use crate::policy;
use crate::source::{self, Again, WantedImage};
use crate::status::{self, Finding, Pass};
use crate::translate::{Note, Plan, Stack, has_host_names, not_honoured, translate};

/// Times are kept in whole seconds, so that what is due in a second may be due in two.
const MOMENT: Duration = Duration::from_secs(1);
/// How long a waiting stack is left to its watches.
const WAITING: Duration = Duration::from_secs(30);
/// How long a stack is left alone that a person has to put right outside of its own object, such as by a right.
const STUCK: Duration = Duration::from_mins(5);
/// An interval that cannot be read, which the API server excludes, is taken for the default.
const DEFAULT_INTERVAL: Duration = Duration::from_hours(1);
/// The shortest interval that is kept to. The API server excludes shorter ones too, but not in stacks that were there before.
const LEAST_INTERVAL: Duration = Duration::from_secs(10);

/// A reconciliation that could not tell its result.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    /// The status could not be written.
    #[error("cannot write the status")]
    Status(#[source] Box<kube::Error>),
    /// The pass came to no end.
    #[error(transparent)]
    Unfinished(#[from] Unfinished),
    /// The object does not fit the type: an older or newer operator wrote the definition.
    #[error("this version of the operator cannot read the stack: {0}")]
    Unreadable(String),
}

impl ReconcileError {
    /// The kind of error, for those who count them.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Status(error) if is_conflict(error) => "overtaken",
            Self::Status(_) => "status",
            Self::Unfinished(unfinished) => unfinished.kind(),
            Self::Unreadable(_) => "unreadable",
        }
    }
}

pub(super) async fn reconcile(root: Arc<Root>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    // It is closed by nobody.
    let Ok(_place) = context.places.acquire().await else { return Ok(Action::await_change()) };
    let shard = context.shards.of(root.as_ref());
    // Whoever acts for the shard next lets all of its stacks be reconciled.
    let Some(_running) = shard.begin().await else { return Ok(Action::await_change()) };
    if root.meta().deletion_timestamp.is_some() {
        // What is the stack's own goes with it, by its ownerReferences.
        return Ok(Action::await_change());
    }
    let span = spans::reconciliation(root.as_ref());
    // As a whole, so that nothing of it holds the place of another, or the end of the operator, for longer.
    let pass = Box::pin(pass(&shard.client, &root, &context, &span).instrument(span.clone()));
    let result =
        guarded(context.args.reconcile_timeout, pass).await.unwrap_or_else(|unfinished| Err(unfinished.into()));
    if let Err(error) = &result {
        if !matches!(error, ReconcileError::Status(error) if is_conflict(error)) {
            context.metrics.went_wrong(error.kind());
        }
        span.in_scope(|| tell(&root, error));
        spans::untold(&span, error);
    }
    result
}

async fn pass(client: &Client, root: &Root, context: &Context, span: &Span) -> Result<Action, ReconcileError> {
    let cached = match &root.0 {
        Ok(stack) => stack,
        Err(invalid) => {
            let told = unreadable::tell(client, root, &invalid.error).instrument(step!("write status")).await;
            told.map_err(|error| ReconcileError::Status(Box::new(error)))?;
            return Err(ReconcileError::Unreadable(invalid.error.clone()));
        }
    };
    let mut stack = context.memory.latest(cached, &context.stacks);
    let started = Instant::now();
    let work = Box::pin(pipeline(client, &mut stack, context));
    let passed = guarded(for_work(context), work).await.unwrap_or_else(|unfinished| Ok(unfinished.into()))?;
    let next = status_after(&stack, &passed);
    context.memory.owe(&stack, passed.leaves(owed(&stack, context)));
    let result = passed.ended.result();
    context.metrics.reconciled(result, started.elapsed());
    passed.ended.categories().into_iter().for_each(|category| context.metrics.went_wrong(category));
    spans::ended(span, result, passed.ended.is_failure(), passed.revision.as_deref(), &next);
    if let Ended::Applied(outcome) = &passed.ended {
        for change in &outcome.changes {
            context.metrics.applied(change.kind.as_str(), change.action.as_str());
        }
        if outcome.terminating {
            return Ok(Action::await_change());
        }
        events::applied(client, context, &stack, &outcome.changes).instrument(step!("publish events")).await;
    }
    let writing = step!("write status");
    let written =
        status::write_if_changed(client, &stack, &next).instrument(writing.clone()).await.map_err(|error| {
            let error = ReconcileError::Status(Box::new(error));
            spans::failed(&writing, error.kind());
            error
        })?;
    drop(writing);
    // Not before: a pass whose status nobody can read has not gone well.
    let action = action(&stack, &passed, &next, context);
    if let Some(version) = written {
        events::turned(client, context, &stack, &next).instrument(step!("publish events")).await;
        context.memory.wrote(&stack, version, next, &context.stacks);
    }
    Ok(action)
}

/// Tells of a pass that has no status to tell of it.
fn tell(root: &Root, error: &ReconcileError) {
    let (name, namespace) = (root.name_any(), root.namespace().unwrap_or_default());
    if matches!(error, ReconcileError::Status(error) if is_conflict(error)) {
        tracing::debug!(%namespace, %name, "the stack changed during the pass");
    } else {
        tracing::warn!(%namespace, %name, error = error as &dyn std::error::Error, "reconciliation failed");
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the controller passes values")]
pub(super) fn on_error(root: Arc<Root>, error: &ReconcileError, context: Arc<Context>) -> Action {
    match error {
        ReconcileError::Unreadable(_) => Action::await_change(),
        ReconcileError::Status(error) if is_conflict(error) => {
            Action::requeue(context.retries.overtaken(&key(root.as_ref())))
        }
        ReconcileError::Status(_) | ReconcileError::Unfinished(_) => {
            Action::requeue(context.retries.failed(&key(root.as_ref())))
        }
    }
}

/// Whether somebody else has changed what was to be written.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict())
}

/// How much of its time a pass may take up to its result: the rest is for telling of it.
fn for_work(context: &Context) -> Duration {
    context.args.reconcile_timeout * 9 / 10
}

async fn pipeline(operator: &Client, stack: &mut ComposeStack, context: &Context) -> Result<Passed, ReconcileError> {
    if stack.spec.suspend {
        return Ok(Ended::Suspended.into());
    }
    let fields = not_honoured(&stack.spec);
    if !fields.is_empty() {
        return Ok(Ended::FieldNotSupported(fields).into());
    }
    // Everything up to the status is done as the stack's identity.
    let client = match identity::client(operator, stack, &context.args.identity) {
        Ok(client) => client,
        Err(error) => return Ok(Ended::Forbidden(error.to_string()).into()),
    };
    let reader = source::Reader::new(&client, stack, &context.references);
    let gathering = step!("gather inputs");
    let inputs = match source::gather(&reader, stack).instrument(gathering.clone()).await {
        Ok(inputs) => inputs,
        Err(error) => return Ok(not_gathered(&error).at(&gathering).into()),
    };
    drop(gathering);
    let revision = Some(inputs.revision(&context.hash_key));
    let loading = step!("load compose");
    let project = match loading.in_scope(|| compose::load(&inputs.files, &inputs.options)) {
        Ok(project) => project,
        Err(errors) => return Ok(Passed { revision, ..Ended::InvalidCompose(errors).at(&loading).into() }),
    };
    drop(loading);
    let (enforced, dns) = (context.args.network_policy_enforced.into(), &context.args.dns_peers.0);
    let asking = step!("gather facts");
    let facts = source::facts(&reader, stack, &project, &context.hash_key, enforced, dns).instrument(asking.clone());
    let mut facts = match facts.await {
        Ok(facts) => facts,
        Err(error) => return Ok(Passed { revision, ..not_gathered(&error).at(&asking).into() }),
    };
    drop(asking);
    let (images, look_up) = images(&reader, stack, context, &project).instrument(step!("read images")).await;
    facts.images = images.iter().map(|image| (image.image.clone(), image.clone())).collect();
    let images = Some(images);
    let namespace = stack.namespace().unwrap_or_default();
    facts.cluster_domain = Some(context.args.cluster_domain.clone());
    facts.volume_drivers = context.args.volume_drivers.iter().cloned().collect();
    facts.operator_image.clone_from(&context.args.operator_image);
    facts.claims = apply::claims(&context.live, &namespace);
    facts.shared_claims = apply::shared_claims(&context.live, &namespace);
    if has_host_names(&project) {
        facts.addresses = Some(apply::addresses(&context.live, &owner(stack)));
    }
    facts.pod_security = context.namespaces.pod_security(&context.client, &namespace).await;
    reader.has_read_all();
    let settings = Stack {
        name: stack.name_any(),
        namespace,
        uid: stack.uid(),
        spec: stack.spec.clone(),
        files: inputs.files,
        environment: inputs.options.environment,
        hash_key: context.hash_key.clone(),
    };
    let translating = step!("translate");
    let plan = translating.in_scope(|| translate(&project, &settings, &facts, &context.policy));
    let warnings = Some(warnings(&project.warnings, &plan.notes));
    let (forbidden, refused): (Vec<Note>, Vec<Note>) = plan
        .notes
        .iter()
        .filter(|note| note.level.stops(stack.spec.unsupported))
        .cloned()
        .partition(|note| note.reason == policy::FORBIDDEN);
    if !refused.is_empty() {
        let ended = Ended::Unsupported([refused, forbidden].concat()).at(&translating);
        return Ok(Passed { revision, warnings, images, look_up, ended });
    }
    if !forbidden.is_empty() {
        let violations = forbidden.iter().map(|note| format!("{}: {}", note.path, note.message)).collect();
        let ended = Ended::PolicyViolation(violations).at(&translating);
        return Ok(Passed { revision, warnings, images, look_up, ended });
    }
    drop(translating);
    let looked = stack.status.as_ref().is_some_and(|status| {
        let ready = status.conditions.iter().find(|condition| condition.type_ == READY);
        // Of an empty plan, nothing is to be looked at.
        status.inventory.iter().any(apply::is_applied)
            && status.revision == revision
            && ready.is_some_and(|it| it.observed_generation == stack.metadata.generation && tells_of_a_look(it))
    });
    let applying = step!("apply");
    if let Err(error) = announce(operator, stack, context, &plan).instrument(applying.clone()).await {
        return Ok(Passed { revision, warnings, images, look_up, ended: not_announced(error)?.at(&applying) });
    }
    let outcome = applied(&client, stack, context, &plan, looked).instrument(applying.clone()).await;
    Ok(Passed { revision, warnings, images, look_up, ended: Ended::Applied(Box::new(outcome)).at(&applying) })
}

/// What is known of the images: recorded, or read now. What could not be read is tried again when the stack changes; a
/// request reads all again.
async fn images(
    reader: &source::Reader<'_>,
    stack: &ComposeStack,
    context: &Context,
    project: &compose::Project,
) -> (Vec<ImageStatus>, Option<Duration>) {
    if context.args.image_configs == Switch::Off {
        return (Vec::new(), None);
    }
    let services = project.services.iter().map(|(name, service)| ("services", name, &service.container));
    let jobs = project.jobs.iter().map(|(name, job)| ("jobs", name, &job.container));
    let mut wanted: Vec<WantedImage> = services
        .chain(jobs)
        // A reference from a Secret is shown to nobody, and the translation refuses it.
        .filter(|(section, name, _)| !project.tainted.contains(&format!("{section}.{name}.image")))
        .map(|(_, _, container)| container)
        .filter(|container| !container.image.is_empty() && context.policy.allows_image(&container.image))
        .map(|container| WantedImage {
            image: container.image.clone(),
            platform: container.platform.to_lowercase(),
            period: period(container),
        })
        .collect();
    wanted.sort();
    wanted.dedup();
    let observed = stack.status.as_ref().and_then(|status| status.observed_generation);
    let again = if owed(stack, context).images {
        Again::All
    } else if observed != stack.metadata.generation {
        Again::Unread
    } else {
        Again::None
    };
    source::images(&context.registry, reader, stack, &wanted, again).await
}

/// Whether a pass that ended like this had looked at every name of its plan, and found none of them to be somebody else's.
fn tells_of_a_look(ready: &Condition) -> bool {
    let looked = [
        Reason::Succeeded,
        Reason::Progressing,
        Reason::DependencyNotReady,
        Reason::HealthCheckFailed,
        Reason::RolledBack,
    ];
    looked.iter().any(|reason| reason.as_str() == ready.reason)
}

/// Tells in the status which Secrets are about to be made, and goes on with the stack as it then is.
async fn announce(
    operator: &Client,
    stack: &mut ComposeStack,
    context: &Context,
    plan: &Plan,
) -> Result<(), kube::Error> {
    if context.live.watches(Kind::Secret) {
        return Ok(());
    }
    let mut status = stack.status.clone().unwrap_or_default();
    let namespace = stack.namespace().unwrap_or_default();
    let Some(inventory) = apply::announced(&status.inventory, plan, &namespace) else { return Ok(()) };
    status.inventory = inventory;
    if let Some(version) = status::write_if_changed(operator, stack, &status).await? {
        context.memory.wrote(stack, version.clone(), status.clone(), &context.stacks);
        stack.metadata.resource_version = Some(version);
        stack.status = Some(status);
    }
    Ok(())
}

/// What a pass comes to that cannot tell what it is about to make: nothing, where the stack changed meanwhile.
fn not_announced(error: kube::Error) -> Result<Ended, ReconcileError> {
    if is_conflict(&error) {
        return Err(ReconcileError::Status(Box::new(error)));
    }
    let message = format!("cannot tell in the status what is to be made: {error}");
    Ok(Ended::Failed(Failed { category: "status", message }))
}

async fn applied(client: &Client, stack: &ComposeStack, context: &Context, plan: &Plan, looked: bool) -> Outcome {
    let owner = owner(stack);
    let verify = context.memory.is_verification_due(stack, interval(stack)) || owed(stack, context).verification;
    let inventory = stack.status.as_ref().map_or(&[][..], |status| &status.inventory);
    let retain = stack.spec.volumes.reclaim == Reclaim::Retain;
    let request = Request { plan, inventory, prune: stack.spec.prune, retain, verify, looked };
    let outcome = Applier::new(client, &context.live, &owner).apply(request).await;
    if verify && !outcome.is_retried() {
        context.memory.verified(stack);
    }
    outcome
}

fn owner(stack: &ComposeStack) -> Owner {
    Owner {
        name: stack.name_any(),
        namespace: stack.namespace().unwrap_or_default(),
        uid: stack.uid().unwrap_or_default(),
    }
}

fn status_after(stack: &ComposeStack, passed: &Passed) -> ComposeStackStatus {
    let finding = match &passed.ended {
        Ended::Suspended => Finding::Suspended,
        Ended::FieldNotSupported(fields) => Finding::FieldNotSupported(fields),
        Ended::InputNotFound(missing) => Finding::InputNotFound(missing),
        Ended::Forbidden(message) => Finding::Forbidden(message),
        Ended::Failed(failed) => Finding::Failed(&failed.message),
        Ended::InvalidCompose(errors) => Finding::InvalidCompose(errors),
        Ended::Unsupported(notes) => Finding::Unsupported(notes),
        Ended::PolicyViolation(lines) => Finding::PolicyViolation(lines),
        Ended::Applied(outcome) => Finding::Applied(outcome),
    };
    let pass = Pass {
        generation: stack.metadata.generation.unwrap_or_default(),
        requested_at: requested_at(stack),
        revision: passed.revision.as_deref(),
        progress_deadline: progress_deadline(stack),
        warnings: passed.warnings.as_deref(),
        images: passed.images.as_deref(),
        finding,
    };
    status::next(stack.status.as_ref(), &pass, Timestamp::now())
}

/// When the stack comes back if nothing happens to it.
fn action(stack: &ComposeStack, passed: &Passed, next: &ComposeStackStatus, context: &Context) -> Action {
    let key = key(stack);
    let retry = || context.retries.failed(&key);
    let wait = match &passed.ended {
        Ended::Suspended => {
            context.retries.succeeded(&key);
            return Action::await_change();
        }
        Ended::FieldNotSupported(_) | Ended::InvalidCompose(_) | Ended::Unsupported(_) | Ended::PolicyViolation(_) => {
            context.retries.succeeded(&key);
            jittered(interval(stack), &key)
        }
        // A ConfigMap that appears is seen; a Secret, only where Secrets are watched.
        Ended::InputNotFound(_) => retry().min(WAITING),
        Ended::Forbidden(_) => STUCK,
        Ended::Failed(_) => retry(),
        Ended::Applied(outcome) => match outcome.errors.iter().map(|error| error.class).min() {
            Some(Class::Transient | Class::Conflict) => retry(),
            Some(Class::Terminal) => STUCK,
            None => {
                context.retries.succeeded(&key);
                let settled = outcome.waiting.is_empty() && outcome.failed.is_empty() && outcome.conflicts.is_empty();
                let wait = if settled { jittered(interval(stack), &key) } else { WAITING };
                let late = status::until_late(next, progress_deadline(stack), Timestamp::now());
                late.into_iter().chain(outcome.again).map(|again| again + MOMENT).fold(wait, Duration::min)
            }
        },
    };
    Action::requeue(passed.look_up.map_or(wait, |look_up| wait.min(look_up)))
}

/// How old what is known of an image may become.
fn period(container: &compose::model::ContainerSpec) -> Option<Duration> {
    Some(Duration::from_nanos(u64::try_from(container.pull_period()?.0).ok()?))
}

/// What somebody asked for and did not get yet. The status tells that a request was handled as soon as a pass has an answer
/// to it, as Flux means it, or whoever waits would not come to see what is wrong; what the pass failed to do is done by the
/// next one all the same.
fn owed(stack: &ComposeStack, context: &Context) -> Owed {
    if is_requested(stack) { Owed::ALL } else { context.memory.owed(stack) }
}

/// Whether somebody asked for a pass that was not made yet.
fn is_requested(stack: &ComposeStack) -> bool {
    let handled = stack.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
    requested_at(stack).is_some_and(|at| handled != Some(at))
}

fn requested_at(stack: &ComposeStack) -> Option<&str> {
    stack.annotations().get(ANNOTATION_RECONCILE_REQUESTED).map(String::as_str)
}

fn progress_deadline(stack: &ComposeStack) -> Duration {
    duration(&stack.spec.progress_deadline).unwrap_or(DEFAULT_INTERVAL)
}

fn interval(stack: &ComposeStack) -> Duration {
    duration(&stack.spec.interval).unwrap_or(DEFAULT_INTERVAL).max(LEAST_INTERVAL)
}

fn duration(text: &str) -> Option<Duration> {
    let parsed = compose::model::Duration::parse(text).ok()?;
    Some(Duration::from_nanos(u64::try_from(parsed.0).ok()?))
}

/// What a stack is known by in memory.
pub(super) fn key(stack: &impl ResourceExt) -> String {
    format!("{}/{}", stack.namespace().unwrap_or_default(), stack.name_any())
}

#[cfg(test)]
mod tests;
