//! The error of a type that cannot read a document.
//!
//! Promise: it has the place and the kind of the fault, and no text that the client sent leaves it.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Unexpected};

use crate::document::faults::{Expected, FaultKind};
use crate::document::tokens::InputToken;

thread_local! {
    /// How many errors were made on this thread. A type may drop an error: an optional flattened struct is then `None`, and an
    /// untagged enum tries its next variant.
    static MADE: Cell<usize> = const { Cell::new(0) };
}

/// How many errors this function makes, also those that a type drops.
pub(super) fn count_errors<R>(read: impl FnOnce() -> R) -> (R, usize) {
    let before = MADE.get();
    let value = read();
    (value, MADE.get().wrapping_sub(before))
}

/// The type of the application cannot read the document.
#[derive(Debug)]
pub(crate) struct ReadError(Box<ReadErrorParts>);

#[derive(Debug)]
struct ReadErrorParts {
    kind: FaultKind,
    at: Option<usize>,
    /// The value that was found, if the type reported it.
    found: FoundValue,
    /// What the type expected, in its own words.
    expected: String,
}

/// A value that a type rejected. It is compared with the document, and never shown.
#[derive(Debug, PartialEq)]
pub(crate) enum FoundValue {
    Unknown,
    /// The value that stands for a probed place. No document contains it.
    Probe,
    Scalar(InputToken),
    Text(String),
    List,
    Object,
}

impl ReadError {
    fn new(kind: FaultKind, found: FoundValue, expected: String) -> Self {
        MADE.set(MADE.get().wrapping_add(1));
        Self(Box::new(ReadErrorParts { kind, at: None, found, expected }))
    }

    /// The fault without a place.
    pub(super) fn of(kind: FaultKind) -> Self {
        Self::new(kind, FoundValue::Unknown, String::new())
    }

    /// The error at this place, unless it already has one that is further inside.
    pub(super) fn at(mut self, at: usize) -> Self {
        self.0.at.get_or_insert(at);
        self
    }

    /// The error at this place.
    pub(super) fn moved_to(mut self, at: usize) -> Self {
        self.0.at = Some(at);
        self
    }

    pub(super) fn place(&self) -> usize {
        self.0.at.unwrap_or(0)
    }

    pub(super) fn kind(&self) -> &FaultKind {
        &self.0.kind
    }

    pub(super) fn found(&self) -> &FoundValue {
        &self.0.found
    }

    pub(super) fn into_kind(self) -> FaultKind {
        self.0.kind
    }

    /// Whether both were reported by the same expectation.
    pub(super) fn expects_the_same(&self, other: &Self) -> bool {
        self.0.expected == other.0.expected
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.code())
    }
}

impl std::error::Error for ReadError {}

impl FoundValue {
    fn of(unexpected: Unexpected<'_>) -> Self {
        match unexpected {
            Unexpected::Bool(value) => Self::Scalar(InputToken::Bool(value)),
            Unexpected::Unsigned(value) => Self::Scalar(InputToken::Unsigned(value)),
            Unexpected::Signed(value) => Self::Scalar(InputToken::Signed(value)),
            Unexpected::Float(value) => Self::Scalar(InputToken::Float(value)),
            Unexpected::Str(text) => Self::Text(text.to_owned()),
            Unexpected::Unit => Self::Scalar(InputToken::Null),
            Unexpected::Seq => Self::List,
            Unexpected::Map => Self::Object,
            // JSON has no such value.
            Unexpected::NewtypeStruct => Self::Probe,
            Unexpected::Bytes(bytes) if bytes == super::PROBE => Self::Probe,
            _ => Self::Unknown,
        }
    }
}

impl de::Error for ReadError {
    /// The text may quote what the client sent, so it is dropped.
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::of(FaultKind::Format)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let kind = FaultKind::Type(Expected::of(&Described(expected)));
        Self::new(kind, FoundValue::of(unexpected), Described(expected).to_string())
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let kind = FaultKind::Value(Expected::of(&Described(expected)));
        Self::new(kind, FoundValue::of(unexpected), Described(expected).to_string())
    }

    fn invalid_length(_: usize, expected: &dyn de::Expected) -> Self {
        Self::new(FaultKind::Count, FoundValue::List, Described(expected).to_string())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let found = FoundValue::Text(variant.to_owned());
        Self::new(FaultKind::Choice(expected), found, String::new())
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self::of(FaultKind::Unknown)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of(FaultKind::Missing(field))
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::of(FaultKind::Duplicate)
    }
}

struct Described<'e>(&'e dyn de::Expected);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
