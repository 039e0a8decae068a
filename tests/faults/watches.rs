//! News that comes late, or never, or to an operator that has just begun.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harness::{Operator, cluster, wait_for};
use crate::proxy::{Fault, Proxy, START};
use crate::relay::Turn;
use crate::stacks::{apply, campaign, children, compare, converge, name, ran_once, reference, stays, stride};

const TURNS: [Turn; 5] = [Turn::Held, Turn::Unseen, Turn::Cut, Turn::Gone, Turn::Slow];

/// How often whoever watches has to list anew: an event that was not seen is made good by nothing else.
const FORGOTTEN: Duration = Duration::from_secs(8);

#[test]
fn news_that_comes_late_or_never_is_made_good() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("news");
    let proxy = Proxy::before(cluster, &namespace);
    let _operator = Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let (_, [one, two]) = reference(cluster, &namespace, &proxy.plan);
    let news = &proxy.plan.news;
    let events = news.events(&name(0));
    let mut names = Vec::new();
    for turn in TURNS {
        for at in (1..=events).step_by(stride(8)) {
            let name = name(names.len() + 1);
            news.turns.lock().unwrap().insert(name.clone(), (at, turn));
            names.push(name);
        }
    }
    let mut last = Instant::now();
    let mut forget = || {
        if last.elapsed() > FORGOTTEN {
            last = Instant::now();
            news.forget();
        }
    };
    apply(&namespace, cluster, &names, 1);
    converge(&namespace, &names, (1, &one), campaign(&names), &mut forget);
    let first = children(&namespace);
    apply(&namespace, cluster, &names, 2);
    converge(&namespace, &names, (2, &two), campaign(&names), &mut forget);
    // What was held back to the end comes, and what was not seen is listed.
    std::thread::sleep(crate::relay::HELD);
    news.forget();
    std::thread::sleep(Duration::from_secs(3));
    compare(&namespace, &first, &names);
    ran_once(cluster, &namespace, proxy.mark, &names);
    stays(cluster, &namespace);
    let fired = news.fired();
    for turn in TURNS {
        let count = fired.iter().filter(|(it, _)| *it == turn).count();
        assert!(2 * count > events / stride(8), "{turn:?} happened {count} times at {events} events");
    }
    println!("{} turns of news in {} stacks at {events} events: 0 lost, 0 twice, 0 stuck", fired.len(), names.len());
}

#[test]
fn an_operator_that_begins_with_old_news_does_nothing_twice() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("old-news");
    let proxy = Proxy::before(cluster, &namespace);
    let start = || Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let mut operator = start();
    let (_, [one, two]) = reference(cluster, &namespace, &proxy.plan);
    let news = &proxy.plan.news;
    let events = news.events(&name(0));
    let mut names = Vec::new();
    let mut first = BTreeMap::new();
    let mut begun = 0;
    for at in (1..=events).step_by(stride(12)) {
        let stack = [name(names.len() + 1)];
        news.turns.lock().unwrap().insert(stack[0].clone(), (at, Turn::Held));
        // From the event on, the operator knows nothing; it goes on for a moment, and its successor begins where it was.
        let mut restart = || {
            let fired = news.fired();
            if fired.len() > begun {
                begun = fired.len();
                std::thread::sleep(Duration::from_secs(1));
                *proxy.plan.stale.lock().unwrap() = Some((fired[begun - 1].1 - 1, 0));
                operator.kill();
                operator = start();
                std::thread::sleep(Duration::from_secs(1));
                let (_, lists) = proxy.plan.stale.lock().unwrap().take().unwrap();
                assert!(lists > 10, "only {lists} lists were old");
                news.release();
            }
        };
        apply(&namespace, cluster, &stack, 1);
        converge(&namespace, &stack, (1, &one), 60, &mut restart);
        first.extend(children(&namespace).into_iter().filter(|(name, _)| *name == stack[0]));
        apply(&namespace, cluster, &stack, 2);
        converge(&namespace, &stack, (2, &two), 60, &mut restart);
        news.turns.lock().unwrap().clear();
        restart();
        names.extend(stack);
    }
    compare(&namespace, &first, &names);
    ran_once(cluster, &namespace, proxy.mark, &names);
    stays(cluster, &namespace);
    assert!(2 * begun > names.len(), "{begun} beginnings in {} stacks", names.len());
    println!(
        "{begun} operators began with old news in {} stacks at {events} events: 0 lost, 0 twice, 0 stuck",
        names.len()
    );
}

#[test]
fn an_operator_begins_whichever_of_its_first_calls_fails() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("beginnings");
    let proxy = Proxy::before(cluster, &namespace);
    let mut operator = Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    // A watch is no longer open than its first answer takes.
    std::thread::sleep(Duration::from_secs(1));
    let calls = proxy.plan.calls(START);
    let (_, objects) = reference(cluster, &namespace, &proxy.plan);
    let (mut ended, mut beginnings) = (0, 0);
    for fault in [Fault::Status(500), Fault::Status(410), Fault::Lost, Fault::Unanswered, Fault::Slow] {
        for at in (1..=calls).step_by(stride(18)) {
            operator.kill();
            // It has something to do: what changed while there was none.
            let version = 1 + beginnings % 2;
            apply(&namespace, cluster, &[name(0)], version);
            proxy.plan.counts.lock().unwrap().remove(START);
            proxy.plan.faults.lock().unwrap().insert(START.to_owned(), (at, fault));
            operator = wait_for("an operator that begins", 60, || {
                let begun = Operator::try_start(&proxy.kubeconfig, &[&namespace], &[]);
                // What ends is started again, as the kubelet does.
                ended += usize::from(begun.is_err());
                begun.ok()
            });
            let at = usize::try_from(version - 1).unwrap();
            converge(&namespace, &[name(0)], (version, &objects[at]), 60, &mut || ());
            proxy.plan.faults.lock().unwrap().clear();
            beginnings += 1;
        }
    }
    stays(cluster, &namespace);
    let fired = proxy.plan.fired().len();
    assert!(2 * fired > usize::try_from(beginnings).unwrap(), "{fired} faults in {beginnings} beginnings");
    println!("{beginnings} beginnings at {calls} calls, {fired} faults, {ended} operators that ended: 0 stuck");
}
