//! Validates the arguments of a handler one after the other, for generated code.
//!
//! Threat: `#[validate]` on a handler without any input looks like a check but checks nothing (CWE-20). Promise: this does not
//! compile.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use actix_web::HttpRequest;

use super::ValidationFailure;
use super::checked_argument::CheckedArgument;
use super::failure::BrokenRule;
use super::kinds::InputBy;
use super::strict::CanBeStrict;

/// The validation of one handler's arguments, for generated code. Its type records whether any of them was input.
pub struct Checks<'r, Seen> {
    request: &'r HttpRequest,
    found: &'r RefCell<Findings>,
    seen: PhantomData<Seen>,
}

/// What the checks of all arguments found, so that one response has the errors of all.
#[derive(Debug, Default)]
struct Findings {
    fields: Vec<BrokenRule>,
    /// How to fix the application.
    misconfigured: Option<String>,
}

impl<Seen> fmt::Debug for Checks<'_, Seen> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}

/// Kind of an argument: it carries input, and it is validated.
#[derive(Debug)]
pub struct Validated(());

/// Kind of an argument: it has no rules that `#[validate]` could check.
#[derive(Debug)]
pub struct NotValidated(());

/// Whether input was seen so far, combined with the kind of one more argument.
pub trait With<Kind> {
    /// Whether input was seen after that argument.
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
    message = "`#[validate]` has nothing to validate, because no argument has rules",
    label = "no argument has rules",
    note = "take the input as `Json<T>`, `Form<T>`, `Query<T>`, `Path<T>` or `Header<T>` of a type that derives `validator::Validate`, or remove `#[validate]`"
)]
pub trait SomeInput {}
impl SomeInput for Validated {}

/// Validates the arguments of a request with the generated function.
pub(crate) fn run<Seen>(
    request: &HttpRequest,
    validation: impl FnOnce(Checks<'_, NotValidated>) -> Checks<'_, Seen>,
) -> Result<(), ValidationFailure> {
    let found = RefCell::default();
    validation(Checks { request, found: &found, seen: PhantomData });
    let Findings { fields, misconfigured } = found.into_inner();
    match misconfigured {
        Some(help) => Err(ValidationFailure::Misconfigured(help)),
        None if fields.is_empty() => Ok(()),
        None => Err(ValidationFailure::Invalid(fields)),
    }
}

impl<'r, Seen> Checks<'r, Seen> {
    /// The next argument.
    #[must_use]
    pub fn of<'a, T>(self, argument: &'a T) -> CheckedArgument<'r, 'a, Seen, T> {
        CheckedArgument::new(self, argument)
    }

    /// Checks at compile time that the argument can be strict.
    #[must_use]
    pub fn strict<T: CanBeStrict<Kind>, Kind>(self, _: &T, _: Kind) -> Self {
        self
    }

    pub(super) fn check<T: InputBy<K>, K, Then>(&self, argument: &T) -> Checks<'r, Then> {
        // Nothing else borrows it while an argument is checked.
        if let (Err(failure), Ok(mut found)) = (argument.check(self.request), self.found.try_borrow_mut()) {
            match failure {
                ValidationFailure::Invalid(fields) => found.fields.extend(fields),
                ValidationFailure::Misconfigured(help) => found.misconfigured = Some(help),
            }
        }
        self.unchanged()
    }

    pub(super) fn unchanged<Then>(&self) -> Checks<'r, Then> {
        Checks { request: self.request, found: self.found, seen: PhantomData }
    }
}
