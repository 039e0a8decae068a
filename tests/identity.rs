//! Who does what, asked of a real API server with real users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod harness;

use std::time::Duration;

use harness::{Namespace, Operator, cluster, wait_for};

fn stack(account: Option<&str>) -> String {
    let account = account.map(|name| format!("  serviceAccountName: {name}\n")).unwrap_or_default();
    format!(
        "apiVersion: compose-operator.dev/v1alpha1\nkind: ComposeStack\nmetadata: {{name: shop}}\nspec:\n{account}  \
         envFrom: [{{configMapRef: {{name: settings}}}}]\n  composeFile: |\n    \
         services: {{web: {{image: \"web:${{TAG}}\"}}}}\n"
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
    let output = cluster.kubectl(&["-n", name, "--as=jane", "annotate", "composestack/shop", "note=1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
