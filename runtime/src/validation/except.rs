//! Arguments that `#[validate(except(..))]` leaves out, for generated code.
//!
//! Threat: input that is left out of the validation by a name (CWE-20), perhaps because its type changed after the name was
//! written. Promise: an argument that is known to be input cannot be left out. This does not compile.

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::Either;
use actix_web::web::{Bytes, Form, Json, Payload, Query};

use super::{Input, Validated};

/// The kind of an argument that is input: palisade could validate it, or knows that it holds the body or the query.
#[derive(Debug)]
pub struct InputKind(());

/// The kind of each other argument.
#[derive(Debug)]
pub struct UnknownKind(());

/// A kind that no argument has. Without it, [`Exceptable`] would hold for one kind only. The compiler would then infer that kind,
/// and its error would report a wrong kind.
#[derive(Debug)]
pub struct NoKind(());

/// An argument that `except(..)` may leave out.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` is input, so `except(..)` cannot leave it out",
    label = "input, but named in `except(..)`",
    note = "remove it from `except(..)`, which is for extractors that carry no input",
    note = "if its type has no rules, derive `validator::Validate` for it, or name the arguments to validate instead, as in `#[validate(body)]`"
)]
pub trait Exceptable<Kind> {}
#[diagnostic::do_not_recommend]
impl<T> Exceptable<UnknownKind> for T {}
#[diagnostic::do_not_recommend]
impl<T> Exceptable<NoKind> for T {}

/// A type that holds the body or the query, whether it can be validated or not.
pub trait HoldsInput {}
impl<T> HoldsInput for Json<T> {}
impl<T> HoldsInput for Form<T> {}
impl<T> HoldsInput for Query<T> {}
impl HoldsInput for String {}
impl HoldsInput for Bytes {}
impl HoldsInput for Payload {}
impl<T: HoldsInput> HoldsInput for Option<T> {}
impl<T: HoldsInput, E> HoldsInput for Result<T, E> {}
impl<L, R> HoldsInput for Either<L, R> {}

/// Finds out whether `T` is input. The macros cannot, because they see only tokens.
///
/// This is specialization by auto-deref: the compiler resolves the method `kind` by types. It selects that of `Excepted` for a type
/// that palisade validates, that of [`MayHoldInput`] for a type that [`HoldsInput`], and that of [`NoKnownInput`] for all others.
#[derive(Debug)]
pub struct Excepted<T: ?Sized>(MayHoldInput<T>);
/// An argument that palisade does not validate.
#[derive(Debug)]
pub struct MayHoldInput<T: ?Sized>(NoKnownInput<T>);
/// An argument of which palisade knows nothing.
#[derive(Debug)]
pub struct NoKnownInput<T: ?Sized>(PhantomData<T>);

impl<T> Excepted<T> {
    /// The value to call `kind` on.
    #[must_use]
    pub fn of(_: &T) -> Self {
        Self(MayHoldInput(NoKnownInput(PhantomData)))
    }
}

impl<T> Deref for Excepted<T> {
    type Target = MayHoldInput<T>;

    fn deref(&self) -> &MayHoldInput<T> {
        &self.0
    }
}

impl<T> Deref for MayHoldInput<T> {
    type Target = NoKnownInput<T>;

    fn deref(&self) -> &NoKnownInput<T> {
        &self.0
    }
}

impl<T: Input<Kind = Validated>> Excepted<T> {
    /// The kind of a type that palisade validates.
    #[must_use]
    pub fn kind(&self) -> InputKind {
        InputKind(())
    }
}

impl<T: HoldsInput> MayHoldInput<T> {
    /// The kind of a type that holds input without rules.
    #[must_use]
    pub fn kind(&self) -> InputKind {
        InputKind(())
    }
}

impl<T> NoKnownInput<T> {
    /// The kind of all other types.
    #[must_use]
    pub fn kind(&self) -> UnknownKind {
        UnknownKind(())
    }
}
