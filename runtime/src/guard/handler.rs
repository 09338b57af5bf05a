//! A handler together with the checks of its arguments.
//!
//! Generated code builds a [`HandlerWithChecks`]; only [`enforce`](super::enforce) calls the handler in it.

use std::fmt;
use std::marker::PhantomData;

use actix_web::{FromRequest, Handler, HttpRequest, Responder};

use crate::authz::Authorized;
use crate::rate_limit::FieldKeys;
use crate::validation::{self, Checks, NotValidated, SomeInput, ValidationFailure};

/// What the guard needs from a handler.
pub trait GuardedHandler: Clone + 'static {
    /// The tuple of its arguments.
    type Arguments: FromRequest;

    /// Validates the arguments as `#[validate]` requires.
    ///
    /// # Errors
    ///
    /// Returns the invalid fields, or what is not configured.
    fn validate(&self, request: &HttpRequest, arguments: &Self::Arguments) -> Result<(), ValidationFailure>;

    /// The fields by which `#[rate_limit(by = field(..))]` counts.
    fn field_keys(&self, arguments: &Self::Arguments) -> FieldKeys;

    /// Calls the handler. It consumes the proof that the caller is authorized, so no code can call the handler without one.
    fn call_authorized(&self, proof: Authorized, arguments: Self::Arguments) -> impl Future<Output = impl Responder>;
}

/// A function that validates the arguments of a handler.
pub trait ValidationOf<Arguments>:
    Fn(&HttpRequest, &Arguments) -> Result<(), ValidationFailure> + Copy + 'static
{
}
impl<Arguments, V: Fn(&HttpRequest, &Arguments) -> Result<(), ValidationFailure> + Copy + 'static>
    ValidationOf<Arguments> for V
{
}

/// A function that collects the fields by which a request is counted.
pub trait FieldKeysOf<Arguments>: Fn(FieldKeys, &Arguments) -> FieldKeys + Copy + 'static {}
impl<Arguments, K: Fn(FieldKeys, &Arguments) -> FieldKeys + Copy + 'static> FieldKeysOf<Arguments> for K {}

/// The only [`GuardedHandler`]: the handler `F`, its validation `V`, and the function `K` that collects the fields by which its
/// requests are counted.
pub struct HandlerWithChecks<F, Arguments, V, K> {
    handler: F,
    validation: V,
    field_keys: K,
    arguments: PhantomData<fn(Arguments)>,
}

impl<F, Arguments, V, K> fmt::Debug for HandlerWithChecks<F, Arguments, V, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerWithChecks")
    }
}

/// Not derived, because a derive would require that the arguments are `Clone` too.
impl<F: Clone, Arguments, V: Copy, K: Copy> Clone for HandlerWithChecks<F, Arguments, V, K> {
    fn clone(&self) -> Self {
        let Self { validation, field_keys, arguments, .. } = *self;
        Self { handler: self.handler.clone(), validation, field_keys, arguments }
    }
}

/// A handler whose arguments are neither validated nor used as rate limit keys.
#[allow(clippy::type_complexity, reason = "an `impl Trait` cannot be named by a type alias")]
pub(crate) fn without_checks<F, Arguments>(
    handler: F,
) -> HandlerWithChecks<F, Arguments, impl ValidationOf<Arguments>, impl FieldKeysOf<Arguments>> {
    HandlerWithChecks {
        handler,
        validation: |_: &HttpRequest, _: &Arguments| Ok(()),
        field_keys: |none: FieldKeys, _: &Arguments| none,
        arguments: PhantomData,
    }
}

impl<F, Arguments, V, K> HandlerWithChecks<F, Arguments, V, K> {
    /// Validates the arguments with this function. This does not compile unless it validates an argument.
    pub fn validated<N, Seen: SomeInput>(
        self,
        validation: N,
    ) -> HandlerWithChecks<F, Arguments, impl ValidationOf<Arguments>, K>
    where
        N: for<'r> Fn(Checks<'r, NotValidated>, &Arguments) -> Checks<'r, Seen> + Copy + 'static,
    {
        let Self { handler, field_keys, arguments, .. } = self;
        let validation = move |request: &HttpRequest, arguments: &Arguments| {
            validation::checks::run(request, |checks| validation(checks, arguments))
        };
        HandlerWithChecks { handler, validation, field_keys, arguments }
    }

    /// Counts requests by the fields that this function collects.
    pub fn counted_by<N>(self, field_keys: N) -> HandlerWithChecks<F, Arguments, V, N>
    where
        N: Fn(FieldKeys, &Arguments) -> FieldKeys + Copy + 'static,
    {
        let Self { handler, validation, arguments, .. } = self;
        HandlerWithChecks { handler, validation, field_keys, arguments }
    }
}

impl<F, Arguments, V, K> GuardedHandler for HandlerWithChecks<F, Arguments, V, K>
where
    F: Handler<Arguments>,
    F::Output: Responder,
    Arguments: FromRequest + 'static,
    V: ValidationOf<Arguments>,
    K: FieldKeysOf<Arguments>,
{
    type Arguments = Arguments;

    fn validate(&self, request: &HttpRequest, arguments: &Arguments) -> Result<(), ValidationFailure> {
        (self.validation)(request, arguments)
    }

    fn field_keys(&self, arguments: &Arguments) -> FieldKeys {
        (self.field_keys)(FieldKeys::new(), arguments)
    }

    fn call_authorized(&self, _: Authorized, arguments: Arguments) -> impl Future<Output = impl Responder> {
        self.handler.call(arguments)
    }
}
