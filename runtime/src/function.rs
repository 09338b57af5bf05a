//! A guarded function that somebody else routes: `web::get().to(f)`, or actix-web's own attribute.
//!
//! Threat: a function that looks to the router like any other, so that nobody can tell whether it is guarded before it runs
//! (CWE-862). Promise: a [`Function`] is told from a raw handler before anything runs, and the checks come first.

use actix_web::{Handler, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;

use crate::endpoint::arguments::Taken;
use crate::guard::{self as checks, Place};
use crate::policy::{Policy, ScopeDemands};
use crate::rate_limit::FieldKeys;
use crate::reached;
use crate::validation::{Checks, Invalid, NotValidated};

type Answer = LocalBoxFuture<'static, HttpResponse>;

/// What an annotated function becomes, so that `web::get().to(f)` takes it.
#[doc(hidden)]
#[derive(Debug)]
pub struct Function(fn(HttpRequest, web::Payload) -> Answer);

impl Function {
    /// The function behind its checks.
    #[must_use]
    pub const fn new(function: fn(HttpRequest, web::Payload) -> Answer) -> Self {
        Self(function)
    }
}

/// Spares generated code the name of what it returns.
#[doc(hidden)]
pub fn boxed(answer: impl Future<Output = HttpResponse> + 'static) -> LocalBoxFuture<'static, HttpResponse> {
    Box::pin(answer)
}

/// actix-web clones a handler for each request, when routing has ended at it and before anything is polled: that is the
/// only place where a handler can say who it is.
impl Clone for Function {
    fn clone(&self) -> Self {
        reached::mark();
        Self(self.0)
    }
}

impl Handler<(HttpRequest, web::Payload)> for Function {
    type Output = HttpResponse;
    type Future = Answer;

    fn call(&self, (request, payload): (HttpRequest, web::Payload)) -> Answer {
        (self.0)(request, payload)
    }
}

/// The guarded answer of a plain function that is routed with `web::get().to(..)`.
#[doc(hidden)]
pub async fn enforce<F, T>(
    policy: &'static Policy,
    request: HttpRequest,
    payload: web::Payload,
    handler: F,
    taken: T,
) -> HttpResponse
where
    T: Taken,
    F: Handler<T::Arguments, Output = T::Answer>,
{
    enforce_counted(policy, request, payload, handler, taken, |_, _| Ok(()), |none, _| none).await
}

/// The same with validation.
#[doc(hidden)]
pub async fn enforce_validated<F, T, C>(
    policy: &'static Policy,
    request: HttpRequest,
    payload: web::Payload,
    handler: F,
    taken: T,
    check: C,
) -> HttpResponse
where
    T: Taken,
    F: Handler<T::Arguments, Output = T::Answer>,
    C: FnOnce(Checks<NotValidated>, &T::Arguments) -> Result<(), Invalid>,
{
    enforce_counted(policy, request, payload, handler, taken, check, |none, _| none).await
}

/// The same with the fields that rate limits count by.
#[doc(hidden)]
pub async fn enforce_counted<F, T, C, K>(
    policy: &'static Policy,
    request: HttpRequest,
    payload: web::Payload,
    handler: F,
    _: T,
    check: C,
    keys: K,
) -> HttpResponse
where
    T: Taken,
    F: Handler<T::Arguments, Output = T::Answer>,
    C: FnOnce(Checks<NotValidated>, &T::Arguments) -> Result<(), Invalid>,
    K: FnOnce(FieldKeys, &T::Arguments) -> FieldKeys,
{
    let check = |arguments: &T::Arguments| check(Checks::new(), arguments);
    let keys = |arguments: &T::Arguments| keys(FieldKeys::new(), arguments);
    let payload = &mut payload.into_inner();
    checks::enforce(Place::Behind, policy, ScopeDemands::NONE, &request, payload, &handler, check, keys).await
}
