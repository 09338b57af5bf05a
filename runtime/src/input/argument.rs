//! Determines whether an input has a field. Only the `Deserialize` implementation of its type knows.
//!
//! Threat: a rate limit of a scope counts by a field that one of its handlers does not have, so that nothing is counted there
//! (CWE-770). Promise: the type is asked for the field, by its name on the wire, when the application is built.

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::Header;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use crate::document::{Document, InputSource, Surveyed, survey};
use crate::input::{Form, Json, Query};
use crate::problem::FieldError;
use crate::rate_limit::{InputPlace, InputScalar};

/// Finds the mistakes in an input.
type Explain = fn(&[u8], InputSource) -> Vec<FieldError>;

/// An argument that carries input.
#[derive(Clone, Copy, Debug)]
pub struct InputArgument {
    source: InputSource,
    field: fn(&[&str]) -> Option<InputScalar>,
    survey: fn(&Document<'_>) -> Surveyed,
    /// Finds the mistakes in an input that an extractor of actix-web has rejected. `None` for an extractor of palisade, whose
    /// errors have their places.
    explain: Option<Explain>,
    /// Reads a header again, and returns its name if the request has it and its type cannot read it.
    malformed_header: Option<fn(&HttpRequest) -> Option<String>>,
    /// Whether the handler may get another argument instead, by an `Either`.
    is_alternative: bool,
    /// Whether an `Option` hides its error.
    is_hidden: bool,
}

/// Two arguments are equal if they answer alike: the function belongs to their type.
impl PartialEq for InputArgument {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && std::ptr::fn_addr_eq(self.field, other.field)
    }
}

impl InputArgument {
    /// An argument whose inner type is `T`.
    pub(crate) fn of<T: DeserializeOwned>(source: InputSource) -> Self {
        Self { field: field::<T>, survey: survey::<T>, ..Self::without_fields(source) }
    }

    fn without_fields(source: InputSource) -> Self {
        Self {
            source,
            field: |_| None,
            survey: |_| Surveyed::new(),
            explain: None,
            malformed_header: None,
            is_alternative: false,
            is_hidden: false,
        }
    }

    /// A header of the type `T`.
    pub(crate) fn header<T: Header>() -> Self {
        let malformed = |request: &HttpRequest| {
            let is_malformed = request.headers().contains_key(T::name()) && T::parse(request).is_err();
            is_malformed.then(|| T::name().as_str().to_owned())
        };
        Self { malformed_header: Some(malformed), ..Self::without_fields(InputSource::Header) }
    }

    /// The name of this header, if it is malformed and the handler does not learn that.
    pub(crate) fn hidden_malformed_header(&self, request: &HttpRequest) -> Option<String> {
        self.malformed_header.filter(|_| self.is_hidden && !self.is_alternative)?(request)
    }

    /// The same for an extractor of actix-web.
    pub(crate) fn of_actix<T: DeserializeOwned>(source: InputSource) -> Self {
        Self { explain: Some(explained::<T>), ..Self::of::<T>(source) }
    }

    /// The same as one side of an `Either`.
    pub(crate) fn or_another(self) -> Self {
        Self { is_alternative: true, ..self }
    }

    /// The same in an `Option`.
    pub(crate) fn in_option(self) -> Self {
        Self { is_hidden: true, ..self }
    }

    /// The same in a `Result`, which gives its error to the handler.
    pub(crate) fn in_result(self) -> Self {
        self
    }

    /// Whether it is one side of an `Either` that fails unless one side succeeds.
    pub(crate) fn is_side(&self) -> bool {
        self.is_alternative && !self.is_hidden
    }

    /// Whether it is an extractor of actix-web, which cannot be strict.
    pub(crate) fn is_of_actix(&self) -> bool {
        self.explain.is_some()
    }

    /// Whether it comes from there.
    pub(crate) fn is_of(&self, source: InputSource) -> bool {
        self.source == source
    }

    /// Which fields the structs have that the type reads from this document, if it comes from there.
    pub(crate) fn survey(&self, source: InputSource, document: &Document<'_>) -> Option<Surveyed> {
        (self.source == source).then(|| (self.survey)(document))
    }

    /// The mistakes in this input with their places, if an extractor of actix-web reads it from there.
    pub(crate) fn explain(&self, input: &[u8], source: InputSource) -> Option<Vec<FieldError>> {
        let explain = self.explain.filter(|_| self.source == source)?;
        Some(explain(input, source)).filter(|errors| !errors.is_empty())
    }

    /// The field of this name: `email`, or `user.email` for a field of an inner type. `None` if its type does not have it, or if the
    /// field is not text and not a whole number, or if the handler may get another argument instead.
    pub(crate) fn place_of(&self, name: &str) -> Option<InputPlace> {
        let path: Vec<&str> = name.split('.').collect();
        // A form has no inner types.
        let is_possible = !self.is_alternative && (path.len() == 1 || self.source == InputSource::Json);
        let scalar = is_possible.then(|| (self.field)(&path)).flatten()?;
        Some(InputPlace { source: self.source, scalar })
    }
}

/// None if palisade finds no mistake: its reader differs from that of actix-web.
fn explained<T: DeserializeOwned>(input: &[u8], source: InputSource) -> Vec<FieldError> {
    match source {
        InputSource::Json => Json::<T>::mistakes(input),
        InputSource::Form => Form::<T>::mistakes(input),
        InputSource::Query => Query::<T>::mistakes(input),
        InputSource::Header => Vec::new(),
    }
}

fn field<T: DeserializeOwned>(path: &[&str]) -> Option<InputScalar> {
    T::deserialize(FieldProbe(path)).err().and_then(|ProbedField(scalar)| scalar)
}

/// A deserializer without values. It follows the path from field to field, and its error says what the last one reads.
struct FieldProbe<'p>(&'p [&'p str]);

/// What the field reads. `None` if there is no such field, or if it has several spellings for one value.
#[derive(Debug)]
struct ProbedField(Option<InputScalar>);

impl fmt::Display for ProbedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for ProbedField {}

impl Error for ProbedField {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(None)
    }
}

impl FieldProbe<'_> {
    /// The answer if the type reads this scalar here, at the end of the path.
    fn reads(&self, scalar: InputScalar) -> ProbedField {
        ProbedField(self.0.is_empty().then_some(scalar))
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedField> {
            Err(self.reads(InputScalar::Integer))
        }
    )*};
}

impl<'de> Deserializer<'de> for FieldProbe<'_> {
    type Error = ProbedField;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedField> {
        Err(ProbedField(None))
    }

    /// A type that asks for a `str` reads it in a way of its own, as a `Uuid` does.
    fn deserialize_string<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ProbedField> {
        Err(self.reads(InputScalar::Text))
    }

    integers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
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
        let [field, rest @ ..] = self.0 else { return Err(ProbedField(None)) };
        let field = fields.iter().find(|own| *own == field).ok_or(ProbedField(None))?;
        visitor.visit_map(OneField { field: Some(field), rest })
    }

    forward_to_deserialize_any! {
        bool f32 f64 char str bytes byte_buf unit unit_struct seq tuple
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

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its type is read")]
    struct Scalars {
        number: Option<Number>,
        text: String,
        float: f64,
        flag: bool,
        one: char,
        list: Vec<String>,
        user: User,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "only its type is read")]
    struct Number(u16);

    #[test]
    fn only_texts_and_whole_numbers_are_counted() {
        let place = |field| InputArgument::of::<Scalars>(InputSource::Form).place_of(field).map(|place| place.scalar);
        assert_eq!(place("number"), Some(InputScalar::Integer));
        assert_eq!(place("text"), Some(InputScalar::Text));
        for field in ["float", "flag", "one", "list", "user"] {
            assert_eq!(place(field), None, "{field}");
        }
    }

    #[test]
    fn fields_are_known_by_their_names_on_the_wire() {
        let json = |field| {
            [
                InputArgument::of::<User>(InputSource::Json).place_of(field).is_some(),
                InputArgument::of::<Nested>(InputSource::Json).place_of(field).is_some(),
                InputArgument::of::<Newtype>(InputSource::Json).place_of(field).is_some(),
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
        assert!(InputArgument::of::<Nested>(InputSource::Form).place_of("user.mail").is_none());
        assert!(InputArgument::of::<HashMap<String, String>>(InputSource::Form).place_of("mail").is_none());
        assert!(InputArgument::of::<Vec<User>>(InputSource::Json).place_of("mail").is_none());
    }
}
