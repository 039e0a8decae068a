//! The commands of the README and of docs/, run as they stand against a release on a real node. The tutorial's are run
//! by a test of its own.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::harness::page::{Reader, blocks, section};
use crate::harness::{Cluster, bare_cluster, read};
use crate::helm::helm;
use crate::install::{RELEASE, image_tag};

const README: &str = "README.md";
const CHART: &str = "charts/compose-operator/README.md";
/// The pages whose commands are run here or, the tutorial's, by the tests on a node.
const RUN: [&str; 11] = [
    README,
    CHART,
    "docs/conditions.md",
    "docs/convert.md",
    "docs/from-kompose.md",
    "docs/gitops.md",
    "docs/install.md",
    "docs/kubectl-compose.md",
    "docs/operations.md",
    "docs/tutorial.md",
    "docs/upgrades.md",
];

#[test]
fn no_page_has_commands_that_nobody_runs() {
    let docs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let docs = docs.map(|path| format!("docs/{}", path.file_name().unwrap().to_str().unwrap()));
    let pages = docs.chain([README, CHART].map(str::to_owned));
    let with_commands: BTreeSet<String> = pages
        .filter(|page| blocks(&read(page)).iter().any(|block| block.language == "sh" && block.not_run.is_none()))
        .collect();
    assert_eq!(with_commands, RUN.map(str::to_owned).into());
}

/// A page with the image that the node has in the place of the one that readers push.
fn page(name: &str, tag: &str) -> String {
    // No registry is reached from the node, for what images say of themselves either.
    read(name)
        .replace(
            "--set image.repository=registry.example.com/compose-operator",
            &format!("--set image.repository=compose-operator,image.tag={tag},imageConfigs=false"),
        )
        .replace("newName: registry.example.com/compose-operator", &format!("newTag: {tag}"))
}

/// The directory of a reader: a checkout, and the plug-in on PATH.
fn reader(cluster: &Cluster) -> Reader {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let helm = std::env::var_os("HELM").map(PathBuf::from).unwrap();
    let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-compose")).parent().unwrap();
    let reader = Reader::new("pages", &cluster.kubeconfig, &[helm.parent().unwrap(), plugin]);
    for (link, target) in [
        ("charts", checkout.join("charts")),
        ("examples", checkout.join("examples")),
        ("compose-operator", checkout.to_owned()),
    ] {
        let link = reader.directory().join(link);
        if !link.exists() {
            symlink(target, link).unwrap();
        }
    }
    reader
}

#[test]
fn the_pages_run_as_they_are_written() {
    let (Some(cluster), Some(_), Some(tag)) = (bare_cluster(), helm(), image_tag()) else { return };
    let reader = reader(cluster);
    let namespace = cluster.namespace("pages");
    reader.work_in(&namespace.name);
    let install = page("docs/install.md", tag);
    let uninstall = || {
        assert_eq!(reader.follow(section(&install, "Uninstall")), 1);
        cluster.ok(&["wait", "--for=delete", "pod", "-n", RELEASE, "-l", "app.kubernetes.io/name=compose-operator"]);
    };

    assert_eq!(reader.follow(section(&page(README, tag), "Use it in your cluster")), 1);
    namespace.ok(&["delete", "composestack", "postgres"]);
    uninstall();
    assert_eq!(reader.follow(&page(CHART, tag)), 1);
    uninstall();
    assert_eq!(reader.follow(section(&install, "With Helm")), 2);

    // What the other pages speak of is the tutorial's stack.
    assert_eq!(reader.follow(section(&read("docs/tutorial.md"), "A Compose file as it is")), 2);
    reader.follow(&read("docs/conditions.md"));
    reader.follow(&read("docs/operations.md"));
    assert_eq!(reader.follow(&page("docs/upgrades.md", tag)), 1);
    let chart = "charts/compose-operator --namespace compose-operator --reuse-values";
    reader.run(&format!("helm upgrade compose-operator {chart} --set argocd.enabled=true"));
    reader.run("kubectl create namespace argocd; kubectl -n argocd create configmap argocd-cm --from-literal=url=kept");
    assert_eq!(reader.follow(&read("docs/gitops.md")), 2);
    let settings = cluster.get("argocd", "configmap", "argocd-cm").unwrap();
    let keys: Vec<&String> = settings["data"].as_object().unwrap().keys().collect();
    assert!(keys.len() > 2 && keys.contains(&&"url".to_owned()), "{keys:?}");

    let converted = cluster.namespace("convert");
    reader.work_in(&converted.name);
    let compose = "services: {cache: {image: \"redis:alpine\", ports: [\"6379:6379\"]}}\n";
    std::fs::write(reader.directory().join("compose.yaml"), compose).unwrap();
    assert_eq!(reader.follow(&read("docs/convert.md")), 1);
    converted.ok(&["rollout", "status", "deployment/cache", "--timeout=60s"]);
    assert_eq!(reader.follow(&read("docs/kubectl-compose.md")), 1);
    assert_eq!(reader.follow(&read("docs/from-kompose.md")), 1);
    reader.run("kubectl apply --dry-run=server -f shop.yaml");

    namespace.ok(&["delete", "composestack", "shop"]);
    uninstall();
    cluster.ok(&["delete", "crd", "composestacks.compose-operator.dev", "--timeout=60s"]);
    assert_eq!(reader.follow(section(&install, "With kubectl or kustomize")), 1);
    reader.run("kubectl delete -k . --timeout=90s");
    cluster.ok(&["delete", "namespace", "argocd", "--wait=false"]);
}
