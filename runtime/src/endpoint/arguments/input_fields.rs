//! Determines whether an input has a field. Only the `Deserialize` implementation of its type knows.
//!
//! Threat: a rate limit of a scope counts by a field that one of its handlers does not have, so that nothing is counted there
//! (CWE-770). Promise: the type is asked for the field, by its name on the wire, when the application is built.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use crate::rate_limit::InputPlace;

/// An argument that carries input.
#[derive(Clone, Copy, Debug)]
pub struct InputArgument {
    pub(crate) place: InputPlace,
    has_field: fn(&[&str]) -> bool,
}

impl InputArgument {
    /// An argument whose inner type is `T`.
    pub(crate) fn of<T: DeserializeOwned>(place: InputPlace) -> Self {
        Self { place, has_field: has_field::<T> }
    }

    /// Whether its type has this field: `email`, or `user.email` for a field of an inner type.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        let path: Vec<&str> = name.split('.').collect();
        // A form has no inner types.
        (path.len() == 1 || self.place == InputPlace::Json) && (self.has_field)(&path)
    }
}

fn has_field<T: DeserializeOwned>(path: &[&str]) -> bool {
    matches!(T::deserialize(FieldProbe(path)), Err(ProbedField(true)))
}

/// A deserializer without values. It follows the path from field to field, and its error says whether the last one exists.
struct FieldProbe<'p>(&'p [&'p str]);

/// Whether the field exists.
#[derive(Debug)]
struct ProbedField(bool);

impl fmt::Display for ProbedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ProbedField {}

impl Error for ProbedField {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(false)
    }
}

impl<'de> Deserializer<'de> for FieldProbe<'_> {
    type Error = ProbedField;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedField> {
        Err(ProbedField(false))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ProbedField> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ProbedField> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ProbedField> {
        match self.0 {
            [field] => Err(ProbedField(fields.contains(field))),
            [field, rest @ ..] => {
                let field = fields.iter().find(|own| *own == field).ok_or(ProbedField(false))?;
                visitor.visit_map(OneField { field: Some(field), rest })
            }
            [] => Err(ProbedField(false)),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// A map with the one field that the path leads to.
struct OneField<'p> {
    field: Option<&'static str>,
    rest: &'p [&'p str],
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = ProbedField;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ProbedField> {
        let Some(field) = self.field.take() else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ProbedField> {
        seed.deserialize(FieldProbe(self.rest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its type is read")]
    struct User {
        user_name: String,
        #[serde(rename = "mail")]
        email: Option<String>,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its type is read")]
    struct Nested {
        user: Option<Box<User>>,
        other: HashMap<String, String>,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its type is read")]
    struct Newtype(User);

    #[test]
    fn fields_are_known_by_their_names_on_the_wire() {
        let json = |field| {
            [
                InputArgument::of::<User>(InputPlace::Json).has_field(field),
                InputArgument::of::<Nested>(InputPlace::Json).has_field(field),
                InputArgument::of::<Newtype>(InputPlace::Json).has_field(field),
            ]
        };
        assert_eq!(json("userName"), [true, false, true]);
        assert_eq!(json("user_name"), [false; 3]);
        assert_eq!(json("mail"), [true, false, true]);
        assert_eq!(json("email"), [false; 3]);
        assert_eq!(json("user.mail"), [false, true, false]);
        assert_eq!(json("user.mail.x"), [false; 3]);
        assert_eq!(json("other.anything"), [false; 3], "a map may lack it");
        for field in ["", ".", "user.", "mail."] {
            assert_eq!(json(field), [false; 3], "{field:?}");
        }
        assert!(!InputArgument::of::<Nested>(InputPlace::Form).has_field("user.mail"));
        assert!(!InputArgument::of::<HashMap<String, String>>(InputPlace::Form).has_field("mail"));
        assert!(!InputArgument::of::<Vec<User>>(InputPlace::Json).has_field("mail"));
    }
}
