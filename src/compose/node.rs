//! The tree that every stage works on: untyped, with positions and taint.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU16;

use super::limits;
use super::yaml_scalar::{self, Timestamp};

/// A place in a source; line 0 means that the source has none (it arrived as an object). Each node of a tree has two, which
/// are three eighths of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which of the report's sources it is, from 1 on.
    pub(super) source: NonZeroU16,
    /// How many characters of its line the text takes; 0 when it goes on, or is not known.
    pub(super) width: u16,
    pub(super) line: u32,
    pub(super) column: u32,
}

pub(super) use super::map::Map;

/// What the attributes count for among what a load may make.
pub(super) fn weight(map: &Map) -> usize {
    map.iter().map(|(key, node)| limits::ENTRY_BYTES + key.len() + node.weight()).sum()
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer beyond `i64`.
    Uint(u64),
    Float(f64),
    Time(Timestamp),
    String(String),
    List(Vec<Node>),
    Map(Map),
    /// Something wrong that was reported already: every later stage passes it by.
    Broken,
}

/// A value with where it was written and whether it holds text from a Secret.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) mark: Option<Mark>,
    /// Where the key was written, if the node is an attribute.
    pub(super) key_mark: Option<Mark>,
    pub(super) tainted: bool,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: &dyn fmt::Debug = if self.tainted { &"***" } else { &self.value };
        let Self { value: _, mark, key_mark, tainted } = self;
        f.debug_struct("Node")
            .field("value", value)
            .field("mark", mark)
            .field("key_mark", key_mark)
            .field("tainted", tainted)
            .finish()
    }
}

/// Two nodes are equal when their values are, wherever they were written.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    pub(super) fn new(value: Value, mark: Option<Mark>) -> Self {
        Self { value, mark, key_mark: None, tainted: false }
    }

    pub(super) fn null() -> Self {
        Self::new(Value::Null, None)
    }

    pub(super) fn empty_map() -> Self {
        Self::new(Value::Map(Map::new()), None)
    }

    /// A value in the place of another: position and taint go on.
    pub(super) fn like(&self, value: Value) -> Self {
        Self { value, mark: self.mark, key_mark: self.key_mark, tainted: self.tainted }
    }

    /// A text in the place of another value.
    pub(super) fn text_like(&self, text: impl Into<String>) -> Self {
        self.like(Value::String(text.into()))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(super) fn is_broken(&self) -> bool {
        matches!(self.value, Value::Broken)
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn as_list_mut(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key)
    }

    /// What kind of value it is, in the words of messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => "a number",
            Value::Time(_) | Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "an invalid value",
        }
    }

    /// A scalar's text as the reference implementation prints it: `1.10` is `1.1`, `0440` is `288`.
    pub(super) fn printed(&self) -> Cow<'_, str> {
        match &self.value {
            Value::String(text) => Cow::Borrowed(text),
            Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Value::Int(value) => Cow::Owned(value.to_string()),
            Value::Uint(value) => Cow::Owned(value.to_string()),
            Value::Float(value) => Cow::Owned(yaml_scalar::print_float(*value)),
            Value::Time(time) => Cow::Owned(time.to_string()),
            Value::Null => Cow::Borrowed("<nil>"),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(Self::printed).collect();
                Cow::Owned(format!("[{}]", items.join(" ")))
            }
            Value::Map(map) => {
                let entries: Vec<_> = map.iter().map(|(key, node)| format!("{key}:{}", node.printed())).collect();
                Cow::Owned(format!("map[{}]", entries.join(" ")))
            }
            Value::Broken => Cow::Borrowed(""),
        }
    }

    /// The same content as a JSON value, for extensions.
    pub(super) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null | Value::Broken => Json::Null,
            Value::Bool(value) => Json::from(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Time(time) => Json::from(time.rfc3339()),
            Value::String(text) => Json::from(text.as_str()),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(map) => Json::Object(map.iter().map(|(key, node)| (key.clone(), node.to_json())).collect()),
        }
    }

    /// The tree of a document that arrived as an object.
    pub(super) fn from_json(value: &serde_json::Value, mark: Mark) -> Self {
        use serde_json::Value as Json;
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Value::Int(value),
                (None, Some(value)) => Value::Uint(value),
                (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(|item| Self::from_json(item, mark)).collect()),
            Json::Object(map) => {
                Value::Map(map.iter().map(|(key, value)| (key.clone(), Self::from_json(value, mark))).collect())
            }
        };
        Self { value, mark: Some(mark), key_mark: Some(mark), tainted: false }
    }

    /// What the value and those below it count for among what a load may make.
    pub(super) fn weight(&self) -> usize {
        let below = match &self.value {
            Value::String(text) => text.len(),
            Value::List(items) => items.iter().map(Self::weight).sum(),
            Value::Map(map) => limits::MAP_BYTES + weight(map),
            _ => 0,
        };
        limits::NODE_BYTES + below
    }

    /// Whether text from a Secret is here or below.
    pub(super) fn holds_taint(&self) -> bool {
        match &self.value {
            Value::List(items) => items.iter().any(Self::holds_taint),
            Value::Map(map) => map.values().any(Self::holds_taint),
            _ => self.tainted,
        }
    }

    /// Marks every scalar below as text from a Secret.
    pub(super) fn taint(&mut self) {
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(Self::taint),
            Value::Map(map) => map.values_mut().for_each(Self::taint),
            Value::Null => {}
            _ => self.tainted = true,
        }
    }
}
