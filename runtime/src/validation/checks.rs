//! Validates the arguments of a handler one after the other, for generated code.
//!
//! Threat: `#[validate]` on a handler without any input looks like a check but checks nothing (CWE-20). Promise: this does not
//! compile.

use std::marker::PhantomData;

use super::except::Exceptable;
use super::{Input, Invalid, NamedInput, NotValidated, Validated};

/// The validation of one handler's arguments, for generated code. Its type records whether any of them was input.
#[derive(Debug)]
pub struct Checks<Seen>(PhantomData<Seen>);

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
    message = "`#[validate]` has nothing to validate, because no argument is a `Json`, `Form` or `Query`",
    label = "no argument is input",
    note = "take the input as `Json<T>`, `Form<T>` or `Query<T>`, name a `Path` argument as in `#[validate(path)]`, or remove `#[validate]`"
)]
pub trait SomeInput {}
impl SomeInput for Validated {}

impl Checks<NotValidated> {
    /// Starts with no argument checked.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "only generated code creates one")]
    pub fn new() -> Self {
        Checks(PhantomData)
    }
}

impl<Seen> Checks<Seen> {
    /// Validates one argument if it is an input.
    ///
    /// # Errors
    ///
    /// The fields that are invalid.
    pub fn each<T: Input>(self, argument: &T) -> Result<Checks<Seen::Seen>, Invalid>
    where
        Seen: With<T::Kind>,
    {
        argument.check()?;
        Ok(Checks(PhantomData))
    }

    /// Validates an argument that `#[validate(..)]` names.
    ///
    /// # Errors
    ///
    /// The fields that are invalid.
    pub fn named<T: NamedInput>(self, argument: &T) -> Result<Checks<Validated>, Invalid> {
        argument.check_named()?;
        Ok(Checks(PhantomData))
    }

    /// Leaves out an argument that `#[validate(except(..))]` names. This does not compile if it is known to be input.
    ///
    /// # Errors
    ///
    /// Never. The return type matches `each` and `named`.
    pub fn except<T: Exceptable<Kind>, Kind>(self, _: &T, _: Kind) -> Result<Self, Invalid> {
        Ok(self)
    }

    /// Ends the checks. This does not compile unless an argument was validated.
    ///
    /// # Errors
    ///
    /// Never. The return type matches `each` and `named`.
    pub fn done(self) -> Result<(), Invalid>
    where
        Seen: SomeInput,
    {
        Ok(())
    }
}
