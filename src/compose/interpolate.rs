//! Variables into values (Compose Specification, "interpolation"), and texts into the numbers and booleans that
//! their attributes are. Keys are left alone.

use super::attribute::At;
use super::diagnostic::ErrorClass;
use super::dotenv::Variables;
use super::entries;
use super::node::{Node, Value};
use super::report::Report;
use super::template::{self, TemplateError};
use super::yaml_scalar;
use crate::parallel::Threads;

/// Interpolates every text of a document.
pub(super) fn document(root: &mut Node, variables: &Variables, report: &mut Report, threads: Threads) {
    let Some(sections) = root.as_map_mut() else { return interpolate(root, &At::ROOT, variables, report) };
    for (section, node) in sections.iter_mut() {
        let at = At::ROOT.key(section);
        match node.as_map_mut() {
            Some(entries) => entries::all(entries, &at, report, threads, &|entry, at, report| {
                interpolate(entry, at, variables, report);
            }),
            None => interpolate(node, &at, variables, report),
        }
    }
}

/// Interpolates every text of a tree.
pub(super) fn interpolate(node: &mut Node, at: &At<'_>, variables: &Variables, report: &mut Report) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut() {
                interpolate(value, &at.key(key), variables, report);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &at.item(index), variables, report);
            }
        }
        Value::String(_) => text(node, at, variables, report),
        _ => {}
    }
}

fn text(node: &mut Node, at: &At<'_>, variables: &Variables, report: &mut Report) {
    let Value::String(template) = &node.value else { return };
    if template.contains('$') {
        if report.is_spent() {
            node.value = Value::Broken;
            return;
        }
        match template::expand(template, &|name| variables.get(name)) {
            Ok(expansion) => {
                for variable in &expansion.unset {
                    report.warn_unset(at, node.mark, variable);
                }
                node.tainted |= expansion.secret;
                if !report.spend(2 * expansion.text.len(), at, node.mark, ErrorClass::Interpolation) {
                    node.value = Value::Broken;
                    return;
                }
                node.value = Value::String(expansion.text);
            }
            Err(TemplateError::Invalid) => {
                let message = format!(
                    "{} does not follow the syntax of variables; write ${{NAME}}, or $$ for a plain dollar sign",
                    report.shown(node)
                );
                report.error(at, node.mark, ErrorClass::Interpolation, "InvalidInterpolation", message);
                node.value = Value::Broken;
                return;
            }
            Err(TemplateError::Missing { variable, reason }) => {
                let reason = if reason.is_empty() || report.is_secret(node.mark) {
                    "; give it a value".to_owned()
                } else {
                    format!(": {reason}")
                };
                let message = format!("variable {variable} is required and not set{reason}");
                report.error(at, node.mark, ErrorClass::Interpolation, "MissingVariable", message);
                node.value = Value::Broken;
                return;
            }
            Err(TemplateError::TooLong) => {
                too_long(node, at, report);
                return;
            }
        }
    }
    if let Some(cast) = cast_of(&at.pattern()) {
        convert(node, at, cast, report);
    }
}

fn too_long(node: &mut Node, at: &At<'_>, report: &mut Report) {
    let message = "interpolation makes more text, or nests deeper, than the limit; use shorter variables";
    report.error(at, node.mark, ErrorClass::Interpolation, "LimitExceeded", message);
    node.value = Value::Broken;
}

/// What a text is turned into.
#[derive(Clone, Copy)]
enum Cast {
    Bool,
    Int,
    Float,
    Umask,
}

/// The attributes whose texts are turned into something else before anything is merged.
fn cast_of(path: &[&str]) -> Option<Cast> {
    let container = match path {
        ["networks", _, "external" | "internal" | "attachable" | "enable_ipv4" | "enable_ipv6"]
        | ["volumes" | "secrets" | "configs", _, "external"] => return Some(Cast::Bool),
        ["services", _, "pre_start", _, rest @ ..] => return container_cast(rest),
        ["services" | "jobs", _, rest @ ..] => rest,
        _ => return None,
    };
    if let ["services", ..] = path
        && let Some(cast) = service_cast(container)
    {
        return Some(cast);
    }
    match container {
        ["depends_on", _, "required" | "restart"] | ["healthcheck", "disable"] | ["stdin_open" | "tty"] => {
            Some(Cast::Bool)
        }
        ["healthcheck", "retries"] | ["ports", "[]", "target"] => Some(Cast::Int),
        _ => container_cast(container),
    }
}

fn service_cast(path: &[&str]) -> Option<Cast> {
    match path {
        ["scale"]
        | ["deploy", "replicas"]
        | ["deploy", "update_config" | "rollback_config", "parallelism"]
        | ["deploy", "restart_policy", "max_attempts"]
        | ["deploy", "placement", "max_replicas_per_node"] => Some(Cast::Int),
        ["deploy", "update_config" | "rollback_config", "max_failure_ratio"] => Some(Cast::Float),
        _ => None,
    }
}

fn container_cast(path: &[&str]) -> Option<Cast> {
    match path {
        [
            "cpu_count" | "cpu_period" | "cpu_quota" | "cpu_rt_period" | "cpu_rt_runtime" | "cpu_shares"
            | "oom_score_adj" | "pids_limit",
        ]
        | ["ulimits", _]
        | ["ulimits", _, "hard" | "soft"] => Some(Cast::Int),
        ["cpu_percent" | "cpus"] => Some(Cast::Float),
        ["init" | "oom_kill_disable" | "privileged" | "read_only"]
        | ["networks", _, "use_service_name_alias"]
        | ["volumes", "[]", "read_only"]
        | ["volumes", "[]", "volume", "nocopy"] => Some(Cast::Bool),
        ["umask"] => Some(Cast::Umask),
        _ => None,
    }
}

fn convert(node: &mut Node, at: &At<'_>, cast: Cast, report: &mut Report) {
    let Value::String(text) = &node.value else { return };
    let (converted, expected) = match cast {
        Cast::Bool => (boolean(text, at, node, report).map(Value::Bool), "true or false"),
        Cast::Int => (integer(text).map(Value::Int), "a whole number"),
        Cast::Float => (float(text).map(Value::Float), "a number"),
        Cast::Umask => {
            let mask = yaml_scalar::unsigned(text).filter(|mask| u32::try_from(*mask).is_ok());
            (mask.and_then(|mask| i64::try_from(mask).ok()).map(Value::Int), "an octal number such as 022")
        }
    };
    if let Some(value) = converted {
        node.value = value;
    } else {
        let message = format!("{} is not {expected}; correct it, or the variable in it", report.shown(node));
        report.error(at, node.mark, ErrorClass::Interpolation, "InvalidType", message);
        node.value = Value::Broken;
    }
}

/// A whole number in decimal digits.
pub(super) fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A number as Go's `strconv.ParseFloat` reads it, near enough.
pub(super) fn float(text: &str) -> Option<f64> {
    let plain = text.trim_start_matches(['+', '-']);
    if plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        let value: f64 = text.parse().ok()?;
        return value.is_finite().then_some(value);
    }
    let plain = plain.to_ascii_lowercase();
    match plain.as_str() {
        "inf" | "infinity" | "nan" => text.parse().ok(),
        _ => None,
    }
}

/// A boolean word; those of YAML 1.1 are taken with a warning.
pub(super) fn boolean(text: &str, at: &At<'_>, node: &Node, report: &mut Report) -> Option<bool> {
    let value = match text.to_lowercase().as_str() {
        "true" => return Some(true),
        "false" => return Some(false),
        "y" | "yes" | "on" => true,
        "n" | "no" | "off" => false,
        _ => return None,
    };
    let message = format!("{} is an old word for a boolean; write {value}", report.shown(node));
    report.warn(at, node.mark, "OldBoolean", message);
    Some(value)
}
