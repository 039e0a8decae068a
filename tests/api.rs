//! The operator against a real API server with the cluster's own controllers, without nodes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::format_collect,
    reason = "a test fails by a panic; its documents are small"
)]

#[path = "api/collector.rs"]
mod collector;
#[path = "api/deadlines.rs"]
mod deadlines;
#[path = "api/events.rs"]
mod events;
#[path = "api/external.rs"]
mod external;
mod harness;
#[path = "api/images.rs"]
mod images;
#[path = "api/neighbours.rs"]
mod neighbours;
#[path = "api/networks.rs"]
mod networks;
#[path = "api/nulls.rs"]
mod nulls;
#[path = "api/planted.rs"]
mod planted;
#[path = "api/removal.rs"]
mod removal;
#[path = "api/reports.rs"]
mod reports;
#[path = "api/routes.rs"]
mod routes;
#[path = "api/secrets.rs"]
mod secrets;
#[path = "api/security.rs"]
mod security;
#[path = "api/traces.rs"]
mod traces;
#[path = "api/unreadable.rs"]
mod unreadable;
#[path = "api/volumes.rs"]
mod volumes;

use std::time::Duration;

use harness::{Cluster, Namespace, Operator, cluster, not_run, read, wait_for};
use serde_json::Value;

/// A stack with a Compose file.
fn stack(name: &str, compose: &str) -> String {
    stack_with(name, compose, "")
}

/// A stack with a Compose file and further fields of the spec, indented by two.
fn stack_with(name: &str, compose: &str, spec: &str) -> String {
    let indented: String = compose.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata:\n  name: {name}\n\
         spec:\n  composeFile: |\n{indented}{spec}"
    )
}

/// Waits until the operator has handled the stack's current generation and no object changes any more.
fn settle(namespace: &Namespace, name: &str) {
    let mut last = Value::Null;
    wait_for(&format!("{name} to settle"), 30, || {
        let object = namespace.get("composestack", name)?;
        let versions: Vec<String> = namespace
            .list(
                "deployments,statefulsets,services,networkpolicies,pvc,jobs",
                &format!("compose-operator.dev/stack={name}"),
            )
            .iter()
            .map(|child| child["metadata"]["resourceVersion"].to_string())
            .collect();
        let now = serde_json::json!([object["status"], versions]);
        let settled = !object["status"].is_null() && now == last;
        last = now;
        std::thread::sleep(Duration::from_millis(700));
        settled.then_some(())
    });
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

#[test]
fn the_api_server_rejects_what_it_can() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("reject");
    let refused = |manifest: &str, word: &str| {
        let output = cluster.kubectl_with(&["-n", &namespace.name, "apply", "-f", "-"], manifest);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(word), "expected {word:?} in: {error}");
    };
    let head = "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata: {name: x}\n";
    refused(&format!("{head}spec: {{}}"), "set exactly one of composeFile, compose, composeFrom");
    refused(&format!("{head}spec: {{composeFile: a, compose: {{}}}}"), "set exactly one of");
    refused(&format!("{head}spec: {{composeFile: a, unsupported: Maybe}}"), "Unsupported value");
    refused(&format!("{head}spec: {{composeFile: a, interval: soon}}"), "spec.interval");
    for often in ["0s", "9.9s", "1ms", "0h0m9s"] {
        refused(&format!("{head}spec: {{composeFile: a, interval: {often}}}"), "at least 10s");
    }
    for seldom in ["10s", "9s1000ms", "0.5h"] {
        let manifest = format!("{head}spec: {{composeFile: a, interval: {seldom}}}");
        let output = cluster.kubectl_with(&["-n", &namespace.name, "apply", "--dry-run=server", "-f", "-"], &manifest);
        assert!(output.status.success(), "{seldom}: {}", String::from_utf8_lossy(&output.stderr));
    }
    refused(&format!("{head}spec: {{composeFile: a, colour: red}}"), "unknown field");
    refused(&format!("{head}spec: {{composeFile: a, envFrom: [{{}}]}}"), "set exactly one of configMapRef");
    let long = "x".repeat(41);
    refused(&stack(&long, "services: {a: {image: a}}"), "at most 40 characters");
    refused(&stack("1a", "services: {a: {image: a}}"), "DNS label that begins with a letter");
}

#[test]
fn golden_manifests_are_valid() {
    let Some(cluster) = cluster() else { return };
    cluster.install_optional_apis();
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut count = 0;
    for case in std::fs::read_dir(golden).unwrap() {
        let path = case.unwrap().path().join("expected.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        // The first document holds the notes, which are no object.
        let objects: Vec<&str> = text.split("---\n").filter(|document| document.contains("\nkind: ")).collect();
        if objects.is_empty() {
            continue;
        }
        let args = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
        let output = cluster.kubectl_with(&args, &objects.join("---\n"));
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        count += objects.len();
    }
    assert!(count > 50, "only {count} objects were found");
}

#[test]
fn examples_work_as_text_and_as_object_by_both_kinds_of_apply() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("examples");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let expected: [(&str, &[&str]); 4] = [
        ("flask-redis", &["Deployment/redis", "Service/web", "Service/redis", "Service/web-published"]),
        ("postgres", &["StatefulSet/db", "Service/db", "PersistentVolumeClaim/postgres-db-data"]),
        ("postgres-secret", &["StatefulSet/db", "Service/db", "PersistentVolumeClaim/postgres-secret-db-data"]),
        ("swarm", &["Deployment/web", "Deployment/cache", "Service/web-published", "NetworkPolicy/swarm-back"]),
    ];
    for (example, children) in expected {
        for form in ["stack.yaml", "stack-object.yaml"] {
            for server_side in [false, true] {
                let path = format!("{}/examples/{example}/{form}", env!("CARGO_MANIFEST_DIR"));
                let mut args = vec!["apply", "-f", &path];
                if server_side {
                    args.push("--server-side");
                }
                namespace.ok(&args);
                wait_for(&format!("the objects of {example}/{form}, server-side {server_side}"), 20, || {
                    let found = namespace.children(example);
                    children.iter().all(|child| found.contains(*child)).then_some(())
                });
                let (_, reason, message) = namespace.condition(example, "Ready").unwrap();
                assert_eq!(namespace.condition(example, "Stalled"), None, "{example}/{form}: {reason}: {message}");
                namespace.ok(&["delete", "composestack", example]);
                namespace.ok(&["delete", "pvc", "--all"]);
                wait_for("the objects to go with the stack", 30, || {
                    namespace.children(example).is_empty().then_some(())
                });
            }
        }
    }
}

#[test]
fn a_secret_is_in_secrets_only() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("secret");
    namespace.ok(&["create", "secret", "generic", "shop", "--from-literal=PASSWORD=planted-value"]);
    let operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack_with(
        "shop",
        "services:\n  db:\n    image: postgres:13\n    environment:\n      POSTGRES_PASSWORD: ${PASSWORD}\n",
        "  envFrom:\n    - secretRef: {name: shop}\n",
    ));
    let deployment = wait_for("the Deployment", 20, || namespace.get("deployment", "db"));
    let env = &deployment["spec"]["template"]["spec"]["containers"][0]["env"];
    let reference =
        &env.as_array().unwrap().iter().find(|env| env["name"] == "POSTGRES_PASSWORD").unwrap()["valueFrom"];
    let secret = reference["secretKeyRef"]["name"].as_str().unwrap_or_else(|| panic!("no reference in {env}"));
    assert!(namespace.get("secret", secret).is_some());
    let everything =
        namespace.ok(&["get", "deployments,services,configmaps,networkpolicies,composestacks,events", "-o", "yaml"]);
    assert!(!everything.contains("planted-value"));
    assert!(!operator.log().contains("planted-value"));
    assert!(!operator.get("/metrics").unwrap().contains("planted-value"));
}

#[test]
fn a_broken_document_stalls_with_every_error_and_touches_nothing() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("broken");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack("app", "services:\n  web:\n    image: nginx:alpine\n    ports: [\"80:80\"]\n"));
    wait_for("the Deployment", 20, || namespace.get("deployment", "web"));
    settle(&namespace, "app");
    let versions = |kind: &str| -> Vec<String> {
        namespace.list(kind, "compose-operator.dev/stack=app").iter().map(|o| version(o).to_owned()).collect()
    };
    let before = versions("deployments,services,networkpolicies");

    namespace.apply(&stack(
        "app",
        "services:\n  web:\n    image: nginx:alpine\n    imagee: typo\n    ports: [\"80:99999\"]\n    \
         volumes: [\"data:/data\"]\n    depends_on: [db]\n  db:\n    image: postgres:13\n    depends_on: [web]\n",
    ));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "InvalidCompose");
    for part in [
        "services.web.imagee",
        "did you mean",
        "services.web.ports[0]",
        "services.web.volumes[0]",
        "data",
        "depends_on",
    ] {
        assert!(message.contains(part), "{part:?} is missing in:\n{message}");
    }
    assert_eq!(namespace.condition("app", "Ready").unwrap().0, "False");
    assert_eq!(before, versions("deployments,services,networkpolicies"));

    namespace.apply(&stack("app", "services:\n  web:\n    image: nginx:alpine\n    ports: [\"80:80\"]\n"));
    wait_for("the stack to leave Stalled", 20, || namespace.condition("app", "Stalled").is_none().then_some(()));
}

#[test]
fn a_field_that_is_not_honoured_yet_stalls() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("field");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack_with("app", "services: {web: {image: nginx}}", "  build: {registry: r}\n"));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "FieldNotSupported");
    assert!(message.contains("spec.build"), "{message}");
    assert!(namespace.children("app").is_empty());
}

#[test]
fn an_unsupported_attribute_stalls_or_warns() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("unsupported");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    use_api_socket: true\n";
    namespace.apply(&stack("app", compose));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "Unsupported");
    assert!(message.contains("services.web.use_api_socket"), "{message}");
    assert!(namespace.children("app").is_empty());
    namespace.apply(&stack_with("app", compose, "  unsupported: Warn\n"));
    wait_for("the Deployment", 20, || namespace.get("deployment", "web"));
    let status = namespace.get("composestack", "app").unwrap()["status"].clone();
    let warnings = status["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["path"] == "services.web.use_api_socket"), "{warnings:?}");
    assert_eq!(status["warningCount"], warnings.len());
}

#[test]
fn what_the_administrator_does_not_allow_stalls() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("policy");
    let compose = "services:\n  web:\n    image: nginx\n    privileged: true\n    volumes: [\"/etc:/host:ro\"]\n";
    let operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack("app", compose));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "PolicyViolation");
    assert!(message.contains("--allow-privileged") && message.contains("--allow-host-path"), "{message}");
    assert!(namespace.children("app").is_empty());
    drop(operator);
    let _operator = Operator::start(cluster, &[&namespace], &["--allow-privileged", "--allow-host-path", "/etc"]);
    wait_for("the Deployment", 20, || namespace.get("deployment", "web"));
}

#[test]
fn overrides_reach_the_objects_and_the_policy_judges_them() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("overrides");
    let operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    shm_size: 64m\n    environment: {A: a, B: b}\n    \
                   x-kubernetes:\n      replicas: external\n      patch: {template: {spec: {priorityClassName: none}}}\n";
    let overrides = |account: &str| {
        format!(
            "  serviceOverrides:\n    web:\n      metadata: {{labels: {{team: shop}}}}\n      template:\n        spec:\n          \
             priorityClassName: {{$patch: delete}}\n          nodeSelector: {{disk: ssd}}\n{account}          containers:\n            - \
             name: web\n              env: [{{name: B, $patch: delete}}, {{name: C, value: c}}]\n"
        )
    };
    namespace.apply(&stack_with("app", compose, &overrides("          serviceAccountName: admin\n")));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "PolicyViolation");
    assert!(message.contains("--allow-service-account=admin"), "{message}");
    assert!(namespace.children("app").is_empty());

    namespace.apply(&stack_with("app", compose, &overrides("")));
    let deployment = wait_for("the Deployment", 20, || namespace.get("deployment", "web"));
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(deployment["metadata"]["labels"]["team"], "shop");
    assert_eq!((&pod["nodeSelector"]["disk"], &pod["priorityClassName"]), (&"ssd".into(), &Value::Null));
    let env: Vec<_> = pod["containers"][0]["env"].as_array().unwrap().iter().map(|env| env["name"].clone()).collect();
    assert_eq!(env, ["A", "C"]);
    // Somebody else's to decide: neither a pass nor a restart puts it back.
    namespace.ok(&["scale", "deployment", "web", "--replicas=3"]);
    settle(&namespace, "app");
    drop(operator);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.ok(&["annotate", "composestack", "app", "reconcile.compose-operator.dev/requestedAt=now"]);
    wait_for("the request to be answered", 20, || {
        let stack = namespace.get("composestack", "app")?;
        (stack["status"]["lastHandledReconcileAt"] == "now").then_some(())
    });
    assert_eq!(namespace.get("deployment", "web").unwrap()["spec"]["replicas"], 3);

    namespace.apply(&stack_with(
        "app",
        compose,
        "  serviceOverrides: {web: {template: {spec: {nodeSelektor: {a: b}}}}}\n",
    ));
    let (_, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert!(message.contains("spec.serviceOverrides.web.template.spec.nodeSelektor"), "{message}");
}

#[test]
fn ways_in_by_http_come_and_go() {
    let Some(cluster) = cluster() else { return };
    cluster.install_optional_apis();
    let namespace = cluster.namespace("http");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    ports: [\"8080:80\"]\n";
    let publish = |settings: &str| stack_with("app", compose, &format!("  publish: {{{settings}}}\n"));
    let endpoints = || -> Vec<String> {
        let stack = namespace.get("composestack", "app").unwrap();
        let list = stack["status"]["services"][0]["endpoints"].as_array().cloned().unwrap_or_default();
        list.iter().map(|endpoint| endpoint.as_str().unwrap().to_owned()).collect()
    };
    let reached_at = |expected: &[&str]| {
        wait_for(&format!("the endpoints {expected:?}"), 20, || (endpoints() == expected).then_some(()));
    };

    namespace.apply(&publish("type: Ingress, className: nginx, host: shop.example.com, tlsSecretName: shop"));
    let ingress = wait_for("the Ingress", 20, || namespace.get("ingress", "web"));
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!(path["backend"]["service"]["name"], "web-published");
    assert_eq!(path["backend"]["service"]["port"]["number"], 8080);
    reached_at(&["https://shop.example.com/", &format!("web-published.{}:8080", namespace.name)]);
    // Somebody else's change of what is ours does not stay.
    namespace.ok(&["patch", "ingress", "web", "--type=merge", "-p", "{\"spec\":{\"ingressClassName\":\"other\"}}"]);
    wait_for("the class to be back", 10, || {
        namespace.get("ingress", "web").filter(|ingress| ingress["spec"]["ingressClassName"] == "nginx")
    });
    // Without a host, the controller's address is where it is reached.
    namespace.apply(&publish("type: Ingress, className: nginx"));
    let status = "{\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"198.51.100.7\"}]}}}";
    namespace.ok(&["patch", "ingress", "web", "--subresource=status", "--type=merge", "-p", status]);
    reached_at(&["http://198.51.100.7/", &format!("web-published.{}:8080", namespace.name)]);

    namespace.apply(&publish("type: Gateway, className: infra/public, host: shop.example.com"));
    let route = wait_for("the HTTPRoute", 20, || namespace.get("httproute", "web"));
    assert_eq!(route["spec"]["parentRefs"][0]["namespace"], "infra");
    assert_eq!(route["spec"]["rules"][0]["backendRefs"][0]["port"], 8080);
    wait_for("the Ingress to go", 20, || namespace.get("ingress", "web").is_none().then_some(()));
    reached_at(&["shop.example.com/", &format!("web-published.{}:8080", namespace.name)]);

    namespace.apply(&publish("type: ClusterIP"));
    wait_for("the HTTPRoute to go", 20, || namespace.get("httproute", "web").is_none().then_some(()));
    namespace.apply(&publish("type: Gateway, className: public"));
    wait_for("the HTTPRoute", 20, || namespace.get("httproute", "web"));
    namespace.ok(&["delete", "composestack", "app"]);
    // The garbage collector looks for new kinds every 30 s, and reads their objects then.
    wait_for("all to go with the stack", 90, || namespace.get("httproute", "web").is_none().then_some(()));
}

#[test]
fn an_autoscaler_has_the_number_of_pods_to_itself() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("hpa");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let compose = "services:\n  web:\n    image: nginx\n    labels:\n      kompose.hpa.replicas.min: \"2\"\n      \
                   kompose.hpa.replicas.max: \"5\"\n";
    namespace.apply(&stack("app", compose));
    let autoscaler = wait_for("the HorizontalPodAutoscaler", 20, || namespace.get("hpa", "web"));
    assert_eq!((&autoscaler["spec"]["minReplicas"], &autoscaler["spec"]["maxReplicas"]), (&2.into(), &5.into()));
    // The API server's own controller raises the one pod to the minimum, and the operator leaves it there.
    let scaled = || namespace.get("deployment", "web").filter(|deployment| deployment["spec"]["replicas"] == 2);
    wait_for("the number of pods to be the autoscaler's", 60, scaled);
    settle(&namespace, "app");
    assert!(scaled().is_some());
    namespace.apply(&stack("app", "services:\n  web:\n    image: nginx\n    scale: 3\n"));
    wait_for("the autoscaler to go", 20, || namespace.get("hpa", "web").is_none().then_some(()));
    wait_for("the file's number", 20, || {
        namespace.get("deployment", "web").filter(|deployment| deployment["spec"]["replicas"] == 3)
    });
}

#[test]
fn a_foreign_object_is_neither_changed_nor_deleted() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("foreign");
    let service = |owner: &str| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{{\"name\":\"redis\"{owner}}},\
             \"spec\":{{\"selector\":{{\"app\":\"mine\"}},\"ports\":[{{\"port\":6379}}]}}}}"
        )
    };
    let owner = namespace.ok(&["create", "configmap", "owner", "-o", "jsonpath={.metadata.uid}"]);
    let reference = format!(
        ",\"ownerReferences\":[{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"owner\",\"uid\":\"{}\"}}]",
        owner.trim()
    );
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    for owner in ["", &reference] {
        namespace.apply(&service(owner));
        let before = namespace.get("service", "redis").unwrap();
        namespace.apply(&read("examples/flask-redis/stack.yaml"));
        let (reason, message) = namespace.wait_condition("flask-redis", "Stalled", "True", 20);
        assert_eq!(reason, "NameConflict");
        assert!(message.contains("Service") && message.contains("redis"), "{message}");
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(before, namespace.get("service", "redis").unwrap());
        namespace.ok(&["delete", "composestack", "flask-redis"]);
        wait_for("the stack's objects to go", 30, || namespace.children("flask-redis").is_empty().then_some(()));
        assert_eq!(before, namespace.get("service", "redis").unwrap());
        namespace.ok(&["delete", "service", "redis"]);
    }

    namespace.apply(
        "{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"name\":\"postgres-db-data\"},\
         \"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Mi\"}}}}",
    );
    let before = namespace.get("pvc", "postgres-db-data").unwrap();
    namespace.apply(&read("examples/postgres/stack.yaml"));
    let (reason, message) = namespace.wait_condition("postgres", "Stalled", "True", 20);
    assert_eq!(reason, "NameConflict");
    assert!(message.contains("PersistentVolumeClaim") && message.contains("postgres-db-data"), "{message}");
    assert_eq!(version(&before), version(&namespace.get("pvc", "postgres-db-data").unwrap()));
}

#[test]
fn nothing_is_applied_beside_a_name_of_others_whatever_was_known_before() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("beside");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    let web = "services:\n  web: {image: nginx, deploy: {replicas: 0}}\n";
    let mut beside = |more: &str, reason: &str, allowed: &[&str]| {
        namespace.apply(&stack("app", web));
        settle(&namespace, "app");
        namespace.apply(&stack("app", &format!("{web}  aside: {{image: nginx}}\n  foreign: {{image: nginx{more}}}\n")));
        let stalled = || namespace.wait_condition("app", "Stalled", "True", 20).0;
        assert_eq!(stalled(), reason);
        // Who goes on knows what the status says, and no more.
        operator.kill();
        operator = Operator::start(cluster, &[&namespace], allowed);
        namespace.ok(&["annotate", "--overwrite", "service", "web", &format!("example.com/seen={reason}")]);
        wait_for("the conflict", 20, || (stalled() == "NameConflict").then_some(()));
        std::thread::sleep(Duration::from_secs(2));
        assert!(namespace.get("service", "aside").is_none(), "after {reason}, it was applied beside another's Service");
    };
    namespace
        .apply(r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"foreign"},"spec":{"ports":[{"port":1}]}}"#);
    beside("", "NameConflict", &[]);
    beside(", privileged: true", "PolicyViolation", &["--allow-privileged"]);
}

#[test]
fn drift_is_repaired_and_what_left_the_document_is_pruned() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("drift");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let both = "services:\n  web:\n    image: nginx\n    deploy: {replicas: 2}\n  old:\n    image: nginx\n    \
                volumes: [\"data:/data\"]\nvolumes: {data: {}}\n";
    namespace.apply(&stack("app", both));
    wait_for("the workloads", 20, || {
        namespace.get("statefulset", "old").and_then(|_| namespace.get("deployment", "web"))
    });
    settle(&namespace, "app");

    let uid = namespace.get("service", "web").unwrap()["metadata"]["uid"].clone();
    namespace.ok(&["delete", "service", "web"]);
    wait_for("the Service to be back", 5, || namespace.get("service", "web").filter(|s| s["metadata"]["uid"] != uid));
    namespace.ok(&["scale", "deployment", "web", "--replicas=5"]);
    wait_for("the replica count to be back", 5, || {
        namespace.get("deployment", "web").filter(|deployment| deployment["spec"]["replicas"] == 2)
    });
    namespace.ok(&["label", "service", "web", "compose-operator.dev/stack-"]);
    wait_for("the label to be back", 5, || {
        namespace.get("service", "web").filter(|s| s["metadata"]["labels"]["compose-operator.dev/stack"] == "app")
    });

    namespace.apply(&stack("app", "services:\n  web:\n    image: nginx\n    deploy: {replicas: 2}\n"));
    wait_for("the old service to go", 20, || {
        let children = namespace.children("app");
        let gone = !children.contains("StatefulSet/old") && !children.contains("Service/old");
        (gone && children.contains("Deployment/web")).then_some(())
    });
    assert!(namespace.get("pvc", "app-data").is_some(), "a claim that left the document stays");
    namespace.ok(&["delete", "composestack", "app"]);
    wait_for("only the claim to be left", 30, || {
        (namespace.children("app").into_iter().collect::<Vec<_>>() == ["PersistentVolumeClaim/app-data"]).then_some(())
    });
}

#[test]
fn jobs_are_cron_jobs_that_people_can_start() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("jobs");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    let job = |triggers: &str| format!("jobs:\n  tidy:\n    image: nginx\n    triggers: {triggers}\n");
    namespace.apply(&stack("app", &job("{schedule: [\"0 3 * * *\", \"@weekly\"]}")));
    namespace.wait_ready("app", 20);
    assert_eq!(namespace.get("cronjob", "tidy").unwrap()["spec"]["schedule"], "0 3 * * *");
    assert_eq!(namespace.get("cronjob", "tidy-2").unwrap()["spec"]["schedule"], "@weekly");

    namespace.apply(&stack("app", &job("{manual: true}")));
    wait_for("the second schedule to go", 20, || namespace.get("cronjob", "tidy-2").is_none().then_some(()));
    namespace.wait_ready("app", 20);
    namespace.ok(&["create", "job", "--from=cronjob/tidy", "by-hand"]);
    wait_for("the pod of the run", 20, || {
        let pods = namespace.list("pods", "compose-operator.dev/service=tidy");
        pods.iter().any(|pod| pod["metadata"]["labels"]["job-name"] == "by-hand").then_some(())
    });
    namespace.ok(&["patch", "cronjob", "tidy", "-p", r#"{"spec": {"suspend": false}}"#]);
    wait_for("it to be suspended again", 5, || {
        namespace.get("cronjob", "tidy").filter(|object| object["spec"]["suspend"] == true)
    });

    namespace.apply(&stack("app", &job("{schedule: [\"0 25 * * *\"]}")));
    let (reason, message) = namespace.wait_condition("app", "Stalled", "True", 20);
    assert_eq!(reason, "Unsupported");
    assert!(message.contains("jobs.tidy.triggers.schedule[0].cron"), "{message}");
}

#[test]
fn inputs_are_watched_and_a_suspended_stack_is_left_alone() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("inputs");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(
        "{\"apiVersion\":\"compose-operator.dev/v1alpha1\",\"kind\":\"ComposeStack\",\"metadata\":{\"name\":\"app\"},\
         \"spec\":{\"composeFrom\":[{\"configMapKeyRef\":{\"name\":\"files\",\"key\":\"compose.yaml\"}}]}}",
    );
    let (reason, message) = namespace.wait_condition("app", "Ready", "False", 20);
    assert_eq!(reason, "InputNotFound");
    assert!(message.contains("ConfigMap \"files\"") && message.contains("spec.composeFrom[0]"), "{message}");
    namespace.ok(&["create", "configmap", "files", "--from-literal=compose.yaml=services: {web: {image: nginx}}"]);
    wait_for("the Deployment, by the watch of ConfigMaps", 5, || namespace.get("deployment", "web"));

    let image = || {
        let deployment = namespace.get("deployment", "web")?;
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned)
    };
    settle(&namespace, "app");
    namespace.ok(&[
        "patch",
        "configmap",
        "files",
        "-p",
        "{\"data\":{\"compose.yaml\":\"services: {web: {image: httpd}}\"}}",
    ]);
    wait_for("a changed input to be used", 5, || (image().as_deref() == Some("httpd")).then_some(()));

    namespace.ok(&["patch", "composestack", "app", "--type=merge", "-p", "{\"spec\":{\"suspend\":true}}"]);
    settle(&namespace, "app");
    namespace.ok(&["delete", "service", "web"]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(namespace.get("service", "web").is_none(), "a suspended stack is not repaired");
    namespace.ok(&["patch", "composestack", "app", "--type=merge", "-p", "{\"spec\":{\"suspend\":false}}"]);
    wait_for("the Service to be back", 10, || namespace.get("service", "web"));
}

/// A stack of many services, so that an apply takes long enough to be interrupted.
fn many(count: usize) -> String {
    let services: String = (0..count)
        .map(|n| {
            format!("  s{n}:\n    image: nginx\n    volumes: [\"v{n}:/data\"]\n    ports: [\"{}:80\"]\n", 8000 + n)
        })
        .collect();
    let volumes: String = (0..count).map(|n| format!("  v{n}: {{}}\n")).collect();
    format!("services:\n{services}volumes:\n{volumes}")
}

#[test]
fn a_killed_operator_converges_after_its_restart() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("kill");
    let count = 12;
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack("many", &many(count)));
    for pause in [30, 60, 90, 120, 200] {
        std::thread::sleep(Duration::from_millis(pause));
        operator.kill();
        operator = Operator::start(cluster, &[&namespace], &[]);
    }
    let uids = || -> Vec<(String, String)> {
        namespace
            .list("statefulsets,services,pvc,networkpolicies", "compose-operator.dev/stack=many")
            .iter()
            .map(|o| (format!("{}/{}", o["kind"], o["metadata"]["name"]), o["metadata"]["uid"].to_string()))
            .collect()
    };
    // For each service a StatefulSet, a claim, an in-stack and a published Service; the rest are policies.
    let wanted = 4 * count;
    wait_for("every object", 60, || {
        (uids().iter().filter(|(name, _)| !name.contains("NetworkPolicy")).count() == wanted).then_some(())
    });
    settle(&namespace, "many");
    let first = uids();
    operator.kill();
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(first, uids(), "nothing twice, nothing lost, nothing made anew");
}

#[test]
fn sigterm_ends_the_operator_in_order() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("term");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    let (took, success) = operator.terminate();
    assert!(success && took < Duration::from_secs(10), "took {took:?}, success {success}:\n{}", operator.log());
}

#[test]
fn nothing_is_written_at_rest() {
    let Some(cluster) = cluster() else { return };
    if cluster.audit_log.is_none() {
        not_run("this cluster's audit log is not known");
        return;
    }
    let namespace = cluster.namespace("rest");
    let mut operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&read("examples/swarm/stack.yaml"));
    namespace.apply(&read("examples/postgres/stack.yaml"));
    wait_for("the workloads", 20, || {
        namespace.get("deployment", "web").and_then(|_| namespace.get("statefulset", "db"))
    });
    settle(&namespace, "swarm");
    settle(&namespace, "postgres");
    no_writes_of(cluster, &namespace, || std::thread::sleep(Duration::from_secs(20)), "20 s at rest");
    operator.kill();
    let restart = || {
        operator = Operator::start(cluster, &[&namespace], &[]);
        std::thread::sleep(Duration::from_secs(5));
    };
    no_writes_of(cluster, &namespace, restart, "a restart");
}

/// Whether the operator wrote anything into a namespace meanwhile.
fn no_writes_of(cluster: &Cluster, namespace: &Namespace, action: impl FnOnce(), what: &str) {
    let mark = cluster.audit_mark();
    action();
    let writes: Vec<String> =
        cluster.operator_writes_since(mark).into_iter().filter(|write| write.contains(&namespace.name)).collect();
    assert!(writes.is_empty(), "{what}: {writes:#?}");
}

/// The API server keeps what an apply leaves out of a Service.
#[test]
fn a_service_gives_up_the_second_version_of_ip() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("dual");
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    for (of_network, policy) in [("{enable_ipv6: true}", "PreferDualStack"), ("{}", "SingleStack")] {
        let compose = format!("services: {{web: {{image: nginx, networks: [n]}}}}\nnetworks: {{n: {of_network}}}\n");
        namespace.apply(&stack("app", &compose));
        let of = |service: &Value| service["spec"]["ipFamilyPolicy"] == policy;
        wait_for(policy, 20, || namespace.get("service", "web").filter(of));
        settle(&namespace, "app");
        assert!(of(&namespace.get("service", "web").unwrap()), "{policy} does not stay");
    }
}
