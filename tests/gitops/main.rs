//! GitOps with the real tools: Argo CD keeps stacks as a git repository says, and nothing of ours gets in its way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod argocd;
#[path = "../harness/mod.rs"]
mod harness;
mod repository;
mod watch;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use argocd::ArgoCd;
use harness::{Namespace, Operator, cluster, read, wait_for};
use repository::Repository;
use serde_json::{Value, json};
use watch::{State, Watch};

/// Directory of the repository, which is the name of its Application too, and the stacks that are in it.
const APPLICATIONS: [(&str, &[&str]); 4] = [
    ("plain", &["flask-redis", "postgres"]),
    ("kustomize", &["notes"]),
    ("chart", &["chart"]),
    ("waves", &["earlier", "later"]),
];

/// For how long nothing may happen: a moment, or what `GITOPS_SECONDS_AT_REST` says.
fn at_rest() -> Duration {
    let seconds = std::env::var("GITOPS_SECONDS_AT_REST").map_or(45, |text| text.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}

#[test]
fn argocd_keeps_stacks_as_the_repository_says() {
    let Some(cluster) = cluster() else { return };
    let Some(mut argocd) = ArgoCd::start(cluster) else { return };
    let namespaces = APPLICATIONS.map(|(name, _)| cluster.namespace(name));
    let operator = Operator::start(cluster, &namespaces.each_ref(), &["--network-policy-enforced=yes"]);
    let repository = Repository::create(argocd.directory.join("repository"));
    repository.copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gitops/repository"));
    for example in ["flask-redis/stack.yaml", "postgres/stack-object.yaml"] {
        repository.write(&format!("plain/{}", example.replace('/', "-")), &read(&format!("examples/{example}")));
    }
    let commit = repository.commit("all stacks");

    let mut watch = Watch::start(cluster, argocd.directory.join("watch.json"));
    for ((name, _), namespace) in APPLICATIONS.iter().zip(&namespaces) {
        let path = if *name == "kustomize" { "kustomize/production" } else { name };
        argocd.application(name, &repository.url(), path, &namespace.name);
    }
    for (name, _) in APPLICATIONS {
        argocd.wait(name, &commit, "Healthy", 180);
    }
    for (name, states) in watch.states_since(0) {
        let position = |health| states.iter().position(|(_, seen)| seen == health);
        let (under_way, well) = (position("Progressing"), position("Healthy"));
        assert!(under_way.is_some() && under_way < well, "{name}: progressing before it is healthy: {states:?}");
        assert!(position("Degraded").is_none(), "{name}: a stack that comes up is not broken: {states:?}");
    }
    let [plain, kustomize, chart, waves] = &namespaces;
    keys_without_a_value_arrive(plain);
    the_overlay_is_what_runs(kustomize);
    the_later_wave_waited(waves);

    nothing_happens_at_rest(&mut argocd, &mut watch);

    a_chart_takes_parameters(&mut argocd, &commit, chart);
    what_somebody_changes_is_taken_back(&argocd, &mut watch, plain);
    let mut follow = Follow { argocd: &mut argocd, watch: &mut watch, repository: &repository };
    follow.a_mistake_is_degraded(plain);
    follow.a_suspended_stack_is_suspended(plain);
    follow.what_leaves_the_repository_is_removed(plain);
    deleting_an_application_keeps_the_data(cluster, &argocd, plain);
    drop(operator);
}

/// Argo CD's default apply drops keys without a value, such as a volume that has no options; the operator restores them.
fn keys_without_a_value_arrive(namespace: &Namespace) {
    let stack = namespace.get("composestack", "postgres").unwrap();
    assert_eq!(stack["spec"]["compose"]["volumes"], json!({}), "Argo CD's apply keeps such keys now: say so in DESIGN");
    assert!(namespace.get("pvc", "postgres-db-data").is_some());
    let pod = namespace.list("pods", "compose-operator.dev/stack=postgres").remove(0);
    let claims: Vec<&Value> = pod["spec"]["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| &volume["persistentVolumeClaim"]["claimName"])
        .filter(|claim| !claim.is_null())
        .collect();
    assert_eq!(claims, ["postgres-db-data"]);
}

fn the_overlay_is_what_runs(namespace: &Namespace) {
    let deployment = namespace.get("deployment", "app").unwrap();
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(environment(&deployment, "MODE"), "production");
}

fn environment(deployment: &Value, name: &str) -> String {
    let variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    let variable = variables.iter().find(|variable| variable["name"] == name).unwrap();
    variable["value"].as_str().unwrap().to_owned()
}

fn the_later_wave_waited(namespace: &Namespace) {
    let ready = |stack: &str| {
        let stack = namespace.get("composestack", stack).unwrap();
        let conditions = stack["status"]["conditions"].as_array().unwrap().clone();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap();
        assert_eq!(ready["status"], "True");
        ready["lastTransitionTime"].as_str().unwrap().to_owned()
    };
    let created = |stack: &str| {
        let stack = namespace.get("composestack", stack).unwrap();
        stack["metadata"]["creationTimestamp"].as_str().unwrap().to_owned()
    };
    assert!(created("earlier") < ready("earlier"), "it took a while");
    assert!(ready("earlier") <= created("later"), "{} {}", ready("earlier"), created("later"));
}

/// No Application is ever out of sync, none is synced again, and each was compared several times.
fn nothing_happens_at_rest(argocd: &mut ArgoCd, watch: &mut Watch) {
    let seen = |argocd: &ArgoCd| {
        APPLICATIONS.map(|(name, _)| {
            let status = argocd.get(name).unwrap()["status"].take();
            (status["reconciledAt"].clone(), status["operationState"]["startedAt"].clone())
        })
    };
    let before = seen(argocd);
    let mark = watch.mark();
    let end = Instant::now() + at_rest();
    while Instant::now() < end {
        std::thread::sleep(Duration::from_secs(10));
        argocd.alive();
        // By itself it compares every two to three minutes.
        for (name, _) in APPLICATIONS {
            argocd.refresh(name);
        }
    }
    std::thread::sleep(Duration::from_secs(5));
    let states = watch.states_since(mark);
    let expected = ("Synced".to_owned(), "Healthy".to_owned());
    let out_of_sync: usize = states.values().flatten().filter(|(sync, _)| sync != "Synced").count();
    println!("{} s at rest: {out_of_sync} transitions to OutOfSync; seen: {states:?}", at_rest().as_secs());
    assert!(states.values().flatten().all(|state| *state == expected), "{states:?}");
    for ((before, after), (name, _)) in before.into_iter().zip(seen(argocd)).zip(APPLICATIONS) {
        assert_ne!(before.0, after.0, "{name} was not compared meanwhile");
        assert_eq!(before.1, after.1, "{name} was synced again");
    }
}

/// A value of the chart that the Application sets.
fn a_chart_takes_parameters(argocd: &mut ArgoCd, commit: &str, namespace: &Namespace) {
    assert_eq!(environment(&namespace.get("deployment", "app").unwrap(), "GREETING"), "hello");
    argocd.set_parameter("chart", "greeting", "good evening");
    wait_for("the other greeting", 60, || {
        (environment(&namespace.get("deployment", "app")?, "GREETING") == "good evening").then_some(())
    });
    argocd.wait("chart", commit, "Healthy", 60);
}

/// Argo CD repairs the stack, the operator what the stack consists of.
fn what_somebody_changes_is_taken_back(argocd: &ArgoCd, watch: &mut Watch, namespace: &Namespace) {
    let patch = |spec: &Value| {
        let patch = json!({"spec": spec}).to_string();
        namespace.ok(&["patch", "composestack", "flask-redis", "--type=merge", "--patch", &patch]);
    };
    let health = |wanted: &str| {
        wait_for(&format!("plain to be synced and {wanted}"), 60, || {
            let status = argocd.get("plain")?["status"].take();
            (status["sync"]["status"] == "Synced" && status["health"]["status"] == wanted).then_some(())
        });
    };
    patch(&json!({"composeFile": "services: {web: {image: busybox}}"}));
    wait_for("Argo CD to take the change back", 60, || {
        let stack = namespace.get("composestack", "flask-redis")?;
        stack["spec"]["composeFile"].as_str()?.contains("redis:alpine").then_some(())
    });
    health("Healthy");
    // A field that the manifest does not name is nobody's: Argo CD's three-way merge leaves it.
    patch(&json!({"suspend": true}));
    health("Suspended");
    patch(&json!({"suspend": false}));
    health("Healthy");

    // What the operator repairs is not Argo CD's: it sees no difference.
    let mark = watch.mark();
    let before = namespace.get("service", "redis").unwrap()["metadata"]["uid"].clone();
    namespace.ok(&["delete", "service", "redis"]);
    wait_for("the operator to make the Service again", 30, || {
        (namespace.get("service", "redis")?["metadata"]["uid"] != before).then_some(())
    });
    let states = watch.states_since(mark).remove("plain").unwrap_or_default();
    assert!(states.iter().all(|(sync, _)| sync == "Synced"), "{states:?}");
}

/// What an Application does when its repository changes.
struct Follow<'a> {
    argocd: &'a mut ArgoCd,
    watch: &'a mut Watch,
    repository: &'a Repository,
}

impl Follow<'_> {
    /// Commits, and waits for the Application `plain` to be as the commit says, with this health. Returns the states on the way.
    fn commit(&mut self, what: &str, health: &str) -> Vec<State> {
        let mark = self.watch.mark();
        let commit = self.repository.commit(what);
        self.argocd.refresh("plain");
        self.argocd.wait("plain", &commit, health, 90);
        self.watch.states_since(mark).remove("plain").unwrap()
    }

    fn a_mistake_is_degraded(&mut self, namespace: &Namespace) {
        let file = "plain/flask-redis-stack.yaml";
        let right = read("examples/flask-redis/stack.yaml");
        let wrong = right.replace("image: \"redis:alpine\"", "imgae: \"redis:alpine\"");
        assert_ne!(right, wrong);
        self.repository.write(file, &wrong);
        self.commit("a mistake", "Degraded");
        assert!(namespace.get("deployment", "redis").is_some(), "what runs is left alone");
        self.repository.write(file, &right);
        self.commit("the mistake is corrected", "Healthy");
    }

    fn a_suspended_stack_is_suspended(&mut self, namespace: &Namespace) {
        let file = "plain/flask-redis-stack.yaml";
        let stack = read("examples/flask-redis/stack.yaml");
        self.repository.write(file, &stack.replace("spec:\n", "spec:\n  suspend: true\n"));
        self.commit("no more changes tonight", "Suspended");
        assert!(namespace.get("deployment", "web").is_some());
        self.repository.write(file, &stack);
        self.commit("go on", "Healthy");
    }

    fn what_leaves_the_repository_is_removed(&mut self, namespace: &Namespace) {
        self.repository.remove("plain/flask-redis-stack.yaml");
        self.commit("no counter any more", "Healthy");
        assert!(namespace.get("composestack", "flask-redis").is_none());
        wait_for("the stack's objects to be gone", 60, || namespace.children("flask-redis").is_empty().then_some(()));
        assert!(namespace.get("composestack", "postgres").is_some());
    }
}

fn deleting_an_application_keeps_the_data(cluster: &harness::Cluster, argocd: &ArgoCd, namespace: &Namespace) {
    let claim = namespace.get("pvc", "postgres-db-data").unwrap()["metadata"]["uid"].clone();
    cluster.ok(&["-n", argocd::NAMESPACE, "delete", "applications.argoproj.io", "plain", "--timeout=60s"]);
    assert!(argocd.get("plain").is_none());
    assert!(namespace.get("composestack", "postgres").is_none());
    let claims = BTreeSet::from(["PersistentVolumeClaim/postgres-db-data".to_owned()]);
    wait_for("all but the claim to be gone", 60, || (namespace.children("postgres") == claims).then_some(()));
    let left = namespace.get("pvc", "postgres-db-data").unwrap();
    assert_eq!(left["metadata"]["uid"], claim);
    assert!(left["metadata"]["deletionTimestamp"].is_null());
}
