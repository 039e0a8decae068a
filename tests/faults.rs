//! Calls that fail, news that comes late or never, and an operator that is killed, at every point of a stack's life: what
//! was begun is brought to its end, once, and the status never says that it is there before it is (docs/reliability.md).
//!
//! Between the operator and the real API server is a proxy that knows of which stack each request and each event is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;
#[path = "faults/held_up.rs"]
mod held_up;
#[path = "walks/kubelet.rs"]
mod kubelet;
#[path = "faults/outage.rs"]
mod outage;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "faults/relay.rs"]
mod relay;
#[path = "faults/stacks.rs"]
mod stacks;
#[path = "faults/successor.rs"]
mod successor;
#[path = "faults/unwanted.rs"]
mod unwanted;
#[path = "faults/watches.rs"]
mod watches;

use std::collections::BTreeMap;

use harness::{Operator, cluster};
use proxy::{Fault, Proxy};
use stacks::{apply, campaign, children, compare, converge, name, ran_once, reference, stays, stride};

const FAULTS: [Fault; 7] = [
    Fault::Status(409),
    Fault::Status(410),
    Fault::Status(429),
    Fault::Status(500),
    Fault::Lost,
    Fault::Unanswered,
    Fault::Slow,
];

#[test]
fn a_call_that_fails_is_made_good_whichever_it_is() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("faults");
    let proxy = Proxy::before(cluster, &namespace);
    let _operator = Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let (calls, [one, two]) = reference(cluster, &namespace, &proxy.plan);
    let mut names = Vec::new();
    for fault in FAULTS {
        for at in (1..=calls).step_by(stride(7)) {
            let name = name(names.len() + 1);
            proxy.plan.faults.lock().unwrap().insert(name.clone(), (at, fault));
            names.push(name);
        }
    }
    apply(&namespace, cluster, &names, 1);
    converge(&namespace, &names, (1, &one), campaign(&names), &mut || ());
    let first = children(&namespace);
    apply(&namespace, cluster, &names, 2);
    converge(&namespace, &names, (2, &two), campaign(&names), &mut || ());
    compare(&namespace, &first, &names);
    ran_once(cluster, &namespace, proxy.mark, &names);
    stays(cluster, &namespace);
    let fired = proxy.plan.fired();
    for fault in FAULTS {
        let count = fired.iter().filter(|it| **it == fault).count();
        assert!(2 * count > calls / stride(7), "{fault:?} happened {count} times at {calls} calls");
    }
    println!(
        "{} faults in {} stacks at {calls} calls: 0 lost, 0 twice, 0 stuck, 0 untrue statuses",
        fired.len(),
        names.len()
    );
}

#[test]
fn an_operator_that_is_killed_at_a_call_goes_on_with_it() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("kills");
    let proxy = Proxy::before(cluster, &namespace);
    let start = || Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let mut operator = start();
    let (calls, [one, two]) = reference(cluster, &namespace, &proxy.plan);
    let mut names = Vec::new();
    let mut first = BTreeMap::new();
    let mut kills = 0;
    // Whoever waits for the answer to the call is killed, and another begins.
    let mut kill = || {
        if proxy.plan.fired().len() > kills {
            kills += 1;
            operator.kill();
            operator = start();
        }
    };
    for at in (1..=calls).step_by(stride(16)) {
        for fault in [Fault::KilledBefore, Fault::KilledAfter] {
            let stack = [name(names.len() + 1)];
            proxy.plan.faults.lock().unwrap().insert(stack[0].clone(), (at, fault));
            apply(&namespace, cluster, &stack, 1);
            converge(&namespace, &stack, (1, &one), 60, &mut kill);
            first.extend(children(&namespace).into_iter().filter(|(name, _)| *name == stack[0]));
            apply(&namespace, cluster, &stack, 2);
            converge(&namespace, &stack, (2, &two), 60, &mut kill);
            proxy.plan.faults.lock().unwrap().clear();
            kill();
            names.extend(stack);
        }
    }
    compare(&namespace, &first, &names);
    ran_once(cluster, &namespace, proxy.mark, &names);
    stays(cluster, &namespace);
    assert!(2 * kills > names.len(), "{kills} kills in {} stacks", names.len());
    println!("{kills} kills in {} stacks at {calls} calls: 0 lost, 0 twice, 0 stuck, 0 untrue statuses", names.len());
}
