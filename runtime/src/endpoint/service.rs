//! A guarded handler as the service of a route.
//!
//! Threat: an application that waits for its compiler leaves out attributes. Promise: what actix-web needs between a route and its
//! handler is one type, because each type there is compiled again for each handler.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse};

/// A function of a request, which is its own factory. actix-web's `fn_service` has a type for each.
#[derive(Clone)]
pub(super) struct GuardedService<F>(pub(super) F);

impl<F, Fut> Service<ServiceRequest> for GuardedService<F>
where
    F: Fn(ServiceRequest) -> Fut,
    Fut: Future<Output = Result<ServiceResponse, Error>>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Fut;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, request: ServiceRequest) -> Fut {
        (self.0)(request)
    }
}

impl<F, Fut> ServiceFactory<ServiceRequest> for GuardedService<F>
where
    F: Fn(ServiceRequest) -> Fut + Clone,
    Fut: Future<Output = Result<ServiceResponse, Error>>,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Config = ();
    type Service = Self;
    type InitError = ();
    type Future = Ready<Result<Self, ()>>;

    fn new_service(&self, (): ()) -> Self::Future {
        ready(Ok(self.clone()))
    }
}
