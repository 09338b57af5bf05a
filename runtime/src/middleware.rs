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

use std::any::Any;
use std::fmt;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{ALLOW, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::audit;
use crate::body::Coding;
use crate::builder::Palisade;
use crate::cors::{CorsRequest, Share};
use crate::denial::Denial;
use crate::failure;
use crate::gate::{self, Gate, NotRun};
use crate::problem::Problem;
use crate::reached;
use crate::rejection_response::{absent, render, respond};
use crate::request_sanity;
use crate::settings::{RequestState, WorkerSettings};

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
        ready(Ok(PalisadeMiddleware { service, settings: WorkerSettings::new(&self.0), gate: Gate::default() }))
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
        let settings = WorkerSettings::new(&self.0.0);
        ready(Ok(PalisadeMiddleware { service, settings, gate: Gate::complete() }))
    }
}

/// [`Palisade`] around the services of one worker.
pub struct PalisadeMiddleware<S> {
    service: S,
    settings: WorkerSettings,
    gate: Gate,
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
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    actix_web::dev::forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let settings = self.settings.clone();
        let secure = request.app_config().secure();
        let (share, preflight) = match settings.cors.classify(request.head()) {
            CorsRequest::Request(share) => (share, None),
            CorsRequest::Preflight(decided) => {
                (decided.as_ref().map_or(Share::No, Clone::clone), Some(decided.map(drop)))
            }
        };
        let finish = Finish { settings, secure, share, method: request.method().clone() };
        if let Err(denial) = request_sanity::check(request.head()) {
            return finish.short_circuit(request, Err(denial));
        }
        if let Some(decided) = preflight {
            return finish.short_circuit(request, decided);
        }
        let coding = match Coding::is_present(&request) {
            true => self.gate.coding(&finish.settings, &mut request),
            false => None,
        };
        request.extensions_mut().insert(RequestState::new(finish.settings.clone(), coding));
        // A service may also panic before it returns its future.
        let called = catch_unwind(AssertUnwindSafe(|| self.gate.call(&self.service, &finish.settings, request)));
        // For a palisade around this one: the services inside were checked here.
        reached::mark();
        match called {
            Ok(Ok(response)) => Box::pin(async move {
                let finished = async { response.await.map(|response| finish.response(response)) };
                match AssertUnwindSafe(finished).catch_unwind().await {
                    Ok(Ok(response)) => Ok(response),
                    Ok(Err(error)) => Err(finish.error(&error)),
                    Err(payload) => Err(finish.panicked(&*payload)),
                }
            }),
            Ok(Err(not_run)) => Box::pin(ready(Err(finish.not_run(not_run)))),
            Err(payload) => Box::pin(ready(Err(finish.panicked(&*payload)))),
        }
    }
}

/// Prepares a response for the client.
struct Finish {
    settings: WorkerSettings,
    secure: bool,
    share: Share,
    /// For the log: if a service returns an error, the request no longer exists.
    method: Method,
}

impl Finish {
    /// Responds to a request without calling the service: a rejection, or a preflight (`Ok`).
    fn short_circuit<B: 'static>(
        self,
        request: ServiceRequest,
        decided: Result<(), Denial>,
    ) -> LocalBoxFuture<'static, Result<ServiceResponse<EitherBody<B>>, Error>> {
        let mut response = match decided {
            Ok(()) => {
                let mut response = HttpResponse::new(StatusCode::NO_CONTENT);
                self.settings.cors.apply_preflight(response.headers_mut());
                response
            }
            Err(denial) => {
                audit::RejectedRequest {
                    status: denial.status,
                    reason: denial.reason,
                    method: request.method().as_str(),
                    handler: &"palisade::middleware",
                    client: self.settings.proxies.client(request.head()),
                    subject: None,
                }
                .record();
                respond(&self.settings, denial, request.path())
            }
        };
        self.headers(response.headers_mut());
        Box::pin(ready(Ok(request.into_response(response).map_into_right_body())))
    }

    fn response<B: MessageBody + 'static>(&self, response: ServiceResponse<B>) -> ServiceResponse<EitherBody<B>> {
        let guarded = response.request().extensions().get::<RequestState>().is_some_and(|state| state.guarded.get());
        let mut response = if guarded || gate::is_exempt(&self.settings, response.request()) {
            if failure::is_server_failure(response.status()) {
                self.failed(response).map_into_right_body()
            } else {
                response.map_into_left_body()
            }
        } else {
            self.unguarded(response).map_into_right_body()
        };
        self.headers(response.headers_mut());
        response
    }

    /// Replaces a response that no guard let through. That is expected if nothing is mounted there. Otherwise a handler is
    /// unguarded.
    fn unguarded<B>(&self, response: ServiceResponse<B>) -> ServiceResponse<BoxBody> {
        let (request, response) = response.into_parts();
        let (problem, allow) = match response.status() {
            StatusCode::NOT_FOUND => (absent(false), None),
            StatusCode::METHOD_NOT_ALLOWED => (absent(true), response.headers().get(ALLOW).cloned()),
            _ => {
                let route = request.match_pattern().unwrap_or_else(|| "an unmatched path".to_owned());
                let help = "a handler without an attribute of palisade responded: write above it who may call it, such as \
                            `#[public]` or `#[authenticated]`";
                audit::misconfigured(&route, help);
                let denial = Denial::internal("unguarded");
                (Problem::new(denial.status).detail(denial.detail), None)
            }
        };
        let mut response = render(&self.settings, problem.instance(request.path()));
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
        ServiceResponse::new(request, response)
    }

    /// Routing did not end at a guard.
    fn not_run(self, not_run: NotRun) -> Error {
        let NotRun { problem, allow } = not_run;
        let mut own = HeaderMap::new();
        if let Some(allow) = allow {
            own.insert(ALLOW, allow);
        }
        Finished { finish: self, problem, own }.into()
    }

    /// The server failed. A response that a middleware or a service without a policy made from an error loses the error's text.
    fn failed<B: MessageBody + 'static>(&self, response: ServiceResponse<B>) -> ServiceResponse<BoxBody> {
        failure::forget_panic();
        let (request, response) = response.into_parts();
        let response = failure::conceal(&self.settings, &request, None, response);
        ServiceResponse::new(request, response)
    }

    fn panicked(self, payload: &(dyn Any + Send)) -> Error {
        let problem = failure::of_panic(&self.settings, &self.method, payload);
        Finished { finish: self, problem, own: HeaderMap::new() }.into()
    }

    /// The request no longer exists, so the response is returned as an error that converts into it.
    fn error(self, error: &Error) -> Error {
        if let Some(not_run) = error.as_error::<NotRun>() {
            return self.not_run(not_run.clone());
        }
        let response = error.as_response_error().error_response();
        let problem = failure::of_error(&self.settings, &self.method, error, &response);
        Finished { finish: self, problem, own: response.headers().clone() }.into()
    }

    fn headers(&self, headers: &mut HeaderMap) {
        self.settings.headers.apply(headers, self.secure);
        self.settings.cors.apply(&self.share, headers);
    }
}

/// An error of an inner service as the response to it. The response keeps its status and challenge, and its text only if it is
/// a [`Problem`].
struct Finished {
    finish: Finish,
    problem: Problem,
    /// The headers of the error's own response.
    own: HeaderMap,
}

impl ResponseError for Finished {
    fn status_code(&self) -> StatusCode {
        self.problem.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = render(&self.finish.settings, self.problem.clone());
        let status = self.problem.status();
        failure::keep(response.headers_mut(), &self.own, |name, value| failure::is_safe_header(status, name, value));
        self.finish.headers(response.headers_mut());
        response
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Finished").field(&self.problem.status()).finish()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem.status())
    }
}
