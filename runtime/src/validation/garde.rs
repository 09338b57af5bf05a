//! Rules of the crate `garde`.
//!
//! Threat: errors in the words of another crate, from which a client cannot tell the rule, and which may quote the value (CWE-209).
//! Promise: an error has the code and the parameters that the same rule of `validator` has. Only a rule that the application wrote
//! gives its own sentence.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::marker::PhantomData;

use actix_web::HttpRequest;
use garde::i18n::{I18n, InvalidCreditCard, InvalidEmail, InvalidPhoneNumber, InvalidUrl, IpKind, with_i18n};
use garde::{Path, Report, Validate};
use serde_json::Value;

use super::codes::{PARAMETERS, described, push_token};
use super::failure::BrokenRule;
use super::rules::{HasRules, context};
use super::validator::ByValidator;
use super::{Invalid, MAX_ERRORS, ValidationFailure};
use crate::problem::FieldError;

/// The type implements [`Validate`] of `garde` with the context `C`.
#[derive(Debug)]
pub struct ByGarde<C>(PhantomData<C>);

/// The type has the rules of both crates. Both run.
#[derive(Debug)]
pub struct Both(());

impl<T: Validate<Context = C>, C: 'static> HasRules<ByGarde<C>> for T {
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        // `()` is the context of rules that need none.
        let context = match (&() as &dyn Any).downcast_ref::<C>() {
            Some(none) => none,
            None => context::<C>(request)?,
        };
        with_i18n(Codes, || self.validate_with(context)).map_err(|report| {
            ValidationFailure::Invalid(fields(report).into_iter().map(|field| BrokenRule::new(field, None)).collect())
        })
    }
}

impl<T: validator::Validate + Validate<Context: 'static>> HasRules<Both> for T {
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        let first = HasRules::<ByValidator>::check(self, request);
        match (first, HasRules::<ByGarde<T::Context>>::check(self, request)) {
            (Err(ValidationFailure::Invalid(mut fields)), Err(ValidationFailure::Invalid(more))) => {
                fields.extend(more);
                Err(ValidationFailure::Invalid(fields))
            }
            (Ok(()), second) | (_, second @ Err(ValidationFailure::Misconfigured(_))) => second,
            (first, _) => first,
        }
    }
}

/// Errors that were made outside of `#[validate]` have the texts of `garde`, and the code `invalid`.
impl From<Report> for Invalid {
    fn from(report: Report) -> Self {
        Self::new(fields(report))
    }
}

fn fields(report: Report) -> Vec<FieldError> {
    let errors = report.into_inner().into_iter().take(MAX_ERRORS);
    errors.map(|(path, error)| field_error(pointer(&path), error.message())).collect()
}

/// `garde` shows the parts of a path only as text, in which a key with a dot is ambiguous, and to a serializer.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    let Ok(Value::Array(parts)) = serde_json::to_value(path) else { return pointer };
    for part in &parts {
        let (kind, name) = (part.get(0).and_then(Value::as_str), part.get(1).and_then(Value::as_str));
        if kind != Some("none") {
            push_token(&mut pointer, name.unwrap_or_default());
        }
    }
    pointer
}

/// Starts a message that [`Codes`] made, and separates its parts. No message for people has this character.
const MARK: char = '\u{1}';

fn field_error(pointer: String, message: &str) -> FieldError {
    let Some(parts) = message.strip_prefix(MARK) else {
        return described(pointer, "invalid".into(), Vec::new()).with_detail(message.to_owned());
    };
    let mut parts = parts.split(MARK);
    let code = parts.next().unwrap_or_default().to_owned();
    let mut params = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let Some(name) = PARAMETERS.into_iter().find(|known| *known == name) else { continue };
        // A bound that is not a number, such as a date, is a text.
        params.push((name, serde_json::from_str(value).ok().filter(Value::is_number).unwrap_or_else(|| value.into())));
    }
    described(pointer, code.into(), params)
}

fn message(code: &str, param: Option<(&str, &dyn Display)>) -> Cow<'static, str> {
    let mut message = format!("{MARK}{code}");
    if let Some((name, value)) = param {
        // Writing to a `String` cannot fail.
        let _ = write!(message, "{MARK}{name}{MARK}{value}");
    }
    message.into()
}

/// Messages for [`field_error`], not for people.
struct Codes;

impl I18n for Codes {
    fn length_lower_than(&self, min: usize) -> Cow<'static, str> {
        message("length", Some(("min", &min)))
    }

    fn length_greater_than(&self, max: usize) -> Cow<'static, str> {
        message("length", Some(("max", &max)))
    }

    fn range_lower_than(&self, min: &dyn Display) -> Cow<'static, str> {
        message("range", Some(("min", min)))
    }

    fn range_greater_than(&self, max: &dyn Display) -> Cow<'static, str> {
        message("range", Some(("max", max)))
    }

    fn credit_card_invalid(&self, _: InvalidCreditCard) -> Cow<'static, str> {
        message("credit_card", None)
    }

    /// The code is that of `validator`, which calls a pattern `regex`.
    fn pattern_no_match(&self, _: &dyn Display) -> Cow<'static, str> {
        message("regex", None)
    }

    fn contains_missing(&self, _: &dyn Display) -> Cow<'static, str> {
        message("contains", None)
    }

    fn url_invalid(&self, _: InvalidUrl) -> Cow<'static, str> {
        message("url", None)
    }

    fn prefix_missing(&self, _: &dyn Display) -> Cow<'static, str> {
        message("prefix", None)
    }

    fn suffix_missing(&self, _: &dyn Display) -> Cow<'static, str> {
        message("suffix", None)
    }

    fn phone_number_invalid(&self, _: InvalidPhoneNumber) -> Cow<'static, str> {
        message("phone_number", None)
    }

    fn ip_invalid(&self, _: IpKind) -> Cow<'static, str> {
        message("ip", None)
    }

    fn matches_field_mismatch(&self, _: &dyn Display) -> Cow<'static, str> {
        message("must_match", None)
    }

    fn email_invalid(&self, _: InvalidEmail) -> Cow<'static, str> {
        message("email", None)
    }

    fn ascii_invalid(&self) -> Cow<'static, str> {
        message("ascii", None)
    }

    fn alphanumeric_invalid(&self) -> Cow<'static, str> {
        message("alphanumeric", None)
    }

    fn required_not_set(&self) -> Cow<'static, str> {
        message("required", None)
    }
}
