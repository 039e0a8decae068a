//! The last forms before decoding: lists of `KEY=value` become mappings, command lines become words.

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::entries;
use super::node::{Map, Node, Value};
use super::report::Report;
use super::shellwords;
use crate::parallel::Threads;

/// What an attribute is turned into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A mapping whose keys may be without a value.
    Variables,
    /// A mapping of texts.
    Pairs,
    Words,
    Test,
}

/// The names of all attributes that have a form: of most attributes, the place need not be looked at.
const FORMED: [&str; 9] =
    ["environment", "labels", "annotations", "sysctls", "options", "command", "entrypoint", "args", "test"];

fn form(path: &[&str]) -> Option<Form> {
    match path {
        ["services", _, "pre_start" | "post_start" | "pre_stop", "[]", rest @ ..]
        | ["services", _, "develop", "watch", "[]", "exec", rest @ ..] => container(rest),
        ["networks" | "volumes" | "secrets" | "configs", _, "labels"]
        | ["services", _, "deploy", "labels"]
        | ["services", _, "deploy", "resources", "reservations", "devices", "[]", "options"] => Some(Form::Pairs),
        ["services" | "jobs", _, rest @ ..] => match rest {
            ["build", "args"] => Some(Form::Variables),
            ["build", "labels"] => Some(Form::Pairs),
            ["healthcheck", "test"] => Some(Form::Test),
            _ => container(rest),
        },
        _ => None,
    }
}

fn container(path: &[&str]) -> Option<Form> {
    match path {
        ["environment"] => Some(Form::Variables),
        ["labels" | "annotations" | "sysctls"] | ["volumes", "[]", "volume", "labels"] | ["gpus", "[]", "options"] => {
            Some(Form::Pairs)
        }
        ["command" | "entrypoint"] => Some(Form::Words),
        _ => None,
    }
}

/// Rewrites the whole tree.
pub(super) fn settle(root: &mut Map, report: &mut Report, threads: Threads) {
    for section in ["services", "jobs", "networks", "volumes", "secrets", "configs"] {
        entries::each(root, section, report, threads, &walk);
    }
}

fn walk(node: &mut Node, at: &At<'_>, report: &mut Report) {
    if let Some(form) = at.name().filter(|name| FORMED.contains(name)).and_then(|_| form(&at.pattern())) {
        match form {
            Form::Variables | Form::Pairs => pairs(node, form, at, report),
            Form::Words => words(node, at, report),
            Form::Test => test(node),
        }
        return;
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut() {
                if !key.starts_with("x-") || at.depth() < 2 {
                    walk(value, &at.key(key), report);
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                walk(item, &at.item(index), report);
            }
        }
        _ => {}
    }
}

fn pairs(node: &mut Node, form: Form, at: &At<'_>, report: &mut Report) {
    if let Some(map) = node.as_map_mut() {
        if form == Form::Variables {
            for (key, value) in map.iter_mut() {
                if matches!(value.value, Value::Bool(_)) && report.is_object(value.mark) {
                    let message = format!(
                        "this is the boolean {}: if the document said yes, no, on or off, it was turned into a boolean \
                         before it arrived; put the value into quotes",
                        value.printed()
                    );
                    report.warn(&at.key(key), value.mark, "BooleanInEnvironment", message);
                }
            }
        }
        return;
    }
    let Some(items) = node.as_list_mut() else { return };
    let mut map = Map::new();
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let text = item.printed();
        let (key, value) = text.split_once('=').map_or((&*text, None), |(key, value)| (key, Some(value)));
        if form == Form::Variables && key.ends_with(char::is_whitespace) {
            let message = "the name of a variable ends with a space; take it out";
            report.error(&at.item(index), item.mark, ErrorClass::Decode, "InvalidName", message);
            continue;
        }
        let value = match (value, form) {
            (Some(value), _) => item.text_like(value),
            (None, Form::Variables) => Node { tainted: false, ..item.like(Value::Null) },
            (None, _) => item.text_like(""),
        };
        map.insert(key.to_owned(), Node { key_mark: item.mark, ..value });
    }
    node.value = Value::Map(map);
}

fn words(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let Some(line) = node.as_str() else { return };
    if let Ok(split) = shellwords::split(line) {
        if let Some(cut) = split.cut {
            let message =
                format!("no shell reads this: the words end at the unquoted {cut:?}; write [\"sh\", \"-c\", \"...\"]");
            report.warn(at, node.mark, "CommandCut", message);
        }
        let words = split.words.into_iter().map(|word| Node { key_mark: None, ..node.text_like(word) }).collect();
        node.value = Value::List(words);
        node.tainted = false;
    } else {
        let message = format!("the quotes or parentheses of {} do not close", report.shown(node));
        report.error(at, node.mark, ErrorClass::Decode, "InvalidCommand", message);
        node.value = Value::Broken;
    }
}

/// A health check as one line is for a shell.
fn test(node: &mut Node) {
    if node.as_str().is_some() {
        let line = Node { key_mark: None, ..node.clone() };
        node.value = Value::List(vec![Node { tainted: false, ..line.text_like("CMD-SHELL") }, line]);
        node.tainted = false;
    }
}
