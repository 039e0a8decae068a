//! One stack whose requests come to nothing, beside another.

use std::sync::atomic::Ordering;

use crate::harness::{Operator, cluster, wait_for};
use crate::proxy::Proxy;
use crate::stacks::{apply, children, compare, converge, name, ran_once, stays};

/// The only place there is for passes is the hanging one's again and again, and each time only for as long as a pass may
/// take.
#[test]
fn a_stack_that_hangs_says_so_and_does_not_hold_up_another() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("held-up");
    let proxy = Proxy::before(cluster, &namespace);
    let args = ["--concurrency", "1", "--reconcile-timeout", "5"];
    let mut operator = Operator::start_with(&proxy.kubeconfig, &[&namespace], &args);
    let [other, hanging] = [0, 1].map(name);
    let plan = &proxy.plan;
    plan.held_up.send_replace(Some(hanging.clone()));
    apply(&namespace, cluster, std::slice::from_ref(&hanging), 1);
    let says_so = || {
        let (_, reason, message) = namespace.condition(&hanging, "Ready").filter(|it| it.0 == "False")?;
        assert_eq!(reason, "ApplyFailed", "{message}");
        message.starts_with("not done after 4.5 s").then_some(())
    };
    wait_for("the status to say what takes too long", 30, says_so);
    assert!(!children(&namespace).contains_key(&hanging));

    apply(&namespace, cluster, std::slice::from_ref(&other), 1);
    converge(&namespace, std::slice::from_ref(&other), (1, &[]), 60, &mut || ());
    let service = format!("{other}web");
    namespace.ok(&["delete", "service", &service]);
    wait_for("the repair", 30, || namespace.get("service", &service));
    // It was tried again meanwhile.
    assert!(plan.waiting.load(Ordering::Relaxed) > 1);
    assert_eq!(says_so(), Some(()));
    let metrics = operator.get("/metrics").unwrap();
    assert!(metrics.contains("compose_operator_reconcile_errors_total{category=\"timeout\"}"), "{metrics}");

    plan.held_up.send_replace(None);
    let stacks = [other, hanging];
    converge(&namespace, &stacks, (1, &[]), 75, &mut || ());
    compare(&namespace, &children(&namespace), &stacks);
    ran_once(cluster, &namespace, proxy.mark, &stacks);
    stays(cluster, &namespace);
    let (_, well) = operator.terminate();
    assert!(well, "{}", operator.log());
}
