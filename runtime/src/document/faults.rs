//! What is wrong with the shape of an input.
//!
//! Threat: an error that quotes the rejected value or a name of the program (CWE-209). Promise: each fault has a stable code, a
//! sentence that was written for clients, and parameters from the source code. None of them has a value that the client sent.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::problem::FieldError;

/// One kind of fault.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    /// The object lacks the field of this name.
    Missing(&'static str),
    Unknown,
    Duplicate,
    /// A parameter with one value was sent more than once.
    Repeated,
    Type(Expected),
    /// The type is right, and the value is not possible.
    Value(Expected),
    /// A list has too many or too few items.
    Count,
    /// None of these texts.
    Choice(&'static [&'static str]),
    /// The type of the application cannot read it.
    Format,
    /// The content of a file has none of these media types.
    #[cfg(feature = "multipart")]
    FileType(&'static [&'static str]),
    TooDeep(u32),
    TooLong(usize),
    TooManyValues(u32),
    TooManyFields(usize),
    /// It cannot be told in bounded time whether all fields are known.
    TooComplex,
}

/// Limits of what is reported.
pub(crate) struct Fault;

impl Fault {
    /// How many faults of one input are reported at most.
    pub(crate) const MOST: usize = 32;
}

/// What a type can read, in words of JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expected {
    Text,
    Boolean,
    Number,
    /// A whole number in these bounds.
    Integer(i128, u128),
    List,
    Object,
    Null,
    /// Something that only the type knows.
    Other,
}

macro_rules! integers {
    ($text:expr; $($integer:ident)*) => {
        match $text {
            $(stringify!($integer) => Some(Expected::Integer(
                <$integer>::MIN as i128,
                <$integer>::MAX as u128,
            )),)*
            _ => None,
        }
    };
}

impl Expected {
    /// Reads the text with which `serde` describes an expectation.
    pub(crate) fn of(expected: &dyn fmt::Display) -> Self {
        let text = expected.to_string();
        let text = text.strip_prefix("a nonzero ").unwrap_or(&text);
        #[allow(clippy::cast_lossless, reason = "the macro casts each type in the same way")]
        let integer = integers!(text; u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
        let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
        match text {
            _ if integer.is_some() => integer.unwrap_or(Self::Other),
            "f32" | "f64" => Self::Number,
            "a boolean" => Self::Boolean,
            _ if starts(&["a string", "a borrowed string", "str", "string", "a character", "variant identifier"]) => {
                Self::Text
            }
            _ if starts(&["a sequence", "tuple", "a tuple", "an array", "fewer elements"]) => Self::List,
            _ if starts(&["a map", "struct", "map", "internally tagged", "adjacently tagged"]) => Self::Object,
            "unit" | "null" => Self::Null,
            _ => Self::bounded(text).unwrap_or(Self::Other),
        }
    }

    /// Reads `an integer from 1 to 100`, which is how [`PageLimit`](crate::input::PageLimit) states its bounds.
    fn bounded(text: &str) -> Option<Self> {
        let (min, max) = text.strip_prefix("an integer from ")?.split_once(" to ")?;
        Some(Self::Integer(min.parse().ok()?, max.parse().ok()?))
    }

    /// The name of the type in JSON.
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Integer(..) => "integer",
            Self::List => "array",
            Self::Object => "object",
            Self::Null => "null",
            Self::Other => return None,
        })
    }

    fn sentence(self) -> Cow<'static, str> {
        match self {
            Self::Text => "Must be a string.".into(),
            Self::Boolean => "Must be `true` or `false`.".into(),
            Self::Number => "Must be a number.".into(),
            Self::Integer(min, max) => format!("Must be a whole number from {min} to {max}.").into(),
            Self::List => "Must be an array.".into(),
            Self::Object => "Must be an object.".into(),
            Self::Null => "Must be null.".into(),
            Self::Other => "Has the wrong type.".into(),
        }
    }
}

fn required(name: &str) -> String {
    format!("The field `{name}` is required.")
}

impl FaultKind {
    /// The error of a form that lacks the part of this name.
    #[cfg(feature = "multipart")]
    pub(crate) fn missing_part(name: &str) -> FieldError {
        FieldError::new("", "missing", required(name)).with_param("name", name)
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Unknown => "unknown_field",
            Self::Duplicate => "duplicate",
            Self::Repeated => "repeated",
            Self::Type(_) => "type",
            Self::Value(_) => "value",
            Self::Count => "count",
            Self::Choice(_) => "choice",
            Self::Format => "format",
            #[cfg(feature = "multipart")]
            Self::FileType(_) => "file_type",
            Self::TooDeep(_) => "too_deep",
            Self::TooLong(_) => "too_long",
            Self::TooManyValues(_) => "too_many_values",
            Self::TooManyFields(_) => "too_many_fields",
            Self::TooComplex => "too_complex",
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Missing(name) => required(name).into(),
            Self::Unknown => "This field is unknown.".into(),
            Self::Duplicate => "This name is there twice.".into(),
            Self::Repeated => "Must be there only once.".into(),
            Self::Type(expected) | Self::Value(expected) => expected.sentence(),
            Self::Count => "Has the wrong number of items.".into(),
            Self::Choice(choices) => format!("Must be one of: {}.", choices.join(", ")).into(),
            Self::Format => "Has the wrong format.".into(),
            #[cfg(feature = "multipart")]
            Self::FileType(allowed) => format!("The content must be one of: {}.", allowed.join(", ")).into(),
            Self::TooDeep(most) => format!("Is nested more than {most} levels deep.").into(),
            Self::TooLong(most) => format!("Has more than {most} bytes.").into(),
            Self::TooManyValues(most) => format!("The input has more than {most} values.").into(),
            Self::TooManyFields(most) => format!("Has more than {most} fields.").into(),
            Self::TooComplex => "Is too complex to be checked for unknown fields.".into(),
        }
    }

    /// The fault as an error at this place, which `place` makes from a code and a sentence.
    pub(crate) fn error(&self, place: impl FnOnce(&'static str, Cow<'static, str>) -> FieldError) -> FieldError {
        let error = place(self.code(), self.detail());
        match self {
            Self::Missing(name) => error.with_param("name", *name),
            Self::Type(expected) | Self::Value(expected) => {
                let error = match expected.name() {
                    Some(name) => error.with_param("expected", name),
                    None => error,
                };
                match expected {
                    Expected::Integer(min, max) => {
                        let bound = |bound: Option<i64>| bound.map(Value::from);
                        let (min, max) = (bound(i64::try_from(*min).ok()), u64::try_from(*max).ok().map(Value::from));
                        let error = min.into_iter().fold(error, |error, min| error.with_param("min", min));
                        max.into_iter().fold(error, |error, max| error.with_param("max", max))
                    }
                    _ => error,
                }
            }
            Self::Choice(choices) => error.with_param("choices", choices.to_vec()),
            #[cfg(feature = "multipart")]
            Self::FileType(allowed) => error.with_param("allowed", allowed.to_vec()),
            Self::TooDeep(most) | Self::TooManyValues(most) => error.with_param("max", *most),
            Self::TooLong(most) | Self::TooManyFields(most) => error.with_param("max", *most),
            Self::Unknown | Self::Duplicate | Self::Repeated | Self::Count | Self::Format | Self::TooComplex => error,
        }
    }
}
