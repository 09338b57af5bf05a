//! The error of one part of the input.

use std::borrow::Cow;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The error of one part of the input: of a place in the body, of a parameter of the URL, or of a header.
///
/// ```
/// use palisade::problem::FieldError;
///
/// let error = FieldError::new("/items/3/qty", "range", "The value must be at most 99.").with_param("max", 99);
/// assert_eq!(error.pointer(), Some("/items/3/qty"));
/// assert_eq!(error.parameter(), None);
/// ```
///
/// As JSON, it has one of the members `pointer`, `parameter` and `header`, then `code`, `detail`, and `params` if there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    place: ErrorPlace,
    code: Cow<'static, str>,
    detail: Cow<'static, str>,
    /// `None` if there are none, so that an error without parameters stays small.
    params: Option<Box<Map<String, Value>>>,
}

/// Where the error is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ErrorPlace {
    Pointer(String),
    Parameter(Cow<'static, str>),
    Header(Cow<'static, str>),
}

impl FieldError {
    /// An error in the body. `pointer` is an RFC 6901 JSON pointer (`/address/city`, empty for the whole input), `code` is a stable
    /// keyword such as `length`, and `detail` is a sentence. None of them may contain the rejected value.
    ///
    /// A pointer to a field of a form is a slash and the name of the field.
    pub fn new(
        pointer: impl Into<String>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::at_place(ErrorPlace::Pointer(pointer.into()), code.into(), detail.into())
    }

    /// An error in a parameter of the path or of the query.
    pub fn of_parameter(
        name: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::at_place(ErrorPlace::Parameter(name.into()), code.into(), detail.into())
    }

    /// An error in the header field of this name.
    pub fn of_header(
        name: impl Into<Cow<'static, str>>,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::at_place(ErrorPlace::Header(name.into()), code.into(), detail.into())
    }

    fn at_place(place: ErrorPlace, code: Cow<'static, str>, detail: Cow<'static, str>) -> Self {
        Self { place, code, detail, params: None }
    }

    /// The JSON pointer to the place in the body. It is empty for the whole body. `None` if the error is not in the body.
    #[must_use]
    pub fn pointer(&self) -> Option<&str> {
        match &self.place {
            ErrorPlace::Pointer(pointer) => Some(pointer),
            ErrorPlace::Parameter(_) | ErrorPlace::Header(_) => None,
        }
    }

    /// The name of the parameter of the path or of the query. `None` if the error is elsewhere.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        match &self.place {
            ErrorPlace::Parameter(name) => Some(name),
            ErrorPlace::Pointer(_) | ErrorPlace::Header(_) => None,
        }
    }

    /// The name of the header field. `None` if the error is elsewhere.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        match &self.place {
            ErrorPlace::Header(name) => Some(name),
            ErrorPlace::Pointer(_) | ErrorPlace::Parameter(_) => None,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The parameter of the rule that has this name, such as `min` of a rule `length`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Value> {
        self.params.as_ref()?.get(name)
    }

    /// The same error with another code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// The same error with another sentence, such as one in the language of the client. It must not contain the rejected value.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same error with one more parameter of its rule, such as `min`. It must not contain the rejected value.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// The same error at another place of the body.
    pub(crate) fn at(mut self, pointer: String) -> Self {
        self.place = ErrorPlace::Pointer(pointer);
        self
    }

    /// The same error in a parameter of the path or of the query.
    pub(crate) fn at_parameter(mut self, name: String) -> Self {
        self.place = ErrorPlace::Parameter(name.into());
        self
    }

    /// The same error in a header.
    pub(crate) fn at_header(mut self, name: String) -> Self {
        self.place = ErrorPlace::Header(name.into());
        self
    }

    /// The place and the code, by which errors are sorted.
    pub(crate) fn order(&self) -> (&str, &str) {
        let place: &str = match &self.place {
            ErrorPlace::Pointer(pointer) => pointer,
            ErrorPlace::Parameter(name) | ErrorPlace::Header(name) => name,
        };
        (place, &self.code)
    }
}

impl Serialize for FieldError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match &self.place {
            ErrorPlace::Pointer(pointer) => members.serialize_entry("pointer", pointer)?,
            ErrorPlace::Parameter(name) => members.serialize_entry("parameter", name)?,
            ErrorPlace::Header(name) => members.serialize_entry("header", name)?,
        }
        members.serialize_entry("code", &self.code)?;
        members.serialize_entry("detail", &self.detail)?;
        if let Some(params) = &self.params {
            members.serialize_entry("params", params)?;
        }
        members.end()
    }
}
