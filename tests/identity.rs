//! Who does what, asked of a real API server with real users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;

use std::collections::BTreeSet;
use std::time::Duration;

use harness::{Namespace, Operator, cluster, wait_for};
use serde_json::{Value, json};

fn stack(account: Option<&str>) -> String {
    let account = account.map(|name| format!("  serviceAccountName: {name}\n")).unwrap_or_default();
    format!(
        "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata: {{name: shop}}\nspec:\n{account}  \
         envFrom: [{{configMapRef: {{name: settings}}}}]\n  composeFile: |\n    \
         services: {{web: {{image: \"web:${{TAG}}\", configs: [site]}}}}\n    configs: {{site: {{content: \"${{TAG}}\"}}}}\n"
    )
}

/// Binds a ClusterRole in a namespace.
fn bind(namespace: &Namespace, name: &str, role: &str, subject: &str) {
    namespace.ok(&["create", "rolebinding", name, &format!("--clusterrole={role}"), subject]);
}

#[test]
fn a_stack_can_do_what_its_service_account_can() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("identity");
    let name = namespace.name.as_str();
    namespace.ok(&["create", "configmap", "settings", "--from-literal=TAG=1"]);
    namespace.ok(&["create", "serviceaccount", "team"]);
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&stack(Some("team")));

    let (reason, message) = namespace.wait_condition("shop", "Stalled", "True", 10);
    assert_eq!(reason, "Forbidden");
    assert!(
        message.contains(&format!("system:serviceaccount:{name}:team")) && message.contains("spec.envFrom[0]"),
        "the message names who may not do what: {message}"
    );
    assert!(namespace.children("shop").is_empty(), "the operator does not step in");

    bind(&namespace, "team", "compose-operator-deployer", &format!("--serviceaccount={name}:team"));
    let request = || {
        let now = format!("{:?}", std::time::SystemTime::now());
        let annotation = format!("reconcile.compose-operator.dev/requestedAt={now}");
        namespace.ok(&["annotate", "--overwrite", "composestack/shop", &annotation]);
    };
    request();
    wait_for("the objects", 10, || namespace.get("deployment", "web"));
    wait_for("Stalled to go", 10, || namespace.condition("shop", "Stalled").is_none().then_some(()));

    // A change leaves an old ConfigMap behind, and the account may see who still uses it.
    namespace.ok(&["patch", "configmap", "settings", "--type=merge", "-p", r#"{"data": {"TAG": "2"}}"#]);
    wait_for("the new image", 10, || {
        let deployment = namespace.get("deployment", "web")?;
        (deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2").then_some(())
    });
    request();
    wait_for("the request to be handled", 10, || {
        let stack = namespace.get("composestack", "shop")?;
        let asked = &stack["metadata"]["annotations"]["reconcile.compose-operator.dev/requestedAt"];
        (stack["status"]["lastHandledReconcileAt"] == *asked).then_some(())
    });
    assert_eq!(namespace.condition("shop", "Stalled"), None);

    // The rights are taken away: what runs is left alone, and the stack says so.
    namespace.ok(&["delete", "rolebinding", "team"]);
    let mark = cluster.audit_mark();
    request();
    wait_for("Stalled", 10, || namespace.condition("shop", "Stalled").filter(|(_, reason, _)| reason == "Forbidden"));
    let writes: Vec<String> = cluster
        .operator_writes_since(mark)
        .into_iter()
        .filter(|write| write.contains(name) && !write.contains("/composestacks/") && !write.contains("/events"))
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
    assert!(namespace.get("deployment", "web").is_some());
}

/// A stack of which something leaves with the second version.
fn leaving(version: u32) -> String {
    let leaves = if version == 1 { "  old:\n    image: old\n    expose: [\"80\"]\n    networks: [back]\n" } else { "" };
    let networks = if version == 1 { "networks: {back: {}}\n" } else { "" };
    let compose = format!(
        "services:\n{leaves}  web:\n    image: web:{version}\n    configs: [site]\n    secrets: [key]\n    \
         volumes: [\"data:/data\"]\n    ports: [\"80:80\"]\n{networks}volumes: {{data: {{}}}}\n\
         configs: {{site: {{content: \"version {version}\"}}}}\nsecrets: {{key: {{environment: KEY}}}}\n"
    );
    let stack = json!({
        "apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack", "metadata": {"name": "shop"},
        "spec": {"serviceAccountName": "team", "composeFile": compose, "env": {"KEY": format!("key {version}")}},
    });
    stack.to_string()
}

/// Grants the account the rights of a deployer, less deleting.
fn grant_all_but_deleting(namespace: &Namespace, role: &Value) {
    let mut rules = role["rules"].clone();
    for rule in rules.as_array_mut().unwrap() {
        rule["verbs"].as_array_mut().unwrap().retain(|verb| verb != "delete");
    }
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "no-delete"}, "rules": rules,
    });
    namespace.apply(&role.to_string());
    let subject = format!("--serviceaccount={}:team", namespace.name);
    namespace.ok(&["create", "rolebinding", "no-delete", "--role=no-delete", &subject]);
}

#[test]
fn all_is_applied_and_pruned_as_the_service_account() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("as-account");
    let account = format!("system:serviceaccount:{}:team", namespace.name);
    namespace.ok(&["create", "serviceaccount", "team"]);
    bind(&namespace, "team", "compose-operator-deployer", &format!("--serviceaccount={}:team", namespace.name));
    let deployer = cluster.get("default", "clusterrole", "compose-operator-deployer").unwrap();
    let mark = cluster.audit_mark();
    let _operator = Operator::start(cluster, &[&namespace], &[]);
    namespace.apply(&leaving(1));
    wait_for("the objects", 20, || {
        let children = namespace.children("shop");
        ["Deployment/old", "Service/old", "PersistentVolumeClaim/shop-data"]
            .iter()
            .all(|child| children.contains(*child))
            .then_some(())
    });

    // Without the right to delete the stack is applied, nothing leaves, and the stack says so.
    grant_all_but_deleting(&namespace, &deployer);
    namespace.ok(&["delete", "rolebinding", "team"]);
    let uids = || -> BTreeSet<String> {
        let kinds = "deployments,statefulsets,services,networkpolicies,pvc";
        let children = namespace.list(kinds, "compose-operator.dev/stack=shop");
        children.iter().map(|child| child["metadata"]["uid"].to_string()).collect()
    };
    let before = uids();
    namespace.apply(&leaving(2));
    let (reason, message) = namespace.wait_condition("shop", "Stalled", "True", 20);
    assert_eq!(reason, "Forbidden", "{message}");
    assert!(message.contains(&account) && message.contains("cannot delete resource"), "{message}");
    assert!(message.contains("Deployment old") && message.contains("Service old"), "all are named: {message}");
    let image = |name: &str| {
        let workload = namespace.get("statefulset", name).or_else(|| namespace.get("deployment", name))?;
        workload["spec"]["template"]["spec"]["containers"][0]["image"].as_str().map(str::to_owned)
    };
    assert_eq!((image("web").as_deref(), image("old").as_deref()), (Some("web:2"), Some("old")));
    assert!(uids().is_superset(&before), "nothing is deleted");

    // Given back, it goes on where it was.
    bind(&namespace, "team", "compose-operator-deployer", &format!("--serviceaccount={}:team", namespace.name));
    namespace.ok(&["annotate", "composestack/shop", "reconcile.compose-operator.dev/requestedAt=now"]);
    wait_for("what left to go", 20, || {
        let children = namespace.children("shop");
        (!children.contains("Deployment/old") && !children.contains("Service/old")).then_some(())
    });
    wait_for("Stalled to go", 10, || namespace.condition("shop", "Stalled").is_none().then_some(()));

    let events = cluster.operator_write_events_since(mark);
    let mut made = BTreeSet::new();
    for event in events.iter().filter(|event| event["objectRef"]["namespace"] == namespace.name.as_str()) {
        let object = &event["objectRef"];
        let said = object["subresource"] == "status" && object["resource"] == "composestacks"
            || object["resource"] == "events" && object["apiGroup"] == "events.k8s.io";
        let acting = event["impersonatedUser"]["username"].as_str();
        let expected = (!said).then_some(account.as_str());
        assert_eq!(acting, expected, "{} {}", event["verb"], event["requestURI"]);
        let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        made.insert((of(&event["verb"]), of(&object["resource"]), event["responseStatus"]["code"].as_u64().unwrap()));
    }
    if cluster.audit_log.is_some() {
        for (verb, resource, code) in [
            ("patch", "secrets", 201),
            ("patch", "configmaps", 201),
            ("patch", "persistentvolumeclaims", 201),
            ("patch", "services", 201),
            ("patch", "deployments", 201),
            ("patch", "statefulsets", 200),
            ("delete", "deployments", 403),
            ("delete", "deployments", 200),
            ("delete", "services", 200),
            ("patch", "composestacks", 200),
            ("create", "events", 201),
        ] {
            assert!(made.contains(&(verb.into(), resource.into(), code)), "no {verb} {resource} {code} in {made:#?}");
        }
    }
}

#[test]
fn an_account_can_be_required_and_a_default_be_set() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("required");
    namespace.ok(&["create", "configmap", "settings", "--from-literal=TAG=1"]);
    let operator = Operator::start(cluster, &[&namespace], &["--require-service-account"]);
    namespace.apply(&stack(None));
    let (reason, message) = namespace.wait_condition("shop", "Stalled", "True", 10);
    assert!(reason == "Forbidden" && message.contains("--require-service-account"), "{reason}: {message}");
    drop(operator);

    let args = ["--require-service-account", "--default-service-account", "deployer"];
    let _operator = Operator::start(cluster, &[&namespace], &args);
    let (_, message) = wait_for("the default to be used", 10, || {
        let (_, reason, message) = namespace.condition("shop", "Stalled")?;
        message.contains(":deployer").then_some((reason, message))
    });
    assert!(message.contains("cannot get resource"), "{message}");
}

#[test]
fn the_door_lets_in_only_those_who_could_have_done_it_themselves() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("door");
    let name = namespace.name.as_str();
    namespace.ok(&["create", "role", "stacks", "--verb=*", "--resource=composestacks.compose-operator.dev"]);
    namespace.ok(&["create", "rolebinding", "stacks", "--role=stacks", "--user=jane"]);
    let apply = |account| {
        let output = cluster.kubectl_with(&["-n", name, "--as=jane", "apply", "-f", "-"], &stack(account));
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    // The API server takes a moment to put a new policy to use.
    wait_for("the policy to be in force", 20, || {
        let (accepted, error) = apply(None);
        if accepted {
            namespace.ok(&["delete", "composestack", "shop"]);
            std::thread::sleep(Duration::from_millis(500));
            return None;
        }
        assert!(error.contains("jane may not create any in namespace"), "{error}");
        Some(())
    });

    namespace.ok(&["create", "role", "deployments", "--verb=create", "--resource=deployments.apps"]);
    namespace.ok(&["create", "rolebinding", "deployments", "--role=deployments", "--user=jane"]);
    let (accepted, error) = apply(Some("team"));
    assert!(!accepted && error.contains("jane may not act as it"), "{error}");
    let (accepted, error) = apply(None);
    assert!(accepted, "{error}");
    let (accepted, error) = apply(Some("team"));
    assert!(!accepted && error.contains("jane may not act as it"), "{error}");

    let impersonate = ["create", "role", "team", "--verb=impersonate", "--resource=serviceaccounts"];
    namespace.ok(&[&impersonate[..], &["--resource-name=team"]].concat());
    namespace.ok(&["create", "rolebinding", "team", "--role=team", "--user=jane"]);
    let (accepted, error) = apply(Some("team"));
    assert!(accepted, "{error}");
    let (accepted, error) = apply(Some("admin"));
    assert!(!accepted && error.contains("ServiceAccount admin"), "{error}");

    // What changes nothing that runs is not asked about.
    namespace.ok(&["delete", "rolebinding", "deployments"]);
    let annotate = |annotation: &str| {
        cluster.kubectl(&["-n", name, "--as=jane", "annotate", "--overwrite", "composestack/shop", annotation])
    };
    let output = annotate("note=1");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The one annotation that is read as a part of the spec is.
    for change in ["={}", "-"] {
        let output = annotate(&format!("kubectl.kubernetes.io/last-applied-configuration{change}"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains("jane may not create any"), "{change}: {error}");
    }
}
