//! The parameters of a path as one value: by position, by name, or the only one.

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, SeqAccess, Unexpected, Visitor};

use super::error::ReadError;
use super::place::Place;

/// All parameters of a path, in their order.
pub(super) struct PathRoot<'d, 'b>(pub(super) Place<'d, 'b>);

impl<'d, 'b> PathRoot<'d, 'b> {
    /// The only parameter.
    fn only(&self) -> Result<Place<'d, 'b>, ReadError> {
        let Place { reading, at, .. } = self.0;
        let mut values = reading.document.members(at).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(Place::member(reading, value)),
            _ => Err(ReadError::invalid_type(Unexpected::Map, &"a struct or a tuple")),
        }
    }
}

macro_rules! only {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'d>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, ReadError> {
            self.only()?.$method($($argument,)* visitor)
        }
    )*};
}

impl<'d> Deserializer<'d> for PathRoot<'d, '_> {
    type Error = ReadError;

    only! {
        deserialize_any(); deserialize_bool(); deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64();
        deserialize_u128(); deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_str(); deserialize_string(); deserialize_bytes();
        deserialize_byte_buf(); deserialize_option(); deserialize_identifier();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_unit<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_seq(Values { root: self.0, next: self.0.at.saturating_add(2) })
    }

    fn deserialize_tuple<V: Visitor<'d>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'d>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_struct<V: Visitor<'d>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.0.deserialize_struct(name, fields, visitor)
    }
}

/// The values of all parameters.
struct Values<'d, 'b> {
    root: Place<'d, 'b>,
    next: usize,
}

impl<'d> SeqAccess<'d> for Values<'d, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'d>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let reading = self.root.reading;
        if self.next >= reading.document.len() {
            return Ok(None);
        }
        let value = Place::member(reading, self.next);
        self.next = self.next.saturating_add(2);
        seed.deserialize(value).map(Some)
    }
}
