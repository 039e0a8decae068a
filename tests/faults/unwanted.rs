//! A Secret that was made for a spec that is no longer there when the operator is.

use crate::harness::{Operator, cluster, wait_for};
use crate::proxy::Proxy;
use crate::stacks::{apply, converge, name};

#[test]
fn a_secret_of_a_killed_pass_goes_though_nobody_wants_it_any_more() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("unwanted");
    let proxy = Proxy::before(cluster, &namespace);
    let start = || Operator::start_with(&proxy.kubeconfig, &[&namespace], &[]);
    let mut operator = start();
    let secrets = |stack: &str| -> Vec<String> {
        let found = namespace.list("secrets", &format!("compose-operator.dev/stack={stack}"));
        found.iter().map(|secret| secret["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    // What the Secret of the first version is named is learned from another stack.
    apply(&namespace, cluster, &[name(0)], 1);
    converge(&namespace, &[name(0)], (1, &[]), 30, &mut || ());
    let stack = [name(1)];
    let first = secrets(&name(0))[0].replace(&name(0), &stack[0]);

    // The operator is killed when it has sent the Secret, and its spec changes before another begins.
    let late = &proxy.plan.late;
    *late.to.lock().unwrap() = Some(format!("/secrets/{first}"));
    apply(&namespace, cluster, &stack, 1);
    wait_for("the Secret to be sent", 20, || late.has_left().then_some(()));
    operator.signal("-STOP");
    late.may_arrive.send_replace(true);
    let answer = wait_for("the Secret to arrive", 10, || *late.answer.lock().unwrap());
    assert_eq!((answer, secrets(&stack[0])), (201, vec![first.clone()]));
    operator.kill();
    apply(&namespace, cluster, &stack, 2);
    let _operator = start();
    converge(&namespace, &stack, (2, &[]), 60, &mut || ());
    let left = wait_for("the Secret to go", 10, || {
        let left = secrets(&stack[0]);
        (!left.contains(&first)).then_some(left)
    });
    assert_eq!(left.len(), 1, "{left:?}");
    let status = namespace.get("composestack", &stack[0]).unwrap()["status"].to_string();
    assert!(!status.contains(&first), "{status}");
}
