//! The argument types with known requirements: the caller, a row, the body, a path of one parameter.
//!
//! Threat: an `Option<Principal>` that is always `None`; a body that an earlier argument has consumed (CWE-1068). Promise: the
//! traits here define once on which routes each type is available, and the compiler checks it.

use actix_web::http::header::Header;
use actix_web::web::{self, Bytes, Form, Json, Path, Payload};
use serde::de::DeserializeOwned;

use super::{InputArgument, ParameterCount};
use crate::admission::Admission;
use crate::document::InputSource;
use crate::extractors::{Claims, Owned, RowFilter};
use crate::input;
use crate::principal::{Caller, Principal};

/// An argument whose type has known requirements.
pub trait Known {
    /// How many path parameters it takes. `None` if it takes none.
    fn parameter_count() -> Option<ParameterCount> {
        None
    }

    /// Whether it is a [`RowFilter`], which needs an administrator's role that the application's roles define.
    fn is_row_filter() -> bool {
        false
    }

    /// The inputs that it may carry, if their fields are known.
    fn inputs() -> Vec<InputArgument> {
        Vec::new()
    }
}

/// The kind of an argument that is [`Known`].
pub struct KnownKind;
/// The kind of each other argument, which has no known requirements.
pub struct OtherKind;
/// A kind that no argument has. Without it, some bounds would hold for one kind only. The compiler would then infer that kind,
/// and its error would report a wrong kind.
pub struct UnusedKind;

/// No argument has read the body yet.
pub struct Unread;
/// An argument has read the body.
pub struct Read;
/// A state that never occurs. It exists for the same reason as [`UnusedKind`].
pub struct UnusedBodyState;

/// It can follow arguments that left the body in this state.
#[diagnostic::on_unimplemented(
    message = "two arguments of this handler read the body, but it can be read only once",
    label = "an argument before this one reads the body",
    note = "read the body once: use one type for both, or an `Either<Json<A>, Form<B>>` if the body comes in one of \
            two forms"
)]
pub trait After<Kind, BodyState> {}
#[diagnostic::do_not_recommend]
impl<T, BodyState> After<OtherKind, BodyState> for T {}
#[diagnostic::do_not_recommend]
impl<T, BodyState> After<UnusedKind, BodyState> for T {}

/// The state in which it leaves the body.
pub trait Step<Kind, BodyState> {
    /// [`Read`] or [`Unread`].
    type BodyStateAfter;
}
impl<T, BodyState> Step<OtherKind, BodyState> for T {
    type BodyStateAfter = BodyState;
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
impl<T> OnPublicRoute<OtherKind> for T {}
#[diagnostic::do_not_recommend]
impl<T> OnPublicRoute<UnusedKind> for T {}

/// It is available on an `#[optional_auth]` route, whose caller may be anonymous.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not available on an `#[optional_auth]` route, because its caller may be anonymous",
    label = "needs an authenticated caller",
    note = "take an `Option<..>` of it, or replace `#[optional_auth]` with an attribute that requires a caller, such as \
            `#[authenticated]` (or `#[owner(id, of = T)]` for an `Owned<T>`)"
)]
pub trait OnOptionalRoute<Kind> {}
#[diagnostic::do_not_recommend]
impl<T> OnOptionalRoute<OtherKind> for T {}
#[diagnostic::do_not_recommend]
impl<T> OnOptionalRoute<UnusedKind> for T {}

/// It is available on a route that requires a caller and whose rule loads these rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not available on this route, because its access attributes do not load such a row",
    label = "no access attribute has `of = ..` with this type",
    note = "write `#[owner(id, of = T)]` or `#[owner_or_admin(id, of = T)]` for an `Owned<T>`, with the same `T`"
)]
pub trait OnGuardedRoute<Kind, Rows, RowPosition> {}
#[diagnostic::do_not_recommend]
impl<T, Rows> OnGuardedRoute<OtherKind, Rows, ()> for T {}
#[diagnostic::do_not_recommend]
impl<T, Rows> OnGuardedRoute<UnusedKind, Rows, ()> for T {}

/// It can be extracted from a path whose own template has this number of parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes one parameter, but the path of this route has {PARAMETERS}",
    label = "one value for {PARAMETERS} parameters",
    note = "take a tuple with one value for each parameter, such as `Path<(u32, String)>`, or a struct with a field for each"
)]
pub trait Fits<Kind, const PARAMETERS: usize> {}
#[diagnostic::do_not_recommend]
impl<T, const PARAMETERS: usize> Fits<OtherKind, PARAMETERS> for T {}
#[diagnostic::do_not_recommend]
impl<T, const PARAMETERS: usize> Fits<UnusedKind, PARAMETERS> for T {}

/// It is not hidden by an `Option` whether it is wrong or only absent.
pub trait Unhidden<Kind> {}
#[diagnostic::do_not_recommend]
impl<T> Unhidden<OtherKind> for T {}
#[diagnostic::do_not_recommend]
impl<T> Unhidden<UnusedKind> for T {}
impl<T: InOption> Unhidden<KnownKind> for Option<T> {}

/// It can be in an `Option`, because the request is rejected if it is wrong.
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` would be `None` also if the input is malformed or too large",
    label = "hides malformed input",
    note = "take `Option<palisade::input::Json<T>>`, or `Form`, or `Query`: it is `None` only if there is no such input",
    note = "or take a `Result<{Self}, actix_web::Error>`, and handle the error"
)]
pub trait InOption {}

/// It may be missing on an `#[optional_auth]` route, if it is in an `Option`.
pub trait MayBeMissing {}

/// The position of a row in the list of rows that a rule loads: the first one.
pub struct FirstRow;
/// The position in the rest of the list, after the first row.
pub struct LaterRow<RowPosition>(RowPosition);

/// The rule loads a row of this type, at this position in the list.
pub trait Holds<Row, RowPosition> {}
#[diagnostic::do_not_recommend]
impl<Row, Others> Holds<Row, FirstRow> for (Row, Others) {}
#[diagnostic::do_not_recommend]
impl<Row, First, Others: Holds<Row, RowPosition>, RowPosition> Holds<Row, LaterRow<RowPosition>> for (First, Others) {}

macro_rules! of_the_caller {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? BodyState> After<KnownKind, BodyState> for $argument {}
        impl<$($generic,)? BodyState> Step<KnownKind, BodyState> for $argument {
            type BodyStateAfter = BodyState;
        }
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? const N: usize> Fits<KnownKind, N> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic,)? Rows> OnGuardedRoute<KnownKind, Rows, ()> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> MayBeMissing for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> Unhidden<KnownKind> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> InOption for $argument {}
    )*};
}
of_the_caller! {
    [] Principal;
    [] Admission;
    [] RowFilter;
    [T] Claims<T>;
    [T] Caller<T>;
}

impl Known for Principal {}
impl Known for Admission {}
impl<T> Known for Claims<T> {}
impl<T> Known for Caller<T> {}
impl Known for RowFilter {
    fn is_row_filter() -> bool {
        true
    }
}

impl<R> Known for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R, BodyState> After<KnownKind, BodyState> for Owned<R> {}
impl<R, BodyState> Step<KnownKind, BodyState> for Owned<R> {
    type BodyStateAfter = BodyState;
}
#[diagnostic::do_not_recommend]
impl<R, const N: usize> Fits<KnownKind, N> for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R> Unhidden<KnownKind> for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R> InOption for Owned<R> {}
#[diagnostic::do_not_recommend]
impl<R, Rows: Holds<R, RowPosition>, RowPosition> OnGuardedRoute<KnownKind, Rows, RowPosition> for Owned<R> {}

macro_rules! on_every_route {
    ($([$($generic:ident $(: $bound:path)?)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?)?> OnPublicRoute<KnownKind> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?)?> OnOptionalRoute<KnownKind> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?,)? Rows> OnGuardedRoute<KnownKind, Rows, ()> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?)?> MayBeMissing for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?)?> Unhidden<KnownKind> for $argument {}
    )*};
}

macro_rules! in_option {
    ($([$($generic:ident)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic)?> InOption for $argument {}
    )*};
}
in_option! {
    [T] input::Json<T>;
    [T] input::Form<T>;
    [T] input::Query<T>;
    // The guard rejects a body that is too large or incomplete, and no bytes are malformed.
    [] Bytes;
    [] Payload;
    // The guard reads it again.
    [T] web::Header<T>;
}

macro_rules! body {
    ($([$($generic:ident $(: $bound:path)?)?] $argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?)?> After<KnownKind, Unread> for $argument {}
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?)?> After<KnownKind, UnusedBodyState> for $argument {}
        impl<$($generic $(: $bound)?,)? BodyState> Step<KnownKind, BodyState> for $argument {
            type BodyStateAfter = Read;
        }
        #[diagnostic::do_not_recommend]
        impl<$($generic $(: $bound)?,)? const N: usize> Fits<KnownKind, N> for $argument {}
        on_every_route! { [$($generic $(: $bound)?)?] $argument; }
    )*};
}
macro_rules! carries_fields {
    ($($argument:ty: $of:ident $source:ident;)*) => {$(
        impl<T: DeserializeOwned> Known for $argument {
            fn inputs() -> Vec<InputArgument> {
                vec![InputArgument::$of::<T>(InputSource::$source)]
            }
        }
    )*};
}
carries_fields! {
    Json<T>: of_actix Json;
    Form<T>: of_actix Form;
    web::Query<T>: of_actix Query;
    input::Json<T>: of Json;
    input::Form<T>: of Form;
    input::Query<T>: of Query;
}
impl Known for Bytes {}
impl Known for String {}
impl Known for Payload {}
body! {
    [T] Json<T>;
    [T] Form<T>;
    [T] input::Json<T>;
    [T] input::Form<T>;
    [] Bytes;
    [] String;
    [] Payload;
}

#[cfg(feature = "multipart")]
const _: () = {
    use actix_multipart::form::MultipartCollect;

    body! {
        [T] input::Multipart<T>;
        [T: MultipartCollect] actix_multipart::form::MultipartForm<T>;
        [] actix_multipart::Multipart;
    }
    in_option! { [T] input::Multipart<T>; }
    impl<T> Known for input::Multipart<T> {}
    impl<T: MultipartCollect> Known for actix_multipart::form::MultipartForm<T> {}
    impl Known for actix_multipart::Multipart {}
};

/// The query, or a header.
macro_rules! query {
    ($($argument:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T, BodyState> After<KnownKind, BodyState> for $argument {}
        impl<T, BodyState> Step<KnownKind, BodyState> for $argument {
            type BodyStateAfter = BodyState;
        }
        #[diagnostic::do_not_recommend]
        impl<T, const N: usize> Fits<KnownKind, N> for $argument {}
        on_every_route! { [T] $argument; }
    )*};
}
query! {
    web::Query<T>;
    input::Query<T>;
    web::Header<T>;
}

impl<T: Header> Known for web::Header<T> {
    fn inputs() -> Vec<InputArgument> {
        vec![InputArgument::header::<T>()]
    }
}

/// Types that always take one parameter. The number for other types is determined when the handler is mounted.
macro_rules! one_value {
    ($($value:ident)*) => {$(one_value! { @path Path<$value> } one_value! { @path input::Path<$value> })*};
    (@path $path:ty) => {
        impl Known for $path {
            fn parameter_count() -> Option<ParameterCount> {
                Some(ParameterCount::One)
            }
        }
        #[diagnostic::do_not_recommend]
        impl<BodyState> After<KnownKind, BodyState> for $path {}
        impl<BodyState> Step<KnownKind, BodyState> for $path {
            type BodyStateAfter = BodyState;
        }
        // A scope around the route may have more parameters, but never fewer than none.
        #[diagnostic::do_not_recommend]
        impl Fits<KnownKind, 0> for $path {}
        #[diagnostic::do_not_recommend]
        impl Fits<KnownKind, 1> for $path {}
        on_every_route! { [] $path; }
    };
}
one_value!(String bool char u8 u16 u32 u64 i8 i16 i32 i64 f32 f64);

/// An extractor that contains another one, and succeeds if that one fails.
macro_rules! optional {
    ($([$($generic:ident)?] $argument:ident $within:ident;)*) => {$(
        impl<T: Known, $($generic)?> Known for $argument<T, $($generic)?> {
            fn parameter_count() -> Option<ParameterCount> {
                T::parameter_count()
            }

            fn is_row_filter() -> bool {
                T::is_row_filter()
            }

            fn inputs() -> Vec<InputArgument> {
                T::inputs().into_iter().map(InputArgument::$within).collect()
            }
        }
        #[diagnostic::do_not_recommend]
        impl<T: After<KnownKind, BodyState>, $($generic,)? BodyState> After<KnownKind, BodyState> for $argument<T, $($generic)?> {}
        impl<T: Step<KnownKind, BodyState>, $($generic,)? BodyState> Step<KnownKind, BodyState> for $argument<T, $($generic)?> {
            type BodyStateAfter = T::BodyStateAfter;
        }
        #[diagnostic::do_not_recommend]
        impl<T: Fits<KnownKind, N>, $($generic,)? const N: usize> Fits<KnownKind, N> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: OnPublicRoute<KnownKind>, $($generic)?> OnPublicRoute<KnownKind> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: MayBeMissing, $($generic)?> OnOptionalRoute<KnownKind> for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: OnGuardedRoute<KnownKind, Rows, RowPosition>, $($generic,)? Rows, RowPosition> OnGuardedRoute<KnownKind, Rows, RowPosition>
            for $argument<T, $($generic)?> {}
        #[diagnostic::do_not_recommend]
        impl<T: MayBeMissing, $($generic)?> MayBeMissing for $argument<T, $($generic)?> {}
    )*};
}
optional! {
    [] Option in_option;
    [E] Result in_result;
}

#[diagnostic::do_not_recommend]
impl<T, E> Unhidden<KnownKind> for Result<T, E> {}
#[diagnostic::do_not_recommend]
impl<T, E> InOption for Result<T, E> {}
