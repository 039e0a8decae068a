//! Bringing one child to where it is to be.

use std::sync::Arc;

use kube::api::PropagationPolicy;
use serde_json::Value;

use super::error::{ApplyError, Category, Class, Failure};
use super::kind::Kind;
use super::live::{Observed, Seen};
use super::outcome::{Action, Conflict};
use super::readiness::Facts;
use super::record::Record;
use super::send::{LOOKS, Sender};
use super::standing::{Standing, standing};
use super::wanted::Wanted;

/// What became of a child.
#[derive(Debug)]
pub(super) enum Brought {
    /// Nothing had to be done.
    Same,
    /// It is there, and this is remembered of it.
    Sent(Action, Record),
    /// It cannot be changed and is not to be made anew, and this is remembered of it.
    Left(Record),
    /// It was deleted to be made anew, once it is gone.
    Replacing(String),
    /// It is not there yet.
    Waiting { what: String, holds: bool },
    /// Somebody else has the name.
    Conflict(Conflict),
    /// It went wrong.
    Failed(ApplyError),
    /// The namespace is going away.
    Terminating,
}

/// What a claim was made with, it keeps (Kubernetes, "Persistent Volumes"), and nothing of it is made anew.
const CLAIM_STAYS: &str = "what it holds is left alone: a claim keeps the storage class and the access modes that it was \
                           made with; put them back, or give the volume another `name` and copy what this one holds";

impl Sender<'_> {
    /// Does what the standing asks for.
    pub async fn bring(&self, wanted: &Wanted, standing: &Standing, record: Option<&Record>) -> Brought {
        let result = match standing {
            Standing::Same => return Brought::Same,
            Standing::Create => self.make(wanted, record).await,
            Standing::Update { seen, action } => self.change(wanted, seen, *action, record).await,
            Standing::Replace { seen } => self.replace(wanted, seen).await,
            Standing::Wait { what, holds } => return Brought::Waiting { what: what.clone(), holds: *holds },
            Standing::Refuse(message) => return refused(wanted, message),
            Standing::Foreign(reason) => return foreign(wanted, reason),
        };
        result.unwrap_or_else(|failure| failed(failure, wanted))
    }

    async fn make(&self, wanted: &Wanted, record: Option<&Record>) -> Result<Brought, Failure> {
        match self.create(wanted, None).await {
            Ok(observed) => Ok(sent(Action::Created, wanted, &observed)),
            // Somebody was faster, or the watch is behind.
            Err(Failure::Conflict) => self.judge_again(wanted, record).await,
            Err(failure) => Err(failure),
        }
    }

    async fn change(
        &self,
        wanted: &Wanted,
        seen: &Seen,
        action: Action,
        record: Option<&Record>,
    ) -> Result<Brought, Failure> {
        match self.update(wanted, seen).await {
            // The cluster's own controllers write the status of what they run, and the watch is behind.
            Err(Failure::Conflict) => self.judge_again(wanted, record).await,
            result => self.changed(wanted, seen, action, result).await,
        }
    }

    /// Looks at what is there now, and changes that. What does not come to rest is left to the next pass.
    async fn judge_again(&self, wanted: &Wanted, record: Option<&Record>) -> Result<Brought, Failure> {
        for _ in 0..LOOKS {
            let Some(live) = self.read(wanted.kind, &wanted.name).await? else { break };
            return match standing(self.owner, wanted, Some(&live), record) {
                Standing::Update { seen, action } => match self.update(wanted, &seen).await {
                    Err(Failure::Conflict) => continue,
                    result => self.changed(wanted, &seen, action, result).await,
                },
                Standing::Foreign(reason) => Ok(foreign(wanted, &reason)),
                Standing::Wait { what, holds } => Ok(Brought::Waiting { what, holds }),
                Standing::Refuse(message) => Ok(refused(wanted, &message)),
                Standing::Same => Ok(Brought::Same),
                Standing::Replace { seen } => self.replace(wanted, &seen).await,
                Standing::Create => Err(Failure::Conflict),
            };
        }
        Err(Failure::Conflict)
    }

    async fn changed(
        &self,
        wanted: &Wanted,
        seen: &Seen,
        action: Action,
        result: Result<Arc<Observed>, Failure>,
    ) -> Result<Brought, Failure> {
        match result {
            Ok(observed) => Ok(sent(action, wanted, &observed)),
            Err(Failure::Invalid { immutable: true, .. }) if let Some(live) = self.same_run(wanted) => {
                Ok(Brought::Left(remembered(wanted, &live)))
            }
            Err(Failure::Invalid { immutable: true, .. }) if matches!(wanted.kind, Kind::Job | Kind::Service) => {
                self.replace(wanted, seen).await
            }
            Err(Failure::Invalid { immutable: true, message }) => {
                let message = match wanted.kind {
                    Kind::PersistentVolumeClaim => format!("{CLAIM_STAYS}: {message}"),
                    _ => message,
                };
                Err(Failure::Other { class: Class::Terminal, category: Category::Immutable, message })
            }
            Err(failure) => Err(failure),
        }
    }

    /// The Job that runs, or ran, what is wanted, though its template reads otherwise: a Secret was rotated, and has another
    /// name. Of another definition it would have been replaced, and how often it is to succeed is not part of that.
    fn same_run(&self, wanted: &Wanted) -> Option<Arc<Observed>> {
        let completions = wanted.object.pointer("/spec/completions").and_then(Value::as_i64).unwrap_or(1);
        let live = self.live.get(wanted.kind, &self.owner.namespace, &wanted.name)?;
        let alike = matches!(&live.facts, Facts::Job(job) if i64::from(job.desired) == completions);
        alike.then_some(live)
    }

    /// Deletes and makes anew what holds no data.
    async fn replace(&self, wanted: &Wanted, seen: &Seen) -> Result<Brought, Failure> {
        if wanted.kind == Kind::Job {
            // In the foreground: the new Job may not start while a pod of the old one still writes.
            self.delete(wanted.kind, &wanted.name, seen, PropagationPolicy::Foreground).await?;
            return Ok(Brought::Replacing(format!("Job {} is made anew once the old one is gone", wanted.name)));
        }
        // Whoever has resolved the name keeps the address.
        let kept = self.live.get(wanted.kind, &self.owner.namespace, &wanted.name).and_then(|live| match &live.facts {
            Facts::Service(service) => service.address().map(str::to_owned),
            _ => None,
        });
        let has_address = wanted.object.pointer("/spec/clusterIP").is_some();
        let kept = kept.filter(|_| !has_address);
        if !self.delete(wanted.kind, &wanted.name, seen, PropagationPolicy::Background).await? {
            return Ok(Brought::Replacing(format!(
                "{} {} is made anew once the old one is gone",
                wanted.kind, wanted.name
            )));
        }
        let observed = self.create(wanted, kept.as_deref()).await?;
        Ok(sent(Action::Replaced, wanted, &observed))
    }
}

fn sent(action: Action, wanted: &Wanted, observed: &Observed) -> Brought {
    Brought::Sent(action, remembered(wanted, observed))
}

fn remembered(wanted: &Wanted, observed: &Observed) -> Record {
    Record { applied: wanted.applied.clone(), owned: observed.owned.clone(), ..Record::default() }
}

fn foreign(wanted: &Wanted, reason: &str) -> Brought {
    Brought::Conflict(Conflict { kind: wanted.kind, name: wanted.name.clone(), reason: reason.to_owned() })
}

fn refused(wanted: &Wanted, message: &str) -> Brought {
    Brought::Failed(ApplyError {
        kind: wanted.kind,
        name: wanted.name.clone(),
        class: Class::Terminal,
        category: Category::Immutable,
        message: message.to_owned(),
    })
}

pub(super) fn failed(failure: Failure, wanted: &Wanted) -> Brought {
    failure.on(wanted.kind, &wanted.name).map_or(Brought::Terminating, Brought::Failed)
}
