//! A guarded function that is not routed by palisade: `web::get().to(f)`, actix-web's own attribute, or a default service.
//!
//! Threat: the router treats a guarded function like any other, so whether it is guarded is not known before it runs (CWE-862).
//! Promise: a [`Function`] is distinguished from a raw handler before anything runs, and its checks run first.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse, fn_service};
use actix_web::{Error, FromRequest, Handler, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;

use crate::endpoint::Mounter;
use crate::guard::{self as checks, GuardedHandler, MountPosition, MountedPolicy};
use crate::policy::{Policy, ScopeDemands};
use crate::reached;
use crate::route_responses::{self, ResponsesOfRoute};

type ResponseFuture = LocalBoxFuture<'static, HttpResponse>;

/// An annotated function as a handler that `web::get().to(f)` accepts, and [`Scope::default_service`](crate::Scope::default_service).
#[derive(Debug)]
pub struct Function {
    policy: &'static Policy,
    function: fn(FunctionPolicy, HttpRequest, web::Payload) -> ResponseFuture,
}

/// The policy of a function where it is mounted.
#[allow(missing_debug_implementations, reason = "only generated code passes it on")]
pub struct FunctionPolicy(Rc<MountedPolicy>);

impl FunctionPolicy {
    /// The policy of a function outside of any scope.
    #[must_use]
    pub fn of(policy: &'static Policy) -> Self {
        Self(mounted(policy))
    }
}

impl Function {
    /// Takes a policy, and a function that runs the checks of the policy that it gets first.
    #[must_use]
    pub const fn new(
        policy: &'static Policy,
        function: fn(FunctionPolicy, HttpRequest, web::Payload) -> ResponseFuture,
    ) -> Self {
        Self { policy, function }
    }

    pub(crate) const fn policy(&self) -> &'static Policy {
        self.policy
    }

    /// Mounts the function with the demands of its scopes.
    pub(crate) fn mount(self, mounter: Mounter) -> actix_web::Route {
        if mounter.has_wraps() {
            return mounter.around(|mounter| self.mount(mounter), |route| route);
        }
        let (mounted, function) = (mounter.mounted(), self.function);
        actix_web::Route::new().service(fn_service(move |mut request: ServiceRequest| {
            reached::mark();
            mounted.enter(&mut request);
            let mounted = FunctionPolicy(Rc::clone(&mounted));
            async move {
                let (request, mut payload) = request.into_parts();
                let payload = web::Payload::from_request(&request, &mut payload).await?;
                let response = function(mounted, request.clone(), payload).await;
                Ok::<_, Error>(ServiceResponse::new(request, response))
            }
        }))
    }
}

/// Boxes the future, so that generated code does not need to name its type.
pub fn boxed(response: impl Future<Output = HttpResponse> + 'static) -> LocalBoxFuture<'static, HttpResponse> {
    Box::pin(response)
}

/// actix-web clones a handler for each request, after routing ended at it and before anything is polled. Only there can a
/// handler report that it is guarded.
impl Clone for Function {
    fn clone(&self) -> Self {
        reached::mark();
        if self.policy.cors.is_some() {
            // The worker clones it too, before its first request.
            route_responses::note_plain_function();
            route_responses::note_reached(self.policy);
        }
        Self { ..*self }
    }
}

impl Handler<(HttpRequest, web::Payload)> for Function {
    type Output = HttpResponse;
    type Future = ResponseFuture;

    fn call(&self, (request, payload): (HttpRequest, web::Payload)) -> ResponseFuture {
        (self.function)(FunctionPolicy::of(self.policy), request, payload)
    }
}

/// Runs the checks of a function, then the function.
pub async fn enforce(
    policy: FunctionPolicy,
    request: HttpRequest,
    payload: web::Payload,
    handler: impl GuardedHandler,
) -> HttpResponse {
    // A function that `web::get().to(..)` routes was not entered by a router of palisade.
    policy.0.note_responses(&request);
    match checks::enforce(policy.0, request, payload.into_inner(), handler).await {
        Ok(response) => response.into_parts().1,
        Err(error) => HttpResponse::from_error(error),
    }
}

/// What a function that `web::get().to(..)` routes changes in the headers of the response to a preflight that led to it.
#[cold]
pub(crate) fn responses_of(policy: &'static Policy, head: &RequestHead) -> Option<Rc<ResponsesOfRoute>> {
    mounted(policy).responses_for(head)
}

thread_local! {
    /// The policies of the plain functions of this worker, by their addresses: nothing mounts such a function, so its policy is
    /// kept from its first request on, until the thread ends.
    static MOUNTED: RefCell<HashMap<*const Policy, Rc<MountedPolicy>>> = RefCell::default();
}

fn mounted(policy: &'static Policy) -> Rc<MountedPolicy> {
    let mount = || Rc::new(MountedPolicy::new(MountPosition::Outermost, policy, ScopeDemands::NONE));
    // A thread that ends has no map any more.
    MOUNTED
        .try_with(|known| Rc::clone(known.borrow_mut().entry(std::ptr::from_ref(policy)).or_insert_with(mount)))
        .unwrap_or_else(|_| mount())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Rule;

    #[test]
    fn policy_of_a_plain_function_is_mounted_once() {
        static ONE: Policy = Policy::new(Rule::Public).of("tests", "one");
        static OTHER: Policy = Policy::new(Rule::Authenticated).of("tests", "other");
        assert!(Rc::ptr_eq(&mounted(&ONE), &mounted(&ONE)));
        assert!(!Rc::ptr_eq(&mounted(&ONE), &mounted(&OTHER)));
    }
}
