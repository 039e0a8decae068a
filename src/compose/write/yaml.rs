//! YAML in blocks, two spaces a level, as go-yaml writes it.

use serde::ser::{self, Impossible, Serialize, Serializer};

use super::super::yaml_scalar;
use super::{WriteError, natural, scalar};

/// A key longer than this, in bytes, stands after a question mark.
const LONGEST_KEY: usize = 128;

pub(super) fn to_string(value: &impl Serialize) -> Result<String, WriteError> {
    let mut out = String::new();
    value.serialize(Writer { out: &mut out, indent: 0, place: Place::Root })?;
    Ok(out)
}

/// What stands before a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// `key:`
    Key,
    /// `- `
    Item,
}

/// Writes one value.
struct Writer<'o> {
    out: &'o mut String,
    /// How far a collection that the value may be is indented.
    indent: usize,
    place: Place,
}

impl<'o> Writer<'o> {
    fn scalar(self, write: impl FnOnce(&mut String)) {
        if self.place == Place::Key {
            self.out.push(' ');
        }
        write(self.out);
        self.out.push('\n');
    }

    fn block(self, opening: &'static str, sorting: Sorting) -> Block<'o> {
        let Self { out, indent, place } = self;
        Block { out, indent, place, empty: true, opening, sorting, keys: String::new(), entries: Vec::new() }
    }
}

/// Which entries of a mapping are put into the order of their keys; the others stay as they come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sorting {
    All,
    /// Those of the extensions, which come last.
    Extensions,
}

/// A collection under way.
struct Block<'o> {
    out: &'o mut String,
    indent: usize,
    place: Place,
    empty: bool,
    /// What an empty collection looks like.
    opening: &'static str,
    sorting: Sorting,
    /// The keys of the entries to sort, one after the other.
    keys: String,
    entries: Vec<Entry>,
}

/// Where an entry to sort, and its key, ends; it begins where the one before ends.
struct Entry {
    key: usize,
    start: usize,
    end: usize,
}

impl Block<'_> {
    fn begin_entry(&mut self) {
        if self.empty {
            self.empty = false;
            match self.place {
                Place::Root => {}
                Place::Key => self.out.push('\n'),
                // The first entry stands on the line of the dash.
                Place::Item => return,
            }
        }
        self.out.extend(std::iter::repeat_n(' ', self.indent));
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), WriteError> {
        self.begin_entry();
        let start = self.out.len();
        let place = if key.len() > LONGEST_KEY {
            self.out.push_str("? ");
            scalar::write(self.out, key, None);
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', self.indent));
            self.out.push_str(": ");
            Place::Item
        } else {
            scalar::write(self.out, key, None);
            self.out.push(':');
            Place::Key
        };
        value.serialize(Writer { out: self.out, indent: self.indent + 2, place })?;
        if self.sorting == Sorting::All || key.starts_with("x-") {
            self.keys.push_str(key);
            self.entries.push(Entry { key: self.keys.len(), start, end: self.out.len() });
        }
        Ok(())
    }

    fn end(mut self) {
        if self.empty {
            self.place_empty();
        } else {
            self.sort();
        }
    }

    fn place_empty(&mut self) {
        if self.place == Place::Key {
            self.out.push(' ');
        }
        self.out.push_str(self.opening);
        self.out.push('\n');
    }

    fn sort(&mut self) {
        let key = |index: usize| {
            let from = if index == 0 { 0 } else { self.entries[index - 1].key };
            &self.keys[from..self.entries[index].key]
        };
        if (1..self.entries.len()).all(|index| natural::compare(key(index - 1), key(index)).is_le()) {
            return;
        }
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by(|a, b| natural::compare(key(*a), key(*b)));
        let start = self.entries[0].start;
        let mut sorted = String::with_capacity(self.out.len() - start);
        for (place, index) in order.into_iter().enumerate() {
            if place > 0 {
                sorted.extend(std::iter::repeat_n(' ', self.indent));
            }
            let entry = &self.entries[index];
            sorted.push_str(&self.out[entry.start..entry.end]);
        }
        self.out.truncate(start);
        self.out.push_str(&sorted);
    }
}

fn unsupported<T>(what: &str) -> Result<T, WriteError> {
    Err(ser::Error::custom(format!("{what} has no form in a Compose file")))
}

/// A number as Go's `strconv.FormatFloat` writes it with the fewest digits.
fn float(out: &mut String, value: f64, printed: &str) {
    if value.is_nan() {
        out.push_str(".nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { ".inf" } else { "-.inf" });
    } else {
        out.push_str(printed);
    }
}

macro_rules! integers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), WriteError> {
            self.scalar(|out| out.push_str(&value.to_string()));
            Ok(())
        })*
    };
}

impl<'o> Serializer for Writer<'o> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Block<'o>;
    type SerializeTuple = Impossible<(), WriteError>;
    type SerializeTupleStruct = Impossible<(), WriteError>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Mapping<'o>;
    type SerializeStruct = Block<'o>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    integers!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_u8 u8,
        serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);

    fn serialize_bool(self, value: bool) -> Result<(), WriteError> {
        self.scalar(|out| out.push_str(if value { "true" } else { "false" }));
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), WriteError> {
        // The shortest digits of the single precision, not those of the double that it widens to.
        let digits: f64 = value.to_string().parse().unwrap_or_else(|_| f64::from(value));
        self.scalar(|out| float(out, f64::from(value), &yaml_scalar::print_float(digits)));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), WriteError> {
        self.scalar(|out| float(out, value, &yaml_scalar::print_float(value)));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), WriteError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), WriteError> {
        let indent = self.indent;
        self.scalar(|out| scalar::write(out, value, Some(indent)));
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

    fn serialize_seq(self, _: Option<usize>) -> Result<Block<'o>, WriteError> {
        Ok(self.block("[]", Sorting::Extensions))
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
    fn serialize_map(self, length: Option<usize>) -> Result<Mapping<'o>, WriteError> {
        let sorting = if length.is_some() { Sorting::All } else { Sorting::Extensions };
        Ok(Mapping { block: self.block("{}", sorting), key: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Block<'o>, WriteError> {
        Ok(self.block("{}", Sorting::Extensions))
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

impl ser::SerializeSeq for Block<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.begin_entry();
        self.out.push_str("- ");
        value.serialize(Writer { out: self.out, indent: self.indent + 2, place: Place::Item })
    }

    fn end(self) -> Result<(), WriteError> {
        Block::end(self);
        Ok(())
    }
}

impl ser::SerializeStruct for Block<'_> {
    type Ok = ();
    type Error = WriteError;

    /// Some keys of the JSON document are capitalised; in YAML none is.
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), WriteError> {
        self.entry(&key.to_ascii_lowercase(), value)
    }

    fn end(self) -> Result<(), WriteError> {
        Block::end(self);
        Ok(())
    }
}

/// A mapping under way, with the key whose value comes next.
struct Mapping<'o> {
    block: Block<'o>,
    key: String,
}

impl ser::SerializeMap for Mapping<'_> {
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

/// Takes a key, which can only be a text.
struct KeyWriter<'k>(&'k mut String);

macro_rules! no_keys {
    ($($method:ident ( $($type:ty),* ) $( -> $ok:ty )?;)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<no_keys!(@ok $($ok)?), WriteError> {
            unsupported("a key that is no text")
        })*
    };
    (@ok) => { () };
    (@ok $ok:ty) => { $ok };
}

impl Serializer for KeyWriter<'_> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Impossible<(), WriteError>;
    type SerializeTuple = Impossible<(), WriteError>;
    type SerializeTupleStruct = Impossible<(), WriteError>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Impossible<(), WriteError>;
    type SerializeStruct = Impossible<(), WriteError>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    fn serialize_str(self, key: &str) -> Result<(), WriteError> {
        self.0.push_str(key);
        Ok(())
    }

    no_keys! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
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
        unsupported("a key that is no text")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn collections_stand_in_blocks() {
        let value = json!({
            "b": {"x10": [], "x2": {}},
            "a": [1, [2, "3"], {"k": "v\nw", "l": null}, [{"m": true}]],
            "c": 1.5,
        });
        let expected = "\
a:
  - 1
  - - 2
    - \"3\"
  - k: |-
      v
      w
    l: null
  - - m: true
b:
  x2: {}
  x10: []
c: 1.5
";
        assert_eq!(to_string(&value).unwrap(), expected);
        assert_eq!(to_string(&json!({})).unwrap(), "{}\n");
    }

    #[test]
    fn a_long_key_stands_after_a_question_mark() {
        let key = "k".repeat(LONGEST_KEY + 1);
        assert_eq!(to_string(&json!({ key.clone(): "v" })).unwrap(), format!("? {key}\n: v\n"));
    }
}
