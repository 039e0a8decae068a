//! Relative paths to absolute ones, or at least to paths from the directory of the including file.

use super::node::{Map, Node, Value};
use super::path;

/// What relative paths are resolved against.
pub(super) struct Base<'a> {
    /// The directory; relative itself while an included or extended file is loaded.
    pub(super) directory: &'a str,
    /// The home directory, when there is one.
    pub(super) home: Option<&'a str>,
}

/// Resolves every path attribute of a canonical document.
pub(super) fn locate(root: &mut Map, base: &Base<'_>) {
    for section in ["services", "jobs"] {
        for entry in values(root.get_mut(section)) {
            container(entry, base);
            if let Some(build) = entry.get_mut("build") {
                text(build.get_mut("context"), |path| base.context(path));
                for context in values(build.get_mut("additional_contexts")) {
                    text(Some(context), |path| base.context(path));
                }
                for key in values(build.get_mut("ssh")) {
                    text(Some(key), |path| base.host(path));
                }
            }
            text(entry.get_mut("extends").and_then(|extends| extends.get_mut("file")), |path| base.project(path));
            if section == "services" {
                for hook in items(entry.get_mut("pre_start")) {
                    container(hook, base);
                }
                for trigger in items(entry.get_mut("develop").and_then(|develop| develop.get_mut("watch"))) {
                    text(trigger.get_mut("path"), |path| base.project(path));
                }
            }
        }
    }
    for section in ["configs", "secrets"] {
        for entry in values(root.get_mut(section)) {
            text(entry.get_mut("file"), |path| base.host(path));
        }
    }
    for volume in values(root.get_mut("volumes")) {
        if volume.get("driver").and_then(Node::as_str) == Some("local")
            && let Some(options) = volume.get_mut("driver_opts")
            && options.get("o").and_then(Node::as_str) == Some("bind")
        {
            text(options.get_mut("device"), |path| base.host(path));
        }
    }
}

fn container(entry: &mut Node, base: &Base<'_>) {
    for file in items(entry.get_mut("env_file")) {
        text(file.get_mut("path"), |path| base.project(path));
    }
    for file in items(entry.get_mut("label_file")) {
        text(Some(file), |path| base.project(path));
    }
    for volume in items(entry.get_mut("volumes")) {
        if volume.get("type").and_then(Node::as_str) == Some("bind") {
            text(volume.get_mut("source"), |path| base.host(path));
        }
    }
}

fn values(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::as_map_mut).map(super::map::Map::values_mut).into_iter().flatten()
}

fn items(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    node.and_then(Node::as_list_mut).map(|items| items.iter_mut()).into_iter().flatten()
}

#[allow(clippy::needless_pass_by_value, reason = "lookups give options of references")]
fn text(node: Option<&mut Node>, resolve: impl FnOnce(&str) -> String) {
    if let Some(Node { value: Value::String(text), .. }) = node {
        *text = resolve(text);
    }
}

impl Base<'_> {
    fn expanded(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => path::join(home, rest),
            _ => path.to_owned(),
        }
    }

    /// A path within the project.
    fn project(&self, path: &str) -> String {
        let path = self.expanded(path);
        if path.is_empty() || path.starts_with('/') { path } else { path::join(self.directory, &path) }
    }

    /// A path of the host, which may be a Windows one.
    fn host(&self, path: &str) -> String {
        let path = self.expanded(path);
        if path.starts_with('/') || path::is_windows_absolute(&path) { path } else { path::join(self.directory, &path) }
    }

    /// A build context: a path, a URL, or another service's image.
    fn context(&self, path: &str) -> String {
        const REMOTE: [&str; 6] = ["https://", "http://", "git://", "ssh://", "github.com/", "git@"];
        let remote = REMOTE.iter().any(|prefix| path.starts_with(prefix));
        if remote || path.contains("://") || path.starts_with("service:") {
            path.to_owned()
        } else {
            self.project(path)
        }
    }
}
