//! Random walks over what a ComposeStack can be: each step ends in the declared state or in a truthful error, and each
//! step back in the same objects (docs/reliability.md).
//!
//! `WALK_SEED` chooses the walk, `WALK_STEPS` says how long it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

#[path = "walks/catalogue.rs"]
mod catalogue;
#[path = "walks/changes.rs"]
mod changes;
#[path = "walks/fields.rs"]
mod fields;
mod golden_case;
mod harness;
#[path = "walks/interruptions.rs"]
mod interruptions;
#[path = "walks/judge.rs"]
mod judge;
#[path = "walks/kubelet.rs"]
mod kubelet;
#[path = "walks/meddling.rs"]
mod meddling;
#[path = "walks/observed.rs"]
mod observed;
#[path = "walks/walker.rs"]
mod walker;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use catalogue::{Catalogue, FILLED_IN};
use compose_operator::policy::Policy;
use compose_operator::translate::ATTRIBUTES;
use golden_case::row::promises;
use harness::{Namespace, Operator, cluster};
use interruptions::interrupt;
use judge::Judge;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, Config};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Value, json};
use walker::{Errand, Tally, Walker};

/// How many walks go on side by side.
const WALKS: usize = 4;
/// How many steps they take together unless told otherwise.
const STEPS: usize = 50;
/// How many steps are enough for every field and row.
const COVERING: usize = 1000;
const IMAGE: &str = "registry.example.com/compose-operator:1";
/// What the operator allows: what golden cases ask for, and not all.
const ALLOWED: [&str; 10] = [
    "--allow-privileged",
    "--allow-capability=*",
    "--allow-host-path=/data,/var/log,/etc/hosts",
    "--allow-host-namespaces",
    "--allow-host-ports",
    "--allow-load-balancers",
    "--allow-node-ports",
    "--allow-service-account=web",
    "--operator-image",
    IMAGE,
];

fn policy() -> Policy {
    Policy {
        host_path_prefixes: ["/data", "/var/log", "/etc/hosts"].map(str::to_owned).to_vec(),
        privileged: true,
        capabilities: vec!["*".to_owned()],
        host_namespaces: true,
        host_ports: true,
        load_balancers: true,
        node_ports: true,
        service_accounts: vec!["web".to_owned()],
        operator_image: Some(IMAGE.to_owned()),
        ..Policy::default()
    }
}

fn promised() -> BTreeSet<&'static str> {
    let rows = ATTRIBUTES.iter().filter(|(_, treatment)| promises(*treatment)).map(|(row, _)| *row);
    rows.filter(|row| !FILLED_IN.contains(row)).collect()
}

#[test]
fn every_field_has_a_change() {
    let all = fields::all();
    let set: BTreeSet<String> =
        changes::changes().iter().flat_map(|change| fields::set_by(&change.patch, &all)).collect();
    let open: Vec<&String> = all.difference(&set).collect();
    assert!(open.is_empty(), "no change of tests/walks/changes.rs sets {open:#?}");
}

#[test]
fn every_promised_row_can_be_taken_out() {
    let catalogue = Catalogue::read();
    let rows: BTreeSet<&str> =
        catalogue.documents.iter().flat_map(|document| document.without.keys().copied()).collect();
    let open: Vec<&str> = promised().into_iter().filter(|row| !rows.contains(row)).collect();
    assert!(open.is_empty(), "no golden case has {open:#?}");
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

fn random(seed: usize, part: usize) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(seed as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&(part as u64).to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// What each walk is to do: a document is one walk's, since what it has of the nodes can be had but once.
fn errands(catalogue: &Catalogue, rng: &mut TestRng) -> Vec<VecDeque<Errand>> {
    let mut errands: Vec<Vec<Errand>> = vec![Vec::new(); WALKS];
    let idlest = |errands: &[Vec<Errand>]| (0..WALKS).min_by_key(|walk| steps_of(&errands[*walk])).unwrap();
    let mut walks: BTreeMap<usize, usize> = BTreeMap::new();
    // Each row in one document, whichever has it: what is taken out of an error is not seen to go.
    for row in promised() {
        let having: Vec<usize> =
            (0..catalogue.documents.len()).filter(|it| catalogue.documents[*it].without.contains_key(row)).collect();
        let applicable: Vec<usize> = having.iter().copied().filter(|it| catalogue.documents[*it].applicable).collect();
        let documents = if applicable.is_empty() { having } else { applicable };
        let document = documents[usize::try_from(rng.next_u32()).unwrap() % documents.len()];
        let walk = *walks.entry(document).or_insert_with(|| idlest(&errands));
        errands[walk].push(Errand::Row(document, row));
    }
    for change in 0..catalogue.changes.len() {
        let walk = idlest(&errands);
        errands[walk].push(Errand::Change(change));
    }
    for of_walk in &mut errands {
        for last in (1..of_walk.len()).rev() {
            of_walk.swap(last, usize::try_from(rng.next_u32()).unwrap() % (last + 1));
        }
    }
    errands.into_iter().map(VecDeque::from).collect()
}

/// How many steps errands take at least: a row is taken out of the whole document.
fn steps_of(errands: &[Errand]) -> usize {
    errands.iter().map(|errand| if matches!(errand, Errand::Row(..)) { 2 } else { 1 }).sum()
}

/// What pods of golden cases need of the cluster.
const CLUSTER_INPUTS: [&str; 2] = [
    r#"{"apiVersion":"node.k8s.io/v1","kind":"RuntimeClass","metadata":{"name":"gvisor"},"handler":"gvisor"}"#,
    r#"{"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":"high"},"value":1000}"#,
];

/// Makes an object of the core's API in a namespace.
async fn create(client: &Client, namespace: &str, object: &Value) {
    let kind = object["kind"].as_str().unwrap();
    let resource = kube::core::ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    match api.create(&PostParams::default(), &serde_json::from_value(object.clone()).unwrap()).await {
        Ok(_) => {}
        // Several documents may refer to one.
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => panic!("{object}: {error}"),
    }
}

/// A namespace with all that walks refer to.
async fn furnish(client: &Client, namespace: &Namespace) {
    for object in changes::inputs() {
        create(client, &namespace.name, &object).await;
    }
    for account in ["web", "walk-deployer", "walk-nobody"] {
        create(client, &namespace.name, &catalogue::object("ServiceAccount", account, &json!({}))).await;
    }
    let account = format!("--serviceaccount={}:walk-deployer", namespace.name);
    namespace.ok(&["create", "rolebinding", "walk", "--clusterrole=compose-operator-deployer", &account]);
}

#[test]
fn walks_end_where_they_are_declared_to() {
    let Some(cluster) = cluster() else { return };
    let (seed, steps) = (number("WALK_SEED", 1), number("WALK_STEPS", STEPS));
    let again = format!(
        "WALK_SEED={seed} WALK_STEPS={steps} hack/with-cluster --control-plane-only -- cargo test --locked --test walks -- \
         --nocapture"
    );
    println!("WALK_SEED={seed} WALK_STEPS={steps}");
    cluster.install_optional_apis();
    for object in CLUSTER_INPUTS {
        cluster.ok_with(&["apply", "-f", "-"], object);
    }
    let empty = cluster.namespace("walk-empty");
    let grounds: Vec<Namespace> = (0..WALKS).map(|_| cluster.namespace("walk")).collect();
    let start = || Operator::start(cluster, &grounds.iter().collect::<Vec<_>>(), &ALLOWED);
    let operator = start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
        Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap())
            .unwrap()
    });
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "compose-operator");
    let key = runtime.block_on(secrets.get("compose-operator-hash-key")).unwrap().data.unwrap()["key"].0.clone();
    runtime.spawn(kubelet::play(client.clone(), grounds.iter().map(|ground| ground.name.clone()).collect()));

    let catalogue = Catalogue::read();
    let judge = Judge::new(client.clone(), key, policy(), empty.name.clone());
    let all_fields = fields::all();
    let errands = errands(&catalogue, &mut random(seed, WALKS));
    let (over, failed) = (AtomicBool::new(false), AtomicBool::new(false));
    let (tallies, (_operator, interruptions)) = std::thread::scope(|scope| {
        let interruptions = scope.spawn(|| interrupt(operator, start, random(seed, WALKS + 1), &over));
        let walks: Vec<_> = errands
            .into_iter()
            .zip(&grounds)
            .enumerate()
            .map(|(number, (errands, ground))| {
                let (runtime, catalogue, judge, all_fields) = (&runtime, &catalogue, &judge, &all_fields);
                let (failed, again) = (&failed, &again);
                let steps = steps / WALKS + usize::from(number < steps % WALKS);
                scope.spawn(move || {
                    runtime.block_on(furnish(&judge.client, ground));
                    let rng = random(seed, number);
                    let mut walker = Walker::new((catalogue, judge, all_fields), ground.name.clone(), rng, errands);
                    let walk = || runtime.block_on(walker.walk(steps, failed));
                    let end = std::panic::catch_unwind(AssertUnwindSafe(walk));
                    if end.is_err() {
                        eprintln!("the same walk again: {again}");
                    }
                    failed.fetch_or(end.is_err(), Ordering::Relaxed);
                    end.map(|()| walker.tally)
                })
            })
            .collect();
        let tallies: Vec<_> = walks.into_iter().map(|walk| walk.join().and_then(|end| end)).collect();
        over.store(true, Ordering::Relaxed);
        (tallies, interruptions.join().unwrap())
    });
    let tallies: Vec<Tally> = tallies.into_iter().map(Result::unwrap).collect();
    let left_out = report(&tallies, &interruptions, &catalogue, &all_fields);
    assert!(steps < COVERING || left_out == 0, "{left_out} fields and rows were not come to in {steps} steps");
}

/// Prints what the walks came to, and returns how many fields and rows they did not come to.
fn report(
    tallies: &[Tally],
    interruptions: &BTreeMap<&str, usize>,
    catalogue: &Catalogue,
    all_fields: &BTreeSet<String>,
) -> usize {
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, count) in tallies.iter().flat_map(|tally| &tally.met) {
        *met.entry(what).or_default() += count;
    }
    let fields: BTreeSet<&String> = tallies.iter().flat_map(|tally| &tally.fields).collect();
    let rows: BTreeSet<&str> = tallies.iter().flat_map(|tally| tally.rows.iter().copied()).collect();
    let documents: BTreeSet<usize> = tallies.iter().flat_map(|tally| tally.documents.iter().copied()).collect();
    println!(
        "{} transitions, {} of them back to a known state, over {} of {} documents, {} of {} fields and {} of {} promised \
         rows; they ended in {met:?}",
        tallies.iter().map(|tally| tally.transitions).sum::<usize>(),
        tallies.iter().map(|tally| tally.back).sum::<usize>(),
        documents.len(),
        catalogue.documents.len(),
        fields.len(),
        all_fields.len(),
        rows.len(),
        promised().len(),
    );
    let rows: Vec<&str> = promised().into_iter().filter(|row| !rows.contains(row)).collect();
    let fields: Vec<&String> = all_fields.iter().filter(|field| !fields.contains(field)).collect();
    let left_out = rows.len() + fields.len();
    if left_out < 40 {
        println!("not come to: {fields:?}, {rows:?}");
    }
    let mut meddled: BTreeMap<&str, usize> = BTreeMap::new();
    for (what, count) in tallies.iter().flat_map(|tally| &tally.meddled) {
        *meddled.entry(what).or_default() += count;
    }
    println!("between them somebody {meddled:?}; the operator was {interruptions:?}");
    left_out
}
