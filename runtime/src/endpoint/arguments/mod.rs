//! Compile-time checks of a handler's arguments and return type. They check types, not names, so an alias cannot evade them.
//!
//! Threat: a handler whose argument no request can provide fails only in production (CWE-1068). Promise: the compiler reports it at
//! the argument's type, in terms of handlers. Requirements that depend on where the handler is mounted are checked at startup.

mod either;
mod known;
mod parameter_count;

use std::marker::PhantomData;
use std::ops::Deref;

use actix_web::{FromRequest, Handler, Responder, web::Path};
use serde::de::DeserializeOwned;

use crate::guard::{FieldKeysOf, HandlerWithChecks, ValidationOf, without_checks};
use crate::input;
use crate::rate_limit::InputPlace;

pub use self::known::*;
pub use self::parameter_count::ParameterCount;
pub use crate::input::argument::InputArgument;

/// What a handler can take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a handler, because it is not an extractor",
    label = "not an extractor",
    note = "extractors are, for example, `Json<T>`, `Form<T>`, `Query<T>` or `Path<T>` where `T: serde::Deserialize`, `String`, \
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
    note = "return a `Responder`: `HttpResponse`, a `String`, `Json<T>` where `T: serde::Serialize`, or a `Result` of one with an error that \
            is an `actix_web::ResponseError`, such as `palisade::Problem`",
    note = "for your own type, implement `actix_web::Responder`"
)]
pub trait ReturnType: Responder {}

#[diagnostic::do_not_recommend]
impl<T: Responder> ReturnType for T {}

/// An argument type, as a proof that it can be extracted from a request.
///
/// The proof hides the type, so a wrong type is reported once, where the proof is requested.
pub trait ArgumentProof {
    /// The argument.
    type Argument: FromRequest + 'static;
}

struct TypeProof<T>(PhantomData<T>);

impl<T: Argument> ArgumentProof for TypeProof<T> {
    type Argument = T;
}

/// The proof for one argument.
#[must_use]
pub fn argument_proof<T: Argument>() -> impl ArgumentProof<Argument = T> {
    TypeProof(PhantomData)
}

/// The proofs for a handler, each as the function that returns it.
pub trait Proofs {
    /// The tuple of the arguments.
    type Arguments: FromRequest + 'static;
    /// The return type.
    type ReturnType: Responder;
}

/// A return type, as a proof that it is a response. It hides the type for the same reason as [`ArgumentProof`].
pub trait ReturnTypeProof {
    /// The return type.
    type ReturnType: Responder;
}

impl<T: ReturnType> ReturnTypeProof for TypeProof<T> {
    type ReturnType = T;
}

/// The proof for the return type.
#[must_use]
pub fn return_type_proof<T: ReturnType>() -> impl ReturnTypeProof<ReturnType = T> {
    TypeProof(PhantomData)
}

/// A closure that returns the proofs. The compiler checks its body once.
pub trait ProofClosure {
    /// The tuple of the arguments.
    type Arguments: FromRequest + 'static;
    /// The return type.
    type ReturnType: Responder;
}

impl<T: FnOnce() -> P, P: Proofs> ProofClosure for T {
    type Arguments = P::Arguments;
    type ReturnType = P::ReturnType;
}

macro_rules! proofs {
    ($($proof:ident $function:ident)*) => {
        impl<R: ReturnTypeProof, ReturnFn: FnOnce() -> R, $($proof: ArgumentProof, $function: FnOnce() -> $proof),*> Proofs
            for (ReturnFn, $($function,)*)
        {
            type Arguments = ($($proof::Argument,)*);
            type ReturnType = R::ReturnType;
        }
        proofs!(@shorter $($proof $function)*);
    };
    (@shorter) => {};
    (@shorter $first:ident $its:ident $($proof:ident $function:ident)*) => {
        proofs!($($proof $function)*);
    };
}
// Implements `Proofs` for 0 to 16 arguments, actix-web's maximum.
proofs!(A1 F1 A2 F2 A3 F3 A4 F4 A5 F5 A6 F6 A7 F7 A8 F8 A9 F9 A10 F10 A11 F11 A12 F12 A13 F13 A14 F14 A15 F15 A16 F16);

/// A handler, its return type and the types of its arguments. A wrong type is reported where it is written.
#[doc(hidden)]
#[macro_export]
macro_rules! __handler {
    ($handler:expr; $return_type:ty; $($(#[$when:meta])* $argument:ty),*) => {
        $crate::__v1::handler(
            $handler,
            || {
                $(
                    $(#[$when])*
                    $crate::__v1::unhidden::<$argument, _>(&$crate::__v1::Probe::<$argument>::ARGUMENT.kind());
                )*
                ($crate::__v1::return_type_proof::<$return_type>, $($(#[$when])* $crate::__v1::argument_proof::<$argument>,)*)
            },
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
    T: ProofClosure,
    F: Handler<T::Arguments, Output = T::ReturnType>,
{
    without_checks(handler)
}

/// The requirements of a handler's arguments that depend on where the handler is mounted. The compiler checks all others.
#[derive(Debug, Default)]
pub struct ArgumentNeeds {
    /// For each `Path`, how many parameters it takes.
    pub(crate) parameter_counts: Vec<ParameterCount>,
    /// Whether an argument is a [`RowFilter`](crate::RowFilter), also through a type alias.
    pub(crate) row_filter: bool,
    /// The arguments that carry input.
    pub(crate) inputs: Vec<InputArgument>,
}

impl ArgumentNeeds {
    /// Whether an argument that carries input is an extractor of actix-web, which cannot be strict.
    pub(crate) fn takes_actix_input(&self) -> bool {
        self.inputs.iter().any(InputArgument::is_of_actix)
    }

    /// Where a field of the input is, and what it is.
    pub(crate) fn place_of(&self, field: &str) -> Result<InputPlace, FieldMistake> {
        let mut places = self.inputs.iter().filter_map(|input| input.place_of(field));
        match (places.next(), places.next()) {
            (None, _) => Err(FieldMistake::Missing),
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(FieldMistake::Doubled),
        }
    }
}

/// Why a field of the input cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldMistake {
    /// No argument has it.
    Missing,
    /// Two arguments have it.
    Doubled,
}

/// The arguments of an endpoint, which the compiler has checked against its route.
pub trait RouteArguments {
    /// The requirements to check when the endpoint is mounted.
    fn arguments() -> ArgumentNeeds;
}

/// The arguments that were checked so far, and whether one of them reads the body.
pub struct CheckedArguments<BodyState> {
    needs: ArgumentNeeds,
    body: PhantomData<BodyState>,
}

impl CheckedArguments<Unread> {
    /// The state before the first argument.
    #[must_use]
    pub fn none() -> Self {
        Self { needs: ArgumentNeeds::default(), body: PhantomData }
    }
}

impl<BodyState> CheckedArguments<BodyState> {
    fn add<Kind, BodyStateAfter>(mut self, info: &ArgumentInfo<Kind>) -> CheckedArguments<BodyStateAfter> {
        self.needs.parameter_counts.extend(info.parameter_count);
        self.needs.row_filter |= info.is_row_filter;
        self.needs.inputs.extend_from_slice(&info.inputs);
        CheckedArguments { needs: self.needs, body: PhantomData }
    }

    /// The requirements, after the last argument.
    #[must_use]
    pub fn needs(self) -> ArgumentNeeds {
        self.needs
    }
}

/// The known properties of the type of an argument.
pub struct ArgumentInfo<Kind> {
    parameter_count: Option<ParameterCount>,
    is_row_filter: bool,
    inputs: Vec<InputArgument>,
    kind: PhantomData<Kind>,
}

impl<Kind> ArgumentInfo<Kind> {
    const NONE: Self = Self { parameter_count: None, is_row_filter: false, inputs: Vec::new(), kind: PhantomData };
}

/// Finds out what kind of argument `T` is. The macros cannot, because they see only tokens.
///
/// This is specialization by auto-deref. The compiler resolves the method `kind` by types: for a [`Known`] type it selects the method
/// of `Probe`, for a path that of [`PathProbe`], and for all others that of [`FallbackProbe`].
pub struct Probe<T>(PathProbe<T>);
/// An argument that is not [`Known`], but may be a path or a query.
pub struct PathProbe<T>(FallbackProbe<T>);
/// An argument without known properties.
pub struct FallbackProbe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// The value to call `kind` on.
    pub const ARGUMENT: Self = Self(PathProbe(FallbackProbe(PhantomData)));
}

impl<T> Deref for Probe<T> {
    type Target = PathProbe<T>;

    fn deref(&self) -> &PathProbe<T> {
        &self.0
    }
}

impl<T> Deref for PathProbe<T> {
    type Target = FallbackProbe<T>;

    fn deref(&self) -> &FallbackProbe<T> {
        &self.0
    }
}

impl<T: Known> Probe<T> {
    /// The kind with the properties of the type.
    pub fn kind(&self) -> ArgumentInfo<KnownKind> {
        ArgumentInfo {
            parameter_count: T::parameter_count(),
            is_row_filter: T::is_row_filter(),
            inputs: T::inputs(),
            ..ArgumentInfo::NONE
        }
    }
}

impl<T: DeserializeOwned> PathProbe<Path<T>> {
    /// The kind of a path. The number of its parameters is derived from the type's `Deserialize`.
    pub fn kind(&self) -> ArgumentInfo<OtherKind> {
        ArgumentInfo { parameter_count: Some(ParameterCount::of::<T>()), ..ArgumentInfo::NONE }
    }
}

impl<T: DeserializeOwned> PathProbe<input::Path<T>> {
    /// The kind of a path, as above.
    pub fn kind(&self) -> ArgumentInfo<OtherKind> {
        ArgumentInfo { parameter_count: Some(ParameterCount::of::<T>()), ..ArgumentInfo::NONE }
    }
}

impl<T> FallbackProbe<T> {
    /// The kind without known properties.
    pub fn kind(&self) -> ArgumentInfo<OtherKind> {
        ArgumentInfo::NONE
    }
}

/// Checks that an argument is not an `Option` that hides malformed input.
pub fn unhidden<T: Unhidden<Kind>, Kind>(_: &ArgumentInfo<Kind>) {}

/// Checks an argument of a route that ignores credentials, and whose own template has `N` parameters.
pub fn check_on_public_route<T, const N: usize, Rows, RowPosition, Kind, BodyState>(
    checked: CheckedArguments<BodyState>,
    info: &ArgumentInfo<Kind>,
) -> CheckedArguments<<T as Step<Kind, BodyState>>::BodyStateAfter>
where
    T: OnPublicRoute<Kind> + Fits<Kind, N> + After<Kind, BodyState> + Step<Kind, BodyState>,
    (): NoRowPosition<Rows, RowPosition>,
{
    checked.add(info)
}

/// Checks an argument of a route that admits callers without credentials.
pub fn check_on_optional_route<T, const N: usize, Rows, RowPosition, Kind, BodyState>(
    checked: CheckedArguments<BodyState>,
    info: &ArgumentInfo<Kind>,
) -> CheckedArguments<<T as Step<Kind, BodyState>>::BodyStateAfter>
where
    T: OnOptionalRoute<Kind> + Fits<Kind, N> + After<Kind, BodyState> + Step<Kind, BodyState>,
    (): NoRowPosition<Rows, RowPosition>,
{
    checked.add(info)
}

/// Checks an argument of a route that requires a caller, and whose rule loads these rows: `(A, (B, ()))`.
pub fn check_on_guarded_route<T, const N: usize, Rows, RowPosition, Kind, BodyState>(
    checked: CheckedArguments<BodyState>,
    info: &ArgumentInfo<Kind>,
) -> CheckedArguments<<T as Step<Kind, BodyState>>::BodyStateAfter>
where
    T: OnGuardedRoute<Kind, Rows, RowPosition> + Fits<Kind, N> + After<Kind, BodyState> + Step<Kind, BodyState>,
{
    checked.add(info)
}

/// Checks an argument of a route that is closed by `#[deny_all]`. The checks that depend on access apply
/// again when `#[deny_all]` is removed.
pub fn check_on_closed_route<T, const N: usize, Rows, RowPosition, Kind, BodyState>(
    checked: CheckedArguments<BodyState>,
    info: &ArgumentInfo<Kind>,
) -> CheckedArguments<<T as Step<Kind, BodyState>>::BodyStateAfter>
where
    T: Fits<Kind, N> + After<Kind, BodyState> + Step<Kind, BodyState>,
    (): NoRowPosition<Rows, RowPosition>,
{
    checked.add(info)
}

/// Infers `()` as the position of a row, for routes where an argument cannot be a loaded row.
pub trait NoRowPosition<Rows, RowPosition> {}
impl<Rows> NoRowPosition<Rows, ()> for () {}

/// Generates [`RouteArguments::arguments`] from the function that checks an argument, the number of parameters of the path, the
/// rows that the rule loads, and the type of each argument.
#[doc(hidden)]
#[macro_export]
macro_rules! __arguments {
    ($check:ident, $parameters:literal, $rows:ty; $($(#[$when:meta])* $argument:ty),*) => {
        fn arguments() -> $crate::__v1::ArgumentNeeds {
            let __checked = $crate::__v1::CheckedArguments::none();
            $(
                $(#[$when])*
                let __checked = $crate::__v1::$check::<$argument, $parameters, $rows, _, _, _>(
                    __checked,
                    &$crate::__v1::Probe::<$argument>::ARGUMENT.kind(),
                );
            )*
            __checked.needs()
        }
    };
}
