//! New volumes, filled from images.

use crate::harness::inside::{inside, try_inside};
use crate::harness::{Operator, cluster, not_run, wait_for};

/// What the image is called that `make node-test` puts onto the node.
const OPERATOR: &str = "compose-operator:dev";

/// Everything below a directory, with kind, owner, mode, size and time.
const LIST: &str = "find . | sort | while read f; do stat -c '%n %F %u:%g %a %s %Y' \"$f\"; done";

/// redis' image has a configuration that belongs to the user redis, in a directory with a set-group-ID bit.
fn stack(greeting: &str) -> String {
    format!(
        r#"
apiVersion: compose-operator.dev/v1alpha1
kind: ComposeStack
metadata:
  name: site
spec:
  composeFile: |
    services:
      app:
        image: redis:alpine
        entrypoint: [sleep, "3600"]
        environment: {{GREETING: {greeting}}}
        volumes: ["conf:/etc/redis", "bin:/usr/share", {{type: volume, source: bare, target: /etc/nginx, volume: {{nocopy: true}}}}]
      image:
        image: redis:alpine
        entrypoint: [sleep, "3600"]
      reader:
        image: busybox
        command: [sleep, "3600"]
        depends_on: [app]
        volumes: ["conf:/conf:ro"]
    volumes: {{conf: {{}}, bin: {{}}, bare: {{}}}}
"#
    )
}

#[test]
fn a_new_volume_has_what_the_image_has_and_keeps_what_is_changed() {
    let Some(cluster) = cluster() else { return };
    if std::env::var_os("COMPOSE_OPERATOR_IMAGE_LOADED").is_none() {
        not_run("COMPOSE_OPERATOR_IMAGE_LOADED is not set, so the node may not have the operator's image");
        return;
    }
    let namespace = cluster.namespace("seeding");
    let _operator = Operator::start(cluster, &[&namespace], &["--operator-image", OPERATOR]);
    namespace.apply(&stack("one"));
    namespace.wait_ready("site", 180);
    for path in ["/etc/redis", "/usr/share"] {
        let list = |service: &str| inside(&namespace, service, &format!("cd {path} && {LIST}"));
        let expected = list("image");
        assert!(expected.lines().count() > 1 && list("app") == expected, "{path}:\n{expected}\n{}", list("app"));
    }
    let owner = inside(&namespace, "app", "stat -c '%U %a' /etc/redis/redis.conf");
    assert_eq!(owner.trim(), "redis 640");
    assert_eq!(inside(&namespace, "app", "ls /etc/nginx").trim(), "");
    assert_eq!(inside(&namespace, "reader", "ls /conf").trim(), "redis.conf");
    // The Jobs are gone, and the claims say that it was done.
    wait_for("the Jobs to be gone", 30, || {
        namespace.list("jobs", "compose-operator.dev/component=seed").is_empty().then_some(())
    });
    let annotations = namespace.get("pvc", "site-conf").unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations["compose-operator.dev/seed"], "done");
    let annotations = namespace.get("pvc", "site-bare").unwrap()["metadata"]["annotations"].clone();
    assert!(annotations["compose-operator.dev/seed"].is_null());

    inside(&namespace, "app", "rm /etc/redis/* && echo mine > /etc/redis/mine");
    namespace.apply(&stack("two"));
    wait_for("the new pod", 90, || {
        let (code, greeting) = try_inside(&namespace, "app", "echo $GREETING");
        (code == 0 && greeting.trim() == "two").then_some(())
    });
    namespace.wait_ready("site", 60);
    assert_eq!(inside(&namespace, "reader", "cd /conf && ls && cat mine").trim(), "mine\nmine");

    // A stack of the same name finds its volumes as they were left.
    namespace.ok(&["delete", "composestack", "site", "--cascade=foreground", "--timeout=90s"]);
    namespace.apply(&stack("three"));
    namespace.wait_ready("site", 120);
    assert_eq!(inside(&namespace, "reader", "ls /conf").trim(), "mine");
}
