//! Arguments beside `#[validate(strict)]`, for generated code.
//!
//! Threat: a handler that looks strict, and whose extractor ignores unknown fields (mass assignment, CWE-915). Promise: this does not
//! compile.

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::Either;
use actix_web::web::{Form, Json, Query};

/// An extractor of actix-web that ignores unknown fields.
pub trait IgnoresUnknownFields {}
impl<T> IgnoresUnknownFields for Json<T> {}
impl<T> IgnoresUnknownFields for Form<T> {}
impl<T> IgnoresUnknownFields for Query<T> {}
impl<T: IgnoresUnknownFields> IgnoresUnknownFields for Option<T> {}
impl<T: IgnoresUnknownFields, E> IgnoresUnknownFields for Result<T, E> {}
impl<L: IgnoresUnknownFields, R> IgnoresUnknownFields for Either<L, R> {}

/// An `Either` whose right side ignores unknown fields. One trait for both sides would have two impls for an `Either`.
pub trait MayIgnoreUnknownFields {}
impl<L, R: IgnoresUnknownFields> MayIgnoreUnknownFields for Either<L, R> {}
impl<T: MayIgnoreUnknownFields> MayIgnoreUnknownFields for Option<T> {}
impl<T: MayIgnoreUnknownFields, E> MayIgnoreUnknownFields for Result<T, E> {}

/// The kind of an extractor that ignores unknown fields.
#[derive(Debug)]
pub struct LooseKind(());

/// The kind of each other argument.
#[derive(Debug)]
pub struct StrictKind(());

/// A kind that no argument has. Without it, the compiler would infer the only other kind, and report a wrong kind.
#[derive(Debug)]
pub struct NeitherKind(());

/// An argument that can be strict.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be strict, because the extractors of actix-web ignore unknown fields",
    label = "ignores unknown fields",
    note = "take the extractor of the same name of `palisade::input`, such as `palisade::input::Json<T>`"
)]
pub trait CanBeStrict<Kind> {}
#[diagnostic::do_not_recommend]
impl<T> CanBeStrict<StrictKind> for T {}
#[diagnostic::do_not_recommend]
impl<T> CanBeStrict<NeitherKind> for T {}

/// Finds out whether `T` can be strict, by auto-deref: the compiler selects the method `kind` by types.
#[derive(Debug)]
pub struct Strictness<T: ?Sized>(MayBeLoose<T>);

/// An argument that may be an `Either`.
#[derive(Debug)]
pub struct MayBeLoose<T: ?Sized>(MayBeStrict<T>);

/// An argument that does not ignore unknown fields.
#[derive(Debug)]
pub struct MayBeStrict<T: ?Sized>(PhantomData<T>);

impl<T> Strictness<T> {
    /// The value to call `kind` on.
    #[must_use]
    pub fn of(_: &T) -> Self {
        Self(MayBeLoose(MayBeStrict(PhantomData)))
    }
}

impl<T> Deref for Strictness<T> {
    type Target = MayBeLoose<T>;

    fn deref(&self) -> &MayBeLoose<T> {
        &self.0
    }
}

impl<T> Deref for MayBeLoose<T> {
    type Target = MayBeStrict<T>;

    fn deref(&self) -> &MayBeStrict<T> {
        &self.0
    }
}

impl<T: IgnoresUnknownFields> Strictness<T> {
    /// The kind of an extractor that ignores unknown fields.
    #[must_use]
    pub fn kind(&self) -> LooseKind {
        LooseKind(())
    }
}

impl<T: MayIgnoreUnknownFields> MayBeLoose<T> {
    /// The kind of an `Either` that ignores unknown fields.
    #[must_use]
    pub fn kind(&self) -> LooseKind {
        LooseKind(())
    }
}

impl<T> MayBeStrict<T> {
    /// The kind of all other types.
    #[must_use]
    pub fn kind(&self) -> StrictKind {
        StrictKind(())
    }
}
