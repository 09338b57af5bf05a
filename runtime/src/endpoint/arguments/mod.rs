//! Compile-time checks of a handler's arguments and return type. They check types, not names, so an alias cannot evade them.
//!
//! Threat: an argument that no request can provide is found only in production (CWE-1068). Promise: the compiler reports it at
//! the argument's type, in terms of handlers. Requirements that depend on where the handler is mounted are checked at startup.

mod known;
mod parts;

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::web::Path;
use actix_web::{FromRequest, Handler, Responder};
use serde::de::DeserializeOwned;

use crate::guard::{FieldKeysOf, HandlerWithChecks, ValidationOf, without_checks};

pub use self::known::*;
pub use self::parts::PathParts;

/// What a handler can take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler, because it is not an extractor",
    label = "not an extractor",
    note = "extractors are `Json<T>`, `Form<T>`, `Query<T>` or `Path<T>` where `T: serde::Deserialize`, `String`, \
            `HttpRequest`, and palisade's `Principal`, `Claims<T>`, `RowFilter`, `Owned<T>`",
    note = "for application state, take `Data<{Self}>` and register it with `.app_data(Data::new(..))`",
    note = "for your own type, implement `actix_web::FromRequest`"
)]
pub trait Argument: FromRequest + 'static {}

// With this attribute, the error is about the argument, with the notes above, and not about the bound in the next line.
#[diagnostic::do_not_recommend]
impl<T: FromRequest + 'static> Argument for T {}

/// What a handler can return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`, because it is not a response",
    label = "not a `Responder`",
    note = "return a `Responder`: `HttpResponse`, a text, `Json<T>` where `T: serde::Serialize`, or a `Result` of one with an error that \
            is an `actix_web::ResponseError`, such as `palisade::Problem`",
    note = "for your own type, implement `actix_web::Responder`"
)]
pub trait Answer: Responder {}

#[diagnostic::do_not_recommend]
impl<T: Responder> Answer for T {}

/// An argument type, as a proof that it can be extracted from a request.
///
/// The proof hides the type, so a wrong type is reported once, where the proof is requested.
pub trait Proof {
    /// The argument.
    type Argument: FromRequest + 'static;
}

struct Proven<T>(PhantomData<T>);

impl<T: Argument> Proof for Proven<T> {
    type Argument = T;
}

/// The proof for one argument.
#[must_use]
pub fn take<T: Argument>() -> impl Proof<Argument = T> {
    Proven(PhantomData)
}

/// The proofs for a handler, each as the function that returns it.
pub trait Proofs {
    /// The tuple of the arguments.
    type Arguments: FromRequest + 'static;
    /// The return type.
    type Answer: Responder;
}

/// A return type, as a proof that it is a response. It hides the type for the same reason as [`Proof`].
pub trait AnswerProof {
    /// The return type.
    type Answer: Responder;
}

impl<T: Answer> AnswerProof for Proven<T> {
    type Answer = T;
}

/// The proof for the return type.
#[must_use]
pub fn give<T: Answer>() -> impl AnswerProof<Answer = T> {
    Proven(PhantomData)
}

/// A closure that returns the proofs. The compiler checks its body once.
pub trait Taken {
    /// The tuple of the arguments.
    type Arguments: FromRequest + 'static;
    /// The return type.
    type Answer: Responder;
}

impl<T: FnOnce() -> P, P: Proofs> Taken for T {
    type Arguments = P::Arguments;
    type Answer = P::Answer;
}

macro_rules! proofs {
    ($($proof:ident $function:ident)*) => {
        impl<G: AnswerProof, Give: FnOnce() -> G, $($proof: Proof, $function: FnOnce() -> $proof),*> Proofs
            for (Give, $($function,)*)
        {
            type Arguments = ($($proof::Argument,)*);
            type Answer = G::Answer;
        }
        proofs!(@shorter $($proof $function)*);
    };
    (@shorter) => {};
    (@shorter $first:ident $its:ident $($proof:ident $function:ident)*) => {
        proofs!($($proof $function)*);
    };
}
// The maximum number of arguments of an actix-web handler.
proofs!(A1 F1 A2 F2 A3 F3 A4 F4 A5 F5 A6 F6 A7 F7 A8 F8 A9 F9 A10 F10 A11 F11 A12 F12 A13 F13 A14 F14 A15 F15 A16 F16);

/// A handler, its return type and the types of its arguments. A wrong type is reported where it is written.
#[doc(hidden)]
#[macro_export]
macro_rules! __handler {
    ($handler:ident; $answer:ty; $($(#[$when:meta])* $argument:ty),*) => {
        $crate::__v1::handler(
            $handler,
            || ($crate::__v1::give::<$answer>, $($(#[$when])* $crate::__v1::take::<$argument>,)*),
        )
    };
}

/// A handler without checks of its arguments, which are added with
/// [`validated`](HandlerWithChecks::validated) and [`counted_by`](HandlerWithChecks::counted_by).
#[allow(clippy::type_complexity, reason = "an `impl Trait` cannot be named by a type alias")]
pub fn handler<F, T>(
    handler: F,
    _: T,
) -> HandlerWithChecks<F, T::Arguments, impl ValidationOf<T::Arguments>, impl FieldKeysOf<T::Arguments>>
where
    T: Taken,
    F: Handler<T::Arguments, Output = T::Answer>,
{
    without_checks(handler)
}

/// The requirements of a handler's arguments that depend on where the handler is mounted. The compiler checks all other ones.
#[derive(Debug, Default)]
pub struct ArgumentNeeds {
    /// For each `Path`, how many parameters it takes.
    pub(crate) path_parts: Vec<PathParts>,
    /// Whether an argument is a [`RowFilter`](crate::RowFilter), also by an alias.
    pub(crate) row_filter: bool,
}

/// The arguments of an endpoint, which the compiler has checked against its route.
pub trait RouteArguments {
    /// The requirements to check when the endpoint is mounted.
    fn arguments() -> ArgumentNeeds;
}

/// The arguments that were checked so far, and whether one of them reads the body.
pub struct CheckedArguments<Body> {
    needs: ArgumentNeeds,
    body: PhantomData<Body>,
}

impl CheckedArguments<Unread> {
    /// The state before the first argument.
    #[must_use]
    pub fn none() -> Self {
        Self { needs: ArgumentNeeds::default(), body: PhantomData }
    }
}

impl<Body> CheckedArguments<Body> {
    fn and<Kind, Now>(mut self, next: &OfKind<Kind>) -> CheckedArguments<Now> {
        self.needs.path_parts.extend(next.parts);
        self.needs.row_filter |= next.is_row_filter;
        CheckedArguments { needs: self.needs, body: PhantomData }
    }

    /// The requirements, after the last argument.
    #[must_use]
    pub fn needs(self) -> ArgumentNeeds {
        self.needs
    }
}

/// The known properties of the type of an argument.
pub struct OfKind<Kind> {
    parts: Option<PathParts>,
    is_row_filter: bool,
    kind: PhantomData<Kind>,
}

impl<Kind> OfKind<Kind> {
    const fn new(parts: Option<PathParts>, is_row_filter: bool) -> Self {
        Self { parts, is_row_filter, kind: PhantomData }
    }
}

/// The next argument to check.
///
/// The method `kind` is selected by method resolution, which sees types, while a macro sees only tokens. For a [`Known`] type it is
/// the method of `Next`, for a path that of [`OfPath`], and for all others that of [`OfOthers`].
pub struct Next<T>(OfPath<T>);
/// An argument that is not [`Known`], but may be a path.
pub struct OfPath<T>(OfOthers<T>);
/// An argument without known properties.
pub struct OfOthers<T>(PhantomData<T>);

impl<T> Next<T> {
    /// The only value.
    pub const ARGUMENT: Self = Self(OfPath(OfOthers(PhantomData)));
}

impl<T> Deref for Next<T> {
    type Target = OfPath<T>;

    fn deref(&self) -> &OfPath<T> {
        &self.0
    }
}

impl<T> Deref for OfPath<T> {
    type Target = OfOthers<T>;

    fn deref(&self) -> &OfOthers<T> {
        &self.0
    }
}

impl<T: Known> Next<T> {
    /// The kind with the properties of the type.
    pub fn kind(&self) -> OfKind<Special> {
        OfKind::new(T::parts(), T::is_row_filter())
    }
}

impl<T: DeserializeOwned> OfPath<Path<T>> {
    /// The kind of a path. The number of its parameters is derived from the type's `Deserialize`.
    pub fn kind(&self) -> OfKind<Plain> {
        OfKind::new(Some(PathParts::of::<T>()), false)
    }
}

impl<T> OfOthers<T> {
    /// The kind without known properties.
    pub fn kind(&self) -> OfKind<Plain> {
        OfKind::new(None, false)
    }
}

/// Checks an argument of a route that ignores credentials, and whose own template has `N` parameters.
pub fn public<T, const N: usize, Rows, Place, Kind, Body>(
    checked: CheckedArguments<Body>,
    next: &OfKind<Kind>,
) -> CheckedArguments<<T as Step<Kind, Body>>::Now>
where
    T: OnPublicRoute<Kind> + Fits<Kind, N> + After<Kind, Body> + Step<Kind, Body>,
    (): Nothing<Rows, Place>,
{
    checked.and(next)
}

/// Checks an argument of a route that admits callers without credentials.
pub fn optional<T, const N: usize, Rows, Place, Kind, Body>(
    checked: CheckedArguments<Body>,
    next: &OfKind<Kind>,
) -> CheckedArguments<<T as Step<Kind, Body>>::Now>
where
    T: OnOptionalRoute<Kind> + Fits<Kind, N> + After<Kind, Body> + Step<Kind, Body>,
    (): Nothing<Rows, Place>,
{
    checked.and(next)
}

/// Checks an argument of a route that requires a caller, and whose rule loads these rows: `(A, (B, ()))`.
pub fn guarded<T, const N: usize, Rows, Place, Kind, Body>(
    checked: CheckedArguments<Body>,
    next: &OfKind<Kind>,
) -> CheckedArguments<<T as Step<Kind, Body>>::Now>
where
    T: OnGuardedRoute<Kind, Rows, Place> + Fits<Kind, N> + After<Kind, Body> + Step<Kind, Body>,
{
    checked.and(next)
}

/// Checks an argument of a route that is closed by `#[deny_all]`. The checks that depend on access apply again when it is opened.
pub fn closed<T, const N: usize, Rows, Place, Kind, Body>(
    checked: CheckedArguments<Body>,
    next: &OfKind<Kind>,
) -> CheckedArguments<<T as Step<Kind, Body>>::Now>
where
    T: Fits<Kind, N> + After<Kind, Body> + Step<Kind, Body>,
    (): Nothing<Rows, Place>,
{
    checked.and(next)
}

/// Infers `()` for the position of a row on routes whose rules load no rows.
pub trait Nothing<Rows, Place> {}
impl<Rows> Nothing<Rows, ()> for () {}

/// The function [`RouteArguments::arguments`], from the kind of access, the number of parameters, the rows that the rule
/// loads, and each argument.
#[doc(hidden)]
#[macro_export]
macro_rules! __arguments {
    ($access:ident, $parameters:literal, $rows:ty; $($(#[$when:meta])* $argument:ty),*) => {
        fn arguments() -> $crate::__v1::ArgumentNeeds {
            let __checked = $crate::__v1::CheckedArguments::none();
            $(
                $(#[$when])*
                let __checked = $crate::__v1::$access::<$argument, $parameters, $rows, _, _, _>(
                    __checked,
                    &$crate::__v1::Next::<$argument>::ARGUMENT.kind(),
                );
            )*
            __checked.needs()
        }
    };
}
