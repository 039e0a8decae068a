//! One walk: a stack that is changed step by step, and looked at after each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use compose_operator::api::ComposeStack;
use compose_operator::api::names::{ANNOTATION_RECONCILE_REQUESTED, COMPONENT_SEED, LABEL_COMPONENT};
use compose_operator::apply::Kind;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use proptest::prelude::Rng;
use proptest::test_runner::TestRng;
use serde_json::{Value, json};

use crate::catalogue::{Catalogue, Place};
use crate::changes::Leads;
use crate::fields;
use crate::judge::{Declared, Judge, Judgement};
use crate::observed::{Observed, aligned, differences, is_kept, of_any_stack, uid, used, without_hash, without_story};

/// The stack's name.
pub const STACK: &str = "shop";
/// How long a step may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// After how many errands one is tried again that came to nothing.
const SOON: usize = 8;
/// In how many of a hundred steps somebody meddles with what is there.
const MEDDLING: u32 = 25;
/// How long nothing has to change for a stack to be at rest.
const REST: Duration = Duration::from_millis(500);

/// What is still to be done.
#[derive(Clone, Copy, Debug)]
pub enum Errand {
    /// Take a row out of a document.
    Row(usize, &'static str),
    /// Make a change.
    Change(usize),
}

/// What walks came to.
#[derive(Default)]
pub struct Tally {
    pub transitions: usize,
    /// How often a place was come back to.
    pub back: usize,
    /// How often each kind of meddling was made good.
    pub meddled: BTreeMap<&'static str, usize>,
    pub fields: BTreeSet<String>,
    pub rows: BTreeSet<&'static str>,
    pub documents: BTreeSet<usize>,
    /// How often each reason was met.
    pub met: BTreeMap<String, usize>,
}

/// A declared state as it was.
pub struct Known {
    /// What it depended on beside the spec.
    given: Value,
    /// Which of the stacks of this name it was.
    stack: String,
    pub objects: BTreeMap<String, Value>,
}

pub struct Walker<'a> {
    pub catalogue: &'a Catalogue,
    pub judge: &'a Judge,
    pub namespace: String,
    pub rng: TestRng,
    pub errands: VecDeque<Errand>,
    pub all_fields: &'a BTreeSet<String>,
    pub tally: Tally,
    pub place: Place,
    /// Whether the last step ended in the declared state.
    pub declared: bool,
    trail: Vec<Place>,
    /// What each declared state was the first time.
    pub known: BTreeMap<Place, Known>,
    /// What there is.
    pub standing: BTreeMap<String, Value>,
    pub uids: BTreeMap<String, String>,
    /// What somebody did since the last step, in words, while it is not made good.
    pub meddling: Option<String>,
    inputs: BTreeSet<usize>,
}

impl<'a> Walker<'a> {
    pub fn new(
        (catalogue, judge, all_fields): (&'a Catalogue, &'a Judge, &'a BTreeSet<String>),
        namespace: String,
        rng: TestRng,
        errands: VecDeque<Errand>,
    ) -> Self {
        Self {
            catalogue,
            judge,
            namespace,
            rng,
            errands,
            all_fields,
            tally: Tally::default(),
            place: Place::default(),
            declared: false,
            trail: Vec::new(),
            known: BTreeMap::new(),
            standing: BTreeMap::new(),
            uids: BTreeMap::new(),
            meddling: None,
            inputs: BTreeSet::new(),
        }
    }

    /// Takes so many steps, fewer when another walk has failed.
    pub async fn walk(&mut self, steps: usize, failed: &AtomicBool) {
        self.go(Place::default()).await;
        self.tally = Tally::default();
        for _ in 0..steps {
            if failed.load(Ordering::Relaxed) {
                return;
            }
            if self.declared && self.chance(MEDDLING) {
                self.meddle().await;
            }
            let next = self.next();
            self.go(next).await;
        }
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }

    pub fn any(&mut self, count: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap() % count
    }

    /// The place of the next step.
    fn next(&mut self) -> Place {
        let errand = *self.errands.front().expect("there is nothing to do");
        let is_error = matches!(errand, Errand::Change(change) if self.catalogue.changes[change].leads.is_wrong());
        // What an error leaves alone is only worth a look where all was well.
        let back = if self.declared { self.chance(10) } else { is_error || self.chance(50) };
        if back && let Some(last) = self.trail.len().checked_sub(1) {
            let at = if self.chance(60) { last } else { self.any(last + 1) };
            if self.trail[at] != self.place {
                return self.trail[at].clone();
            }
        }
        if let Errand::Row(document, _) = errand {
            let whole = Place { document, ..Place::default() };
            if self.place != whole {
                return whole;
            }
        }
        // What is done is done again once all is done. What comes of taking a row out of a document that could not be made
        // is no news: it is tried again before long.
        let done = self.errands.pop_front().expect("there is nothing to do");
        let again = if matches!(errand, Errand::Row(..)) && !self.known.contains_key(&self.place) {
            SOON.min(self.errands.len())
        } else {
            self.errands.len()
        };
        self.errands.insert(again, done);
        match errand {
            Errand::Row(document, row) => Place { document, without: Some(row), ..Place::default() },
            Errand::Change(change) => {
                // Elsewhere than in the base, a change may have nothing to change.
                let stays = self.declared && (is_error || self.place.document == 0 || self.chance(30));
                let mut next = if stays { self.place.clone() } else { Place::default() };
                if next.changes.len() > 2 {
                    next = Place::default();
                }
                next.changes.insert(self.catalogue.changes[change].group, change);
                next
            }
        }
    }

    /// Goes to a place, and sees that it is reached.
    async fn go(&mut self, to: Place) {
        let from = self.place.clone();
        let spec = self.catalogue.spec(&to);
        self.tally.transitions += 1;
        self.tally.fields.extend(fields::set_by(&spec, self.all_fields));
        self.provide(to.document).await;
        let applied = self.apply(&spec).await;
        let refusal =
            self.leads(&to).find_map(|leads| if let Leads::ToRefusal(says) = leads { Some(says) } else { None });
        match (applied, refusal) {
            (Ok(_), None) => {}
            (Err(error), Some(says)) if error.to_string().contains(says) => {
                self.count("refused by the API server");
                return;
            }
            (applied, _) => self.fail(&to, &format!("the API server was to say {refusal:?}: {applied:?}")),
        }
        self.place.clone_from(&to);
        self.settle().await;
        // Some rows cannot be taken out without an error, which has been seen to tell of it then.
        if from.document == to.document && from.changes == to.changes && self.known.contains_key(&from) {
            self.tally.rows.extend(from.without.xor(to.without));
        }
        if self.declared {
            self.tally.documents.insert(to.document);
            self.trail.push(to);
        }
    }

    /// Sends the stack with a spec.
    pub async fn apply(&self, spec: &Value) -> kube::Result<ComposeStack> {
        let stack = json!({
            "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": {"name": STACK},
            "spec": spec,
        });
        self.stacks().patch(STACK, &PatchParams::apply("walk").force(), &Patch::Apply(&stack)).await
    }

    pub fn stacks(&self) -> Api<ComposeStack> {
        Api::namespaced(self.judge.client.clone(), &self.namespace)
    }

    /// Asks the operator to look at the stack at once.
    pub async fn request(&self) {
        let now = format!("{:?}", std::time::SystemTime::now());
        let patch = json!({"metadata": {"annotations": {ANNOTATION_RECONCILE_REQUESTED: now}}});
        self.stacks().patch(STACK, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Waits until what is there is what the place declares, or the status says why not.
    pub async fn settle(&mut self) {
        let was_declared = std::mem::take(&mut self.declared);
        let to = self.place.clone();
        let deadline = Instant::now() + PATIENCE;
        let mut wrong = "nothing was said".to_owned();
        loop {
            let Some(observed) = self.at_rest(deadline).await else { self.fail(&to, &wrong) };
            match self.check(&to, was_declared, &observed).await {
                Ok(()) => break,
                Err(message) => wrong = message,
            }
            tokio::time::sleep(REST).await;
        }
    }

    fn leads(&self, place: &Place) -> impl Iterator<Item = Leads> {
        place.changes.values().map(|change| self.catalogue.changes[*change].leads).collect::<Vec<_>>().into_iter()
    }

    fn count(&mut self, what: &str) {
        *self.tally.met.entry(what.to_owned()).or_default() += 1;
    }

    fn fail(&self, place: &Place, wrong: &str) -> ! {
        panic!(
            "{} of {}, step {}: {}\nafter {}{}\n{wrong}\nthe spec:\n{}",
            STACK,
            self.namespace,
            self.tally.transitions,
            self.catalogue.describe(place),
            self.trail.last().map_or_else(String::new, |from| self.catalogue.describe(from)),
            self.meddling.as_ref().map_or_else(String::new, |what| format!(", and after somebody {what}")),
            serde_json::to_string_pretty(&self.catalogue.spec(place)).unwrap(),
        )
    }

    /// Makes what a document refers to.
    async fn provide(&mut self, document: usize) {
        if self.inputs.insert(document) {
            for object in &self.catalogue.documents[document].inputs {
                crate::create(&self.judge.client, &self.namespace, object).await;
            }
        }
    }

    /// What there is once the operator has spoken about this generation, and nothing changes any more; none if that
    /// takes too long.
    async fn at_rest(&self, deadline: Instant) -> Option<Observed> {
        let mut last = None;
        while Instant::now() < deadline {
            let observed = Observed::of(&self.judge.client, &self.namespace, STACK).await;
            let versions = observed.versions();
            if observed.condition("Ready").is_some() && last.as_ref() == Some(&versions) {
                return Some(observed);
            }
            last = Some(versions);
            tokio::time::sleep(REST).await;
        }
        None
    }

    /// Whether a stack at rest is where it is to be.
    async fn check(&mut self, to: &Place, was_declared: bool, observed: &Observed) -> Result<(), String> {
        let (ready, reason, message) = observed.condition("Ready").ok_or("no condition")?;
        let now = observed.normal();
        match self.judge.judge(observed).await {
            Judgement::Refused { reason: wanted, says } => {
                if reason != wanted {
                    return Err(format!("{wanted} was expected, not {reason}: {message}"));
                }
                if let Some(missing) = says.iter().find(|words| !message.contains(*words)) {
                    return Err(format!("{missing:?} is missing in {message:?}"));
                }
                if let Some((reason, says)) = self
                    .leads(to)
                    .find_map(|it| if let Leads::ToError(reason, says) = it { Some((reason, says)) } else { None })
                    && was_declared
                    && (wanted != reason || !message.contains(says))
                    && wanted != "Suspended"
                {
                    return Err(format!("{reason} with {says:?} was expected, not {wanted}: {message}"));
                }
                same(&now, &self.standing, "what ran was to be left alone")?;
                self.same_uids(observed, now.keys())?;
                self.count(wanted);
            }
            Judgement::Held { says } => {
                if ready == "True" {
                    return Err(format!("{says:?} cannot be as declared, and it says that it is ready"));
                }
                if let Some(missing) = says.iter().find(|words| !message.contains(*words)) {
                    return Err(format!("{missing:?} is missing in {message:?}"));
                }
                self.stand(observed, now);
                self.count(&format!("held: {reason}"));
            }
            Judgement::Declared(declared) => {
                if self.leads(to).any(|leads| matches!(leads, Leads::ToError(..))) && was_declared {
                    return Err("an error was expected".to_owned());
                }
                if ready != "True" && port_is_held(message, observed) {
                    self.stand(observed, now);
                    self.count("held: a node port");
                    return Ok(());
                }
                if ready != "True" {
                    return Err(format!("not ready: {reason}: {message}"));
                }
                let Declared { objects: declared, given } = declared;
                let found = self.found(to, observed, &declared)?;
                self.spare(observed, &declared).await?;
                self.compare(to, given, uid_of(observed), found)?;
                self.stand(observed, now);
                self.declared = true;
                self.count("declared");
                self.clean(observed, &declared).await;
            }
        }
        Ok(())
    }

    fn stand(&mut self, observed: &Observed, now: BTreeMap<String, Value>) {
        self.uids = observed.objects.iter().map(|(id, object)| (id.clone(), uid(object).to_owned())).collect();
        self.standing = now;
    }

    fn same_uids<'b>(&self, observed: &Observed, ids: impl Iterator<Item = &'b String>) -> Result<(), String> {
        let anew: Vec<&String> =
            ids.filter(|id| self.uids.get(*id).is_some_and(|was| was != uid(&observed.objects[*id]))).collect();
        if anew.is_empty() { Ok(()) } else { Err(format!("made anew: {anew:?}")) }
    }

    /// The declared objects as they are, each as it is declared.
    fn found(
        &self,
        to: &Place,
        observed: &Observed,
        declared: &BTreeMap<String, (Value, Value)>,
    ) -> Result<BTreeMap<String, Value>, String> {
        let mut now = observed.normal();
        let mut found = BTreeMap::new();
        let mut wrong = Vec::new();
        for (id, (object, completed)) in declared {
            let Some(live) = now.remove(id) else {
                wrong.push(format!("{id} is missing"));
                continue;
            };
            let (mut live, mut completed) = (aligned(live, object), aligned(completed.clone(), object));
            // What has been done is not done again for how it might have been tried.
            if is_done(&observed.objects[id]) {
                for job in [&mut live, &mut completed] {
                    *job = json!({"kind": job["kind"], "template": job["spec"]["template"]});
                }
            }
            differences(id, &without_hash(live.clone()), &without_hash(completed), &mut wrong);
            found.insert(id.clone(), live);
        }
        if wrong.is_empty() {
            Ok(found)
        } else {
            Err(format!("{} is not there:\n{}", self.catalogue.describe(to), wrong.join("\n")))
        }
    }

    /// What there is beyond what is declared: claims, what is kept by request, and what pods may still start with.
    async fn spare(&mut self, observed: &Observed, declared: &BTreeMap<String, (Value, Value)>) -> Result<(), String> {
        let spare: Vec<(&String, &Value)> =
            observed.objects.iter().filter(|(id, _)| !declared.contains_key(*id)).collect();
        let mut unused = Vec::new();
        let used = used(&self.judge.client, &self.namespace, STACK).await;
        for (id, object) in spare {
            let (kind, name) = id.split_once('/').unwrap();
            if is_kept(object) {
                continue;
            }
            if kind == Kind::PersistentVolumeClaim.as_str() || !observed.stack.spec.prune {
                // The Job that fills a volume is of no more use once it has.
                let is_done = object["metadata"]["labels"][LABEL_COMPONENT] == COMPONENT_SEED;
                if !is_done && self.uids.get(id).is_none_or(|was| was != uid(object)) {
                    return Err(format!("{id} is not declared, and was not there before"));
                }
            } else if !matches!(kind, "ConfigMap" | "Secret") {
                return Err(format!("{id} was to go"));
            } else if !used.contains(name) {
                unused.push(id);
            }
        }
        if unused.is_empty() {
            return Ok(());
        }
        // A pass that has nothing to send asks nobody whether they are in use; one that somebody asks for does.
        self.request().await;
        Err(format!("nothing uses {unused:?}"))
    }

    /// Compares a declared state with what it was the first time.
    fn compare(
        &mut self,
        to: &Place,
        given: Value,
        stack: String,
        found: BTreeMap<String, Value>,
    ) -> Result<(), String> {
        // How a claim was filled is its own story, which it keeps for as long as it is there.
        let found: BTreeMap<String, Value> =
            found.into_iter().map(|(id, object)| (id, without_story(object))).collect();
        match self.known.get(to) {
            Some(known) if known.given == given => {
                let anew = known.stack != stack;
                let same_stack = |objects: &BTreeMap<String, Value>| {
                    let one = |object: &Value| if anew { of_any_stack(object.clone()) } else { object.clone() };
                    objects.iter().map(|(id, object)| (id.clone(), one(object))).collect()
                };
                same(&same_stack(&found), &same_stack(&known.objects), "it is not what it was here before")?;
                self.tally.back += 1;
            }
            Some(_) => self.count("declared with other addresses"),
            None => {
                let base = Place::default();
                let changed = to.changes.values().next().filter(|_| to.changes.len() == 1 && to.document == 0);
                let base = self.known.get(&base).filter(|base| base.stack == stack);
                if let (Some(change), Some(base), None) = (changed, base, to.without) {
                    let leads = self.catalogue.changes[*change].leads;
                    if (leads == Leads::On) == (base.objects == found) {
                        return Err(format!("the change leads {leads:?}, and the objects say otherwise"));
                    }
                }
                self.known.insert(to.clone(), Known { given, stack, objects: found });
            }
        }
        Ok(())
    }

    /// Deletes claims that left the document, now and then, as people do.
    async fn clean(&mut self, observed: &Observed, declared: &BTreeMap<String, (Value, Value)>) {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.judge.client.clone(), &self.namespace);
        for (id, object) in observed.objects.iter().filter(|(id, _)| !declared.contains_key(*id)) {
            if object["kind"] == Kind::PersistentVolumeClaim.as_str() && self.chance(50) {
                let name = object["metadata"]["name"].as_str().unwrap();
                claims.delete(name, &DeleteParams::default()).await.unwrap();
                self.standing.remove(id);
            }
        }
    }
}

fn uid_of(observed: &Observed) -> String {
    observed.stack.metadata.uid.clone().unwrap()
}

/// Whether the API server gives no node port, though no Service of the stack has it: another walk has the port, or it was
/// freed and the API server, which looks for such ports every few minutes, does not know it yet.
fn port_is_held(message: &str, observed: &Observed) -> bool {
    let Some(port) = message
        .strip_suffix(": provided port is already allocated")
        .and_then(|rest| rest.rsplit_once("nodePort: Invalid value: "))
        .and_then(|(_, port)| port.parse::<u64>().ok())
    else {
        return false;
    };
    let ports = observed.objects.values().filter_map(|object| object.pointer("/spec/ports")?.as_array()).flatten();
    !ports.into_iter().any(|own| own["nodePort"].as_u64() == Some(port))
}

fn same(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>, what: &str) -> Result<(), String> {
    let mut found = Vec::new();
    differences("", &json!(a), &json!(b), &mut found);
    if found.is_empty() { Ok(()) } else { Err(format!("{what}:\n{}", found.join("\n"))) }
}

/// Whether a Job has succeeded.
fn is_done(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    object["kind"] == Kind::Job.as_str()
        && conditions.into_iter().flatten().any(|it| it["type"] == "Complete" && it["status"] == "True")
}
