//! A guarded function that is not routed by palisade: `web::get().to(f)`, or actix-web's own attribute.
//!
//! Threat: the router treats a guarded function like any other, so whether it is guarded is not known before it runs (CWE-862).
//! Promise: a [`Function`] is distinguished from a raw handler before anything runs, and its checks run first.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use actix_web::{Handler, HttpRequest, HttpResponse, web};
use futures_util::future::LocalBoxFuture;

use crate::guard::{self as checks, GuardedHandler, MountPosition, MountedPolicy};
use crate::policy::{Policy, ScopeDemands};
use crate::reached;

type ResponseFuture = LocalBoxFuture<'static, HttpResponse>;

/// An annotated function as a handler that `web::get().to(f)` accepts.
#[derive(Debug)]
pub struct Function(fn(HttpRequest, web::Payload) -> ResponseFuture);

impl Function {
    /// Takes a function that runs its checks first.
    #[must_use]
    pub const fn new(function: fn(HttpRequest, web::Payload) -> ResponseFuture) -> Self {
        Self(function)
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
        Self(self.0)
    }
}

impl Handler<(HttpRequest, web::Payload)> for Function {
    type Output = HttpResponse;
    type Future = ResponseFuture;

    fn call(&self, (request, payload): (HttpRequest, web::Payload)) -> ResponseFuture {
        (self.0)(request, payload)
    }
}

/// Runs the checks of a function that is routed with `web::get().to(..)`, then the function.
pub async fn enforce(
    policy: &'static Policy,
    request: HttpRequest,
    payload: web::Payload,
    handler: impl GuardedHandler,
) -> HttpResponse {
    match checks::enforce(mounted(policy), request, payload.into_inner(), handler).await {
        Ok(response) => response.into_parts().1,
        Err(error) => HttpResponse::from_error(error),
    }
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
