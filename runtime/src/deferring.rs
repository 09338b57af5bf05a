//! Support for a third-party middleware that awaits before it calls its inner service.
//!
//! Threat: a handler without a policy behind such a middleware (CWE-862): palisade cannot see where routing ends before
//! something runs. Promise: the inner service is checked where the middleware calls it, and runs only if routing ended at a
//! guard.
//!
//! ```
//! use actix_web::middleware::Compress;
//! use actix_web::App;
//! use palisade::{Palisade, deferring};
//!
//! let palisade = Palisade::builder().build()?;
//! let app = App::new().wrap(deferring(Compress::default())).wrap(palisade);
//! # let _ = app;
//! # Ok::<(), palisade::ConfigError>(())
//! ```

use std::fmt;
use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::test::TestRequest;
use futures_util::FutureExt as _;
use futures_util::future::{Either, LocalBoxFuture};

use crate::gate::Gate;
use crate::reached;
use crate::route_responses;
use crate::settings::RequestState;

/// Allows a middleware to await before it calls its inner service, for example to load a session.
///
/// palisade runs nothing unguarded: it drops a request whose routing did not end at a guard before anything runs. If a
/// middleware of an `App`, or of a `web::scope`, calls its inner service only after an `await`, it hides where routing ends.
/// So each request through it is rejected with 500, and the reason is logged. A middleware that is wrapped in this function
/// runs, and the check happens where it calls its inner service.
///
/// It is needed for `actix_web::middleware::from_fn`, actix-session and similar middleware. It is not needed for a middleware
/// that calls its inner service at once, such as `Logger`, `Compress`, `NormalizePath` or `DefaultHeaders`, and not for the
/// `wrap` of a route attribute, which runs after the checks.
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
/// The middleware must call its inner service: a response of its own is replaced by 500, because no guard let it through. An
/// error of its own becomes a response with the status of the error.
///
/// A CORS preflight is answered by the rule of the route that it announces. The inner service is asked for that route, and the
/// middleware does not run; so if the middleware changes the path of requests, the rule of the application may decide.
///
/// Danger: the middleware itself runs for each request, before the checks.
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
    type Transform = Marked<T::Transform, S>;
    type InitError = T::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Transform, T::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let inner = Rc::new(service);
        let middleware = self.0.new_transform(Gated { service: Rc::clone(&inner), gate: Gate::default() });
        Box::pin(middleware.map(|made| made.map(|middleware| Marked { middleware, inner })))
    }
}

/// The middleware. It marks each request as guarded, so that its future is polled.
pub struct Marked<M, S> {
    middleware: M,
    inner: Rc<S>,
}

impl<M: fmt::Debug, S> fmt::Debug for Marked<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marked").field("middleware", &self.middleware).finish_non_exhaustive()
    }
}

impl<M: Service<ServiceRequest>, S: Service<ServiceRequest>> Service<ServiceRequest> for Marked<M, S> {
    type Response = M::Response;
    type Error = M::Error;
    type Future = M::Future;

    actix_web::dev::forward_ready!(middleware);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if route_responses::is_looking_for_a_route() {
            return self.look_for_a_route(request);
        }
        let future = self.middleware.call(request);
        // Last, because the inner service may have been called already, and `watch` would have reset the mark.
        reached::mark();
        future
    }
}

impl<M: Service<ServiceRequest>, S: Service<ServiceRequest>> Marked<M, S> {
    /// The middleware would hide the route of a preflight, because nothing of it is polled. So the inner service gets the request, and
    /// the middleware gets another one, for a future that is dropped.
    #[cold]
    fn look_for_a_route(&self, request: ServiceRequest) -> M::Future {
        drop(self.inner.call(request));
        let future = route_responses::unnoticed(|| self.middleware.call(TestRequest::default().to_srv_request()));
        reached::mark();
        future
    }
}

/// The inner service of the middleware.
pub struct Gated<S> {
    service: Rc<S>,
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
        let settings = RequestState::of(request.request()).map(|state| state.settings.clone());
        let Some(settings) = settings else {
            // Without palisade's middleware this check is not possible, and each guard rejects.
            return Either::Left(self.service.call(request));
        };
        match self.gate.call(&*self.service, &settings, request) {
            Ok(future) => Either::Left(future),
            Err(not_run) => Either::Right(ready(Err(not_run.into()))),
        }
    }
}
