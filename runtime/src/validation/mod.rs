//! Input has the declared shape before a handler sees it.
//!
//! Threat: values that no code downstream expects (ASVS V2.2.1, CWE-20), and errors that echo them (CWE-209). Promise: every
//! argument of a `#[validate]`d handler is either validated, or of a type that is known to carry no input; any other type
//! does not compile. An error names field and rule, never the value.
//!
//! `validator` knows the names of fields in Rust. Where the body is JSON, a pointer is looked up in what was sent: flattened structs,
//! entries of maps and other spellings of a name are found, and what can't be found is the nearest place that is there. A nested struct is validated where its field says `#[validate(nested)]`, and only there: that is `validator`'s rule.

mod listed;
mod pointer;

use std::borrow::Cow;
use std::marker::PhantomData;

use actix_web::http::{Method, Uri};
use actix_web::{Either, HttpRequest, dev, web};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

pub use self::listed::Listed;
pub(crate) use self::pointer::located;
use crate::principal::Principal;
use crate::problem::{FieldError, Problem, answer_with_a_problem};

/// What is wrong with an argument: 422, with each field in `errors`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the input is invalid")]
pub struct Invalid(Vec<FieldError>);

impl Invalid {
    /// These fields are wrong; see [`FieldError::new`] for what may stand in them.
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

answer_with_a_problem!(Invalid);

impl From<ValidationErrors> for Invalid {
    fn from(errors: ValidationErrors) -> Self {
        let mut fields = Vec::new();
        collect(&errors, &mut String::new(), &mut fields);
        fields.sort_by(|a, b| a.pointer().cmp(b.pointer()).then_with(|| a.code().cmp(b.code())));
        Self(fields)
    }
}

/// An argument that `#[validate]` can judge: it is validated, or known to carry no input.
///
/// Implement it for an extractor of your own, so that it may stand beside validated arguments:
///
/// ```
/// struct Session;
///
/// impl palisade::validation::Input for Session {
///     type Kind = palisade::validation::NotValidated;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`#[validate]` does not know how to validate an argument of type `{Self}`",
    label = "may be input, but cannot be validated",
    note = "a `Json`, `Form` or `Query` argument is validated if its inner type derives `validator::Validate`",
    note = "otherwise name the arguments to validate, as in `#[validate(body)]`, or implement `palisade::validation::Input` for the type"
)]
pub trait Input {
    /// [`Validated`] or [`NotValidated`].
    type Kind;

    /// Judges the value. The default accepts it.
    ///
    /// # Errors
    ///
    /// What is wrong with which field.
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

/// The argument carries input, and it is validated.
pub struct Validated(());

/// The argument carries no body, form or query: a bare `#[validate]` has nothing to check there.
pub struct NotValidated(());

/// An argument that was named in `#[validate(..)]`.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` can't be validated",
    label = "named in `#[validate(..)]`, but cannot be validated",
    note = "`Json<T>`, `Form<T>`, `Query<T>` and `Path<T>` can be validated if `T` derives `validator::Validate`"
)]
pub trait NamedInput {
    #[doc(hidden)]
    fn check_named(&self) -> Result<(), Invalid>;
}

macro_rules! validated_extractor {
    ($($extractor:ident)*) => {$(
        // The error is then about the argument, with the notes of `Input`, and not about a bound of this very line.
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

/// The checks of one handler's arguments, and whether there was any input among them.
pub struct Checks<Seen>(PhantomData<Seen>);

/// [`Seen`](Checks) so far and an argument's kind, together.
pub trait With<Kind> {
    #[doc(hidden)]
    type Seen;
}

impl With<NotValidated> for NotValidated {
    type Seen = NotValidated;
}
impl With<Validated> for NotValidated {
    type Seen = Validated;
}
impl<Kind> With<Kind> for Validated {
    type Seen = Validated;
}

/// At least one argument was validated.
#[diagnostic::on_unimplemented(
    message = "`#[validate]` has nothing to validate, because no argument is a `Json`, `Form` or `Query`",
    label = "no argument is input",
    note = "take the input as `Json<T>`, `Form<T>` or `Query<T>`, name a `Path` argument as in `#[validate(path)]`, or remove `#[validate]`"
)]
pub trait SomeInput {}
impl SomeInput for Validated {}

impl Checks<NotValidated> {
    #[doc(hidden)]
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Checks(PhantomData)
    }
}

impl<Seen> Checks<Seen> {
    #[doc(hidden)]
    pub fn each<T: Input>(self, argument: &T) -> Result<Checks<Seen::Seen>, Invalid>
    where
        Seen: With<T::Kind>,
    {
        argument.check()?;
        Ok(Checks(PhantomData))
    }

    #[doc(hidden)]
    pub fn named<T: NamedInput>(self, argument: &T) -> Result<Checks<Validated>, Invalid> {
        argument.check_named()?;
        Ok(Checks(PhantomData))
    }

    #[doc(hidden)]
    pub fn done(self) -> Result<(), Invalid>
    where
        Seen: SomeInput,
    {
        Ok(())
    }
}

fn collect(errors: &ValidationErrors, path: &mut String, fields: &mut Vec<FieldError>) {
    for (field, kind) in errors.errors() {
        let length = path.len();
        // `__all__` is validator's word for a rule of the whole struct.
        if field != "__all__" {
            push_token(path, field);
        }
        match kind {
            ValidationErrorsKind::Field(list) => {
                for error in list {
                    let detail = error.message.clone().unwrap_or_else(|| sentence(error));
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

/// What the rule demands, from the rule's own parameters; `value`, the refused one, is never read.
fn sentence(error: &validator::ValidationError) -> Cow<'static, str> {
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
