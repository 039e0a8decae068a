//! The operator on a real node: what a program inside of a stack sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;
#[path = "node/names.rs"]
mod names;
#[path = "node/networks.rs"]
mod networks;
#[path = "node/pods.rs"]
mod pods;
#[path = "node/rollouts.rs"]
mod rollouts;
#[path = "node/secrets.rs"]
mod secrets;
#[path = "node/security.rs"]
mod security;
#[path = "node/seeding.rs"]
mod seeding;
#[path = "node/tutorial.rs"]
mod tutorial;
#[path = "node/workloads.rs"]
mod workloads;

use std::time::Duration;

use harness::inside::{inside, running_pod, try_inside};
use harness::{Namespace, Operator, cluster, not_run, read, wait_for};

/// The page of the Flask example, asked by a pod that stands for somebody outside of the stack.
fn page(namespace: &Namespace) -> Option<String> {
    let output = namespace.kubectl(&[
        "exec",
        "visitor",
        "--",
        "timeout",
        "3",
        "wget",
        "-q",
        "-O",
        "-",
        "http://web-published:5000/",
    ]);
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn visits(page: &str) -> Option<u32> {
    page.strip_prefix("visit ")?.split(',').next()?.parse().ok()
}

#[test]
fn the_flask_page_counts_its_visits_in_redis() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("flask");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.ok(&["run", "visitor", "--image=busybox", "--image-pull-policy=IfNotPresent", "--", "sleep", "3600"]);
    namespace.apply(&read("examples/flask-redis/stack.yaml"));
    namespace.wait_ready("flask-redis", 120);
    namespace.ok(&["wait", "--for=condition=Ready", "composestack/flask-redis", "--timeout=5s"]);
    namespace.ok(&["wait", "--for=condition=Ready", "pod/visitor", "--timeout=60s"]);
    let first = visits(&wait_for("the first page", 30, || page(&namespace))).unwrap();
    let second = visits(&page(&namespace).unwrap()).unwrap();
    assert_eq!(second, first + 1);

    let table = namespace.ok(&["get", "composestack", "flask-redis"]);
    assert!(table.contains("True") && table.contains("2/2"), "{table}");
    let stack = namespace.get("composestack", "flask-redis").unwrap();
    let ignored = stack["status"]["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|warning| warning["path"].as_str().unwrap().starts_with("services.web.volumes[0]"))
        .expect("the bind of the build context is reported");
    assert_eq!(ignored["level"], "Ignored");

    // A deleted Service and an edited replica count are back within 5 s, and the page goes on counting.
    namespace.ok(&["delete", "service", "redis"]);
    wait_for("the Service to be back", 5, || namespace.get("service", "redis"));
    namespace.ok(&["scale", "deployment", "web", "--replicas=0"]);
    wait_for("the replica count to be back", 5, || {
        namespace.get("deployment", "web").filter(|deployment| deployment["spec"]["replicas"] == 1)
    });
    let third = wait_for("the page after the repair", 60, || visits(&page(&namespace)?));
    assert!(third > second);
}

#[test]
fn postgres_keeps_its_rows_and_its_secret() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("postgres");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let example = read("examples/postgres-secret/stack.yaml");
    namespace.apply(&example);
    namespace.wait_ready("postgres-secret", 180);
    let sql = |statement: &str| {
        let command = format!(
            "PGPASSWORD=$(cat /run/secrets/db_password) psql -h 127.0.0.1 -U shop -d shop -tA -c \"{statement}\""
        );
        try_inside(&namespace, "db", &command)
    };
    // The example has no health check, so that ready means started.
    wait_for("the database to listen", 120, || (sql("SELECT 1").0 == 0).then_some(()));
    let (code, text) = sql("CREATE TABLE goods (name text); INSERT INTO goods VALUES ('lamp')");
    assert_eq!(code, 0, "{text}");

    assert_eq!(inside(&namespace, "db", "stat -L -c %a /run/secrets/db_password").trim(), "444");
    assert_eq!(inside(&namespace, "db", "cat /run/secrets/db_password").trim(), "correct-horse");
    let workloads = namespace.ok(&["get", "statefulsets,deployments,configmaps,services,pods,events", "-o", "yaml"]);
    assert!(!workloads.contains("correct-horse"));

    let pod = running_pod(&namespace, "db");
    namespace.ok(&["delete", "pod", &pod]);
    namespace.wait_ready("postgres-secret", 120);
    let kept = wait_for("the database after its pod was deleted", 60, || {
        let (code, text) = try_inside(
            &namespace,
            "db",
            "PGPASSWORD=correct-horse psql -h 127.0.0.1 -U shop -d shop -tA -c 'SELECT name FROM goods'",
        );
        (code == 0).then_some(text)
    });
    assert_eq!(kept.trim(), "lamp");

    let uid =
        |namespace: &Namespace| namespace.get("pvc", "postgres-secret-db-data").unwrap()["metadata"]["uid"].clone();
    let claim = uid(&namespace);
    namespace.ok(&["delete", "composestack", "postgres-secret"]);
    wait_for("only the claim to be left", 60, || {
        let left: Vec<String> = namespace.children("postgres-secret").into_iter().collect();
        (left == ["PersistentVolumeClaim/postgres-secret-db-data"]).then_some(())
    });
    namespace.apply(&example);
    namespace.wait_ready("postgres-secret", 120);
    assert_eq!(claim, uid(&namespace));
    assert_eq!(sql("SELECT name FROM goods").1.trim(), "lamp");
}

#[test]
fn limits_users_and_memory_file_systems_are_seen_inside() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("limits");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(
        r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: limits
spec:
  files:
    conf/app.ini: "colour = red\n"
  composeFile: |
    services:
      app:
        image: busybox
        command: ["sh", "-c", "echo $$GREETING > /scratch/greeting; exec sleep 3600"]
        user: "1000:1000"
        environment:
          GREETING: hello $$(id) world
        tmpfs:
          - /scratch:size=8m,mode=1777
        volumes:
          - ./conf:/etc/app:ro
        deploy:
          resources:
            limits:
              cpus: "0.25"
              memory: 48M
"#,
    );
    namespace.wait_ready("limits", 60);
    let memory = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
    assert_eq!(inside(&namespace, "app", memory).trim(), (48 * 1024 * 1024).to_string());
    let cpu = "cut -d' ' -f1 /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us";
    assert_eq!(inside(&namespace, "app", cpu).trim(), "25000");
    let size = inside(&namespace, "app", "df -k /scratch | tail -1 | awk '{print $2}'");
    assert_eq!(size.trim(), "8192");
    assert_eq!(inside(&namespace, "app", "stat -f -c %T /scratch").trim(), "tmpfs");
    assert_eq!(inside(&namespace, "app", "id -u; id -g").trim(), "1000\n1000");
    assert_eq!(inside(&namespace, "app", "cat /etc/app/app.ini").trim(), "colour = red");
    assert_eq!(inside(&namespace, "app", "cat /scratch/greeting").trim(), "hello $(id) world");
}

#[test]
fn the_swarm_stack_becomes_ready_and_rests_without_a_write() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("swarm");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&read("examples/swarm/stack.yaml"));
    namespace.wait_ready("swarm", 120);
    assert_eq!(namespace.list("pods", "compose-operator.dev/service=web").len(), 3);
    assert_eq!(inside(&namespace, "web", "cat /www/index.html").trim(), "served by a swarm");
    if cluster.audit_log.is_none() {
        not_run("this cluster's audit log is not known, so writes were not counted");
        return;
    }
    let quiet = |what: &str, mark: u64| {
        let writes = cluster.operator_writes_since(mark);
        assert!(writes.is_empty(), "{what}: {writes:#?}");
    };
    // The last event of the rollout may still be on its way.
    std::thread::sleep(Duration::from_secs(5));
    let mark = cluster.audit_mark();
    std::thread::sleep(Duration::from_mins(3));
    quiet("three minutes at rest", mark);
    // One write is due: the answer to the request, in the status.
    namespace.ok(&["annotate", "composestack", "swarm", "reconcile.compose-operator.dev/requestedAt=now"]);
    wait_for("the request to be answered", 20, || {
        let stack = namespace.get("composestack", "swarm")?;
        (stack["status"]["lastHandledReconcileAt"] == "now").then_some(())
    });
    std::thread::sleep(Duration::from_secs(3));
    let writes = cluster.operator_writes_since(mark);
    assert!(
        writes.len() == 1 && writes[0].contains("/composestacks/swarm/status"),
        "a forced reconcile writes its answer only: {writes:#?}"
    );
    let mark = cluster.audit_mark();
    operator.kill();
    operator = Operator::start(cluster, &[&namespace], &[]);
    std::thread::sleep(Duration::from_secs(10));
    quiet("a restart", mark);
    drop(operator);
}
