//! The arguments of which it is known what they need: the caller, a row, the body, a path of one parameter.
//!
//! Threat: `Option<Principal>` that is always `None`, a body that an earlier argument has eaten (CWE-1068). Promise: each says
//! here where it can be had, once, and the compiler compares.

use actix_web::web::{Bytes, Form, Json, Path, Payload};
use actix_web::Either;

use super::Parts;
use crate::extract::{Claims, Owned, Scoped};
use crate::principal::Principal;

/// An argument of which more is known than that a request gives it.
pub trait Known {
    /// [`Reads`] or [`Leaves`].
    type Body;

    /// How many parameters of the path it takes.
    fn parts() -> Option<Parts> {
        None
    }
}

/// The argument reads the body.
pub struct Reads;
/// The argument leaves the body for others.
pub struct Leaves;
/// No argument has read the body yet.
pub struct Unread;
/// An argument has read the body.
pub struct Read;

/// Whether the body is still there for an argument.
#[diagnostic::on_unimplemented(
    message = "two arguments of this handler read the body, but it can be read only once",
    label = "an argument before this one reads the body",
    note = "take the body once: put what both are for into one type, or take an `Either<Json<A>, Form<B>>` where it comes in one of \
            two forms"
)]
pub trait Then<Body> {
    /// [`Read`] or [`Unread`].
    type Now;
}

#[diagnostic::do_not_recommend]
impl Then<Leaves> for Unread {
    type Now = Unread;
}
#[diagnostic::do_not_recommend]
impl Then<Reads> for Unread {
    type Now = Read;
}
#[diagnostic::do_not_recommend]
impl Then<Leaves> for Read {
    type Now = Read;
}
// Were there one choice only, the compiler would take it, and blame the argument for being of another type.
#[diagnostic::do_not_recommend]
impl Then<Read> for Read {
    type Now = Read;
}

/// It can be had on a `#[public]` route.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be had on a public route: nobody looks at credentials there, so no caller is known",
    label = "needs a caller",
    note = "replace `#[public]` by an attribute that demands a caller, such as `#[authenticated]` (for an `Owned<T>` \
            `#[owner(id, of = T)]`), or by `#[optional_auth]` and take an `Option<Principal>`"
)]
pub trait OnPublicRoute {}

/// It can be had on an `#[optional_auth]` route, whose caller may be unknown.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be had on an `#[optional_auth]` route: its caller may come without credentials",
    label = "needs a caller",
    note = "take an `Option<..>` of it, or replace `#[optional_auth]` by an attribute that demands a caller, such as \
            `#[authenticated]` (for an `Owned<T>` `#[owner(id, of = T)]`)"
)]
pub trait OnOptionalRoute {}

/// It can be had on a route whose callers are known, and whose rule loads these rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be had on this route: its access attributes load no such row",
    label = "no attribute says `of = ..` with this type",
    note = "write `#[owner(id, of = T)]` or `#[owner_or_admin(id, of = T)]` for an `Owned<T>`, with the very `T`"
)]
pub trait OnGuardedRoute<Rows, Place> {}

/// It can be taken from a path whose own template has so many parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes one parameter, but the path of this route has {PARAMETERS}",
    label = "one value for {PARAMETERS} parameters",
    note = "take a tuple with a part for each parameter, such as `Path<(u32, String)>`, or a struct with their names"
)]
pub trait Fits<const PARAMETERS: usize> {}

/// Whether it may be missing on an `#[optional_auth]` route, as an `Option`.
pub trait MayBeMissing {}

/// Where a row stands among those that a rule loads.
pub struct Here;
/// Behind the first one.
pub struct Behind<Place>(Place);

/// Whether the rule loads a row of that type.
pub trait Holds<Row, Place> {}
#[diagnostic::do_not_recommend]
impl<Row, Others> Holds<Row, Here> for (Row, Others) {}
#[diagnostic::do_not_recommend]
impl<Row, First, Others: Holds<Row, Place>, Place> Holds<Row, Behind<Place>> for (First, Others) {}

macro_rules! of_the_caller {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        impl<$($generic)?> Known for $argument {
            type Body = Leaves;
        }
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? const N: usize> Fits<N> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? Rows> OnGuardedRoute<Rows, ()> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> MayBeMissing for $argument {}
    )*};
}
of_the_caller! {
    [] Principal;
    [] Scoped;
    [T] Claims<T>;
}

impl<R> Known for Owned<R> {
    type Body = Leaves;
}
#[diagnostic::do_not_recommend]
impl<R, const N: usize> Fits<N> for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R, Rows: Holds<R, Place>, Place> OnGuardedRoute<Rows, Place> for Owned<R> {}

macro_rules! on_every_route {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> OnPublicRoute for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> OnOptionalRoute for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? Rows> OnGuardedRoute<Rows, ()> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> MayBeMissing for $argument {}
    )*};
}

macro_rules! body {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        impl<$($generic)?> Known for $argument {
            type Body = Reads;
        }
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? const N: usize> Fits<N> for $argument {}
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

/// Types that are one value whatever they stand in. How many parameters another type takes is found out when it is mounted.
macro_rules! one_value {
    ($($value:ident)*) => {$(
        impl Known for Path<$value> {
            type Body = Leaves;

            fn parts() -> Option<Parts> {
                Some(Parts::One)
            }
        }
        // A scope around the route may have more parameters, but never fewer than none.
        #[diagnostic::do_not_recommend]
        impl Fits<0> for Path<$value> {}
        #[diagnostic::do_not_recommend]
        impl Fits<1> for Path<$value> {}
        on_every_route! { [] Path<$value>; }
    )*};
}
one_value!(String bool char u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

/// An extractor that has another one inside, and is there when that one is not.
macro_rules! optional {
    ($([$($generic:ident)?] $argument:ident;)*) => {$(
        impl<T: Known, $($generic)?> Known for $argument<T, $($generic)?> {
            type Body = T::Body;

            fn parts() -> Option<Parts> {
                T::parts()
            }
        }
        #[diagnostic::do_not_recommend]
        impl<T: Fits<N>, $($generic,)? const N: usize> Fits<N> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: OnPublicRoute, $($generic)?> OnPublicRoute for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: MayBeMissing, $($generic)?> OnOptionalRoute for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: OnGuardedRoute<Rows, Place>, $($generic,)? Rows, Place> OnGuardedRoute<Rows, Place>
            for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: MayBeMissing, $($generic)?> MayBeMissing for $argument<T, $($generic)?> {}
    )*};
}
optional! {
    [] Option;
    [E] Result;
}

/// It reads the body once, for both.
impl<L: Known, R: Known> Known for Either<L, R> {
    type Body = L::Body;
}
#[diagnostic::do_not_recommend]
impl<L, R, const N: usize> Fits<N> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnPublicRoute, R: OnPublicRoute> OnPublicRoute for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnOptionalRoute, R: OnOptionalRoute> OnOptionalRoute for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnGuardedRoute<Rows, P>, R: OnGuardedRoute<Rows, Q>, Rows, P, Q> OnGuardedRoute<Rows, (P, Q)> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: MayBeMissing, R: MayBeMissing> MayBeMissing for Either<L, R> {}
