//! The rejection of an input, in one form for the extractors of palisade and for those of actix-web.
//!
//! Threat: a client that cannot tell what is wrong, or that learns more than that (CWE-209). Promise: 413 if the input is too
//! large, 415 if its media type is not accepted, 400 if its syntax is wrong, 422 if its content is. The errors name the place.

use std::fmt;
use std::sync::Arc;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

use super::faults::FaultKind;
use super::json::JsonFailure;
use super::read::FaultAt;
use super::tokens::Document;
use crate::body::BodyFailure;
use crate::denial::{Denial, Extra};
use crate::problem::{FieldError, Problem};

/// An extractor of palisade could not make its value from the request.
///
/// As a response, it is a problem with one of these statuses:
///
/// | status | meaning |
/// |---|---|
/// | 400 | the syntax is wrong; the error has the line and the column |
/// | 404 | a parameter of the path names no resource |
/// | 408 | the body did not arrive in time |
/// | 413 | the body is too large |
/// | 415 | the media type is not accepted |
/// | 422 | the content is wrong; each error has its place |
///
/// A handler that takes `Result<Json<T>, InputError>` gets it. If an error is dropped before the handler is called, as by an
/// `Option`, the request is rejected with it.
#[derive(Clone, Debug)]
pub struct InputError(Arc<RejectedInput>);

#[derive(Debug)]
struct RejectedInput {
    denial: Denial,
    /// Whether nothing was sent at all.
    is_absent: bool,
    is_in_body: bool,
}

impl InputError {
    /// Whether the request has no such input at all: no body, or no query.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.0.is_absent
    }

    /// The errors with their places.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        match &self.0.denial.extra {
            Extra::Fields(errors) => errors,
            _ => &[],
        }
    }

    /// There is no input, because of which this is the denial.
    pub(crate) fn absent(denial: Denial) -> Self {
        Self(Arc::new(RejectedInput { denial, is_absent: true, is_in_body: false }))
    }

    /// The error of an extractor that reads the body.
    pub(crate) fn in_body(mut self) -> Self {
        if let Some(rejected) = Arc::get_mut(&mut self.0) {
            rejected.is_in_body = true;
        }
        self
    }

    pub(crate) fn is_in_body(&self) -> bool {
        self.0.is_in_body
    }

    /// Whether the extractor does not read this media type.
    pub(crate) fn is_media_type(&self) -> bool {
        self.0.denial.status == StatusCode::UNSUPPORTED_MEDIA_TYPE
    }

    pub(crate) fn denial(&self) -> &Denial {
        &self.0.denial
    }

    /// Whether this is the only copy, so that nobody else can report the error.
    pub(crate) fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl From<Denial> for InputError {
    fn from(denial: Denial) -> Self {
        Self(Arc::new(RejectedInput { denial, is_absent: false, is_in_body: false }))
    }
}

impl From<InputError> for Problem {
    fn from(error: InputError) -> Self {
        let Denial { status, detail, .. } = error.0.denial;
        Self::new(status).with_detail(detail).with_errors(error.errors().to_vec())
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.denial.detail)
    }
}

impl std::error::Error for InputError {}

impl ResponseError for InputError {
    fn status_code(&self) -> StatusCode {
        self.0.denial.status
    }

    fn error_response(&self) -> HttpResponse {
        Problem::from(self.clone()).into_response()
    }
}

/// Where an input is in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputSource {
    /// A JSON body.
    Json,
    /// A body of form fields.
    Form,
    /// The query of the URL.
    Query,
    /// A header field.
    Header,
}

/// Where the parts of an input are in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputPart {
    /// The body, whose places are pointers.
    Body,
    /// The query or the path, whose places are names.
    Parameters,
}

impl InputPart {
    /// The error of one fault, at a place of this document.
    fn error(self, document: &Document<'_>, (at, kind): &FaultAt) -> FieldError {
        match self {
            Self::Body => kind.error(|code, detail| FieldError::new(document.pointer(*at), code, detail)),
            Self::Parameters => {
                let name = match kind {
                    FaultKind::Missing(name) => (*name).to_owned(),
                    _ => document.path_to(*at).first().map(ToString::to_string).unwrap_or_default(),
                };
                self.named(name, kind)
            }
        }
    }

    /// The error of one fault that has the name of its parameter, or its pointer.
    pub(crate) fn named(self, name: String, kind: &FaultKind) -> FieldError {
        kind.error(|code, detail| match self {
            Self::Body => FieldError::new(name, code, detail),
            Self::Parameters => FieldError::of_parameter(name, code, detail),
        })
    }

    /// The errors of these faults, sorted by their places.
    pub(crate) fn errors(self, document: &Document<'_>, faults: &[FaultAt]) -> Vec<FieldError> {
        let mut errors: Vec<FieldError> = faults.iter().map(|fault| self.error(document, fault)).collect();
        errors.sort_by(|a, b| a.order().cmp(&b.order()));
        errors.dedup();
        errors
    }
}

/// A body that is not JSON, or that palisade does not accept.
pub(crate) fn json(failure: JsonFailure) -> Denial {
    match failure {
        JsonFailure::Syntax { line, column } => json_syntax(line, column),
        failure => Denial::invalid(refused(failure)),
    }
}

/// The places of JSON that palisade does not accept.
pub(crate) fn refused(failure: JsonFailure) -> Vec<FieldError> {
    match failure {
        JsonFailure::Syntax { .. } => Vec::new(),
        JsonFailure::Refused(faults) => {
            faults.into_iter().map(|(pointer, kind)| InputPart::Body.named(pointer, &kind)).collect()
        }
    }
}

/// RFC 8259. Both numbers start with 1.
pub(crate) fn json_syntax(line: usize, column: usize) -> Denial {
    let detail = format!("The body is not valid JSON at line {line}, column {column}.");
    let error = FieldError::new("", "json_syntax", detail).with_param("line", line).with_param("column", column);
    let mut denial = Denial::bad_request("json_syntax", "The body is not valid JSON.");
    denial.extra = Extra::Fields(vec![error]);
    denial
}

pub(crate) fn payload(error: &PayloadError) -> Denial {
    BodyFailure::of(error).denial()
}

pub(crate) const fn media_type(detail: &'static str) -> Denial {
    Denial::input(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail)
}

/// A header that its type cannot read.
pub(crate) fn header(name: String) -> Denial {
    let mut denial = Denial::bad_request("header", "A header is malformed.");
    denial.extra =
        Extra::Fields(vec![FaultKind::Format.error(|code, detail| FieldError::of_header(name, code, detail))]);
    denial
}

pub(crate) const fn no_body() -> Denial {
    Denial::bad_request("body_missing", "The request needs a body.")
}

/// A parameter of the path is not what the resource is named by.
pub(crate) const fn not_a_resource() -> Denial {
    Denial::input(StatusCode::NOT_FOUND, "path_not_a_resource", crate::problem::NOT_FOUND)
}
