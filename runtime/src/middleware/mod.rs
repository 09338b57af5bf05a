//! The middleware that handles each request and each response, guarded or not.
//!
//! Threat: a response without checks and without security headers: from an error of an inner middleware, a panic, or a route
//! that was mounted without a guard (ASVS V16.5.3, V8.2.1). Promise: each response gets the security and CORS headers; an error
//! or a panic becomes a response; and a response that no guard let through is replaced by 500 and logged.
//!
//! ```
//! use actix_web::App;
//! use palisade::Palisade;
//!
//! let palisade = Palisade::builder().build()?;
//! let app = App::new().wrap(palisade); // the outermost `wrap`, which is the last one
//! # let _ = app;
//! # Ok::<(), palisade::ConfigError>(())
//! ```

mod finish;

use std::fmt;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Extensions, Payload, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::Method;
use actix_web::http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_ENCODING, HeaderValue};
use pin_project_lite::pin_project;

use self::finish::Finish;
use crate::body::Coding;
use crate::builder::Palisade;
use crate::cors::{self, Share};
use crate::denial::Denial;
use crate::function;
use crate::gate::Gate;
use crate::reached;
use crate::request_sanity;
use crate::route_responses::{self, ResponsesOfRoute};
use crate::settings::{RequestState, RequestStates, Settings, WorkerSettings};

impl<S, B> Transform<S, ServiceRequest> for Palisade
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = PalisadeMiddleware<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(PalisadeMiddleware::new(service, &self.0, Gate::default())))
    }
}

/// [`Palisade`] around services of which each request reaches a guard.
pub(crate) struct Complete(pub(crate) Palisade);

impl<S, B> Transform<S, ServiceRequest> for Complete
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type InitError = ();
    type Transform = PalisadeMiddleware<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(PalisadeMiddleware::new(service, &self.0.0, Gate::complete())))
    }
}

/// [`Palisade`] around the services of one worker.
pub struct PalisadeMiddleware<S> {
    service: S,
    settings: WorkerSettings,
    gate: Gate,
    states: Rc<RequestStates>,
}

impl<S> PalisadeMiddleware<S> {
    fn new(service: S, settings: &Arc<Settings>, gate: Gate) -> Self {
        Self { service, settings: WorkerSettings::new(settings), gate, states: Rc::default() }
    }

    /// No page may read the response, because the rules of CORS are those of the application's own hosts.
    #[cold]
    fn reject_host<F, B>(&self, request: ServiceRequest, denial: Denial) -> PalisadeResponse<F, B> {
        let (settings, secure) = (self.settings.clone(), request.app_config().secure());
        let finish = Finish { settings, secure, share: Share::No, method: request.method().clone() };
        self.reject(finish, request, denial)
    }

    #[cold]
    fn reject<F, B>(&self, finish: Finish, mut request: ServiceRequest, denial: Denial) -> PalisadeResponse<F, B> {
        // A palisade around this one must not take the rejection for the response of an unguarded handler.
        let state = self.states.take(finish.settings.clone(), None);
        state.get().into_iter().for_each(|state: &RequestState| state.guarded.set(true));
        request.add_data_container(state);
        reached::mark();
        PalisadeResponse::ready(Ok(finish.reject(request, denial)))
    }
}

impl<S: fmt::Debug> fmt::Debug for PalisadeMiddleware<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PalisadeMiddleware").field("service", &self.service).finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for PalisadeMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = PalisadeResponse<S::Future, B>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        if let Err(denial) = self.settings.hosts.check(&request, &self.settings.proxies) {
            return self.reject_host(request, denial);
        }
        let settings = self.settings.clone();
        let secure = request.app_config().secure() || settings.proxies.say_https(request.head());
        let (share, is_preflight) = (settings.cors.share_of(request.head()), cors::is_preflight(request.head()));
        let finish = Finish { settings, secure, share, method: request.method().clone() };
        if let Err(denial) = request_sanity::check(request.head(), finish.settings.head_limit) {
            return self.reject(finish, request, denial);
        }
        // A palisade around this one decides the preflight, and looks for the route of a preflight for `OPTIONS`.
        if is_preflight && !route_responses::is_looking_for_a_route() {
            // A service without a policy may do something as soon as it is called.
            let is_routed = route_responses::decides_preflights();
            if is_routed && !self.gate.may_lead_to_exempt(&finish.settings, &request) {
                return PalisadeResponse::ready(Err(self.routed_preflight(request, finish)));
            }
            return PalisadeResponse::ready(Ok(finish.preflight(request)));
        }
        let coding = match request.parts().1 {
            Payload::None => None,
            _ => self.coding(&finish, &mut request),
        };
        let state = self.states.take(finish.settings.clone(), coding);
        // A service may also panic before it returns its future.
        let called = catch_unwind(AssertUnwindSafe(|| {
            request.add_data_container(Rc::clone(&state));
            self.gate.call(&self.service, &finish.settings, request)
        }));
        // For a palisade around this one: the services inside were checked here.
        reached::mark();
        match called {
            Ok(Ok(response)) => {
                let progress = Progress::Inner { response, finish, states: Rc::clone(&self.states), state };
                PalisadeResponse { progress }
            }
            Ok(Err(not_run)) => PalisadeResponse::ready(Err(finish.not_run(not_run, None))),
            Err(payload) => PalisadeResponse::ready(Err(finish.panicked(&*payload, of_route(&state)))),
        }
    }
}

impl<S: Service<ServiceRequest>> PalisadeMiddleware<S> {
    /// The coding of a body. It is removed from the headers, here or by a palisade around this one.
    #[inline]
    fn coding(&self, finish: &Finish, request: &mut ServiceRequest) -> Option<Coding> {
        if request.headers().contains_key(CONTENT_ENCODING) {
            return self.gate.coding(&finish.settings, request);
        }
        RequestState::of(request.request()).and_then(|around| around.coding)
    }

    /// Responds to a preflight by the rules of the route that the announced request would reach. The router looks for that route, and
    /// nothing of the request runs.
    #[cold]
    fn routed_preflight(&self, mut request: ServiceRequest, finish: Finish) -> Error {
        let head = request.head().clone();
        let state = self.states.take(finish.settings.clone(), None);
        let method = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes).unwrap_or_default();
        if let Ok(method) = Method::from_bytes(method) {
            request.head_mut().method = method;
            request.add_data_container(Rc::clone(&state));
            // The application's own guards may panic. Then the rules of the application decide.
            let call = || route_responses::find_route(|| reached::watch(|| drop(self.service.call(request))));
            let _: Result<(), _> = catch_unwind(AssertUnwindSafe(call));
        }
        reached::mark();
        let (of_route, function) = route_responses::found();
        let of_route = of_route.or_else(|| function::responses_of(function?, &head));
        finish.routed_preflight(&head, of_route)
    }
}

/// What the route changes in the headers of its response, if the router found one.
fn of_route(state: &Extensions) -> Option<Rc<ResponsesOfRoute>> {
    state.get::<RequestState>().and_then(|state| state.responses.get().cloned())
}

pin_project! {
    /// The future of a response. It has a name, because a box for each request would cost more than what the future does.
    pub struct PalisadeResponse<F, B> {
        #[pin]
        progress: Progress<F, B>,
    }
}

pin_project! {
    #[project = ProgressProjection]
    enum Progress<F, B> {
        // The inner service was called.
        Inner { #[pin] response: F, finish: Finish, states: Rc<RequestStates>, state: Rc<Extensions> },
        // No service was called.
        None { response: Option<Result<ServiceResponse<EitherBody<B>>, Error>> },
    }
}

impl<F, B> PalisadeResponse<F, B> {
    fn ready(response: Result<ServiceResponse<EitherBody<B>>, Error>) -> Self {
        Self { progress: Progress::None { response: Some(response) } }
    }
}

impl<F, B> fmt::Debug for PalisadeResponse<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PalisadeResponse").finish_non_exhaustive()
    }
}

impl<F, B> Future for PalisadeResponse<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody + 'static,
{
    type Output = Result<ServiceResponse<EitherBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (response, finish, states, state) = match self.project().progress.project() {
            ProgressProjection::Inner { response, finish, states, state } => (response, finish, states, state),
            // A future is polled until it is ready, and not after that.
            ProgressProjection::None { response } => return response.take().map_or(Poll::Pending, Poll::Ready),
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            response.poll(context).map(|response| {
                state.get().into_iter().for_each(RequestState::release);
                response.map(|response| finish.response(response))
            })
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(response))) => {
                states.keep(Rc::clone(state));
                Poll::Ready(Ok(response))
            }
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Err(finish.clone().error(&error, of_route(state)))),
            Err(payload) => Poll::Ready(Err(finish.clone().panicked(&*payload, of_route(state)))),
        }
    }
}
