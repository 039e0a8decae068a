//! Hooks, pods of several services, and jobs, seen from inside.

use std::time::Instant;

use crate::harness::inside::{inside, running_pod, try_inside};
use crate::harness::{Namespace, Operator, cluster, wait_for};

const STACK: &str = r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: work
spec:
  composeFile: |
    services:
      app:
        image: busybox
        command:
          - sh
          - -c
          - |
            trap 'echo term >> /marks/stopped; exit 0' TERM
            mkdir /www; echo page > /www/index.html; httpd -p 8080 -h /www
            while true; do sleep 0.2; done
        volumes: ["marks:/marks"]
        healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/"], interval: 1s}
        stop_grace_period: 5s
        cap_add: [NET_ADMIN]
        cap_drop: [CHOWN]
        environment: {NODE: "{{.Node.Hostname}}", TASK: "on $$(id) {{.Node.Hostname}} as {{.Task.Name}} {{.Task.Slot}}"}
        pre_start:
          - command: [sh, -c, "echo once >> /marks/service"]
          - command: [sh, -c, "echo each >> /marks/replica"]
            per_replica: true
        post_start:
          - command: [sh, -c, 'echo "$$PWD $$WHO" > started']
            working_dir: /marks
            environment: {WHO: "it's $$me"}
          - command: [sh, -c, 'echo "$$PWD $$WHO" >> /marks/started']
        pre_stop:
          - command: [sh, -c, "echo pre_stop >> /marks/stopped"]
      side:
        image: busybox
        network_mode: service:app
        pid: service:app
        user: "1234:4321"
        cap_drop: [ALL]
        command: [sleep, "3600"]
      ports:
        image: flask-counter
        command:
          - python
          - -c
          - |
            import socket, threading
            def answer(port):
                server = socket.create_server(("", port))
                while True:
                    connection = server.accept()[0]
                    connection.sendall(str(port).encode())
                    connection.close()
            udp = socket.socket(type=socket.SOCK_DGRAM)
            udp.bind(("", 5353))
            for port in range(7000, 7003):
                threading.Thread(target=answer, args=[port]).start()
            while True:
                text, sender = udp.recvfrom(100)
                udp.sendto(text.upper(), sender)
        ports: ["17000-17002:7000-7002", "15353:5353/udp"]
        healthcheck:
          test: [CMD, python, -c, "import socket; [socket.create_connection(('127.0.0.1', port)) for port in range(7000, 7003)]"]
          interval: 1s
        stop_grace_period: 2s
      other:
        image: flask-counter
        init: true
        command: [sleep, "3600"]
    jobs:
      mark:
        image: busybox
        command: [sh, -c, "echo job >> /marks/job"]
        volumes: ["marks:/marks"]
        triggers: {manual: true}
    volumes: {marks: {}}
"#;

/// Runs a command in the container of a service that shares the pod of `app`.
fn beside(namespace: &Namespace, service: &str, command: &str) -> String {
    namespace.ok(&["exec", &running_pod(namespace, "app"), "-c", service, "--", "sh", "-c", command])
}

/// The range and the UDP port of `ports`: by the service's own name as in the file, and by that of what it publishes.
fn assert_ports_answer(namespace: &Namespace) {
    for (host, first, udp) in [("ports", 7000, 5353), ("ports-published", 17000, 15353)] {
        let script = format!(
            "import socket
for port in range({first}, {first} + 3):
    print(socket.create_connection(('{host}', port), 5).recv(100).decode())
udp = socket.socket(type=socket.SOCK_DGRAM)
udp.settimeout(5)
udp.sendto(b'hello', ('{host}', {udp}))
print(udp.recv(100).decode())"
        );
        assert_eq!(inside(namespace, "other", &format!("python -c \"{script}\"")).trim(), "7000\n7001\n7002\nHELLO");
    }
}

#[test]
fn hooks_shared_pods_and_jobs_do_what_they_do_in_docker() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("workloads");
    let _operator = Operator::start(cluster, &[&namespace], &["--allow-capability=NET_ADMIN"]);
    namespace.apply(STACK);
    namespace.wait_ready("work", 90);
    let read = |file: &str| inside(&namespace, "app", &format!("cat /marks/{file}")).trim().to_owned();
    assert_eq!((read("service").as_str(), read("replica").as_str()), ("once", "each"));
    assert_eq!(read("started"), "/marks it's $me\n/", "each hook has its own directory and variables");

    // Swarm's placeholders.
    let pod = running_pod(&namespace, "app");
    let node = namespace.get("pod", &pod).unwrap()["spec"]["nodeName"].as_str().unwrap().to_owned();
    let told = inside(&namespace, "app", "echo \"$NODE: $TASK\"");
    assert_eq!(told.trim(), format!("{node}: on $(id) {node} as {pod} 1"));

    // Orphans are the pod's process 1's, which Kubernetes' own reaps; the one of this cluster's sandboxes does not.
    assert_ne!(inside(&namespace, "other", "cat /proc/1/comm").trim(), "sleep");
    assert_eq!(inside(&namespace, "ports", "cat /proc/1/comm").trim(), "python");

    // One network and one space of processes, and each container's own user.
    assert_eq!(beside(&namespace, "side", "wget -q -O - http://127.0.0.1:8080/").trim(), "page");
    assert!(beside(&namespace, "side", "ps").contains("httpd"));
    let credentials = "grep -E '^(Uid|Gid|CapEff):' /proc/self/status | tr -s '\\t' ' '";
    let of_app = inside(&namespace, "app", credentials);
    // What Docker gives a container (a80425fb), with NET_ADMIN (bit 12) and without CHOWN (bit 0).
    assert_eq!(of_app.trim(), "Uid: 0 0 0 0\nGid: 0 0 0 0\nCapEff: 00000000a80435fa");
    let of_side = beside(&namespace, "side", credentials);
    assert_eq!(of_side.trim(), "Uid: 1234 1234 1234 1234\nGid: 4321 4321 4321 4321\nCapEff: 0000000000000000");
    let script = "import urllib.request; print(urllib.request.urlopen('http://side:8080/').read().decode())";
    assert_eq!(inside(&namespace, "other", &format!("python -c \"{script}\"")).trim(), "page");
    assert_ports_answer(&namespace);
    let services = namespace.get("composestack", "work").unwrap()["status"]["services"].clone();
    let states: Vec<_> =
        services.as_array().unwrap().iter().map(|it| (it["name"].clone(), it["state"].clone())).collect();
    for (service, state) in [
        ("app", "Ready"),
        ("app-pre-start", "Completed"),
        ("mark", "Ready"),
        ("other", "Ready"),
        ("ports", "Ready"),
        ("side", "Ready"),
    ] {
        assert!(states.contains(&(service.into(), state.into())), "{service}: {states:?}");
    }

    namespace.ok(&["create", "job", "--from=cronjob/mark", "by-hand"]);
    namespace.ok(&["wait", "--for=condition=Complete", "job/by-hand", "--timeout=60s"]);
    assert_eq!(read("job"), "job");

    // Process 1 does not heed a signal that it has no handler for, so that the pod takes all of its time to stop.
    let pod = running_pod(&namespace, "ports");
    let start = Instant::now();
    namespace.ok(&["delete", "pod", &pod]);
    let seconds = start.elapsed().as_secs_f32();
    assert!((2.0..10.0).contains(&seconds), "stopped after {seconds} s, of which 2 s are its own");

    // A pod that is replaced: its program is asked to stop, each replica is prepared, the service is not again.
    let pod = running_pod(&namespace, "app");
    namespace.ok(&["delete", "pod", &pod]);
    wait_for("the second pod to be prepared", 60, || {
        let (code, text) = try_inside(&namespace, "app", "cat /marks/replica");
        (code == 0 && text.trim() == "each\neach").then_some(())
    });
    assert_eq!(read("stopped"), "pre_stop\nterm");
    assert_eq!(read("service"), "once");
}
