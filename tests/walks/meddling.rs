//! What others do to a stack between its changes: they delete and edit its objects, ask that one be kept, take its
//! status away, delete the stack and make it again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use compose_operator::api::names::{ANNOTATION_PRUNE, LABEL_MANAGED_BY, PRUNE_DISABLED};
use compose_operator::api::v1alpha1::Reclaim;
use compose_operator::apply::Kind;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::observed::{Observed, is_kept, objects, uid};
use crate::walker::{STACK, Walker};

/// What somebody does between two steps.
#[derive(Clone, Copy)]
enum Meddling {
    DeleteOne,
    DeleteAll,
    Edit,
    AskToKeep,
    TakeStatusAway,
    MakeStackAgain,
    GiveUpKept,
}

impl Meddling {
    /// All that can be done at any time.
    const ANY: [Self; 6] =
        [Self::DeleteOne, Self::DeleteAll, Self::Edit, Self::AskToKeep, Self::TakeStatusAway, Self::MakeStackAgain];

    /// What somebody did, in words.
    fn words(self) -> &'static str {
        match self {
            Self::DeleteOne => "deleted an object",
            Self::DeleteAll => "deleted all objects",
            Self::Edit => "edited an object",
            Self::AskToKeep => "asked that an object be kept",
            Self::TakeStatusAway => "took the status away",
            Self::MakeStackAgain => "deleted the stack and made it again",
            Self::GiveUpKept => "gave up what was kept",
        }
    }

    /// Whether it is done to one object.
    fn is_about_one(self) -> bool {
        matches!(self, Self::DeleteOne | Self::Edit | Self::AskToKeep | Self::GiveUpKept)
    }
}

impl Walker<'_> {
    /// Does one of these, and sees that the same state is reached again.
    pub async fn meddle(&mut self) {
        let observed = Observed::of(&self.judge.client, &self.namespace, STACK).await;
        // A claim that is deleted stays until no pod uses it, and a Job that is done is not done again.
        let declared = self.known[&self.place].objects.keys();
        let ids: Vec<String> = declared
            .filter(|id| !id.starts_with("PersistentVolumeClaim/") && !id.starts_with("Job/"))
            .cloned()
            .collect();
        if ids.is_empty() {
            return;
        }
        let one = self.any(ids.len());
        let left = |(id, object): &(&String, &Value)| is_kept(object) && !ids.contains(id);
        let kept = observed.objects.iter().find(left).map(|(id, _)| id.clone());
        let meddling = if kept.is_some() { Meddling::GiveUpKept } else { Meddling::ANY[self.any(Meddling::ANY.len())] };
        let object = kept.unwrap_or_else(|| ids[one].clone());
        let words = meddling.words();
        self.meddling = Some(if meddling.is_about_one() { format!("{words}, {object}") } else { words.to_owned() });
        match meddling {
            Meddling::DeleteOne => {
                self.delete(&object).await;
                self.request_if_unseen(&object).await;
            }
            Meddling::DeleteAll => {
                for id in &ids {
                    self.delete(id).await;
                }
                self.request().await;
            }
            Meddling::Edit => {
                self.edit(&object, &json!({"metadata": {"labels": {LABEL_MANAGED_BY: "somebody-else"}}})).await;
                self.request_if_unseen(&object).await;
            }
            Meddling::AskToKeep => {
                self.edit(&object, &json!({"metadata": {"annotations": {ANNOTATION_PRUNE: PRUNE_DISABLED}}})).await;
            }
            Meddling::TakeStatusAway => {
                let nothing = Patch::Merge(json!({"status": null}));
                self.stacks().patch_status(STACK, &PatchParams::default(), &nothing).await.unwrap();
                self.request().await;
            }
            Meddling::MakeStackAgain => self.make_again(&observed).await,
            Meddling::GiveUpKept => {
                self.edit(&object, &json!({"metadata": {"annotations": {ANNOTATION_PRUNE: null}}})).await;
                self.request().await;
            }
        }
        self.settle().await;
        assert!(self.declared, "{} after somebody {words}", self.catalogue.describe(&self.place));
        self.meddling = None;
        *self.tally.meddled.entry(words).or_default() += 1;
    }

    /// Secrets are not watched unless the operator is told to: what becomes of them is seen at the next pass.
    async fn request_if_unseen(&self, id: &str) {
        if id.starts_with("Secret/") {
            self.request().await;
        }
    }

    fn api(&self, id: &str) -> (Api<DynamicObject>, String) {
        let (kind, name) = id.split_once('/').unwrap();
        let kind = Kind::ALL.into_iter().find(|it| it.as_str() == kind).unwrap();
        (Api::namespaced_with(self.judge.client.clone(), &self.namespace, &kind.resource()), name.to_owned())
    }

    async fn delete(&self, id: &str) {
        let (api, name) = self.api(id);
        api.delete(&name, &DeleteParams::background()).await.unwrap();
    }

    async fn edit(&self, id: &str, patch: &Value) {
        let (api, name) = self.api(id);
        let by = PatchParams { field_manager: Some("somebody-else".to_owned()), ..PatchParams::default() };
        api.patch(&name, &by, &Patch::Merge(patch)).await.unwrap();
    }

    /// Deletes the stack, sees that its objects go and its claims stay, and makes it again.
    async fn make_again(&mut self, observed: &Observed) {
        let stack = observed.stack.metadata.uid.as_deref().unwrap();
        let goes = |object: &Value| {
            ["ownerReferences", "deletionTimestamp"].iter().any(|field| object["metadata"].get(field).is_some())
        };
        // Also of those that the document no longer has, and that were once to go with it.
        let retains = observed.stack.spec.volumes.reclaim == Reclaim::Retain;
        let outlives = |object: &Value| {
            if retains { object["metadata"].get("deletionTimestamp").is_none() } else { !goes(object) }
        };
        let stays: BTreeSet<(&String, &str)> = observed
            .objects
            .iter()
            .filter(|(id, object)| id.starts_with("PersistentVolumeClaim/") && outlives(object))
            .map(|(id, object)| (id, uid(object)))
            .collect();
        self.stacks().delete(STACK, &DeleteParams::default()).await.unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        let left = loop {
            let left = objects(&self.judge.client, &self.namespace, STACK, stack).await;
            if !left.values().any(goes) {
                break left;
            }
            assert!(Instant::now() < deadline, "of a stack that is gone there is still {:?}", left.keys());
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let left: BTreeSet<(&String, &str)> = left.iter().map(|(id, object)| (id, uid(object))).collect();
        let place = self.catalogue.describe(&self.place);
        assert_eq!(left, stays, "claims that were to outlive their stack: {place} in {}", self.namespace);
        self.standing.retain(|id, _| left.iter().any(|(stays, _)| *stays == id));
        self.uids.retain(|id, _| left.iter().any(|(stays, _)| *stays == id));
        let spec = self.catalogue.spec(&self.place);
        self.apply(&spec).await.unwrap();
    }
}
