//! One place of a document, from which a type reads its value.

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

use super::access::{EnumChoice, Items, ObjectMembers};
use super::error::ReadError;
use super::{Probe, Reading, Untyped, probe};
use crate::document::tokens::{Format, InputToken};

/// One value of a document, or the name of a field.
#[derive(Clone, Copy)]
pub(crate) struct Place<'d, 'b> {
    pub(super) reading: &'d Reading<'d, 'b>,
    pub(super) at: usize,
    /// Whether it is a text that may stand for a number: a name, or a value of a form.
    is_plain: bool,
    /// Whether it is the value of a field.
    is_member: bool,
}

impl<'d, 'b> Place<'d, 'b> {
    /// The root, an item of a list, or the value of a variant.
    pub(super) fn new(reading: &'d Reading<'d, 'b>, at: usize) -> Self {
        Self { reading, at, is_plain: reading.document.format() == Format::Pairs, is_member: false }
    }

    /// The value of a field.
    pub(super) fn member(reading: &'d Reading<'d, 'b>, at: usize) -> Self {
        Self { is_member: true, ..Self::new(reading, at) }
    }

    /// The name of a field.
    pub(super) fn name(reading: &'d Reading<'d, 'b>, at: usize) -> Self {
        Self { reading, at, is_plain: true, is_member: false }
    }

    /// The token, or `None` if this place is probed.
    fn token(&self) -> Option<InputToken> {
        match self.reading.probe {
            Probe::Value(probed) if probed == self.at => None,
            _ => self.reading.document.token(self.at),
        }
    }

    fn text(&self) -> Option<&'d str> {
        self.token().and_then(|_| self.reading.document.text(self.at))
    }

    /// Gives the token to the visitor, which rejects it if the type is wrong. In a form, text is read as the type that is asked for.
    fn visit<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let read = match self.token() {
            None => visitor.visit_newtype_struct(probe()),
            Some(InputToken::Null) => visitor.visit_unit(),
            Some(InputToken::Bool(value)) => visitor.visit_bool(value),
            Some(InputToken::Unsigned(value)) => visitor.visit_u64(value),
            Some(InputToken::Signed(value)) => visitor.visit_i64(value),
            Some(InputToken::Float(value)) => visitor.visit_f64(value),
            Some(InputToken::Text(_) | InputToken::Unescaped(_)) => {
                visitor.visit_borrowed_str(self.text().unwrap_or_default())
            }
            Some(InputToken::List(_)) => return Items::visit(self, visitor),
            Some(InputToken::Object(_)) => return ObjectMembers::visit(self, None, visitor),
        };
        read.map_err(|error: ReadError| error.at(self.at))
    }

    /// Rejects the value, because this is expected.
    fn wrong<V: Visitor<'d>>(self, visitor: &V) -> ReadError {
        let found = match self.token() {
            None => Unexpected::NewtypeStruct,
            Some(InputToken::Null) => Unexpected::Unit,
            Some(InputToken::Bool(value)) => Unexpected::Bool(value),
            Some(InputToken::Unsigned(value)) => Unexpected::Unsigned(value),
            Some(InputToken::Signed(value)) => Unexpected::Signed(value),
            Some(InputToken::Float(value)) => Unexpected::Float(value),
            Some(InputToken::Text(_) | InputToken::Unescaped(_)) => Unexpected::Str(self.text().unwrap_or_default()),
            Some(InputToken::List(_)) if self.is_plain => {
                return ReadError::of(crate::document::faults::FaultKind::Repeated).at(self.at);
            }
            Some(InputToken::List(_)) => Unexpected::Seq,
            Some(InputToken::Object(_)) => Unexpected::Map,
        };
        ReadError::invalid_type(found, visitor).at(self.at)
    }

    /// Whether a parameter with one value was sent more than once.
    fn is_repeated(&self) -> bool {
        self.is_plain && matches!(self.token(), Some(InputToken::List(_)))
    }

    /// Whether no other text stands for the same number or boolean, unless it is that of a form. Two names of one object would
    /// otherwise be one key.
    fn is_written_once(&self, text: &str) -> bool {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let after_zero = digits.strip_prefix('0').and_then(|rest| rest.chars().next());
        let has_zero_before = after_zero.is_some_and(|next| next.is_ascii_digit());
        let is_other = text.starts_with('+') || text == "-0" || has_zero_before;
        self.reading.document.format() == Format::Pairs || !is_other
    }

    /// The digits of a number that is too large for a token.
    fn large_number(&self) -> Option<&'d str> {
        let is_large = matches!(self.token(), Some(InputToken::Float(_)));
        if is_large { self.reading.document.digits(self.at) } else { None }
    }

    /// Notes a value whose type is not known yet: `serde` may buffer it, and read it later.
    fn note_untyped(&self) {
        let reading = self.reading;
        if reading.strict && self.at >= reading.untyped_end.get() {
            reading.untyped.borrow_mut().push(Untyped { at: self.at, is_member: self.is_member });
            reading.untyped_end.set(reading.document.after(self.at));
        }
    }
}

/// Numbers and booleans: a text of a form is parsed, and so is a name of JSON.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty, $digits:expr, $is_possible:expr;)*) => {$(
        fn $method<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let digits: fn(&Self) -> Option<&'d str> = $digits;
            let text = if self.is_plain { self.text().filter(|text| self.is_written_once(text)) } else { digits(&self) };
            let is_possible: fn(&$type) -> bool = $is_possible;
            match text.and_then(|text| text.parse::<$type>().ok()).filter(is_possible) {
                Some(value) => visitor.$visit(value).map_err(|error: ReadError| error.at(self.at)),
                None if self.is_plain => Err(self.wrong(&visitor)),
                None => self.visit(visitor),
            }
        }
    )*};
}

macro_rules! visited {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
            if self.is_repeated() {
                return Err(self.wrong(&visitor));
            }
            self.visit(visitor)
        }
    )*};
}

impl<'d> Deserializer<'d> for Place<'d, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.note_untyped();
        self.visit(visitor)
    }

    visited! { deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf }

    parsed! {
        deserialize_bool visit_bool bool, |_| None, |_| true;
        deserialize_u8 visit_u8 u8, |_| None, |_| true;
        deserialize_u16 visit_u16 u16, |_| None, |_| true;
        deserialize_u32 visit_u32 u32, |_| None, |_| true;
        deserialize_u64 visit_u64 u64, |_| None, |_| true;
        deserialize_u128 visit_u128 u128, Self::large_number, |_| true;
        deserialize_i8 visit_i8 i8, |_| None, |_| true;
        deserialize_i16 visit_i16 i16, |_| None, |_| true;
        deserialize_i32 visit_i32 i32, |_| None, |_| true;
        deserialize_i64 visit_i64 i64, |_| None, |_| true;
        deserialize_i128 visit_i128 i128, Self::large_number, |_| true;
        // A bound of a rule does not reject what is not a number.
        deserialize_f32 visit_f32 f32, |_| None, |number| number.is_finite();
        deserialize_f64 visit_f64 f64, |_| None, |number| number.is_finite();
    }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.token() {
            Some(InputToken::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error: ReadError| error.at(self.at))
    }

    fn deserialize_unit<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.token() {
            Some(InputToken::Null) => visitor.visit_unit().map_err(|error: ReadError| error.at(self.at)),
            _ => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.at))
    }

    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.token() {
            Some(InputToken::List(_)) => Items::visit(self, visitor),
            // A parameter that was sent once is a list of one.
            Some(InputToken::Text(_) | InputToken::Unescaped(_)) if self.is_plain => Items::one(self, visitor),
            _ => Err(self.wrong(&visitor)),
        }
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
        match self.token() {
            Some(InputToken::Object(_)) => ObjectMembers::visit(self, None, visitor),
            _ => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'d>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.token() {
            Some(InputToken::Object(_)) => ObjectMembers::visit(self, Some(fields), visitor),
            _ => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'d>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match EnumChoice::of(self) {
            Some(choice) => visitor.visit_enum(choice).map_err(|error| error.at(self.at)),
            None => Err(self.wrong(&visitor)),
        }
    }

    fn deserialize_identifier<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.visit(visitor)
    }

    /// The type does not read the value. If it is that of a field, the field is unknown.
    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.reading.strict && self.is_member {
            self.reading.unknown.borrow_mut().push(self.at);
        }
        visitor.visit_unit()
    }
}
