//! One tree over another (Compose Specification, "merge"): mappings by key, lists by appending, and the rules that
//! some attributes have of their own.

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::node::{Map, Mark, Node, Value};
use super::report::Report;
use super::unicity::key_of;

/// How an attribute merges.
#[derive(Clone, Copy)]
enum Rule {
    /// The later value replaces the earlier one, even with null.
    Override,
    /// Both become lists of `KEY=value`, of which the last one of a key counts.
    KeyValues,
    /// Both become lists; equal items are not repeated.
    Append,
    /// Both become mappings; a list of names maps each to this default.
    Names(Default),
    Build,
    Logging,
    Ulimit,
    IpamConfig,
}

#[derive(Clone, Copy)]
enum Default {
    Null,
    Dependency,
}

fn rule(path: &[&str]) -> Option<Rule> {
    let attribute = match path {
        ["networks", _, "ipam", "config"] => return Some(Rule::IpamConfig),
        ["networks" | "volumes" | "secrets" | "configs", _, "labels"] | ["services", _, "deploy", "labels"] => {
            return Some(Rule::KeyValues);
        }
        ["services" | "jobs", _, attribute @ ..] => attribute,
        _ => return None,
    };
    match attribute {
        ["annotations" | "environment" | "labels" | "sysctls"]
        | ["build", "args" | "additional_contexts" | "labels"]
        | ["volumes", _, "volume", "labels"] => Some(Rule::KeyValues),
        ["build"] => Some(Rule::Build),
        ["command" | "entrypoint"] | ["healthcheck", "test"] => Some(Rule::Override),
        ["depends_on"] => Some(Rule::Names(Default::Dependency)),
        ["models" | "networks"] => Some(Rule::Names(Default::Null)),
        ["dns" | "dns_opt" | "dns_search" | "env_file" | "label_file" | "extra_hosts" | "tmpfs"]
        | ["build", "extra_hosts"] => Some(Rule::Append),
        ["logging"] => Some(Rule::Logging),
        ["ulimits", _] => Some(Rule::Ulimit),
        _ => None,
    }
}

/// Merges the later tree onto the earlier one.
pub(super) fn merge(earlier: Node, later: Node, at: &At<'_>, report: &mut Report) -> Node {
    if let Some(rule) = rule(&at.pattern()) {
        return special(rule, earlier, later, at, report);
    }
    if later.is_null() {
        return earlier;
    }
    match (earlier.value, later.value) {
        (Value::Map(mut base), Value::Map(over)) => {
            merge_maps(&mut base, over, at, report);
            Node { value: Value::Map(base), mark: later.mark, key_mark: later.key_mark, tainted: false }
        }
        (Value::List(mut base), Value::List(over)) => {
            append(&mut base, over);
            Node { value: Value::List(base), mark: later.mark, key_mark: later.key_mark, tainted: false }
        }
        (Value::Map(_), value) if !matches!(value, Value::Broken) => {
            conflict("a mapping", value, later.mark, at, report)
        }
        (Value::List(_), value) if !matches!(value, Value::Broken) => conflict("a list", value, later.mark, at, report),
        (_, value) => Node { value, ..later },
    }
}

fn conflict(earlier: &str, value: Value, mark: Option<Mark>, at: &At<'_>, report: &mut Report) -> Node {
    let later = Node::new(value, mark);
    let message = format!(
        "{} cannot be merged onto {earlier}; write both in the same form, or replace with !override",
        later.kind()
    );
    report.error(at, mark, ErrorClass::Merge, "InvalidMerge", message);
    later.like(Value::Broken)
}

/// Merges the attributes of the later mapping onto the earlier one.
pub(super) fn merge_maps(base: &mut Map, over: Map, at: &At<'_>, report: &mut Report) {
    for (key, later) in over {
        let merged = match base.remove(&key) {
            Some(earlier) => {
                // A value that stays as it was keeps the place where it was written.
                let place = (earlier.mark, earlier.key_mark);
                let kept = later.is_null();
                let mut merged = merge(earlier, later, &at.key(&key), report);
                if kept && !merged.is_null() {
                    (merged.mark, merged.key_mark) = place;
                }
                merged
            }
            None => later,
        };
        base.insert(key, merged);
    }
}

fn append(base: &mut Vec<Node>, over: Vec<Node>) {
    for item in over {
        if !base.contains(&item) {
            base.push(item);
        }
    }
}

fn special(rule: Rule, earlier: Node, later: Node, at: &At<'_>, report: &mut Report) -> Node {
    if earlier.is_broken() || later.is_broken() {
        return later.like(Value::Broken);
    }
    match rule {
        Rule::Override => later,
        Rule::KeyValues => {
            let frame = later.like(Value::Null);
            let mut items = sequence(earlier);
            items.append(&mut sequence(later));
            match super::unicity::unique(items, |item| key_of(item, at, report)) {
                Some(items) => Node { tainted: false, ..frame.like(Value::List(items)) },
                None => frame.like(Value::Broken),
            }
        }
        Rule::Append => {
            let frame = later.like(Value::Null);
            let mut items = sequence(earlier);
            append(&mut items, sequence(later));
            Node { tainted: false, ..frame.like(Value::List(items)) }
        }
        Rule::Names(default) => {
            let frame = later.like(Value::Null);
            let (Some(mut base), Some(over)) =
                (mapping(earlier, default, at, report), mapping(later, default, at, report))
            else {
                return frame.like(Value::Broken);
            };
            merge_maps(&mut base, over, at, report);
            frame.like(Value::Map(base))
        }
        Rule::Build => {
            let frame = later.like(Value::Null);
            let mut base = build(earlier);
            merge_maps(&mut base, build(later), at, report);
            frame.like(Value::Map(base))
        }
        Rule::Logging => logging(earlier, later, at, report),
        Rule::Ulimit => match (earlier.value, later.value) {
            (Value::Map(mut base), Value::Map(over)) => {
                merge_maps(&mut base, over, at, report);
                Node { value: Value::Map(base), mark: later.mark, key_mark: later.key_mark, tainted: false }
            }
            (_, value) => Node { value, ..later },
        },
        Rule::IpamConfig => ipam_config(earlier, later, at, report),
    }
}

/// A mapping as a sorted list of `KEY=value`; a text as a list of one.
fn sequence(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        Value::String(_) => vec![node],
        Value::Map(map) => {
            let mut items = Vec::with_capacity(map.len());
            for (key, value) in map {
                match &value.value {
                    Value::Null => items.push(value.text_like(key)),
                    Value::List(values) => {
                        items.extend(values.iter().map(|item| item.text_like(format!("{key}={}", item.printed()))));
                    }
                    _ => items.push(value.text_like(format!("{key}={}", value.printed()))),
                }
            }
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            items
        }
        _ => Vec::new(),
    }
}

fn mapping(node: Node, default: Default, at: &At<'_>, report: &mut Report) -> Option<Map> {
    let entry = |name: &Node| {
        let mut entry = match default {
            Default::Null => name.like(Value::Null),
            Default::Dependency => super::canonical::dependency(name),
        };
        entry.key_mark = name.mark;
        entry
    };
    match &node.value {
        Value::Null => return Some(Map::new()),
        Value::String(name) if !node.tainted => return Some(Map::from([(name.clone(), entry(&node))])),
        Value::String(_) => {
            report.secret_name(at, node.mark, ErrorClass::Merge);
            return None;
        }
        _ => {}
    }
    let mark = node.mark;
    match node.value {
        Value::Map(map) => Some(map),
        Value::List(items) => {
            let mut map = Map::new();
            for item in items {
                if item.is_broken() {
                    continue;
                }
                if item.tainted {
                    report.secret_name(at, item.mark, ErrorClass::Merge);
                    return None;
                }
                let Some(name) = item.as_str() else {
                    let message = format!("{} is no name; write a string", item.kind());
                    report.error(at, item.mark, ErrorClass::Merge, "InvalidType", message);
                    return None;
                };
                map.insert(name.to_owned(), entry(&item));
            }
            Some(map)
        }
        value => {
            let node = Node::new(value, mark);
            let message = format!("{} is neither a list of names nor a mapping", node.kind());
            report.error(at, mark, ErrorClass::Merge, "InvalidType", message);
            None
        }
    }
}

fn build(node: Node) -> Map {
    if node.as_str().is_some() {
        return Map::from([("context".to_owned(), node)]);
    }
    match node.value {
        Value::Map(map) => map,
        _ => Map::new(),
    }
}

/// Options of a log driver merge when both sides mean the same driver.
fn logging(earlier: Node, later: Node, at: &At<'_>, report: &mut Report) -> Node {
    let (mark, key_mark) = (later.mark, later.key_mark);
    let kind = later.kind();
    if let (Value::Map(mut base), Value::Map(over)) = (earlier.value, later.value) {
        let (old, new) = (base.get("driver"), over.get("driver"));
        let value = if old == new || old.is_none() || new.is_none() {
            merge_maps(&mut base, over, at, report);
            Value::Map(base)
        } else {
            Value::Map(over)
        };
        Node { value, mark, key_mark, tainted: false }
    } else {
        let message = format!("{kind} cannot be merged here; both sides must be mappings");
        report.error(at, mark, ErrorClass::Merge, "InvalidMerge", message);
        Node::new(Value::Broken, mark)
    }
}

/// A pool of the outcome: one of the earlier list, or one of the later.
#[derive(Clone, Copy)]
enum Pool {
    Earlier(usize),
    Later(usize),
}

/// Address pools merge by subnet. The reference implementation changes the earlier pools while it goes through the
/// later ones, so that what comes out depends on the order; this follows it step by step.
fn ipam_config(earlier: Node, later: Node, at: &At<'_>, report: &mut Report) -> Node {
    let (mark, key_mark) = (later.mark, later.key_mark);
    let (Value::List(mut base), Value::List(over)) = (earlier.value, later.value) else {
        report.error(
            at,
            mark,
            ErrorClass::Merge,
            "InvalidMerge",
            "only lists of address pools can be merged; write a list",
        );
        return Node::new(Value::Broken, mark);
    };
    let mut pools: Vec<Pool> = Vec::new();
    for index in 0..base.len() {
        for (other, pool) in over.iter().enumerate() {
            let subnet = |which: &Pool, base: &[Node]| match *which {
                Pool::Earlier(index) => base[index].get("subnet").cloned(),
                Pool::Later(index) => over[index].get("subnet").cloned(),
            };
            let own = pool.get("subnet").cloned();
            if own != base[index].get("subnet").cloned() && !pools.iter().any(|known| subnet(known, &base) == own) {
                pools.push(Pool::Later(other));
                continue;
            }
            let original = std::mem::replace(&mut base[index], Node::null());
            base[index] = merge(original, pool.clone(), &at.item(index), report);
            let merged = base[index].get("subnet").cloned();
            match pools.iter().position(|known| subnet(known, &base) == merged) {
                Some(place) => pools[place] = Pool::Earlier(index),
                None => pools.push(Pool::Earlier(index)),
            }
        }
    }
    let pools = pools.into_iter().map(|pool| match pool {
        Pool::Earlier(index) => base[index].clone(),
        Pool::Later(index) => over[index].clone(),
    });
    Node { value: Value::List(pools.collect()), mark, key_mark, tainted: false }
}
