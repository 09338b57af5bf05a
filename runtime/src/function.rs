//! A guarded function that somebody else routes: `web::get().to(f)`, or actix-web's own attribute.
//!
//! Threat: a function that looks to the router like any other, so that nobody can tell whether it is guarded before it runs
//! (CWE-862). Promise: a [`Function`] is told from a raw handler before anything runs, and the checks come first.

use actix_web::{Handler, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;

use crate::guard::{self as checks, GuardedHandler, MountPosition, MountedPolicy};
use crate::policy::{Policy, ScopeDemands};
use crate::reached;

type Answer = LocalBoxFuture<'static, HttpResponse>;

/// What an annotated function becomes, so that `web::get().to(f)` takes it.
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

/// Runs the checks of a plain function that is routed with `web::get().to(..)`, then the function.
pub async fn enforce(
    policy: &'static Policy,
    request: HttpRequest,
    payload: web::Payload,
    handler: impl GuardedHandler,
) -> HttpResponse {
    let mounted = MountedPolicy { position: MountPosition::Outermost, policy, demands: ScopeDemands::NONE };
    checks::enforce(mounted, &request, &mut payload.into_inner(), &handler).await
}
