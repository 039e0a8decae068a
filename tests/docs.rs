//! The documentation holds together: every page is in the table of contents, and every link leads somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use compose_operator::api::condition::Reason;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// The targets of a page's links, but for those to other sites.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.contains(char::is_whitespace))
        .collect()
}

/// The anchor that GitHub and mdBook give a heading.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let listed: BTreeSet<&str> = links(&summary).into_iter().collect();
    let pages = pages();
    let there: BTreeSet<&str> = pages
        .iter()
        .map(|page| page.file_name().unwrap().to_str().unwrap())
        .filter(|name| *name != "SUMMARY.md")
        .collect();
    assert_eq!(listed, there);
}

#[test]
fn every_link_leads_somewhere() {
    let more = ["README.md", "CONTRIBUTING.md", "charts/compose-operator/README.md", "tests/cluster/README.md"];
    let mut broken = Vec::new();
    for page in pages().into_iter().chain(more.map(|path| root().join(path))) {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let found = target.exists()
                && (fragment.is_empty()
                    || std::fs::read_to_string(&target)
                        .unwrap()
                        .lines()
                        .filter_map(|line| line.strip_prefix('#'))
                        .any(|heading| anchor(heading.trim_start_matches('#').trim()) == fragment));
            if !found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_reason_is_explained() {
    let text = std::fs::read_to_string(root().join("docs/conditions.md")).unwrap();
    let missing: Vec<&str> = Reason::ALL
        .into_iter()
        .map(Reason::as_str)
        .filter(|reason| !text.contains(&format!("\n| `{reason}` |")))
        .collect();
    assert!(missing.is_empty(), "docs/conditions.md does not explain {missing:?}");
}
