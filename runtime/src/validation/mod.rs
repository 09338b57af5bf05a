//! Validates input before a handler runs.
//!
//! Threat: invalid values that reach the handler (ASVS V2.2.1, CWE-20), and errors that echo them (CWE-209).
//!
//! Promise: each argument of a handler with `#[validate]` is either validated, or of a type that is known to carry no input. An
//! argument of any other type does not compile. An error names the field and the rule, never the value.
//!
//! # Fields without rules
//!
//! **`validator` does not validate a nested struct unless its field has `#[validate(nested)]`**, and Rust cannot see from the types
//! that it is missing. `#[validate(nest_all_fields)]` above the struct adds it to all fields. `garde` validates a nested struct only
//! if its field has `#[garde(dive)]`, but each field must have a rule or `#[garde(skip)]`, so none is forgotten. The feature `garde`
//! adds it: a type that derives `garde::Validate` is validated like one that derives `validator::Validate`. If it derives both,
//! both run.
//!
//! # What is validated
//!
//! | argument | what it needs |
//! |---|---|
//! | `Json<T>`, `Form<T>`, `Query<T>` | `T` has rules |
//! | `Path<T>` | `T` has rules, or is a number, a text, a `bool`, a `char`, a `Uuid` (feature `uuid`), an address, or a tuple of them |
//! | `Header<T>` | `T` has rules, or is a type of actix-web, which has a parser |
//! | `Option<..>`, `Result<.., E>`, `Either<..>` of them | the same |
//! | a type of the application | it implements [`Input`], or derives [`Extractor`](derive@crate::Extractor) if it carries no input |
//!
//! `T` may also be a `Vec`, a `Box`, an `Option`, a `HashMap` or a `BTreeMap` of a type with rules. Inside of a struct, `validator`
//! needs a function of the application for a field that is a `Box`.
//!
//! # Rules with a context
//!
//! A rule may depend on data of the application: `#[validate(context = Limits)]` of `validator`, and `#[garde(context(Limits))]`.
//! Register the value with `.app_data(limits)`, or as `web::Data`. If it is missing, the response is 500, and a line in the log says
//! what to add.
//!
//! # Errors
//!
//! A 422 has at most [`MAX_ERRORS`] errors, sorted by place and code. An error in the body has a `pointer`, one in the path or the
//! query a `parameter`, and one in a header a `header`. `parameter` is empty if the rule is one of the whole struct.
//!
//! | code | rule of | params |
//! |---|---|---|
//! | `length`, `range` | both | `min`, `max`, `equal`: those that the rule has; with `garde` the one that was broken |
//! | `email`, `url`, `credit_card`, `contains`, `must_match`, `required` | both (`matches` of `garde` is `must_match`) | |
//! | `regex` | both (`pattern` of `garde`) | |
//! | `does_not_contain`, `non_control_character` | `validator` | |
//! | `phone_number`, `ip`, `prefix`, `suffix`, `ascii`, `alphanumeric` | `garde` | |
//! | a code of the application | a function for `validator` | `min`, `max`, `equal`, if they are numbers |
//! | `invalid` | a function for `garde`, whose text is the `detail` | |
//!
//! A text that a function of the application returns reaches the client, so it must not contain the value.
//!
//! `validator` and `garde` report the names of fields in Rust. If the body is JSON, palisade finds the field in the JSON that was
//! sent, even in flattened structs and map entries or under another name. If it cannot, the error points to the nearest parent that
//! exists.
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

pub(crate) mod checked_argument;
pub(crate) mod checks;
mod codes;
pub(crate) mod failure;
#[cfg(feature = "garde")]
pub(crate) mod garde;
pub(crate) mod kinds;
pub(crate) mod listed;
mod pointer;
pub(crate) mod rules;
pub(crate) mod strict;
pub(crate) mod validator;
pub(crate) mod without_rules;

pub(crate) use self::checks::{Checks, NotValidated, SomeInput};
pub(crate) use self::failure::{BrokenRule, ValidationFailure};
pub(crate) use self::pointer::{Sent, located};
use crate::problem::{FieldError, Problem, respond_with_problem};

/// The most errors that a response contains. The others are left out.
pub const MAX_ERRORS: usize = 32;

/// Sorts the errors by place and code, and drops those that a response may not contain.
pub(crate) fn first_errors(fields: &mut Vec<FieldError>) {
    fields.sort_by(|a, b| a.order().cmp(&b.order()));
    fields.truncate(MAX_ERRORS);
}

/// The invalid fields of an argument: 422, with each field in `errors`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the input is invalid")]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// Creates the error for these fields, of which the first [`MAX_ERRORS`] are kept. See [`FieldError::new`] for what they may
    /// contain.
    #[must_use]
    pub fn new(mut fields: Vec<FieldError>) -> Self {
        first_errors(&mut fields);
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

/// An extractor that carries input. `#[validate]` validates its content.
///
/// actix-web's `Json`, `Form` and `Query` implement it. Implement it for an extractor of your own:
///
/// ```
/// use palisade::validation::Input;
///
/// /// The body in a format of the application's own.
/// struct Toml<T>(T);
///
/// impl<T> Input for Toml<T> {
///     type Content = T;
///
///     fn content(&self) -> &T {
///         &self.0
///     }
/// }
/// ```
///
/// For an extractor of your own that carries no input, derive [`Extractor`](derive@crate::Extractor). For one of another crate,
/// write `#[validate(except(session))]` above the handler.
pub trait Input {
    /// The type that has the rules.
    type Content;

    /// Where in the request the content is. It decides whether an error has a `pointer` or a `parameter`. Default: the body.
    const SOURCE: ContentSource = ContentSource::Body;

    /// The value to validate.
    fn content(&self) -> &Self::Content;
}

/// A part of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentSource {
    /// The body. An error has a JSON pointer.
    Body,
    /// The parameters of the path or of the query. An error has the name of the parameter.
    Parameters,
}
