//! Scalars: the conversions that the reference implementation makes between texts, numbers and booleans.

use super::super::attribute::At;
use super::super::bytes;
use super::super::diagnostic::ErrorClass;
use super::super::interpolate;
use super::super::model::{ByteSize, Duration, FileMode};
use super::super::node::{Node, Value};
use super::super::report::Report;
use super::{Decode, mistyped};

fn invalid(node: &Node, expected: &str, at: &At<'_>, report: &mut Report) {
    let message = format!("{} does not fit; expected {expected}", report.shown(node));
    report.error(at, node.mark, ErrorClass::Decode, "InvalidValue", message);
}

impl Decode for String {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(text.clone()),
            Value::Int(_) => Some(node.printed().into_owned()),
            _ => {
                mistyped(node, "a string", at, report);
                None
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            Value::String(text) => {
                let value = interpolate::boolean(text, at, node, report);
                if value.is_none() {
                    invalid(node, "true or false", at, report);
                }
                value
            }
            _ => {
                mistyped(node, "a boolean", at, report);
                None
            }
        }
    }
}

impl Decode for i64 {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Int(value) => Some(*value),
            #[allow(clippy::cast_possible_truncation, reason = "fractions are cut off, as in the reference")]
            Value::Float(value) => Some(*value as Self),
            Value::String(text) => {
                let value = interpolate::integer(text);
                if value.is_none() {
                    invalid(node, "a whole number", at, report);
                }
                value
            }
            _ => {
                mistyped(node, "a whole number", at, report);
                None
            }
        }
    }
}

fn unsigned<T: TryFrom<i64>>(node: &Node, at: &At<'_>, report: &mut Report) -> Option<T> {
    if !matches!(node.value, Value::Int(_) | Value::Float(_)) {
        mistyped(node, "a whole number", at, report);
        return None;
    }
    let value = i64::decode(node, at, report).and_then(|value| T::try_from(value).ok());
    if value.is_none() {
        invalid(node, "a whole number from 0 on", at, report);
    }
    value
}

impl Decode for u64 {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        if let Value::Uint(value) = node.value { Some(value) } else { unsigned(node, at, report) }
    }
}

impl Decode for u32 {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        unsigned(node, at, report)
    }
}

impl Decode for u16 {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        unsigned(node, at, report)
    }
}

impl Decode for f32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the model is of single precision")]
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Int(value) => Some(*value as Self),
            Value::Float(value) => Some(*value as Self),
            Value::String(text) => {
                let value = interpolate::float(text);
                if value.is_none() {
                    invalid(node, "a number", at, report);
                }
                value.map(|value| value as Self)
            }
            _ => {
                mistyped(node, "a number", at, report);
                None
            }
        }
    }
}

impl Decode for ByteSize {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Int(value) => Some(Self(*value)),
            Value::String(text) => {
                let size = bytes::parse(text);
                if size.is_none() {
                    invalid(node, "a size such as 512m or 2gb", at, report);
                }
                size
            }
            // The reference implementation reads nothing from other numbers.
            _ => Some(Self::default()),
        }
    }
}

impl Decode for Duration {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        let duration = Self::parse(&node.printed()).ok();
        if duration.is_none() {
            invalid(node, "a span of time such as 1m30s", at, report);
        }
        duration
    }
}

impl Decode for FileMode {
    fn decode(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Int(value) => Some(Self(*value)),
            Value::String(text) => {
                let mode = i64::from_str_radix(text, 8).ok().map(Self);
                if mode.is_none() {
                    invalid(node, "octal permission bits such as \"0440\"", at, report);
                }
                mode
            }
            _ => {
                mistyped(node, "octal permission bits", at, report);
                None
            }
        }
    }
}
