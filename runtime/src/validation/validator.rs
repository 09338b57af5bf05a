//! Rules of the crate `validator`.
//!
//! Threat: rules that do not run because of where the type is: in a `Box`, a map or an `Option`, or because they need a context
//! (CWE-20). Promise: they run there too. An error has the code and the numbers of the rule, never the value.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use actix_web::HttpRequest;
use validator::{Validate, ValidateArgs, ValidationErrors, ValidationErrorsKind};

use super::codes::{PARAMETERS, described, push_token};
use super::failure::BrokenRule;
use super::rules::{HasRules, context};
use super::{Invalid, MAX_ERRORS, ValidationFailure};

/// The type implements [`Validate`].
#[derive(Debug)]
pub struct ByValidator(());

/// The type implements [`ValidateArgs`] with a reference to a context, as `#[validate(context = C)]` derives it.
#[derive(Debug)]
pub struct WithContext<C>(std::marker::PhantomData<C>);

/// The values in a container have rules of the kind `K`, and `validator` does not validate the container.
#[derive(Debug)]
pub struct Nested<K>(std::marker::PhantomData<K>);

impl<T: Validate> HasRules<ByValidator> for T {
    fn check(&self, _: &HttpRequest) -> Result<(), ValidationFailure> {
        self.validate().map_err(|errors| ValidationFailure::Invalid(broken(&errors)))
    }
}

impl<T, C: 'static> HasRules<WithContext<C>> for T
where
    T: for<'v> ValidateArgs<'v, Args = &'v C>,
{
    fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
        let context = context::<C>(request)?;
        self.validate_with_args(context).map_err(|errors| ValidationFailure::Invalid(broken(&errors)))
    }
}

/// Containers that `validator` does not validate. Each kind of rules of their values has its own impl: with a bound on the kind, the
/// compiler could not tell that a `Vec` has rules of one kind only.
macro_rules! nested {
    ($([$($generics:tt)*] $kind:ty: $($container:ident)*;)*) => {$(
        nested!(@each [$($generics)*] $kind: $($container)*);
    )*};
    (@each $generics:tt $kind:ty: $($container:ident)*) => {$(
        nested!(@$container $generics $kind);
    )*};
    (@Option [$($generics:tt)*] $kind:ty) => {
        impl<T: HasRules<$kind>, $($generics)*> HasRules<Nested<$kind>> for Option<T> {
            fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
                self.as_ref().map_or(Ok(()), |value| value.check(request))
            }
        }
    };
    (@Box [$($generics:tt)*] $kind:ty) => {
        impl<T: HasRules<$kind>, $($generics)*> HasRules<Nested<$kind>> for Box<T> {
            fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
                T::check(self, request)
            }
        }
    };
    (@Vec [$($generics:tt)*] $kind:ty) => {
        impl<T: HasRules<$kind>, $($generics)*> HasRules<Nested<$kind>> for Vec<T> {
            fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
                entries(self.iter().enumerate(), request)
            }
        }
    };
    (@HashMap [$($generics:tt)*] $kind:ty) => {
        impl<N: Display, T: HasRules<$kind>, S, $($generics)*> HasRules<Nested<$kind>> for HashMap<N, T, S> {
            fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
                entries(self, request)
            }
        }
    };
    (@BTreeMap [$($generics:tt)*] $kind:ty) => {
        impl<N: Display, T: HasRules<$kind>, $($generics)*> HasRules<Nested<$kind>> for BTreeMap<N, T> {
            fn check(&self, request: &HttpRequest) -> Result<(), ValidationFailure> {
                entries(self, request)
            }
        }
    };
}
nested! {
    [] ByValidator: Option Box HashMap BTreeMap;
    [C: 'static] WithContext<C>: Box Vec HashMap BTreeMap;
    [K] Nested<K>: Option Box Vec HashMap BTreeMap;
}

/// Validates the values of a container. Their names are those in the document: a key, or the index of an element.
fn entries<N: Display, T: HasRules<K>, K>(
    entries: impl IntoIterator<Item = (N, impl std::ops::Deref<Target = T>)>,
    request: &HttpRequest,
) -> Result<(), ValidationFailure> {
    let mut fields = Vec::new();
    for (name, value) in entries {
        match value.check(request) {
            Ok(()) => {}
            Err(ValidationFailure::Invalid(inside)) => {
                fields.extend(inside.into_iter().map(|rule| {
                    let mut pointer = String::new();
                    push_token(&mut pointer, &name.to_string());
                    pointer.push_str(rule.field.pointer().unwrap_or_default());
                    BrokenRule { field: rule.field.at(pointer), ..rule }
                }));
                if fields.len() >= MAX_ERRORS {
                    break;
                }
            }
            Err(misconfigured) => return Err(misconfigured),
        }
    }
    if fields.is_empty() { Ok(()) } else { Err(ValidationFailure::Invalid(fields)) }
}

impl From<ValidationErrors> for Invalid {
    fn from(errors: ValidationErrors) -> Self {
        Self::new(broken(&errors).into_iter().map(|rule| rule.field).collect())
    }
}

fn broken(errors: &ValidationErrors) -> Vec<BrokenRule> {
    let mut broken = Vec::new();
    collect(errors, &mut String::new(), &mut broken);
    broken
}

/// Collects the first errors in the order of their names, and no more than the response may contain.
fn collect(errors: &ValidationErrors, path: &mut String, broken: &mut Vec<BrokenRule>) {
    let mut sorted: Vec<_> = errors.errors().iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    for (field, kind) in sorted {
        let length = path.len();
        // `__all__` is validator's name for a rule of the whole struct.
        if field != "__all__" {
            push_token(path, field);
        }
        match kind {
            ValidationErrorsKind::Field(list) => broken.extend(list.iter().map(|error| broken_rule(error, path))),
            ValidationErrorsKind::Struct(nested) => collect(nested, path, broken),
            ValidationErrorsKind::List(list) => {
                for (index, nested) in list.iter().take(MAX_ERRORS) {
                    let length = path.len();
                    push_token(path, &index.to_string());
                    collect(nested, path, broken);
                    path.truncate(length);
                }
            }
        }
        path.truncate(length);
        if broken.len() >= MAX_ERRORS {
            return;
        }
    }
}

/// The parameter `other`, which is input, is never read, and `value` is only compared with the input.
fn broken_rule(error: &validator::ValidationError, path: &str) -> BrokenRule {
    let params = PARAMETERS
        .into_iter()
        .filter_map(|name| Some((name, error.params.get(name).filter(|value| value.is_number())?.clone())));
    let described = described(path.to_owned(), error.code.clone(), params.collect());
    let field = match &error.message {
        Some(message) => described.with_detail(message.clone()),
        None => described,
    };
    BrokenRule::new(field, error.params.get("value").cloned())
}
