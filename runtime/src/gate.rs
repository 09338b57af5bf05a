//! What becomes of a request whose routing ended at no guard.
//!
//! Threat: a raw handler between guarded ones, another method on a guarded path, a service that somebody else mounted
//! (CWE-862, ASVS V8.2.1, V16.5.3). Promise: it does not run. The request is refused before anything of it is polled,
//! except where [`allow_unguarded`](crate::PalisadeBuilder::allow_unguarded) names its mount.
//!
//! The refusal is 404 if nothing is mounted at the path, or if the router's own guards (such as one of the host) keep the
//! request from a guarded route; 405 if another method of the path is guarded; 500 and an event otherwise.

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
use crate::reached;
use crate::refusal_response::absent;
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

/// The way into the services of one worker.
#[derive(Default)]
pub(crate) struct Gate {
    map: OnceCell<ResourceMap>,
    /// Whether any request reached a guard, so that no middleware hides them all.
    seen: Cell<bool>,
    /// Room for a path, so that no request has to make some.
    path: Cell<String>,
    /// Whether a request for which nothing is mounted reaches a guard too.
    is_complete: bool,
}

/// Why a request runs nothing.
#[derive(Clone, Debug)]
pub(crate) struct NotRun {
    pub(crate) problem: Problem,
    pub(crate) allow: Option<HeaderValue>,
}

impl Gate {
    pub(crate) fn complete() -> Self {
        Self { is_complete: true, ..Self::default() }
    }

    /// The future of the service, where it is fit to be polled.
    pub(crate) fn call<S: Service<ServiceRequest>>(
        &self,
        service: &S,
        settings: &Settings,
        request: ServiceRequest,
    ) -> Result<S::Future, NotRun> {
        // Cheap, and the request is gone when they are needed.
        let asked = Asked::of(&request, self.path.take());
        let map = self.map.get_or_init(|| request.resource_map().clone());
        let (future, guarded) = reached::watch(|| service.call(request));
        if guarded {
            self.seen.set(true);
        }
        if guarded || (!settings.exempt.is_empty() && may_be_exempt(settings, map, &asked.path)) {
            self.path.replace(asked.path);
            return Ok(future);
        }
        drop(future);
        Err(self.refuse(service, map, &asked))
    }

    /// Takes the coding of the body out of the headers, so that no extractor decodes the body without a bound. A service that may be
    /// exempt gets the request unchanged; if a guarded handler gets such a request, it is refused.
    pub(crate) fn coding(&self, settings: &Settings, request: &mut ServiceRequest) -> Option<Coding> {
        let map = self.map.get_or_init(|| request.resource_map().clone());
        if !settings.exempt.is_empty() && may_be_exempt(settings, map, request.head().uri.path()) {
            return Coding::of(request.headers()).map(|_| Coding::Unread);
        }
        Coding::take(request)
    }

    #[cold]
    fn refuse<S: Service<ServiceRequest>>(&self, service: &S, map: &ResourceMap, asked: &Asked) -> NotRun {
        let Asked { path, method, .. } = asked;
        let pattern = map.match_pattern(&decoded(path));
        let (problem, allow) = match pattern {
            None if !self.is_complete => (absent(false), None),
            None => (unguarded(&format!("{method}, the default service")), None),
            // A default service is guarded: so what this request led to is mounted besides.
            Some(pattern) if asked.leads_to_a_guard(service, &method_of_nobody()) => {
                (unguarded(&format!("{method} {pattern}")), None)
            }
            Some(pattern) => match HeaderValue::try_from(asked.guarded_methods(service).join(", ")) {
                Ok(allow) if !allow.is_empty() => {
                    asked.record(StatusCode::METHOD_NOT_ALLOWED, "method_not_guarded", &pattern);
                    (absent(true), Some(allow))
                }
                // Its own guards, such as one of the host, did not let the request in.
                _ if self.seen.get() && reached::is_guarded(&pattern) => {
                    asked.record(StatusCode::NOT_FOUND, "no_guard_reached", &pattern);
                    (absent(false), None)
                }
                _ => (unguarded(&format!("{method} {pattern}")), None),
            },
        };
        NotRun { problem: problem.instance(path.clone()), allow }
    }
}

/// What is left of a request once it is gone.
struct Asked {
    path: String,
    method: Method,
    client: Option<SocketAddr>,
    /// How much of the path the scopes around this service took.
    skipped: usize,
}

impl Asked {
    fn of(request: &ServiceRequest, mut path: String) -> Self {
        let head = request.head();
        let matched = request.match_info();
        path.clear();
        path.push_str(head.uri.path());
        Self {
            path,
            method: head.method.clone(),
            client: head.peer_addr,
            skipped: matched.as_str().len().saturating_sub(matched.unprocessed().len()),
        }
    }

    fn record(&self, status: StatusCode, reason: &'static str, pattern: &str) {
        let client = self.client.map(|client| client.ip());
        audit::Refused { status, reason, method: self.method.as_str(), handler: &pattern, client, subject: None }
            .record();
    }

    /// Every method for which the path leads to a guard.
    fn guarded_methods<S: Service<ServiceRequest>>(&self, service: &S) -> Vec<&'static str> {
        METHODS.iter().filter(|method| self.leads_to_a_guard(service, method)).map(Method::as_str).collect()
    }

    /// Whether the same request of another method reaches a guard. Nothing is polled, so nothing runs.
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
        // Guards of the application see a request that a client did not send.
        catch_unwind(AssertUnwindSafe(|| reached::watch(|| drop(service.call(request()))).1)).unwrap_or(false)
    }
}

fn unguarded(what: &str) -> Problem {
    let cure = "routing reached no guard, and nothing was run. Either the handler has no attribute of palisade's: say above it who \
                may call it, such as `#[public]` or `#[authenticated]`. Or a middleware between it and palisade awaits before it \
                calls what is inside of it (`from_fn`, a session): wrap it in `palisade::deferring(..)`";
    audit::misconfigured(&what, cure);
    let denial = Denial::internal("unguarded");
    Problem::new(denial.status).detail(denial.detail)
}

/// One that no route names, so only a service that takes them all answers it.
fn method_of_nobody() -> Method {
    Method::from_bytes(b"PALISADE-PROBE").unwrap_or(Method::TRACE)
}

/// The path as the router reads it.
fn decoded(path: &str) -> String {
    path.parse::<Uri>().map_or_else(|_| path.to_owned(), |uri| Url::new(uri).path().to_owned())
}

fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an exempt service may be what the router chose. A default service has no pattern, so there the path is all that
/// there is to go by; [`is_exempt`] has the last word.
fn may_be_exempt(settings: &Settings, map: &ResourceMap, path: &str) -> bool {
    let path = decoded(path);
    let pattern = map.match_pattern(&path);
    let place = pattern.as_deref().unwrap_or(&path);
    settings.exempt.iter().any(|exempt| below(place, &exempt.prefix))
}

/// Whether the service that answered is mounted where none needs a policy. The router's own words decide, never the
/// text of the path: the template that it matched by; and where a default service has none, what it matched of the
/// path, if no parameter took any of that from the client.
pub(crate) fn is_exempt(settings: &Settings, request: &HttpRequest) -> bool {
    if settings.exempt.is_empty() {
        return false;
    }
    let matched = request.match_info();
    let mount = matched.as_str().strip_suffix(matched.unprocessed()).unwrap_or_default();
    let pattern = request.match_pattern();
    settings.exempt.iter().any(|exempt| {
        below(mount, &exempt.prefix)
            && match &pattern {
                Some(pattern) => below(pattern, &exempt.prefix),
                None => matched.segment_count() == 0,
            }
    })
}

/// On its way out through a middleware that is not palisade's.
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
