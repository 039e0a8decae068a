//! The layout of collections, and the kinds of values.

use std::fmt::Write as _;
use std::marker::PhantomData;

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::key::KeyWriter;
use super::{Entry, Out, Style, WriteError, unsupported};

/// What stands before a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    /// `key:`
    Key,
    /// `- `
    Item,
}

/// Writes one value.
pub(super) struct Writer<'o, S> {
    out: &'o mut Out,
    /// How far a mapping that the value may be is indented.
    indent: usize,
    place: Place,
    style: PhantomData<S>,
}

impl<'o, S: Style> Writer<'o, S> {
    pub(super) fn new(out: &'o mut Out, indent: usize, place: Place) -> Self {
        Self { out, indent, place, style: PhantomData }
    }

    fn scalar(self, write: impl FnOnce(&mut String)) {
        if self.place == Place::Key {
            self.out.text.push(' ');
        }
        write(&mut self.out.text);
        self.out.text.push('\n');
    }

    fn block(self, opening: &'static str, indent: usize, free: bool) -> Block<'o, S> {
        let Self { out, place, style, .. } = self;
        let first = out.entries.len();
        Block { out, indent, place, empty: true, opening, free, first, style }
    }
}

/// A collection under way.
pub(super) struct Block<'o, S> {
    out: &'o mut Out,
    indent: usize,
    place: Place,
    empty: bool,
    /// What an empty collection looks like.
    opening: &'static str,
    /// Whether the user chose the keys.
    free: bool,
    /// Which of the entries to sort is the first of this mapping.
    first: usize,
    style: PhantomData<S>,
}

impl<S: Style> Block<'_, S> {
    fn begin_entry(&mut self) {
        if self.empty {
            self.empty = false;
            match self.place {
                Place::Root => {}
                Place::Key => self.out.text.push('\n'),
                // The first entry stands on the line of the dash.
                Place::Item => return,
            }
        }
        spaces(&mut self.out.text, self.indent);
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), WriteError> {
        self.begin_entry();
        let text = &mut self.out.text;
        let start = text.len();
        let place = if key.len() > S::LONGEST_KEY {
            text.push_str("? ");
            S::key(text, key);
            text.push('\n');
            spaces(text, self.indent);
            text.push_str(": ");
            Place::Item
        } else {
            S::key(text, key);
            text.push(':');
            Place::Key
        };
        value.serialize(Writer::<S>::new(self.out, self.indent + 2, place))?;
        if S::is_sorted(key, self.free) {
            self.out.keys.push_str(key);
            self.out.entries.push(Entry { key: self.out.keys.len(), start, end: self.out.text.len() });
        }
        Ok(())
    }

    fn end(self) {
        if self.empty {
            if self.place == Place::Key {
                self.out.text.push(' ');
            }
            self.out.text.push_str(self.opening);
            self.out.text.push('\n');
        } else {
            self.sort();
        }
    }

    /// Puts the entries to sort into the order of their keys, and forgets them.
    fn sort(self) {
        let Self { out, indent, first, .. } = self;
        let Out { text, keys, entries } = out;
        let before = first.checked_sub(1).map_or(0, |last| entries[last].key);
        let own = &entries[first..];
        let key = |index: usize| &keys[if index == 0 { before } else { own[index - 1].key }..own[index].key];
        if !(1..own.len()).all(|index| S::compare(key(index - 1), key(index)).is_le()) {
            let mut order: Vec<usize> = (0..own.len()).collect();
            order.sort_by(|a, b| S::compare(key(*a), key(*b)));
            let start = own[0].start;
            let mut sorted = String::with_capacity(text.len() - start);
            for (place, index) in order.into_iter().enumerate() {
                if place > 0 {
                    spaces(&mut sorted, indent);
                }
                sorted.push_str(&text[own[index].start..own[index].end]);
            }
            text.truncate(start);
            text.push_str(&sorted);
        }
        keys.truncate(before);
        entries.truncate(first);
    }
}

fn spaces(out: &mut String, count: usize) {
    const SPACES: &str = "                                                                ";
    match SPACES.get(..count) {
        Some(spaces) => out.push_str(spaces),
        None => out.extend(std::iter::repeat_n(' ', count)),
    }
}

macro_rules! integers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), WriteError> {
            self.scalar(|out| {
                let _ = write!(out, "{value}");
            });
            Ok(())
        })*
    };
}

impl<'o, S: Style> Serializer for Writer<'o, S> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Block<'o, S>;
    type SerializeTuple = Impossible<(), WriteError>;
    type SerializeTupleStruct = Impossible<(), WriteError>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Mapping<'o, S>;
    type SerializeStruct = Block<'o, S>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    integers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, value: bool) -> Result<(), WriteError> {
        self.scalar(|out| out.push_str(if value { "true" } else { "false" }));
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), WriteError> {
        self.scalar(|out| S::single(out, value));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), WriteError> {
        self.scalar(|out| S::double(out, value));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), WriteError> {
        let indent = self.indent;
        self.scalar(|out| S::text(out, value, indent));
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), WriteError> {
        unsupported("a text of bytes")
    }

    fn serialize_none(self) -> Result<(), WriteError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), WriteError> {
        self.scalar(|out| out.push_str("null"));
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), WriteError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), WriteError> {
        unsupported("a tagged value")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Block<'o, S>, WriteError> {
        let outdented = self.place == Place::Key && !S::ITEMS_INDENTED;
        let indent = if outdented { self.indent.saturating_sub(2) } else { self.indent };
        Ok(self.block("[]", indent, false))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, WriteError> {
        unsupported("a tuple")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, WriteError> {
        unsupported("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        unsupported("a tuple")
    }

    /// A mapping of a known length has keys that the user chose; without one it is a type with flattened parts.
    fn serialize_map(self, length: Option<usize>) -> Result<Mapping<'o, S>, WriteError> {
        let indent = self.indent;
        Ok(Mapping { block: self.block("{}", indent, length.is_some()), key: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Block<'o, S>, WriteError> {
        let indent = self.indent;
        Ok(self.block("{}", indent, false))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, WriteError> {
        unsupported("a tagged value")
    }
}

impl<S: Style> ser::SerializeSeq for Block<'_, S> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.begin_entry();
        self.out.text.push_str("- ");
        value.serialize(Writer::<S>::new(self.out, self.indent + 2, Place::Item))
    }

    fn end(self) -> Result<(), WriteError> {
        Block::end(self);
        Ok(())
    }
}

impl<S: Style> ser::SerializeStruct for Block<'_, S> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), WriteError> {
        self.entry(&S::field(key), value)
    }

    fn end(self) -> Result<(), WriteError> {
        Block::end(self);
        Ok(())
    }
}

/// A mapping under way, with the key whose value comes next.
pub(super) struct Mapping<'o, S> {
    block: Block<'o, S>,
    key: String,
}

impl<S: Style> ser::SerializeMap for Mapping<'_, S> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        self.key.clear();
        key.serialize(KeyWriter(&mut self.key))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.block.entry(&self.key, value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.block.end();
        Ok(())
    }
}
