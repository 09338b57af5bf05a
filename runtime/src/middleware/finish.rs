//! The last step of each response: a rejection of the middleware itself, an error, a panic, and the headers of all of them.
//!
//! Threat: a response that reveals why the server failed (CWE-209), or one that no guard let through (CWE-862). Promise: each
//! response gets the security and CORS headers here, and one that no guard let through is replaced.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, HeaderMap, STRICT_TRANSPORT_SECURITY};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpResponse, ResponseError};

use crate::audit;
use crate::cors::{CorsRules, Share, vary_as_preflight};
use crate::denial::Denial;
use crate::failure;
use crate::gate::{self, NotRun};
use crate::headers::{self, CspNonce, SentResponse};
use crate::problem::Problem;
use crate::rejection_response::{ChallengePlace, absent, render, respond, style_of};
use crate::route_responses::ResponsesOfRoute;
use crate::settings::{RequestState, WorkerSettings};

/// Prepares a response for the client.
#[derive(Clone)]
pub(super) struct Finish {
    pub(super) settings: WorkerSettings,
    pub(super) secure: bool,
    pub(super) share: Share,
    /// For the log: if a service returns an error, the request no longer exists.
    pub(super) method: Method,
}

impl Finish {
    /// Rejects a request without calling the service.
    pub(super) fn reject<B>(self, request: ServiceRequest, denial: Denial) -> ServiceResponse<EitherBody<B>> {
        let mut response = self.denied(denial, request.head());
        self.headers(response.headers_mut(), None, self.sent(None, None));
        request.into_response(response).map_into_right_body()
    }

    /// Responds to a preflight by the rules of the application.
    pub(super) fn preflight<B>(self, request: ServiceRequest) -> ServiceResponse<EitherBody<B>> {
        let response = self.preflight_response(request.head(), None);
        request.into_response(response).map_into_right_body()
    }

    /// Responds to a preflight whose route has rules of its own. The router consumed the request, so the response is returned as an
    /// error that converts into it.
    #[cold]
    pub(super) fn routed_preflight(self, head: &RequestHead, of_route: Option<Rc<ResponsesOfRoute>>) -> Error {
        let response = self.preflight_response(head, of_route);
        WithoutRequest { status: response.status(), response: Cell::new(Some(response)) }.into()
    }

    fn preflight_response(mut self, head: &RequestHead, mut of_route: Option<Rc<ResponsesOfRoute>>) -> HttpResponse {
        let own = of_route.as_deref().and_then(ResponsesOfRoute::cors);
        let cors = own.map_or(&self.settings.cors, |(cors, _)| cors);
        let checks_proofs = self.settings.sender.as_ref().is_some_and(|sender| sender.dpop_algorithms().is_some());
        let mut response = match cors.preflight(head, checks_proofs) {
            Ok(_) => {
                let mut response = HttpResponse::new(StatusCode::NO_CONTENT);
                cors.apply_preflight(response.headers_mut(), checks_proofs);
                response
            }
            Err(denial) => {
                let response = self.denied(denial, head);
                // What is denied is not shared, even if the origin is allowed and only the method is not.
                self.share = Share::No;
                of_route = of_route.map(|of_route| of_route.unshared());
                response
            }
        };
        vary_as_preflight(response.headers_mut());
        self.headers(response.headers_mut(), of_route.as_deref(), self.sent(None, None));
        response
    }

    fn denied(&self, denial: Denial, head: &RequestHead) -> HttpResponse {
        audit::RejectedRequest {
            status: denial.status,
            reason: denial.reason,
            method: head.method.as_str(),
            handler: &"palisade::middleware",
            client: &|| self.settings.proxies.client(head),
            subject: None,
            actor: None,
        }
        .record();
        respond(&self.settings, denial, None, ChallengePlace::default(), head)
    }

    pub(super) fn response<B: MessageBody + 'static>(
        &self,
        response: ServiceResponse<B>,
    ) -> ServiceResponse<EitherBody<B>> {
        let state = RequestState::of(response.request());
        // By a palisade inside too.
        let guarded = state.is_some_and(|state| state.guarded.replace(true));
        let of_route = state.and_then(|state| state.responses.get().cloned());
        let nonce = state.and_then(|state| state.nonce.get().cloned());
        let mut response = if guarded || gate::is_exempt(&self.settings, response.request()) {
            if failure::is_server_failure(response.status()) {
                self.failed(response).map_into_right_body()
            } else {
                response.map_into_left_body()
            }
        } else {
            self.unguarded(response).map_into_right_body()
        };
        let sent = self.sent(Some(response.status()), nonce.as_ref());
        self.headers(response.headers_mut(), of_route.as_deref(), sent);
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
                (Problem::new(denial.status).with_detail(denial.detail), None)
            }
        };
        let mut response = render(self.settings.restyle.as_deref(), problem.with_instance(request.path()));
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
        ServiceResponse::new(request, response)
    }

    /// Routing did not end at a guard.
    pub(super) fn not_run(self, not_run: NotRun, of_route: Option<Rc<ResponsesOfRoute>>) -> Error {
        let NotRun { problem, allow } = not_run;
        let mut own = HeaderMap::new();
        if let Some(allow) = allow {
            own.insert(ALLOW, allow);
        }
        Finished { finish: self, content: Content::Problem(problem, own), of_route }.into()
    }

    /// The server failed. A response that a middleware or a service without a policy made from an error loses the error's text.
    fn failed<B: MessageBody + 'static>(&self, response: ServiceResponse<B>) -> ServiceResponse<BoxBody> {
        failure::forget_panic();
        let (request, response) = response.into_parts();
        let response = failure::conceal(&self.settings, &request, None, response);
        ServiceResponse::new(request, response)
    }

    pub(super) fn panicked(self, payload: &(dyn Any + Send), of_route: Option<Rc<ResponsesOfRoute>>) -> Error {
        let problem = failure::of_panic(&self.settings, &self.method, payload);
        Finished { finish: self, content: Content::Problem(problem, HeaderMap::new()), of_route }.into()
    }

    /// The request no longer exists, so the response is returned as an error that converts into it.
    pub(super) fn error(self, error: &Error, of_route: Option<Rc<ResponsesOfRoute>>) -> Error {
        if let Some(not_run) = error.as_error::<NotRun>() {
            return self.not_run(not_run.clone(), of_route);
        }
        if let Some(inside) = error.as_error::<Finished>() {
            // A palisade inside has logged it.
            let (inside, of_route) = (inside.clone(), inside.of_route.clone());
            return Finished { finish: self, content: Content::Inside(Box::new(inside)), of_route }.into();
        }
        let response = error.as_response_error().error_response();
        let problem = failure::of_error(&self.settings, &self.method, error, &response);
        Finished { finish: self, content: Content::Problem(problem, response.headers().clone()), of_route }.into()
    }

    /// `status` is `None` for a response that no handler could have made.
    fn sent<'r>(&self, status: Option<StatusCode>, nonce: Option<&'r CspNonce>) -> SentResponse<'r> {
        SentResponse { secure: self.secure, status, nonce, shared: false }
    }

    fn headers(&self, headers: &mut HeaderMap, of_route: Option<&ResponsesOfRoute>, sent: SentResponse<'_>) {
        let of_application = (&self.settings.cors, &self.share);
        let (cors, share) = of_route.and_then(ResponsesOfRoute::cors).unwrap_or(of_application);
        // Few handlers set these headers. So their names are looked for first: to remove a header, its name is hashed.
        if headers.keys().any(|name| CorsRules::overrides(name) || *name == STRICT_TRANSPORT_SECURITY) {
            self.override_handler(cors, headers);
        }
        cors.apply(share, headers);
        let application = &self.settings.headers;
        let security = of_route.and_then(|of_route| of_route.headers(application)).unwrap_or(&application.prepared);
        security.apply(headers, &SentResponse { shared: matches!(share, Share::With(_)), ..sent });
    }

    #[cold]
    fn override_handler(&self, cors: &CorsRules, headers: &mut HeaderMap) {
        cors.override_handler(headers);
        headers::override_handler(headers, self.secure);
    }
}

/// An error of an inner service as the response to it. The response keeps its status and challenge, and its text only if it is
/// a [`Problem`].
#[derive(Clone)]
struct Finished {
    finish: Finish,
    content: Content,
    of_route: Option<Rc<ResponsesOfRoute>>,
}

#[derive(Clone)]
enum Content {
    /// A problem, and the headers of the error's own response.
    Problem(Problem, HeaderMap),
    /// The response of a palisade inside of this one.
    Inside(Box<Finished>),
}

impl ResponseError for Finished {
    fn status_code(&self) -> StatusCode {
        match &self.content {
            Content::Problem(problem, _) => problem.status(),
            Content::Inside(inside) => inside.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = match &self.content {
            Content::Problem(problem, own) => {
                let style = style_of(&self.finish.settings, self.of_route.as_deref());
                let mut response = render(style, problem.clone());
                failure::keep(response.headers_mut(), own, |name, value| failure::is_safe_header(status, name, value));
                response
            }
            Content::Inside(inside) => inside.error_response(),
        };
        let sent = self.finish.sent(Some(status), None);
        self.finish.headers(response.headers_mut(), self.of_route.as_deref(), sent);
        response
    }
}

/// A whole response whose request no longer exists.
struct WithoutRequest {
    status: StatusCode,
    /// It is taken once.
    response: Cell<Option<HttpResponse>>,
}

impl ResponseError for WithoutRequest {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.response.take().unwrap_or_else(|| HttpResponse::new(self.status))
    }
}

impl fmt::Debug for WithoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithoutRequest").field(&self.status).finish()
    }
}

impl fmt::Display for WithoutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Finished").field(&self.status_code()).finish()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status_code())
    }
}
