//! Several operators, of which one acts: against a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{Cluster, Namespace, Operator, cluster, wait_for};

fn stack(image: &str) -> String {
    format!(
        "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata: {{name: shop}}\n\
         spec:\n  composeFile: |\n    services: {{web: {{image: {image}}}}}\n"
    )
}

fn image(namespace: &Namespace) -> Option<String> {
    let deployment = namespace.get("deployment", "web")?;
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned)
}

fn leads(operator: &Operator) -> bool {
    operator.get("/metrics").is_some_and(|text| text.contains("compose_operator_leader 1"))
}

/// Applies a change and waits until it is carried out, by whoever leads.
fn change(namespace: &Namespace, to: &str, seconds: u64) -> Duration {
    let start = Instant::now();
    namespace.apply(&stack(to));
    wait_for(&format!("the image {to}"), seconds, || (image(namespace).as_deref() == Some(to)).then_some(()));
    start.elapsed()
}

/// A kubeconfig whose way to the API server can be cut: no byte passes any more, and no connection is closed.
struct Way {
    cut: Arc<AtomicBool>,
    kubeconfig: PathBuf,
}

impl Way {
    fn to(cluster: &Cluster) -> Self {
        let text = std::fs::read_to_string(&cluster.operator_kubeconfig).unwrap();
        let server = text.lines().find_map(|line| line.trim().strip_prefix("server: https://")).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let kubeconfig = std::env::temp_dir().join(format!("leadership-{}.kubeconfig", std::process::id()));
        std::fs::write(&kubeconfig, text.replace(&server, &here)).unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&cut);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&server) else { continue };
                for (from, to) in [(near.try_clone(), far.try_clone()), (far.try_clone(), near.try_clone())] {
                    let gate = Arc::clone(&gate);
                    std::thread::spawn(move || pump(from.unwrap(), to.unwrap(), &gate));
                }
            }
        });
        Self { cut, kubeconfig }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while cut.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

impl Drop for Way {
    fn drop(&mut self) {
        self.cut.store(false, Ordering::SeqCst);
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

// One test, for there is one Lease: what happens to the leader, one after the other.
#[test]
fn one_of_several_operators_acts_whatever_happens_to_it() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("leadership");
    let start = |kubeconfig: &Path| Operator::start_with(kubeconfig, &[&namespace], &["--leader-elect"]);
    let way = Way::to(cluster);
    let mut first = start(&way.kubeconfig);
    wait_for("the first to lead", 10, || leads(&first).then_some(()));
    let mut second = start(&cluster.operator_kubeconfig);
    change(&namespace, "web:1", 10);
    assert!(!leads(&second), "the second waits");

    // The way to the API server is cut: the leader ends by its own clock, and then the other begins.
    way.cut.store(true, Ordering::SeqCst);
    let cut = Instant::now();
    assert!(!first.wait(20), "a leader that lost the lease does not end well");
    let ended = cut.elapsed();
    assert!(ended < Duration::from_secs(15), "it took the leader {ended:?} to end");
    let took_over = change(&namespace, "web:2", 30);
    println!("cut off: the leader ended after {ended:?}; the change was carried out {took_over:?} later");
    drop(way);

    // The leader is paused for longer than its lease: it wakes up, and sends nothing any more.
    let mut third = start(&cluster.operator_kubeconfig);
    second.signal("-STOP");
    let took_over = change(&namespace, "web:3", 30);
    println!("paused: the change was carried out after {took_over:?}");
    wait_for("the stack to settle", 20, || {
        let before = cluster.audit_mark();
        std::thread::sleep(Duration::from_secs(2));
        cluster.operator_writes_since(before).is_empty().then_some(())
    });
    let mark = cluster.audit_mark();
    second.signal("-CONT");
    assert!(!second.wait(10), "a leader that lost the lease does not end well");
    assert_eq!(cluster.operator_writes_since(mark), Vec::<String>::new(), "nothing is sent after the pause");
    assert!(leads(&third) && image(&namespace).as_deref() == Some("web:3"));

    // The leader is asked to end: it frees the lease, and nobody has to wait for its end.
    let fourth = start(&cluster.operator_kubeconfig);
    let (_, well) = third.terminate();
    assert!(well);
    let asked = Instant::now();
    wait_for("the next to lead", 10, || leads(&fourth).then_some(()));
    let took_over = asked.elapsed();
    assert!(took_over < Duration::from_secs(5), "{took_over:?}");
    println!("asked to end: the next led after {took_over:?}");

    // The leader is killed: the lease runs out.
    let mut fifth = start(&cluster.operator_kubeconfig);
    drop(fourth);
    let took_over = change(&namespace, "web:4", 30);
    println!("killed: the change was carried out after {took_over:?}");
    assert!(leads(&fifth));
    fifth.terminate();
}
