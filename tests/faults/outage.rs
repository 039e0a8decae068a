//! An API server that is gone for a while, slow, or refuses everything, every write, or whatever is to go on from before.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::harness::{Operator, cluster, wait_for};
use crate::proxy::{Proxy, Trouble};
use crate::stacks::{apply, children, compare, converge, name, ran_once, ready, reference, stays, stride};

const TROUBLES: [Trouble; 7] = [
    Trouble::Gone,
    Trouble::Slow(Duration::from_millis(700)),
    Trouble::Refusing(429),
    Trouble::Refusing(500),
    Trouble::Refusing(503),
    Trouble::Conflicting,
    Trouble::Forgetful,
];

/// How long an operator may take to make up for what it has missed. Its pauses grow with each failure, to a minute.
const RECOVERY: u64 = 75;

#[test]
fn an_api_server_in_trouble_is_waited_for() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("outage");
    let proxy = Proxy::before(cluster, &namespace);
    let mut operator = Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    reference(cluster, &namespace, &proxy.plan);
    let trouble_for = Duration::from_secs(60 / stride(12) as u64);
    // One changes, one loses an object, one is deleted, one is new.
    let [changes, loses, goes] = [1, 2, 3].map(name);
    let mut version = 1;
    let mut names = vec![changes.clone(), loses.clone()];
    for (number, trouble) in TROUBLES.into_iter().enumerate() {
        apply(&namespace, cluster, &[names.clone(), vec![goes.clone()]].concat(), version);
        converge(&namespace, &names, (version, &[]), RECOVERY, &mut || ());
        let met = proxy.plan.troubled.load(Ordering::Relaxed);
        proxy.plan.trouble.send_replace(Some(trouble));
        version = 3 - version;
        let new = name(10 + number);
        let old = names.clone();
        apply(&namespace, cluster, &[changes.clone(), loses.clone(), new.clone()], version);
        namespace.ok(&["delete", "service", &format!("{loses}web"), "--wait=false"]);
        namespace.ok(&["delete", "composestack", &goes, "--wait=false"]);
        let (began, all) = (Instant::now(), [changes.clone(), loses.clone(), new.clone()]);
        while began.elapsed() < trouble_for {
            // Whoever says so meanwhile is.
            ready(&namespace, &all, (version, &[]));
            std::thread::sleep(Duration::from_millis(300));
        }
        let answer = operator.get("/healthz").unwrap_or_default();
        assert!(answer.starts_with("HTTP/1.1 200"), "while it has {trouble:?} the operator is not well: {answer}");
        proxy.plan.trouble.send_replace(None);
        let over = Instant::now();
        names.push(new);
        converge(&namespace, &all, (version, &[]), RECOVERY, &mut || ());
        // What somebody deleted meanwhile is news that may come after the stack.
        let service = format!("{loses}web");
        wait_for("the deleted Service to be back", RECOVERY, || namespace.get("service", &service));
        let met = proxy.plan.troubled.load(Ordering::Relaxed) - met;
        assert!(met > 3, "only {met} requests met with {trouble:?}");
        println!(
            "{trouble:?} for {} s: {met} requests met with it, all was well {:.1} s after it",
            trouble_for.as_secs(),
            over.elapsed().as_secs_f64()
        );
        wait_for("the objects of a stack that is gone to go", RECOVERY, || {
            let left = children(&namespace).remove(&goes).map(|(objects, _)| objects).unwrap_or_default();
            left.iter().all(|object| object.starts_with("PersistentVolumeClaim/")).then_some(())
        });
        // All are to be of one version for the next trouble.
        apply(&namespace, cluster, &old, version);
    }
    converge(&namespace, &names, (version, &[]), RECOVERY, &mut || ());
    apply(&namespace, cluster, &[name(0)], version);
    converge(&namespace, &[name(0)], (version, &[]), RECOVERY, &mut || ());
    // Those that have been of both versions, as the one without trouble has.
    let now = children(&namespace);
    let stayed = [changes, loses];
    compare(&namespace, &now, &stayed);
    ran_once(cluster, &namespace, proxy.mark, &stayed);
    stays(cluster, &namespace);
    let (_, well) = operator.terminate();
    assert!(well, "{}", operator.log());
}
