//! A middleware of others that awaits before it calls the services inside of it.
//!
//! Threat: a handler without a policy that hides behind such a middleware (CWE-862): palisade can't see what routing ends
//! at before something runs. Promise: what is inside of it is looked at where the middleware calls it, and runs only if
//! routing ended at a guard.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::HttpMessage as _;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use futures_util::FutureExt as _;
use futures_util::future::{Either, LocalBoxFuture};

use crate::gate::Gate;
use crate::reached;
use crate::settings::RequestState;

/// Lets a middleware await before it calls the services inside of it, such as a session that is loaded first.
///
/// palisade runs nothing unguarded: it drops a request whose routing ended at no guard before anything runs. A middleware
/// of an `App`, or of a `web::scope`, that calls what is inside of it only after an `await` hides where routing ends, so
/// every request through it is refused with 500, and a line in the log says so. Wrapped in this function, it is let run, and
/// the look is taken where it calls on.
///
/// Needed for `actix_web::middleware::from_fn`, actix-session and their like. Not needed for a middleware that calls what is
/// inside at once, such as `Logger`, `Compress`, `NormalizePath` or `DefaultHeaders`, and not for the `wrap` of a route
/// attribute, which is behind the checks.
///
/// ```
/// use actix_web::body::MessageBody;
/// use actix_web::dev::{ServiceRequest, ServiceResponse};
/// use actix_web::middleware::{Next, from_fn};
/// use actix_web::{App, Error};
///
/// async fn with_a_session(
///     request: ServiceRequest,
///     next: Next<impl MessageBody>,
/// ) -> Result<ServiceResponse<impl MessageBody>, Error> {
///     // .. awaits the session's store ..
///     next.call(request).await
/// }
///
/// let palisade = palisade::Palisade::builder().build()?;
/// let app = App::new().wrap(palisade::deferring(from_fn(with_a_session))).wrap(palisade);
/// # Ok::<(), palisade::ConfigError>(())
/// ```
///
/// It has to call on: a response of its own is replaced by 500, because no guard let it through. An error of its own is answered with
/// its status.
///
/// Danger: the middleware itself runs for every request, before the checks.
pub fn deferring<T>(middleware: T) -> Deferring<T> {
    Deferring(middleware)
}

/// See [`deferring`].
#[derive(Clone, Debug)]
pub struct Deferring<T>(T);

impl<S, T, B, C> Transform<S, ServiceRequest> for Deferring<T>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    T: Transform<Gated<S>, ServiceRequest, Response = ServiceResponse<C>, Error = Error>,
    T::InitError: 'static,
    T::Future: 'static,
    S::Future: 'static,
{
    type Response = ServiceResponse<C>;
    type Error = Error;
    type Transform = Marked<T::Transform>;
    type InitError = T::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Transform, T::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let middleware = self.0.new_transform(Gated { service, gate: Gate::default() });
        Box::pin(middleware.map(|made| made.map(|middleware| Marked { middleware })))
    }
}

/// The middleware: it is let run.
#[derive(Debug)]
pub struct Marked<M> {
    middleware: M,
}

impl<M: Service<ServiceRequest>> Service<ServiceRequest> for Marked<M> {
    type Response = M::Response;
    type Error = M::Error;
    type Future = M::Future;

    actix_web::dev::forward_ready!(middleware);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let future = self.middleware.call(request);
        // Last, because what is inside may have been called, and watched, already.
        reached::mark();
        future
    }
}

/// What is inside of the middleware.
pub struct Gated<S> {
    service: S,
    gate: Gate,
}

impl<S: fmt::Debug> fmt::Debug for Gated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").field("service", &self.service).finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for Gated<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Either<S::Future, Ready<Result<Self::Response, Error>>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let settings = request.extensions().get::<RequestState>().map(|state| state.settings.clone());
        let Some(settings) = settings else {
            // Without the middleware of palisade's nobody checks anything, and every guard refuses.
            return Either::Left(self.service.call(request));
        };
        match self.gate.call(&self.service, &settings, request) {
            Ok(future) => Either::Left(future),
            Err(not_run) => Either::Right(ready(Err(not_run.into()))),
        }
    }
}
