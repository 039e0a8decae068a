//! Installing with kubectl and kustomize, and kubectl's other commands on stacks.

use std::path::Path;
use std::process::Command;

use crate::harness::{bare_cluster, read, wait_for};
use crate::helm::helm;
use crate::install::image_tag;

#[test]
fn the_base_is_what_the_chart_renders() {
    if helm().is_none() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("hack/manifests");
    let rendered = Command::new(script).arg("deploy").output().unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let rendered = String::from_utf8(rendered.stdout).unwrap();
    assert!(rendered == read("deploy/operator.yaml"), "deploy/operator.yaml is stale: run `make generate`");
}

#[test]
fn kubectl_installs_explains_waits_and_finds_no_difference() {
    let (Some(cluster), Some(tag)) = (bare_cluster(), image_tag()) else { return };
    // An overlay as users write one, to name their image.
    let overlay = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overlay");
    std::fs::create_dir_all(&overlay).unwrap();
    let depth =
        overlay.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("target/ is in the package").components().count();
    let base = "../".repeat(depth) + "deploy";
    std::fs::write(
        overlay.join("kustomization.yaml"),
        format!(
            "resources: [{base}]\nimages: [{{name: compose-operator, newTag: {tag}}}]\n\
             # No registry is reached from the node.\n\
             patches:\n  - target: {{kind: Deployment}}\n    patch: |\n      \
             - {{op: add, path: /spec/template/spec/containers/0/args/-, value: --image-configs=off}}\n"
        ),
    )
    .unwrap();
    let overlay = overlay.to_str().unwrap();
    cluster.ok(&["apply", "--server-side", "-k", overlay]);
    cluster.ok(&["-n", "compose-operator", "rollout", "status", "deployment/compose-operator", "--timeout=90s"]);

    // The API server publishes the schema of a new definition a moment later.
    let explained = wait_for("the resource to be explained", 30, || {
        let output = cluster.kubectl(&["explain", "composestack.spec"]);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    });
    for line in ["KIND:       ComposeStack", "  composeFile\t<string>", "The text of the Compose file."] {
        assert!(explained.contains(line), "{line} is missing in:\n{explained}");
    }
    assert!(!explained.contains("<no description>"), "{explained}");
    let deeper = cluster.ok(&["explain", "cstack.spec.volumes.reclaim"]);
    assert!(deeper.contains("ENUM:\n    Retain\n    Delete"), "{deeper}");

    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/flask-redis/stack.yaml");
    let manifest = manifest.to_str().unwrap();
    for way in [&["-f", manifest][..], &["--server-side", "-f", manifest]] {
        let namespace = cluster.namespace("kubectl");
        namespace.ok(&[&["apply"], way].concat());
        namespace.ok(&["wait", "--for=condition=Ready", "composestack/flask-redis", "--timeout=120s"]);
        let table = namespace.ok(&["get", "compose"]);
        assert!(table.contains("flask-redis") && table.contains("2/2"), "the category `compose`: {table}");
        assert!(namespace.ok(&["get", "cstack", "-o", "wide"]).contains("MESSAGE"));

        // The operator writes nothing into a stack but its status, so what is applied again is what is there.
        let output = namespace.kubectl(&[&["diff"], way].concat());
        assert!(output.status.success() && output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
        let version = |stack: serde_json::Value| stack["metadata"]["resourceVersion"].clone();
        let before = namespace.get("composestack", "flask-redis").map(version);
        namespace.ok(&[&["apply"], way].concat());
        assert_eq!(namespace.get("composestack", "flask-redis").map(version), before);

        namespace.ok(&["delete", "-f", manifest]);
        wait_for("the stack's objects to be gone", 60, || namespace.children("flask-redis").is_empty().then_some(()));
    }

    cluster.ok(&["delete", "-k", overlay, "--timeout=90s"]);
}
