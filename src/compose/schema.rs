//! Every attribute of the Compose Specification with the forms that its value may take, as a table, and the check
//! of a tree against it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::attribute::At;
use super::node::{Map, Node, Value};
use super::report::Report;

mod build;
mod container;
mod deploy;
mod resources;
mod service;

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
    /// A text of a pattern, with the pattern in words.
    Text(fn(&str) -> bool, &'static str),
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

/// Checks a merged document. What does not fit is reported and taken out of the way of later stages.
pub(super) fn check(root: &mut Map, report: &mut Report) {
    object(root, &resources::DOCUMENT, &At::ROOT, None, report);
}

fn value(node: &mut Node, shape: &Shape, at: &At<'_>, report: &mut Report) {
    if node.is_broken() {
        return;
    }
    match shape {
        Shape::Any => {}
        Shape::Scalar(kinds) => {
            if !kinds.accepts(&node.value) {
                mistyped(node, shape, at, report);
            }
        }
        Shape::Bounded(kinds, least, most) => {
            if !kinds.accepts(&node.value) {
                mistyped(node, shape, at, report);
            } else if let Value::Int(number) = node.value
                && !(*least..=*most).contains(&number)
            {
                let bounds =
                    if *most == i64::MAX { format!("at least {least}") } else { format!("within {least} and {most}") };
                let message = format!("{number} is out of bounds; it must be {bounds}");
                report.error(at, node.mark, "InvalidValue", message);
                node.value = Value::Broken;
            }
        }
        Shape::Word(words) => match node.as_str() {
            None => mistyped(node, shape, at, report),
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let hint = suggestion(text, words.iter().copied());
                let message = format!("{} is none of {}{hint}", report.shown(node), join(words.iter().copied(), "and"));
                report.error(at, node.mark, "InvalidValue", message);
                node.value = Value::Broken;
            }
        },
        Shape::Text(pattern, words) => match node.as_str() {
            None => mistyped(node, shape, at, report),
            Some(text) if pattern(text) => {}
            Some(_) => {
                let message = format!("{} does not fit; expected {words}", report.shown(node));
                report.error(at, node.mark, "InvalidValue", message);
                node.value = Value::Broken;
            }
        },
        Shape::List(item) | Shape::Set(item) => {
            let Some(items) = node.as_list_mut() else { return mistyped(node, shape, at, report) };
            for (index, node) in items.iter_mut().enumerate() {
                value(node, item, &at.item(index), report);
            }
            if matches!(shape, Shape::Set(_)) {
                repeated(items, at, report);
            }
        }
        Shape::Entries(entry, keys) => {
            let mark = node.mark;
            let Some(map) = node.as_map_mut() else { return mistyped(node, shape, at, report) };
            entries(map, entry, *keys, at, mark, report);
        }
        Shape::Object(definition) => {
            let mark = node.mark;
            let Some(map) = node.as_map_mut() else { return mistyped(node, shape, at, report) };
            object(map, definition, at, mark, report);
        }
        Shape::Either(shapes) => match shapes.iter().find(|shape| shape.takes(&node.value)) {
            Some(shape) => value(node, shape, at, report),
            None => mistyped(node, shape, at, report),
        },
    }
}

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

fn join<'w>(words: impl Iterator<Item = &'w str>, last: &str) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

fn mistyped(node: &mut Node, shape: &Shape, at: &At<'_>, report: &mut Report) {
    let cure = match (&node.value, shape.takes(&Value::String(String::new()))) {
        (Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_), true) => "; put it into quotes",
        (Value::Null, _) => "; give it a value or take the key out",
        _ => "",
    };
    let message = format!("expected {}, and this is {}{cure}", join(shape.words().into_iter(), "or"), node.kind());
    report.error(at, node.mark.or(node.key_mark), "InvalidType", message);
    node.value = Value::Broken;
}

/// Reports and removes items that repeat others.
fn repeated(items: &mut Vec<Node>, at: &At<'_>, report: &mut Report) {
    if items.len() < 2 {
        return;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut index = 0;
    items.retain(|item| {
        let place = index;
        index += 1;
        if item.is_broken() {
            return true;
        }
        // A number repeats a text of the same digits before it, but a text repeats no number.
        let printed = item.printed();
        let text = format!("\"{printed}");
        let own = if item.as_str().is_some() { text.clone() } else { format!("{} {printed}", item.kind()) };
        let number = matches!(item.value, Value::Int(_) | Value::Uint(_) | Value::Float(_));
        let first = seen.get(&own).or_else(|| number.then(|| seen.get(&text)).flatten());
        let Some(first) = first else {
            seen.insert(own, place);
            return true;
        };
        let message = format!("the item repeats item {first} of the list; take one of them out");
        report.error(&at.item(place), item.mark, "DuplicateItem", message);
        false
    });
}

fn entries(
    map: &mut Map,
    entry: &Shape,
    keys: Keys,
    at: &At<'_>,
    mark: Option<super::node::Mark>,
    report: &mut Report,
) {
    let is_name = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let mut refused = Vec::new();
    for (key, node) in map.iter_mut() {
        let fits = match keys {
            Keys::Any => !key.is_empty(),
            Keys::Names | Keys::LooseNames => is_name(key),
            Keys::LowerCase => !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase()),
        };
        if fits {
            value(node, entry, &at.key(key), report);
        } else if keys == Keys::Names || (keys == Keys::Any && !matches!(entry, Shape::Any)) {
            refused.push(key.clone());
        }
    }
    for key in refused {
        let node = map.remove(&key);
        let mark = node.and_then(|node| node.key_mark).or(mark);
        let shown = if report.is_secret(mark) { Cow::Borrowed("a key") } else { Cow::Owned(format!("{key:?}")) };
        let message = format!("{shown} is no name; use letters, digits, '.', '_' and '-'");
        report.error(at, mark, "InvalidName", message);
    }
}

fn object(map: &mut Map, definition: &Object, at: &At<'_>, mark: Option<super::node::Mark>, report: &mut Report) {
    let mut unknown = Vec::new();
    for (key, node) in map.iter_mut() {
        match definition.find(key) {
            Some(shape) => value(node, shape, &at.key(key), report),
            None if definition.open || (definition.extensions && key.starts_with("x-")) => {}
            None => unknown.push(key.clone()),
        }
    }
    for key in unknown {
        let mark = map.remove(&key).and_then(|node| node.key_mark).or(mark);
        let hint = suggestion(&key, definition.names());
        if report.is_secret(mark) && hint.is_empty() {
            report.error(at, mark, "UnknownAttribute", "the specification does not know an attribute here");
        } else {
            let message = format!("the specification does not know this attribute{hint}");
            report.error(&at.key(&key), mark, "UnknownAttribute", message);
        }
    }
    for required in definition.required {
        if !map.contains_key(*required) {
            report.error(&at.key(required), mark, "MissingAttribute", "the attribute is required here");
        }
    }
    if !definition.any_of.is_empty() && !definition.any_of.iter().any(|key| map.contains_key(*key)) {
        let message = format!("one of {} is required", join(definition.any_of.iter().copied(), "and"));
        report.error(at, mark, "MissingAttribute", message);
    }
}

/// The known word that comes closest, if any comes close.
fn suggestion<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> String {
    let most = if word.len() <= 4 { 1 } else { 1 + word.len() / 5 };
    known
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= most && *distance < candidate.len())
        .min()
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean {candidate}?"))
}

/// Whether the attribute is one of those that every container has.
pub(super) fn is_container_attribute(key: &str) -> bool {
    container::CONTAINER.iter().any(|(name, _)| *name == key)
}
