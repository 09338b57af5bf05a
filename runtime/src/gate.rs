//! Rejects a request whose routing did not end at a guard.
//!
//! Threat: a raw handler between guarded ones, another method on a guarded path, a service that other code mounted (CWE-862,
//! ASVS V8.2.1, V16.5.3). Promise: it does not run. The request is rejected before its future is polled, unless
//! [`allow_unguarded`](crate::PalisadeBuilder::allow_unguarded) names its mount.
//!
//! The rejection is 404 if nothing is mounted at the path, or if the router's own guards (such as a host guard) keep the request
//! from a guarded route. It is 405 if another method of the path is guarded. Otherwise it is 500, and an event is logged.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::dev::{ResourceMap, Service, ServiceRequest, Url};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::test::TestRequest;
use actix_web::{HttpRequest, HttpResponse, ResponseError};

use crate::audit;
use crate::body::Coding;
use crate::denial::Denial;
use crate::problem::Problem;
use crate::reached::{self, Reach};
use crate::rejection_response::absent;
use crate::route_responses;
use crate::settings::Settings;

static METHODS: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// Calls the services of one worker, and rejects a request that reached no guard.
#[derive(Default)]
pub(crate) struct Gate {
    map: OnceCell<ResourceMap>,
    /// Whether any request reached a guard. If so, no middleware hides all guards.
    any_guarded: Cell<bool>,
    /// Whether it was logged that a default service of the application is not run. This cannot be known without running it.
    default_is_noted: Cell<bool>,
    /// A buffer for a path, so that no request needs to allocate one.
    path: Cell<String>,
    /// Whether a request for which nothing is mounted reaches a guard too.
    is_complete: bool,
}

/// The rejection of a request for which nothing was run.
#[derive(Clone, Debug)]
pub(crate) struct NotRun {
    pub(crate) problem: Problem,
    pub(crate) allow: Option<HeaderValue>,
}

impl Gate {
    pub(crate) fn complete() -> Self {
        Self { is_complete: true, ..Self::default() }
    }

    /// The future of the service, if it may be polled.
    pub(crate) fn call<S: Service<ServiceRequest>>(
        &self,
        service: &S,
        settings: &Settings,
        request: ServiceRequest,
    ) -> Result<S::Future, NotRun> {
        // The copy is cheap, and the request no longer exists when the copy is needed.
        let (head, matched) = (request.head(), request.match_info());
        let mut path = self.path.take();
        path.clear();
        path.push_str(head.uri.path());
        let skipped = matched.as_str().len().saturating_sub(matched.unprocessed().len());
        let snapshot = RequestSnapshot { path, method: head.method.clone(), client: head.peer_addr, skipped };
        let map = self.map.get_or_init(|| request.resource_map().clone());
        let (future, reach) = reached::watch(|| service.call(request));
        let guarded = reach == Reach::Guard;
        if guarded {
            self.any_guarded.set(true);
        }
        if guarded || (!settings.exempt.is_empty() && may_be_exempt(settings, map, &snapshot.path)) {
            self.path.replace(snapshot.path);
            return Ok(future);
        }
        drop(future);
        if route_responses::is_looking_for_a_route() {
            // A palisade around this one responds. Nobody asked for the reason of this rejection, which takes further calls to find.
            return Err(NotRun { problem: absent(false), allow: None });
        }
        Err(self.reject(service, map, &snapshot, reach))
    }

    /// Removes the coding of the body from the headers, so that no extractor decodes the body without a limit. A service that may
    /// be exempt gets the request unchanged. If a guarded handler gets such a request, the request is rejected.
    pub(crate) fn coding(&self, settings: &Settings, request: &mut ServiceRequest) -> Option<Coding> {
        if self.may_lead_to_exempt(settings, request) {
            return Coding::of(request.headers()).map(|_| Coding::Unread);
        }
        Coding::take(request)
    }

    /// Whether the path may lead to a service without a policy.
    pub(crate) fn may_lead_to_exempt(&self, settings: &Settings, request: &ServiceRequest) -> bool {
        let map = self.map.get_or_init(|| request.resource_map().clone());
        !settings.exempt.is_empty() && may_be_exempt(settings, map, request.head().uri.path())
    }

    #[cold]
    fn reject<S: Service<ServiceRequest>>(
        &self,
        service: &S,
        map: &ResourceMap,
        snapshot: &RequestSnapshot,
        reach: Reach,
    ) -> NotRun {
        let RequestSnapshot { path, method, .. } = snapshot;
        let pattern = map.match_pattern(&decoded(path));
        let (problem, allow) = match pattern {
            None if !self.is_complete => {
                if !self.default_is_noted.replace(true) {
                    audit::default_not_run(method, path);
                }
                (absent(false), None)
            }
            None => (unguarded(&format!("{method}, the default service")), None),
            // The default service is guarded. So this request led to a service that is mounted elsewhere.
            Some(pattern) if snapshot.leads_to_a_guard(service, &unrouted_method()) => {
                (unguarded(&format!("{method} {pattern}")), None)
            }
            Some(pattern) => match HeaderValue::try_from(snapshot.guarded_methods(service).join(", ")) {
                Ok(allow) if !allow.is_empty() => {
                    snapshot.record(StatusCode::METHOD_NOT_ALLOWED, "method_not_guarded", &pattern);
                    (absent(true), Some(allow))
                }
                // The router's own guards, such as a host guard, did not let the request in.
                _ if reach == Reach::PassedOn || (self.any_guarded.get() && reached::is_guarded(&pattern)) => {
                    snapshot.record(StatusCode::NOT_FOUND, "no_guard_reached", &pattern);
                    (absent(false), None)
                }
                _ => (unguarded(&format!("{method} {pattern}")), None),
            },
        };
        NotRun { problem: problem.with_instance(path.clone()), allow }
    }
}

/// The parts of a request that are needed after the service consumed it.
struct RequestSnapshot {
    path: String,
    method: Method,
    client: Option<SocketAddr>,
    /// The length of the part of the path that the scopes around this service consumed.
    skipped: usize,
}

impl RequestSnapshot {
    fn record(&self, status: StatusCode, reason: &'static str, pattern: &str) {
        audit::RejectedRequest {
            status,
            reason,
            method: self.method.as_str(),
            handler: &pattern,
            client: &|| self.client.map(|client| client.ip()),
            subject: None,
            actor: None,
        }
        .record();
    }

    /// Every method for which the path leads to a guard.
    fn guarded_methods<S: Service<ServiceRequest>>(&self, service: &S) -> Vec<&'static str> {
        METHODS.iter().filter(|method| self.leads_to_a_guard(service, method)).map(Method::as_str).collect()
    }

    /// Whether the same request with this method reaches a guard. Nothing is polled, so nothing runs.
    fn leads_to_a_guard<S: Service<ServiceRequest>>(&self, service: &S, method: &Method) -> bool {
        let decoded = decoded(&self.path);
        let path = decoded.get(self.skipped..).filter(|path| !path.is_empty()).unwrap_or("/");
        if Uri::try_from(path).is_err() {
            return false;
        }
        let request = || {
            let mut request = TestRequest::default().method(method.clone()).uri(path);
            if let Some(client) = self.client {
                request = request.peer_addr(client);
            }
            request.to_srv_request()
        };
        // The application's own guards get a request that no client sent, so they may panic.
        catch_unwind(AssertUnwindSafe(|| reached::watch(|| drop(service.call(request()))).1))
            .is_ok_and(|reach| reach == Reach::Guard)
    }
}

fn unguarded(what: &str) -> Problem {
    let help = "routing reached no guard, and nothing was run. Either the handler has no attribute of palisade: write above it who \
                may call it, such as `#[public]` or `#[authenticated]`. Or a middleware between it and palisade awaits before it \
                calls its inner service (`from_fn`, a session): wrap the middleware in `palisade::deferring(..)`";
    audit::misconfigured(&what, help);
    let denial = Denial::internal("unguarded");
    Problem::new(denial.status).with_detail(denial.detail)
}

/// A method that no route names. Only a service that accepts all methods responds to it.
fn unrouted_method() -> Method {
    Method::from_bytes(b"PALISADE-PROBE").unwrap_or(Method::TRACE)
}

/// The path as the router decodes it.
fn decoded(path: &str) -> String {
    path.parse::<Uri>().map_or_else(|_| path.to_owned(), |uri| Url::new(uri).path().to_owned())
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the service that the router chose may be exempt. A default service has no pattern, so for it only the path decides.
/// [`is_exempt`] makes the final decision.
fn may_be_exempt(settings: &Settings, map: &ResourceMap, path: &str) -> bool {
    let path = decoded(path);
    let pattern = map.match_pattern(&path);
    let matched = pattern.as_deref().unwrap_or(&path);
    settings.exempt.iter().any(|exempt| is_below(matched, &exempt.prefix))
}

/// Whether the service that responded is mounted where no policy is needed. The router's match decides, never the text of the
/// path: the template that matched. A default service has no template; for it, the matched part of the path decides, if no
/// parameter took any of it from the client.
pub(crate) fn is_exempt(settings: &Settings, request: &HttpRequest) -> bool {
    if settings.exempt.is_empty() {
        return false;
    }
    let matched = request.match_info();
    let mount = matched.as_str().strip_suffix(matched.unprocessed()).unwrap_or_default();
    let pattern = request.match_pattern();
    settings.exempt.iter().any(|exempt| {
        is_below(mount, &exempt.prefix)
            && match &pattern {
                Some(pattern) => is_below(pattern, &exempt.prefix),
                None => matched.segment_count() == 0,
            }
    })
}

/// Used if a middleware that is not palisade's turns the error into a response.
impl ResponseError for NotRun {
    fn status_code(&self) -> StatusCode {
        self.problem.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.clone().into_response();
        if let Some(allow) = &self.allow {
            response.headers_mut().insert(ALLOW, allow.clone());
        }
        response
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no guard was reached: {}", self.problem.status())
    }
}
