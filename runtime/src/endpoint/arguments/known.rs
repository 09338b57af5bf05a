//! The argument types with known requirements: the caller, a row, the body, a path of one parameter.
//!
//! Threat: an `Option<Principal>` that is always `None`; a body that an earlier argument has consumed (CWE-1068). Promise: the
//! traits here define once on which routes each type is available, and the compiler checks it.

use actix_web::Either;
use actix_web::web::{Bytes, Form, Json, Path, Payload};

use super::PathParts;
use crate::extractors::{Claims, Owned, RowFilter};
use crate::principal::Principal;

/// An argument whose type has known requirements.
pub trait Known {
    /// How many path parameters it takes. `None` if it takes none.
    fn parts() -> Option<PathParts> {
        None
    }

    /// Whether it is a [`RowFilter`], which needs an administrator's role that the application's roles define.
    fn is_row_filter() -> bool {
        false
    }
}

/// The kind of an argument that is [`Known`].
pub struct Special;
/// The kind of each other argument, which has no known requirements.
pub struct Plain;
/// A kind that no argument has. If a bound held for only one kind, the compiler would infer that kind, and its error would report
/// a wrong kind.
pub struct Imaginary;

/// No argument has read the body yet.
pub struct Unread;
/// An argument has read the body.
pub struct Read;

/// It can follow arguments that left the body in this state.
#[diagnostic::on_unimplemented(
    message = "two arguments of this handler read the body, but it can be read only once",
    label = "an argument before this one reads the body",
    note = "read the body once: use one type for both, or an `Either<Json<A>, Form<B>>` if the body comes in one of \
            two forms"
)]
pub trait After<Kind, Body> {}
#[diagnostic::do_not_recommend]
impl<T, Body> After<Plain, Body> for T {}
#[diagnostic::do_not_recommend]
impl<T, Body> After<Imaginary, Body> for T {}

/// The state in which it leaves the body.
pub trait Step<Kind, Body> {
    /// [`Read`] or [`Unread`].
    type Now;
}
impl<T, Body> Step<Plain, Body> for T {
    type Now = Body;
}

/// It is available on a `#[public]` route.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not available on a public route, because credentials are not checked there and no caller is known",
    label = "needs an authenticated caller",
    note = "replace `#[public]` with an attribute that requires a caller, such as `#[authenticated]` (or `#[owner(id, of = T)]` \
            for an `Owned<T>`), or with `#[optional_auth]` and take an `Option<Principal>`"
)]
pub trait OnPublicRoute<Kind> {}
#[diagnostic::do_not_recommend]
impl<T> OnPublicRoute<Plain> for T {}
#[diagnostic::do_not_recommend]
impl<T> OnPublicRoute<Imaginary> for T {}

/// It is available on an `#[optional_auth]` route, whose caller may be anonymous.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not available on an `#[optional_auth]` route, because its caller may be anonymous",
    label = "needs an authenticated caller",
    note = "take an `Option<..>` of it, or replace `#[optional_auth]` with an attribute that requires a caller, such as \
            `#[authenticated]` (or `#[owner(id, of = T)]` for an `Owned<T>`)"
)]
pub trait OnOptionalRoute<Kind> {}
#[diagnostic::do_not_recommend]
impl<T> OnOptionalRoute<Plain> for T {}
#[diagnostic::do_not_recommend]
impl<T> OnOptionalRoute<Imaginary> for T {}

/// It is available on a route that requires a caller and whose rule loads these rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not available on this route, because its access attributes do not load such a row",
    label = "no access attribute has `of = ..` with this type",
    note = "write `#[owner(id, of = T)]` or `#[owner_or_admin(id, of = T)]` for an `Owned<T>`, with the same `T`"
)]
pub trait OnGuardedRoute<Kind, Rows, Place> {}
#[diagnostic::do_not_recommend]
impl<T, Rows> OnGuardedRoute<Plain, Rows, ()> for T {}
#[diagnostic::do_not_recommend]
impl<T, Rows> OnGuardedRoute<Imaginary, Rows, ()> for T {}

/// It can be extracted from a path whose own template has this number of parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes one parameter, but the path of this route has {PARAMETERS}",
    label = "one value for {PARAMETERS} parameters",
    note = "take a tuple with one value for each parameter, such as `Path<(u32, String)>`, or a struct with a field for each"
)]
pub trait Fits<Kind, const PARAMETERS: usize> {}
#[diagnostic::do_not_recommend]
impl<T, const PARAMETERS: usize> Fits<Plain, PARAMETERS> for T {}
#[diagnostic::do_not_recommend]
impl<T, const PARAMETERS: usize> Fits<Imaginary, PARAMETERS> for T {}

/// It may be missing on an `#[optional_auth]` route, if it is in an `Option`.
pub trait MayBeMissing {}

/// The position of a row in the list of rows that a rule loads: the first one.
pub struct Here;
/// The position in the rest of the list, after the first row.
pub struct Behind<Place>(Place);

/// The rule loads a row of this type, at this position in the list.
pub trait Holds<Row, Place> {}
#[diagnostic::do_not_recommend]
impl<Row, Others> Holds<Row, Here> for (Row, Others) {}
#[diagnostic::do_not_recommend]
impl<Row, First, Others: Holds<Row, Place>, Place> Holds<Row, Behind<Place>> for (First, Others) {}

macro_rules! of_the_caller {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? Body> After<Special, Body> for $argument {}
        impl<$($generic,)? Body> Step<Special, Body> for $argument {
            type Now = Body;
        }
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? const N: usize> Fits<Special, N> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? Rows> OnGuardedRoute<Special, Rows, ()> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> MayBeMissing for $argument {}
    )*};
}
of_the_caller! {
    [] Principal;
    [] RowFilter;
    [T] Claims<T>;
}

impl Known for Principal {}
impl<T> Known for Claims<T> {}
impl Known for RowFilter {
    fn is_row_filter() -> bool {
        true
    }
}

impl<R> Known for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R, Body> After<Special, Body> for Owned<R> {}
impl<R, Body> Step<Special, Body> for Owned<R> {
    type Now = Body;
}
#[diagnostic::do_not_recommend]
impl<R, const N: usize> Fits<Special, N> for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R, Rows: Holds<R, Place>, Place> OnGuardedRoute<Special, Rows, Place> for Owned<R> {}

macro_rules! on_every_route {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> OnPublicRoute<Special> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> OnOptionalRoute<Special> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? Rows> OnGuardedRoute<Special, Rows, ()> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> MayBeMissing for $argument {}
    )*};
}

macro_rules! body {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        impl<$($generic)?> Known for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> After<Special, Unread> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> After<Special, Imaginary> for $argument {}
        impl<$($generic,)? Body> Step<Special, Body> for $argument {
            type Now = Read;
        }
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? const N: usize> Fits<Special, N> for $argument {}
        on_every_route! { [$($generic)?] $argument; }
    )*};
}
body! {
    [T] Json<T>;
    [T] Form<T>;
    [] Bytes;
    [] String;
    [] Payload;
}

/// Types that always take one parameter. The number for other types is determined when the handler is mounted.
macro_rules! one_value {
    ($($value:ident)*) => {$(
        impl Known for Path<$value> {
            fn parts() -> Option<PathParts> {
                Some(PathParts::One)
            }
        }
        #[diagnostic::do_not_recommend]
        impl<Body> After<Special, Body> for Path<$value> {}
        impl<Body> Step<Special, Body> for Path<$value> {
            type Now = Body;
        }
        // A scope around the route may have more parameters, but never fewer than none.
        #[diagnostic::do_not_recommend]
        impl Fits<Special, 0> for Path<$value> {}
        #[diagnostic::do_not_recommend]
        impl Fits<Special, 1> for Path<$value> {}
        on_every_route! { [] Path<$value>; }
    )*};
}
one_value!(String bool char u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

/// An extractor that contains another one, and succeeds if that one fails.
macro_rules! optional {
    ($([$($generic:ident)?] $argument:ident;)*) => {$(
        impl<T: Known, $($generic)?> Known for $argument<T, $($generic)?> {
            fn parts() -> Option<PathParts> {
                T::parts()
            }

            fn is_row_filter() -> bool {
                T::is_row_filter()
            }
        }
        #[diagnostic::do_not_recommend]
        impl<T: After<Special, Body>, $($generic,)? Body> After<Special, Body> for $argument<T, $($generic)?> {}
        impl<T: Step<Special, Body>, $($generic,)? Body> Step<Special, Body> for $argument<T, $($generic)?> {
            type Now = T::Now;
        }
        #[diagnostic::do_not_recommend]
        impl<T: Fits<Special, N>, $($generic,)? const N: usize> Fits<Special, N> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: OnPublicRoute<Special>, $($generic)?> OnPublicRoute<Special> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: MayBeMissing, $($generic)?> OnOptionalRoute<Special> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: OnGuardedRoute<Special, Rows, Place>, $($generic,)? Rows, Place> OnGuardedRoute<Special, Rows, Place>
            for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: MayBeMissing, $($generic)?> MayBeMissing for $argument<T, $($generic)?> {}
    )*};
}
optional! {
    [] Option;
    [E] Result;
}

// `Either` reads the body once, for both.
impl<L: Known, R: Known> Known for Either<L, R> {
    fn is_row_filter() -> bool {
        L::is_row_filter() || R::is_row_filter()
    }
}
#[diagnostic::do_not_recommend]
impl<L: After<Special, Body>, R: After<Special, Body>, Body> After<Special, Body> for Either<L, R> {}
impl<L: Step<Special, Body>, R, Body> Step<Special, Body> for Either<L, R> {
    type Now = L::Now;
}
#[diagnostic::do_not_recommend]
impl<L, R, const N: usize> Fits<Special, N> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnPublicRoute<Special>, R: OnPublicRoute<Special>> OnPublicRoute<Special> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnOptionalRoute<Special>, R: OnOptionalRoute<Special>> OnOptionalRoute<Special> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnGuardedRoute<Special, Rows, P>, R: OnGuardedRoute<Special, Rows, Q>, Rows, P, Q>
    OnGuardedRoute<Special, Rows, (P, Q)> for Either<L, R>
{
}
#[diagnostic::do_not_recommend]
impl<L: MayBeMissing, R: MayBeMissing> MayBeMissing for Either<L, R> {}
