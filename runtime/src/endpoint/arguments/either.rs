//! An `Either` of two arguments.
//!
//! Threat: an extractor that nothing looked at, because it is one side of an `Either` (CWE-693). Promise: what holds for an argument
//! holds for both sides. The body is read once, for both.

use actix_web::Either;

use super::InputArgument;
use super::known::{
    After, Fits, InOption, Known, KnownKind, MayBeMissing, OnGuardedRoute, OnOptionalRoute, OnPublicRoute, Step,
    Unhidden,
};

impl<L: Known, R: Known> Known for Either<L, R> {
    fn is_row_filter() -> bool {
        L::is_row_filter() || R::is_row_filter()
    }

    fn inputs() -> Vec<InputArgument> {
        L::inputs().into_iter().chain(R::inputs()).map(InputArgument::or_another).collect()
    }
}
#[diagnostic::do_not_recommend]
impl<L: After<KnownKind, BodyState>, R: After<KnownKind, BodyState>, BodyState> After<KnownKind, BodyState>
    for Either<L, R>
{
}
impl<L: Step<KnownKind, BodyState>, R, BodyState> Step<KnownKind, BodyState> for Either<L, R> {
    type BodyStateAfter = L::BodyStateAfter;
}
#[diagnostic::do_not_recommend]
impl<L, R, const N: usize> Fits<KnownKind, N> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnPublicRoute<KnownKind>, R: OnPublicRoute<KnownKind>> OnPublicRoute<KnownKind> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnOptionalRoute<KnownKind>, R: OnOptionalRoute<KnownKind>> OnOptionalRoute<KnownKind> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: OnGuardedRoute<KnownKind, Rows, P>, R: OnGuardedRoute<KnownKind, Rows, Q>, Rows, P, Q>
    OnGuardedRoute<KnownKind, Rows, (P, Q)> for Either<L, R>
{
}
#[diagnostic::do_not_recommend]
impl<L: MayBeMissing, R: MayBeMissing> MayBeMissing for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L, R> Unhidden<KnownKind> for Either<L, R> {}
#[diagnostic::do_not_recommend]
impl<L: InOption, R: InOption> InOption for Either<L, R> {}
