//! The attributes of a value, shown as it is serialized: JSON of all would take more room than the project.

use serde::ser::{self, Error as _, Impossible, Serialize, Serializer};

use super::place::{Place, Steps};
use super::{Row, Treatment};
use crate::yaml::{KeyWriter, WriteError};

/// Shows a value's attributes, each by its path and with its row of the table, as deep as the table has rows.
pub(super) struct Visitor<'v, E> {
    pub(super) path: &'v mut String,
    pub(super) place: Place,
    pub(super) steps: &'v mut Steps,
    pub(super) each: &'v mut E,
}

/// What a collection is to the table.
enum Inside {
    /// It is shown, and not what is in it.
    Whole,
    /// A mapping; the place of every key, when there is none for single ones.
    Keys(Option<Place>),
    Items(Place),
}

/// A collection under way.
pub(super) struct Collection<'v, E> {
    of: Visitor<'v, E>,
    inside: Inside,
    /// How many items there were.
    count: usize,
    /// The length of the collection's own path.
    length: usize,
    /// The place of the key that was given last.
    key: Option<Place>,
}

impl<'v, E: FnMut(&str, Option<Row>)> Visitor<'v, E> {
    fn show(self) {
        (self.each)(self.path, self.place.row());
    }

    fn inside(self, inside: impl FnOnce(Place) -> Option<Inside>) -> Collection<'v, E> {
        let is_refused = matches!(self.place.row(), Some((_, Treatment::Ignored(_) | Treatment::Rejected(_))));
        let inside = if is_refused { None } else { inside(self.place) };
        Collection { inside: inside.unwrap_or(Inside::Whole), count: 0, length: self.path.len(), key: None, of: self }
    }

    fn mapping(self) -> Collection<'v, E> {
        self.inside(|place| place.has_keys().then(|| Inside::Keys(place.any_key())))
    }

    fn list(self) -> Collection<'v, E> {
        self.inside(|place| place.items().map(Inside::Items))
    }
}

impl<E: FnMut(&str, Option<Row>)> Collection<'_, E> {
    fn visit<T: Serialize + ?Sized>(&mut self, place: Place, value: &T) -> Result<(), WriteError> {
        value.serialize(Visitor { path: self.of.path, place, steps: self.of.steps, each: self.of.each })?;
        self.of.path.truncate(self.length);
        Ok(())
    }

    fn key(&mut self, write: impl FnOnce(&mut String) -> Result<(), WriteError>) -> Result<(), WriteError> {
        self.count += 1;
        self.key = None;
        if let Inside::Keys(any) = self.inside {
            self.of.path.push('.');
            write(self.of.path)?;
            let Visitor { path, place, steps, .. } = &mut self.of;
            self.key = Some(any.unwrap_or_else(|| steps.key(*place, &path[self.length + 1..])));
        }
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        match self.key {
            Some(place) => self.visit(place, value),
            None => Ok(()),
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        let index = self.count;
        self.count += 1;
        let Inside::Items(place) = self.inside else { return Ok(()) };
        self.of.path.extend(["[", &index.to_string(), "]"]);
        self.visit(place, value)
    }

    /// An empty collection says nothing.
    fn close(self) {
        if matches!(self.inside, Inside::Whole) && self.count > 0 {
            self.of.show();
        }
    }
}

fn unsupported<T>() -> Result<T, WriteError> {
    Err(WriteError::custom("an attribute is a choice with a value, which has no path"))
}

macro_rules! scalars {
    ($($method:ident $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<(), WriteError> {
            self.show();
            Ok(())
        })*
    };
}

impl<'v, E: FnMut(&str, Option<Row>)> Serializer for Visitor<'v, E> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Collection<'v, E>;
    type SerializeTuple = Collection<'v, E>;
    type SerializeTupleStruct = Collection<'v, E>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Collection<'v, E>;
    type SerializeStruct = Collection<'v, E>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    scalars! {
        serialize_bool bool, serialize_char char, serialize_str &str, serialize_bytes &[u8],
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64,
        serialize_f32 f32, serialize_f64 f64,
    }

    fn serialize_none(self) -> Result<(), WriteError> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), WriteError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), WriteError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), WriteError> {
        self.show();
        Ok(())
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
        unsupported()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Collection<'v, E>, WriteError> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<Collection<'v, E>, WriteError> {
        Ok(self.list())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Collection<'v, E>, WriteError> {
        Ok(self.list())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        unsupported()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Collection<'v, E>, WriteError> {
        Ok(self.mapping())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Collection<'v, E>, WriteError> {
        Ok(self.mapping())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, WriteError> {
        unsupported()
    }
}

macro_rules! lists {
    ($($trait:ident $method:ident),*) => {
        $(impl<E: FnMut(&str, Option<Row>)> ser::$trait for Collection<'_, E> {
            type Ok = ();
            type Error = WriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
                self.item(value)
            }

            fn end(self) -> Result<(), WriteError> {
                self.close();
                Ok(())
            }
        })*
    };
}
lists!(SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field);

impl<E: FnMut(&str, Option<Row>)> ser::SerializeMap for Collection<'_, E> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        self.key(|path| key.serialize(KeyWriter(path)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        self.value(value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.close();
        Ok(())
    }
}

impl<E: FnMut(&str, Option<Row>)> ser::SerializeStruct for Collection<'_, E> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), WriteError> {
        self.key(|path| {
            path.push_str(key);
            Ok(())
        })?;
        self.value(value)
    }

    fn end(self) -> Result<(), WriteError> {
        self.close();
        Ok(())
    }
}
