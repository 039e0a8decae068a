//! Several operators, each of which acts for its own stacks: against a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use harness::{Cluster, Namespace, Operator, cluster, wait_for};

const STACKS: usize = 12;

fn stacks(image: &str) -> String {
    let stack = |number: usize| {
        format!(
            "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata: {{name: app{number}}}\n\
             spec:\n  composeFile: |\n    services: {{web{number}: {{image: {image}}}}}\n---\n"
        )
    };
    (0..STACKS).map(stack).collect()
}

/// For how many shards an operator acts.
fn held(operator: &Operator) -> Option<u16> {
    let text = operator.get("/metrics")?;
    text.lines().find_map(|line| line.strip_prefix("compose_operator_shards_held "))?.trim().parse().ok()
}

fn hold(operators: &[(&Operator, u16)], seconds: u64) {
    wait_for(&format!("the shards {:?}", operators.iter().map(|it| it.1).collect::<Vec<_>>()), seconds, || {
        operators.iter().all(|(operator, shards)| held(operator) == Some(*shards)).then_some(())
    });
}

/// How often which operator told that it had applied something of a stack: by stack and operator.
fn told(namespace: &Namespace) -> BTreeMap<(String, String), u64> {
    let mut told = BTreeMap::new();
    for event in namespace.list("events.events.k8s.io", "") {
        let text = |pointer: &str| event.pointer(pointer).and_then(|it| it.as_str()).unwrap_or_default().to_owned();
        if text("/reason") == "Applied" {
            let count = event.pointer("/series/count").and_then(serde_json::Value::as_u64).unwrap_or(1);
            *told.entry((text("/regarding/name"), text("/reportingInstance"))).or_default() += count;
        }
    }
    told
}

/// Changes all stacks, and returns which operator carried it out for which stack: one for each, and once.
fn change(cluster: &Cluster, namespace: &Namespace, image: &str) -> BTreeMap<String, String> {
    let (before, mark) = (told(namespace), cluster.audit_mark());
    namespace.apply(&stacks(image));
    wait_for(&format!("the image {image}"), 60, || {
        let deployments = namespace.list("deployments", "");
        let current = |it: &&serde_json::Value| it["spec"]["template"]["spec"]["containers"][0]["image"] == image;
        (deployments.iter().filter(current).count() == STACKS).then_some(())
    });
    at_rest(cluster);
    let mut actors = BTreeMap::new();
    for ((stack, operator), count) in told(namespace) {
        let more = count - before.get(&(stack.clone(), operator.clone())).copied().unwrap_or_default();
        if more > 0 {
            assert_eq!(more, 1, "{operator} applied {stack} more than once");
            let other = actors.insert(stack.clone(), operator);
            assert_eq!(other, None, "two operators acted for {stack}");
        }
    }
    assert_eq!(actors.len(), STACKS, "{actors:?}");
    let writes = cluster.operator_writes_since(mark);
    let deployments: Vec<&String> = writes.iter().filter(|write| write.contains("/deployments/")).collect();
    if cluster.audit_log.is_some() {
        assert_eq!(deployments.len(), STACKS, "{deployments:?}");
        assert!(writes.iter().all(|write| !write.ends_with(" 409")), "two wrote the same: {writes:?}");
    }
    actors
}

/// Waits until the operators have nothing to write any more.
fn at_rest(cluster: &Cluster) {
    wait_for("the stacks to settle", 30, || {
        let before = cluster.audit_mark();
        std::thread::sleep(Duration::from_secs(2));
        cluster.operator_writes_since(before).is_empty().then_some(())
    });
}

fn operators(actors: &BTreeMap<String, String>) -> BTreeSet<&str> {
    actors.values().map(String::as_str).collect()
}

// One test, for there is one set of Leases: what happens to the operators, one after the other.
#[test]
fn each_stack_is_reconciled_by_one_operator_whatever_happens_to_the_others() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("shards");
    let start =
        |shards: u16| Operator::start(cluster, &[&namespace], &["--leader-elect", &format!("--shards={shards}")]);
    let nothing_is_sent = |mark: u64, why: &str| {
        at_rest(cluster);
        assert_eq!(cluster.operator_writes_since(mark), Vec::<String>::new(), "{why}");
    };

    // A single operator acts for all shards, and gives the second one up.
    let mut first = start(2);
    hold(&[(&first, 2)], 40);
    change(cluster, &namespace, "web:1");
    let mark = cluster.audit_mark();
    let mut second = start(2);
    hold(&[(&first, 1), (&second, 1)], 20);
    nothing_is_sent(mark, "what is handed over is as it should be");
    let actors = change(cluster, &namespace, "web:2");
    assert_eq!(operators(&actors), BTreeSet::from([first.name.as_str(), second.name.as_str()]));
    assert_eq!(change(cluster, &namespace, "web:3"), actors, "a stack stays where it is");

    // One is killed while there is something to do: the other does it, when the Lease has run out.
    first.kill();
    let killed = Instant::now();
    let actors = change(cluster, &namespace, "web:4");
    assert_eq!(operators(&actors), BTreeSet::from([second.name.as_str()]));
    println!(
        "killed: the changes of all {STACKS} stacks were carried out, and all was at rest, after {:?}",
        killed.elapsed()
    );
    hold(&[(&second, 2)], 5);

    // One that comes back is given a shard.
    let mark = cluster.audit_mark();
    let mut third = start(2);
    hold(&[(&second, 1), (&third, 1)], 20);
    nothing_is_sent(mark, "the stacks are as they should be");

    // Operators with another number of shards wait for all of these to end.
    let mut fourth = start(3);
    std::thread::sleep(Duration::from_secs(6));
    hold(&[(&second, 1), (&third, 1), (&fourth, 0)], 1);
    let actors = change(cluster, &namespace, "web:5");
    assert_eq!(operators(&actors), BTreeSet::from([second.name.as_str(), third.name.as_str()]));
    let mark = cluster.audit_mark();
    assert!(second.terminate().1, "a well-behaved end");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(held(&fourth), Some(0), "one of them is left, which acts for stacks of every new shard");
    assert!(third.terminate().1, "a well-behaved end");
    let ended = Instant::now();
    hold(&[(&fourth, 3)], 20);
    println!("another number of shards: all of them were acted for after {:?}", ended.elapsed());
    nothing_is_sent(mark, "nothing is done twice");
    let actors = change(cluster, &namespace, "web:6");
    assert_eq!(operators(&actors), BTreeSet::from([fourth.name.as_str()]));
    for number in 0..STACKS {
        let stack = namespace.get("composestack", &format!("app{number}")).unwrap();
        let ready = stack["status"]["conditions"].as_array().unwrap().iter().find(|it| it["type"] == "Ready").unwrap();
        assert_eq!(ready["observedGeneration"], stack["metadata"]["generation"], "{ready}");
    }
    fourth.terminate();
}
