//! The tutorial, as it stands: its files are written and its commands run, in order.

use std::path::Path;
use std::process::Command;

use super::harness::{Operator, cluster, read};

/// A fenced block of a page.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
    /// Why it is not run, from the comment `<!-- not run: ... -->` right before it.
    not_run: Option<&'a str>,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let parts: Vec<&str> = page.split("```").collect();
    parts
        .chunks_exact(2)
        .map(|pair| {
            let (language, text) = pair[1].split_once('\n').unwrap();
            let last = pair[0].trim_end().lines().next_back().unwrap_or_default();
            let not_run = last.strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
            Block { language, text, not_run }
        })
        .collect()
}

#[test]
fn the_tutorial_runs_as_it_is_written() {
    let Some(cluster) = cluster() else { return };
    let namespace = cluster.namespace("tutorial");
    let _operator = Operator::start(cluster, &[&namespace], &["--network-policy-enforced=yes"]);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tutorial");
    std::fs::create_dir_all(&directory).unwrap();
    // The reader's namespace is the one that kubectl works in.
    let kubeconfig = directory.join("kubeconfig");
    std::fs::copy(&cluster.kubeconfig, &kubeconfig).unwrap();
    let run = |script: &str| {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(&directory)
            .env("KUBECONFIG", &kubeconfig)
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&format!("kubectl config set-context --current --namespace={}", namespace.name));

    let page = read("docs/tutorial.md");
    let mut commands = 0;
    for block in blocks(&page) {
        let file = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
        match (block.language, file, block.not_run) {
            ("yaml", Some(file), _) => std::fs::write(directory.join(file), block.text).unwrap(),
            ("sh", _, Some(reason)) => println!("not run: {reason}:\n{}", block.text),
            ("sh", _, None) => {
                run(block.text);
                commands += 1;
            }
            (language, ..) => panic!("what is to be done with this block of {language}?\n{}", block.text),
        }
    }
    assert!(commands >= 5, "{commands}");
    assert!(namespace.get("composestack", "shop").is_none());
    assert!(namespace.get("pvc", "shop-db-data").is_some());
}
