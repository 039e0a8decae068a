//! Every attribute of the Compose Specification with the forms that its value may take, as a table.

use super::node::Value;

mod build;
mod check;
mod container;
mod deploy;
mod json;
mod resources;
mod service;

pub(super) use check::check;
pub(super) use json::document as json_schema;

/// The kinds of scalars that an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds(u8);

const STRING: Kinds = Kinds(1);
const INTEGER: Kinds = Kinds(2);
const NUMBER: Kinds = Kinds(4 | 2);
const BOOLEAN: Kinds = Kinds(8);
const NULL: Kinds = Kinds(16);

impl Kinds {
    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn accepts(self, value: &Value) -> bool {
        let kind = match value {
            Value::Null => NULL.0,
            Value::Bool(_) => BOOLEAN.0,
            Value::Int(_) | Value::Uint(_) => INTEGER.0,
            // JSON knows no difference between 2 and 2.0.
            Value::Float(value) if value.fract() == 0.0 => INTEGER.0,
            Value::Float(_) => 4,
            Value::Time(_) | Value::String(_) => STRING.0,
            _ => 0,
        };
        self.0 & kind != 0
    }

    fn words(self) -> Vec<&'static str> {
        let mut words = Vec::new();
        for (kind, word) in [(STRING, "a string"), (Self(4), "a number"), (BOOLEAN, "a boolean"), (NULL, "null")] {
            if self.0 & kind.0 != 0 {
                words.push(word);
            }
        }
        if self.0 & NUMBER.0 == INTEGER.0 {
            words.push("a whole number");
        }
        words
    }
}

/// What the value of an attribute may be.
enum Shape {
    Any,
    Scalar(Kinds),
    /// A text, or a whole number within bounds.
    Bounded(Kinds, i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A text of a pattern, with the pattern in words and as a regular expression.
    Text(fn(&str) -> bool, &'static str, &'static str),
    List(&'static Self),
    /// A list without equal items.
    Set(&'static Self),
    /// A mapping whose keys the user chooses.
    Entries(&'static Self, Keys),
    Object(&'static Object),
    /// Any of several shapes, of different kinds.
    Either(&'static [Self]),
}

/// Which keys a mapping takes where the user chooses them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Any,
    /// Letters, digits and `._-`; others are refused.
    Names,
    /// The same, but the values of others are not looked at.
    LooseNames,
    /// Lower case letters; the values of others are not looked at.
    LowerCase,
}

type Attribute = (&'static str, Shape);

/// A mapping whose keys the specification defines.
struct Object {
    attributes: &'static [&'static [Attribute]],
    required: &'static [&'static str],
    /// At least one of these is required.
    any_of: &'static [&'static str],
    extensions: bool,
    /// Whether other keys are taken too.
    open: bool,
}

impl Object {
    const fn of(attributes: &'static [&'static [Attribute]]) -> Self {
        Self { attributes, required: &[], any_of: &[], extensions: true, open: false }
    }

    const fn requiring(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }

    const fn closed(self) -> Self {
        Self { extensions: false, ..self }
    }

    fn find(&self, key: &str) -> Option<&'static Shape> {
        self.attributes.iter().copied().flatten().find_map(|(name, shape)| (*name == key).then_some(shape))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.attributes.iter().copied().flatten().map(|(name, _)| *name)
    }
}

const ANY_STRING: Shape = Shape::Scalar(STRING);
const STRING_OR_NULL: Shape = Shape::Scalar(STRING.or(NULL));
const BOOL: Shape = Shape::Scalar(BOOLEAN.or(STRING));
const INT: Shape = Shape::Scalar(INTEGER.or(STRING));
const DECIMAL: Shape = Shape::Scalar(NUMBER.or(STRING));
const STRINGS: Shape = Shape::List(&ANY_STRING);
const STRING_SET: Shape = Shape::Set(&ANY_STRING);
const STRING_OR_LIST: Shape = Shape::Either(&[ANY_STRING, STRING_SET]);
const DICTIONARY_VALUE: Shape = Shape::Scalar(STRING.or(NUMBER).or(BOOLEAN).or(NULL));
const LIST_OR_DICT: Shape = Shape::Either(&[Shape::Entries(&DICTIONARY_VALUE, Keys::Any), STRING_SET]);
const OPTION_VALUE: Shape = DECIMAL;
const OPTIONS: Shape = Shape::Entries(&OPTION_VALUE, Keys::Any);
const COMMAND: Shape = Shape::Either(&[STRING_OR_NULL, STRINGS]);
const EXTRA_HOSTS: Shape =
    Shape::Either(&[Shape::Entries(&Shape::Either(&[ANY_STRING, STRINGS]), Keys::Any), STRING_SET]);
const ULIMIT: Shape =
    Shape::Either(&[INT, Shape::Object(&Object::of(&[&[("hard", INT), ("soft", INT)]]).requiring(&["soft", "hard"]))]);
const ULIMITS: Shape = Shape::Entries(&ULIMIT, Keys::LowerCase);
const FILE_REFERENCES: Shape = Shape::List(&Shape::Either(&[
    ANY_STRING,
    Shape::Object(&Object::of(&[&[
        ("source", ANY_STRING),
        ("target", ANY_STRING),
        ("uid", ANY_STRING),
        ("gid", ANY_STRING),
        ("mode", DECIMAL),
    ]])),
]));

impl Shape {
    /// Whether a value is of the shape's kind, whatever it contains.
    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Scalar(kinds) | Self::Bounded(kinds, ..) => kinds.accepts(value),
            Self::Word(_) | Self::Text(..) => matches!(value, Value::String(_)),
            Self::List(_) | Self::Set(_) => matches!(value, Value::List(_)),
            Self::Entries(..) | Self::Object(_) => matches!(value, Value::Map(_)),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.takes(value)),
        }
    }

    fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Any => vec!["any value"],
            Self::Scalar(kinds) | Self::Bounded(kinds, ..) => kinds.words(),
            Self::Word(_) | Self::Text(..) => vec!["a string"],
            Self::List(_) | Self::Set(_) => vec!["a list"],
            Self::Entries(..) | Self::Object(_) => vec!["a mapping"],
            Self::Either(shapes) => {
                let mut words: Vec<_> = shapes.iter().flat_map(Self::words).collect();
                words.dedup();
                words
            }
        }
    }
}

/// Whether the attribute is one of those that every container has.
pub(super) fn is_container_attribute(key: &str) -> bool {
    container::CONTAINER.iter().any(|(name, _)| *name == key)
}
/// The path of every attribute that the schema knows, such as `services.*.ports[].target`.
#[cfg(test)]
pub(crate) fn attribute_paths() -> std::collections::BTreeSet<String> {
    fn visit(path: &str, shape: &Shape, paths: &mut std::collections::BTreeSet<String>) {
        match shape {
            Shape::Any | Shape::Scalar(_) | Shape::Bounded(..) | Shape::Word(_) | Shape::Text(..) => {}
            Shape::List(item) | Shape::Set(item) => visit(&format!("{path}[]"), item, paths),
            Shape::Entries(value, _) => visit(&format!("{path}.*"), value, paths),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| visit(path, shape, paths)),
            Shape::Object(object) => object.attributes.iter().copied().flatten().for_each(|(name, shape)| {
                let path = if path.is_empty() { (*name).to_owned() } else { format!("{path}.{name}") };
                visit(&path, shape, paths);
                paths.insert(path);
            }),
        }
    }
    let mut paths = std::collections::BTreeSet::new();
    visit("", &Shape::Object(&resources::DOCUMENT), &mut paths);
    paths
}
