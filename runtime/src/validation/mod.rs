//! Validates input before a handler runs.
//!
//! Threat: invalid values that reach the handler (ASVS V2.2.1, CWE-20), and errors that echo them (CWE-209).
//!
//! Promise: each argument of a handler with `#[validate]` is either validated, or of a type that is known to carry no input. An
//! argument of any other type does not compile. An error names the field and the rule, never the value.
//!
//! `validator` reports the names of fields in Rust. If the body is JSON, palisade finds the field in the JSON that was sent,
//! even in flattened structs and map entries or under another name. If it cannot, the error points to the nearest parent that
//! exists. A nested struct is validated only if its field has `#[validate(nested)]`: this is a rule of `validator`.
//!
//! The derive must be that of the version of `validator` that palisade uses. [`palisade::validator`](crate::validator) is that
//! version: `use palisade::validator::Validate` and `#[validate(crate = "palisade::validator")]` above the type need no dependency
//! of your own.
//!
//! ```
//! use actix_web::web::Json;
//! use palisade::{post, public, validate};
//! use palisade::validator::Validate;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, Validate)]
//! #[validate(crate = "palisade::validator")]
//! struct Order {
//!     #[validate(range(min = 1, max = 99))]
//!     pieces: u32,
//! }
//!
//! #[post("/orders")]
//! #[public]
//! #[validate]
//! async fn order(order: Json<Order>) -> String {
//!     format!("{} pieces", order.pieces)
//! }
//! ```

pub(crate) mod checks;
pub(crate) mod except;
pub(crate) mod listed;
mod pointer;

use std::borrow::Cow;

use actix_web::http::{Method, Uri};
use actix_web::{Either, HttpRequest, dev, web};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

pub(crate) use self::checks::Checks;
pub(crate) use self::pointer::located;
use crate::principal::Principal;
use crate::problem::{FieldError, Problem, respond_with_problem};

/// The invalid fields of an argument: 422, with each field in `errors`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the input is invalid")]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// Creates the error for these fields. See [`FieldError::new`] for what they may contain.
    #[must_use]
    pub fn new(fields: Vec<FieldError>) -> Self {
        Self(fields)
    }

    pub(crate) fn into_fields(self) -> Vec<FieldError> {
        self.0
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.into_fields())
    }
}

respond_with_problem!(Invalid);

impl From<ValidationErrors> for Invalid {
    fn from(errors: ValidationErrors) -> Self {
        let mut fields = Vec::new();
        collect(&errors, &mut String::new(), &mut fields);
        fields.sort_by(|a, b| a.order().cmp(&b.order()));
        Self(fields)
    }
}

/// An argument that `#[validate]` can handle: it is validated, or known to carry no input.
///
/// For an extractor of your own that carries no input, derive it with [`Extractor`](derive@crate::Extractor). For one of another
/// crate, write `#[validate(except(session))]` above the handler. Implement it by hand for an extractor that carries input:
///
/// ```
/// use palisade::validation::{Input, Invalid, Validated};
/// use palisade::validator::Validate;
///
/// /// The body in a format of the application's own.
/// struct Toml<T>(T);
///
/// impl<T: Validate> Input for Toml<T> {
///     type Kind = Validated;
///
///     fn check(&self) -> Result<(), Invalid> {
///         self.0.validate().map_err(Invalid::from)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`#[validate]` does not know how to validate an argument of type `{Self}`",
    label = "may be input, but cannot be validated",
    note = "a `Json`, `Form` or `Query` argument is validated if its inner type derives `validator::Validate`",
    note = "if that type already derives `Validate`, there are probably two versions of `validator` in the dependency tree (`cargo tree -d` shows them); use the one that palisade uses, `palisade::validator`",
    note = "for an extractor that carries no input, write `#[derive(palisade::Extractor)]` above your own type, or `#[validate(except(..))]` with the name of the argument if the type is of another crate",
    note = "otherwise name the arguments to validate, as in `#[validate(body)]`"
)]
pub trait Input {
    /// [`Validated`] or [`NotValidated`].
    type Kind;

    /// Validates the value. The default accepts it.
    ///
    /// # Errors
    ///
    /// The fields that are invalid.
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// Kind of an argument: it carries input, and it is validated.
#[derive(Debug)]
pub struct Validated(());

/// Kind of an argument: it carries no body, form or query, so `#[validate]` has nothing to check there.
#[derive(Debug)]
pub struct NotValidated(());

/// An argument that was named in `#[validate(..)]`.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be validated",
    label = "named in `#[validate(..)]`, but cannot be validated",
    note = "`Json<T>`, `Form<T>`, `Query<T>` and `Path<T>` can be validated if `T` derives `validator::Validate`",
    note = "if `T` already derives `Validate`, there are probably two versions of `validator` in the dependency tree (`cargo tree -d` shows them); use the one that palisade uses, `palisade::validator`"
)]
pub trait NamedInput {
    /// Validates the argument.
    ///
    /// # Errors
    ///
    /// The fields that are invalid.
    fn check_named(&self) -> Result<(), Invalid>;
}

macro_rules! validated_extractor {
    ($($extractor:ident)*) => {$(
        // With this attribute, the compiler's error is about the argument and shows the notes of `Input`, not the bound `T:
        // Validate`.
        #[diagnostic::do_not_recommend]
        impl<T: Validate> Input for web::$extractor<T> {
            type Kind = Validated;

            fn check(&self) -> Result<(), Invalid> {
                self.0.validate().map_err(Invalid::from)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: Validate> NamedInput for web::$extractor<T> {
            fn check_named(&self) -> Result<(), Invalid> {
                self.0.validate().map_err(Invalid::from)
            }
        }
    )*};
}
validated_extractor!(Json Form Query);

#[diagnostic::do_not_recommend]
impl<T: Validate> NamedInput for web::Path<T> {
    fn check_named(&self) -> Result<(), Invalid> {
        self.as_ref().validate().map_err(Invalid::from)
    }
}

impl<T: Input> Input for Option<T> {
    type Kind = T::Kind;

    fn check(&self) -> Result<(), Invalid> {
        self.as_ref().map_or(Ok(()), Input::check)
    }
}

impl<T: Input, E> Input for Result<T, E> {
    type Kind = T::Kind;

    fn check(&self) -> Result<(), Invalid> {
        self.as_ref().map_or(Ok(()), Input::check)
    }
}

impl<L: Input, R: Input> Input for Either<L, R> {
    type Kind = L::Kind;

    fn check(&self) -> Result<(), Invalid> {
        match self {
            Either::Left(left) => left.check(),
            Either::Right(right) => right.check(),
        }
    }
}

macro_rules! carries_no_input {
    ($($argument:ty),* $(,)?) => {$(
        impl Input for $argument {
            type Kind = NotValidated;
        }
    )*};
}
carries_no_input!(HttpRequest, Principal, Method, Uri, dev::ConnectionInfo, dev::PeerAddr, ());

macro_rules! extractor_carries_no_input {
    ($($extractor:ident)*) => {$(
        impl<T> Input for web::$extractor<T> {
            type Kind = NotValidated;
        }
    )*};
}
extractor_carries_no_input!(Path ThinData Header);

impl<T: Clone> Input for web::ReqData<T> {
    type Kind = NotValidated;
}

impl<T: ?Sized> Input for web::Data<T> {
    type Kind = NotValidated;
}

fn collect(errors: &ValidationErrors, path: &mut String, fields: &mut Vec<FieldError>) {
    for (field, kind) in errors.errors() {
        let length = path.len();
        // `__all__` is validator's name for a rule of the whole struct.
        if field != "__all__" {
            push_token(path, field);
        }
        match kind {
            ValidationErrorsKind::Field(list) => {
                for error in list {
                    let detail = error.message.clone().unwrap_or_else(|| description(error));
                    fields.push(FieldError::new(path.clone(), error.code.clone(), detail));
                }
            }
            ValidationErrorsKind::Struct(nested) => collect(nested, path, fields),
            ValidationErrorsKind::List(list) => {
                for (index, nested) in list {
                    let length = path.len();
                    push_token(path, &index.to_string());
                    collect(nested, path, fields);
                    path.truncate(length);
                }
            }
        }
        path.truncate(length);
    }
}

/// Appends one reference token (RFC 6901 §3: `~` is `~0`, `/` is `~1`).
fn push_token(path: &mut String, token: &str) {
    path.push('/');
    for c in token.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}

/// Describes the rule by its own parameters. The parameter `value`, the rejected input, is never read.
fn description(error: &validator::ValidationError) -> Cow<'static, str> {
    let bound = |name: &str| error.params.get(name).filter(|value| value.is_number()).map(ToString::to_string);
    let what = match error.code.as_ref() {
        "length" => "The length",
        "range" => "The value",
        "email" => return "Must be an email address.".into(),
        "url" => return "Must be a URL.".into(),
        "required" => return "Is required.".into(),
        "must_match" => return "Must match the other field.".into(),
        _ => return "Does not meet the requirements of this field.".into(),
    };
    match (bound("equal"), bound("min"), bound("max")) {
        (Some(equal), ..) => format!("{what} must be {equal}."),
        (_, Some(min), Some(max)) => format!("{what} must be from {min} to {max}."),
        (_, Some(min), None) => format!("{what} must be at least {min}."),
        (_, None, Some(max)) => format!("{what} must be at most {max}."),
        _ => format!("{what} is out of bounds."),
    }
    .into()
}
