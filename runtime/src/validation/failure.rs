//! The rules that an input does not meet, and where in the request it is.
//!
//! Threat: an error that a client cannot find in its request, or that has the rejected value (CWE-209). Promise: an error of a
//! parameter or of a header has its name, and only one of the body has a pointer. The value is only compared with the input.

use std::fmt;

use serde_json::Value;

use crate::problem::FieldError;

/// The arguments did not pass their validation.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "only generated code passes it on")]
pub enum ValidationFailure {
    /// These rules are broken.
    Invalid(Vec<BrokenRule>),
    /// The application has a defect. The text explains how to fix it.
    Misconfigured(String),
}

/// A rule that a value does not meet.
pub struct BrokenRule {
    /// Its pointer leads through the names of the Rust types.
    pub(super) field: FieldError,
    /// The rejected value, if it is known.
    pub(super) rejected: Option<Value>,
    pub(super) part: RulePart,
}

/// The part of the request that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RulePart {
    Body,
    /// The query or the path.
    Parameters,
    Header(String),
}

/// Without the rejected value.
impl fmt::Debug for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BrokenRule").field(&self.field).field(&self.part).finish()
    }
}

impl BrokenRule {
    /// A field that is needed, in the body or among the parameters.
    pub(crate) fn required(pointer: String, is_parameter: bool) -> Self {
        let field = FieldError::new(pointer, "required", "This field is required.");
        let part = if is_parameter { RulePart::Parameters } else { RulePart::Body };
        Self { field, rejected: None, part }
    }

    /// A rule for a value of the body.
    pub(super) fn new(field: FieldError, rejected: Option<Value>) -> Self {
        Self { field, rejected, part: RulePart::Body }
    }
}

impl ValidationFailure {
    /// The rules are those of the parameters of the path or of the query, not those of the body.
    pub(crate) fn in_parameters(self) -> Self {
        self.moved(&RulePart::Parameters)
    }

    /// The rules are those of this header.
    pub(super) fn in_header(self, name: &str) -> Self {
        self.moved(&RulePart::Header(name.to_owned()))
    }

    fn moved(mut self, part: &RulePart) -> Self {
        if let Self::Invalid(rules) = &mut self {
            rules.iter_mut().for_each(|rule| rule.part = part.clone());
        }
        self
    }
}
