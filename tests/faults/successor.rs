//! A write that a leader has sent, and that arrives when another leads.

use crate::harness::{Operator, cluster, wait_for};
use crate::proxy::Proxy;
use crate::stacks::{apply, converge, name};

#[test]
fn what_was_in_flight_changes_nothing_that_a_successor_decided() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("in-flight");
    let proxy = Proxy::before(cluster, &namespace);
    let stack = [name(1)];
    let mut first = Operator::start_with(&proxy.kubeconfig, &[&namespace], &["--leader-elect"]);
    apply(&namespace, cluster, &stack, 1);
    converge(&namespace, &stack, (1, &[]), 30, &mut || ());
    let mut second = Operator::start(cluster, &[&namespace], &["--leader-elect"]);

    // It has decided upon the second version, and stands still before the API server has heard of it.
    let late = &proxy.plan.late;
    let web = format!("{}web", stack[0]);
    *late.to.lock().unwrap() = Some(format!("/deployments/{web}"));
    apply(&namespace, cluster, &stack, 2);
    wait_for("the write to leave", 20, || late.has_left().then_some(()));
    first.signal("-STOP");
    // As if it had run out.
    cluster.ok(&["-n", "compose-operator", "delete", "lease", "compose-operator"]);
    let leads =
        |operator: &Operator| operator.get("/metrics").is_some_and(|it| it.contains("compose_operator_leader 1"));
    wait_for("the second to lead", 20, || leads(&second).then_some(()));
    apply(&namespace, cluster, &stack, 3);
    converge(&namespace, &stack, (3, &[]), 30, &mut || ());

    let decided = || namespace.get("deployment", &web).unwrap();
    let before = decided();
    late.may_arrive.send_replace(true);
    let answer = wait_for("the write to arrive", 10, || *late.answer.lock().unwrap());
    assert_eq!(answer, 409, "it names the state that it was decided upon");
    let after = decided();
    assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["image"], "web:3");
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
    first.kill();
    // Whoever is tested next does not have to wait for the lease.
    second.terminate();
}
