//! One argument of a handler, for generated code.
//!
//! Threat: an argument that is treated as another one, because `#[validate]`, `#[validate(a, b)]` and `except(..)` disagree on what
//! can be validated (CWE-20). Promise: all three ask the same [`CheckedArgument`].

use std::ops::Deref;

use super::checks::{Checks, Validated, With};
#[cfg(feature = "garde")]
use super::garde::Both;
use super::kinds::{ArgumentKind, Exceptable, HasParameters, HoldsInput, InputBy, InputKind, NamedInput, UnknownKind};
#[cfg(feature = "garde")]
use super::kinds::{ContentBy, ParametersBy};

/// An argument of the type `T`, after those that the checks have seen.
///
/// This is specialization by auto-deref, because the macros see only tokens: the compiler resolves a method by types, from this type
/// down to [`AnyOther`], and selects the first whose bounds hold.
#[derive(Debug)]
pub struct CheckedArgument<'r, 'a, Seen, T: ?Sized>(MayHaveParameters<'r, 'a, Seen, T>);
/// An argument that is not known to hold the body or the query.
#[derive(Debug)]
pub struct MayHaveParameters<'r, 'a, Seen, T: ?Sized>(MayHaveContext<'r, 'a, Seen, T>);
/// An argument whose content does not implement `validator::Validate`.
#[derive(Debug)]
pub struct MayHaveContext<'r, 'a, Seen, T: ?Sized>(MayHaveOtherRules<'r, 'a, Seen, T>);
/// An argument whose content has no rules of `validator`.
#[derive(Debug)]
pub struct MayHaveOtherRules<'r, 'a, Seen, T: ?Sized>(AnyOther<'r, 'a, Seen, T>);
/// An argument for which no method above was selected.
#[derive(Debug)]
pub struct AnyOther<'r, 'a, Seen, T: ?Sized> {
    checks: Checks<'r, Seen>,
    argument: &'a T,
}

macro_rules! or {
    ($($level:ident > $next:ident)*) => {$(
        impl<'r, 'a, Seen, T> Deref for $level<'r, 'a, Seen, T> {
            type Target = $next<'r, 'a, Seen, T>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    )*};
}
or!(CheckedArgument > MayHaveParameters MayHaveParameters > MayHaveContext);
or!(MayHaveContext > MayHaveOtherRules MayHaveOtherRules > AnyOther);

impl<'r, 'a, Seen, T> CheckedArgument<'r, 'a, Seen, T> {
    pub(super) fn new(checks: Checks<'r, Seen>, argument: &'a T) -> Self {
        Self(MayHaveParameters(MayHaveContext(MayHaveOtherRules(AnyOther { checks, argument }))))
    }
}

/// A type with the rules of both crates has two kinds. Here the third is chosen: both.
#[cfg(feature = "garde")]
macro_rules! of_both {
    ($($level:ident: $kind:ident)*) => {$(
        impl<'r, Seen, T: InputBy<$kind<Both>>> $level<'r, '_, Seen, T> {
            /// Validates the argument by the rules of both crates.
            pub fn each(&self) -> Checks<'r, Validated> {
                AnyOther::named::<$kind<Both>>(self)
            }

            /// Validates the argument by the rules of both crates.
            pub fn named(&self) -> Checks<'r, Validated> {
                AnyOther::named::<$kind<Both>>(self)
            }
        }
    )*};
}
#[cfg(feature = "garde")]
of_both!(CheckedArgument: ContentBy MayHaveParameters: ParametersBy);

impl<'r, Seen, T> AnyOther<'r, '_, Seen, T> {
    /// Validates the argument if it is input.
    pub fn each<K: ArgumentKind>(&self) -> Checks<'r, Seen::Seen>
    where
        T: InputBy<K>,
        Seen: With<K::Seen>,
    {
        self.checks.check(self.argument)
    }

    /// Validates the argument, which `#[validate(..)]` names.
    pub fn named<K>(&self) -> Checks<'r, Validated>
    where
        T: NamedInput<K>,
    {
        self.checks.check(self.argument)
    }
}

impl<'r, Seen, T: HoldsInput> CheckedArgument<'r, '_, Seen, T> {
    /// Does not compile, because the argument holds the body or the query.
    pub fn except(&self) -> Checks<'r, Seen>
    where
        T: Exceptable<InputKind>,
    {
        self.checks.unchanged()
    }
}

impl<'r, Seen, T: HasParameters> MayHaveParameters<'r, '_, Seen, T>
where
    T::Content: validator::Validate,
{
    /// Does not compile, because the argument has rules of `validator`.
    pub fn except(&self) -> Checks<'r, Seen>
    where
        T: Exceptable<InputKind>,
    {
        self.checks.unchanged()
    }
}

impl<'r, Seen, T: HasParameters> MayHaveContext<'r, '_, Seen, T>
where
    T::Content: validator::ValidateArgs<'static>,
{
    /// Does not compile, because the argument has rules of `validator` that need a context.
    pub fn except(&self) -> Checks<'r, Seen>
    where
        T: Exceptable<InputKind>,
    {
        self.checks.unchanged()
    }
}

#[cfg(feature = "garde")]
impl<'r, Seen, T: HasParameters> MayHaveOtherRules<'r, '_, Seen, T>
where
    T::Content: garde::Validate,
{
    /// Does not compile, because the argument has rules of `garde`.
    pub fn except(&self) -> Checks<'r, Seen>
    where
        T: Exceptable<InputKind>,
    {
        self.checks.unchanged()
    }
}

impl<'r, Seen, T> AnyOther<'r, '_, Seen, T> {
    /// Leaves out the argument, which `#[validate(except(..))]` names.
    pub fn except(&self) -> Checks<'r, Seen>
    where
        T: Exceptable<UnknownKind>,
    {
        self.checks.unchanged()
    }
}
