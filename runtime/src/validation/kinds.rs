//! Decides from the type of an argument how it is validated, for generated code.
//!
//! Threat: input that is skipped in silence, because a macro sees only tokens and cannot know what a type is (CWE-20). Promise: the
//! compiler decides. An argument is validated, or it is known to carry no input, or it does not compile.

use std::marker::PhantomData;

use actix_web::http::header::Header;
use actix_web::web::{self, Bytes, Form, Json, Payload, Query};
use actix_web::{Either, HttpRequest};

use super::checks::{NotValidated, Validated, With};
use super::rules::HasRules;
use super::without_rules::{NoInput, Parsed};
use super::{ContentSource, Input, ValidationFailure};

/// The content of a type that implements [`Input`] is validated by the rules `K`.
#[derive(Debug)]
pub struct ContentBy<K>(PhantomData<K>);

/// The parameters of the path, or a header, are validated by the rules `K`.
#[derive(Debug)]
pub struct ParametersBy<K>(PhantomData<K>);

/// The type was parsed from the input by a parser that is the check.
#[derive(Debug)]
pub struct OnlyParsed(());

/// The argument carries no input.
#[derive(Debug)]
pub struct WithoutInput(());

/// Whether an argument of this kind is validated.
pub trait ArgumentKind {
    /// [`Validated`] or [`NotValidated`].
    type Seen;
}
impl<K> ArgumentKind for ContentBy<K> {
    type Seen = Validated;
}
impl<K> ArgumentKind for ParametersBy<K> {
    type Seen = Validated;
}
impl ArgumentKind for OnlyParsed {
    type Seen = NotValidated;
}
impl ArgumentKind for WithoutInput {
    type Seen = NotValidated;
}
impl<L: ArgumentKind, R: ArgumentKind> ArgumentKind for (L, R)
where
    L::Seen: With<R::Seen>,
{
    type Seen = <L::Seen as With<R::Seen>>::Seen;
}

/// An argument that can stay beside `#[validate]`. `K` is its kind. The compiler infers it, because each type has one kind.
#[diagnostic::on_unimplemented(
    message = "`#[validate]` does not know how to validate an argument of type `{Self}`",
    label = "may be input, but cannot be validated",
    note = "a `Json`, `Form`, `Query`, `Path` or `Header` argument is validated if its inner type derives `validator::Validate`, or `garde::Validate` with palisade's feature `garde`",
    note = "if that type already derives `Validate`, there are probably two versions of `validator` in the dependency tree (`cargo tree -d` shows them); use the one that palisade uses, `palisade::validator`",
    note = "a `Path` of numbers, texts, `Uuid`s or addresses needs no rules; if parsing is the check of another `Path` or `Header`, write `#[validate(except(..))]` with the name of the argument",
    note = "for an extractor that carries no input, write `#[derive(palisade::Extractor)]` above your own type, or `#[validate(except(..))]` with the name of the argument if the type is of another crate",
    note = "otherwise name the arguments to validate, as in `#[validate(body)]`"
)]
pub trait InputBy<K> {
    /// Validates the argument. The default accepts it.
    ///
    /// # Errors
    ///
    /// The fields that are invalid, or what is not configured.
    fn check(&self, _: &HttpRequest) -> Result<(), ValidationFailure> {
        Ok(())
    }
}

// With this attribute, the compiler's error is about the argument and shows the notes of `InputBy`, not a bound of one impl.
#[diagnostic::do_not_recommend]
impl<T: Input, K> InputBy<ContentBy<K>> for T
where
    T::Content: HasRules<K>,
{
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        self.content().check(request).map_err(|failure| match T::SOURCE {
            ContentSource::Body => failure,
            ContentSource::Parameters => failure.in_parameters(),
        })
    }
}

#[diagnostic::do_not_recommend]
impl<T: NoInput> InputBy<WithoutInput> for T {}

/// A `Path` of this crate and of actix-web.
macro_rules! rules_of_path {
    ($($path:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<T: $crate::validation::rules::HasRules<K>, K>
            $crate::validation::kinds::InputBy<$crate::validation::kinds::ParametersBy<K>> for $path
        {
            fn check(&self, request: &::actix_web::HttpRequest) -> Result<(), $crate::validation::ValidationFailure> {
                T::check(self, request).map_err($crate::validation::ValidationFailure::in_parameters)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<T: $crate::validation::without_rules::Parsed>
            $crate::validation::kinds::InputBy<$crate::validation::kinds::OnlyParsed> for $path
        {
        }

        impl<T> $crate::validation::kinds::HasParameters for $path {
            type Content = T;
        }
    )*};
}
rules_of_path!(web::Path<T>);
pub(crate) use rules_of_path;

#[diagnostic::do_not_recommend]
impl<T: Header + HasRules<K>, K> InputBy<ParametersBy<K>> for web::Header<T> {
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        T::check(self, request).map_err(|failure| failure.in_header(T::name().as_str()))
    }
}

#[diagnostic::do_not_recommend]
impl<T: Parsed> InputBy<OnlyParsed> for web::Header<T> {}

#[diagnostic::do_not_recommend]
impl<T: InputBy<K>, K> InputBy<K> for Option<T> {
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        self.as_ref().map_or(Ok(()), |argument| argument.check(request))
    }
}

#[diagnostic::do_not_recommend]
impl<T: InputBy<K>, E, K> InputBy<K> for Result<T, E> {
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        self.as_ref().map_or(Ok(()), |argument| argument.check(request))
    }
}

#[diagnostic::do_not_recommend]
impl<L: InputBy<A>, R: InputBy<B>, A, B> InputBy<(A, B)> for Either<L, R> {
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        match self {
            Either::Left(left) => left.check(request),
            Either::Right(right) => right.check(request),
        }
    }
}

/// An argument that was named in `#[validate(..)]`.
#[diagnostic::on_unimplemented(
    message = "an argument of type `{Self}` cannot be validated",
    label = "named in `#[validate(..)]`, but cannot be validated",
    note = "`Json<T>`, `Form<T>`, `Query<T>`, `Path<T>` and `Header<T>` can be validated if `T` derives `validator::Validate`, or `garde::Validate` with palisade's feature `garde`",
    note = "if `T` already derives `Validate`, there are probably two versions of `validator` in the dependency tree (`cargo tree -d` shows them); use the one that palisade uses, `palisade::validator`"
)]
pub trait NamedInput<K>: InputBy<K> {}
#[diagnostic::do_not_recommend]
impl<T: InputBy<K>, K: ArgumentKind<Seen = Validated>> NamedInput<K> for T {}

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
impl<T: Input> HoldsInput for T {}
impl HoldsInput for String {}
impl HoldsInput for Bytes {}
impl HoldsInput for Payload {}
impl<T: HoldsInput> HoldsInput for Option<T> {}
impl<T: HoldsInput, E> HoldsInput for Result<T, E> {}
impl<L, R> HoldsInput for Either<L, R> {}

/// A type that holds parameters of the path, or a header. It is input if its content has rules.
pub trait HasParameters {
    /// What was parsed.
    type Content;
}
impl<T> HasParameters for web::Header<T> {
    type Content = T;
}
impl<T: HasParameters> HasParameters for Option<T> {
    type Content = T::Content;
}
impl<T: HasParameters, E> HasParameters for Result<T, E> {
    type Content = T::Content;
}

/// Extractors of the body and the query, with what they hold.
macro_rules! input {
    ($source:ident: $($extractor:ident)*) => {$(
        impl<T> Input for $extractor<T> {
            type Content = T;
            const SOURCE: ContentSource = ContentSource::$source;

            fn content(&self) -> &T {
                &self.0
            }
        }
    )*};
}
input!(Body: Json Form);
input!(Parameters: Query);
