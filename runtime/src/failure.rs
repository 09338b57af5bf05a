//! Errors that a handler returns: which parts the client gets, and which the log gets.
//!
//! Threat: the text of an error reveals the server's internals to a client (CWE-209; ASVS V16.5.1); a failure is not logged
//! (ASVS V16.3.4). Promise: a response with 500 or above that was made from an error, or after a panic, contains no text of the
//! error, and only those of its headers that are known to contain none. Its cause is logged as one event. Only the text of a
//! [`Problem`] is written for clients: it is kept, in the application's style.

use std::any::Any;
use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::http::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, HttpDate,
};
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::audit;
use crate::authn::AuthError;
use crate::policy::HandlerPath;
use crate::problem::{INTERNAL, Problem, Restyle};
use crate::rejection_response::{render, style_of};
use crate::settings::{RequestState, Settings};

/// Whether a header of an error's own response is useful to the client and contains no free text. An error may have put its
/// cause into any header, so the value is checked too.
pub(crate) fn is_safe_header(status: StatusCode, name: &HeaderName, value: &HeaderValue) -> bool {
    match (name, value.to_str()) {
        // RFC 9110 §10.2.3.
        (&RETRY_AFTER, Ok(value)) => {
            value.bytes().all(|byte| byte.is_ascii_digit()) || value.parse::<HttpDate>().is_ok()
        }
        // RFC 9110 §10.2.1.
        (&ALLOW, Ok(value)) => value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b',' || byte == b' '),
        (&WWW_AUTHENTICATE, Ok(_)) => !is_server_failure(status),
        _ => false,
    }
}

/// The longest text of a cause in the log, in bytes, so that a failure that quotes its input cannot fill the disk.
const LONGEST: usize = 4_096;

/// Whether the server failed. HTTP defines no class for a status of 600 and above (RFC 9110 §15), so it counts as a failure.
pub(crate) fn is_server_failure(status: StatusCode) -> bool {
    status.as_u16() >= 500
}

/// In a response's extensions: its cause is logged, and its text is already reduced to what the client may see.
struct Concealed;

/// Conceals the error's text in a response that may have been made from an error, and logs the cause. A response that a handler
/// made itself is not changed.
///
/// The error stays on the response, for the application's own middleware and logs.
pub(crate) fn conceal<B: MessageBody + 'static>(
    settings: &Settings,
    request: &HttpRequest,
    handler: Option<&HandlerPath>,
    response: HttpResponse<B>,
) -> HttpResponse {
    let Some(error) = response.error() else { return response.map_into_boxed_body() };
    if response.extensions().get::<Concealed>().is_some() {
        return response.map_into_boxed_body();
    }
    let status = response.status();
    let problem = response.extensions().get::<Problem>().cloned();
    let cause = is_server_failure(status).then(|| cause(error, problem.as_ref()));
    let state = RequestState::of(request);
    let is_audited =
        state.is_some_and(|state| state.audited.get()) && problem.as_ref().is_some_and(Problem::has_own_event);
    if let Some(cause) = cause.as_ref().filter(|_| !is_audited) {
        let route = request.match_pattern();
        let (method, route) = (Some(request.method().as_str()), route.as_deref());
        audit::Failed { event: "failed", status, method, route, handler, cause }.record();
    }
    let of_route = state.and_then(|state| state.responses.get()).map(Rc::as_ref);
    let style = style_of(settings, of_route);
    let shown = match (problem, cause) {
        (Some(problem), Some(cause)) if settings.reveal && problem.source().is_some() => {
            Some((problem.with_detail(cause), false))
        }
        // A page for people has a way on, which depends on where it is.
        (Some(problem), _) if of_route.is_some_and(|of_route| of_route.problems().is_some()) => {
            let is_placed = problem.instance().is_some();
            Some((if is_placed { problem } else { problem.with_instance(request.path()) }, false))
        }
        (Some(problem), _) => style.is_some().then_some((problem, false)),
        (None, Some(cause)) => Some((internal(settings, status, cause).with_instance(request.path()), true)),
        (None, None) => None,
    };
    let mut response = match shown {
        Some((problem, concealed)) => with_problem(style, response, &problem, concealed),
        None => response.map_into_boxed_body(),
    };
    response.extensions_mut().insert(Concealed);
    response
}

/// The problem for an error whose request no longer exists, such as an error of an inner middleware.
pub(crate) fn of_error(settings: &Settings, method: &Method, error: &Error, response: &HttpResponse) -> Problem {
    // An error with a success status is treated as 500: no guard let it through.
    let status = match response.status() {
        status if status.is_client_error() || is_server_failure(status) => status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let problem = response.extensions().get::<Problem>().filter(|problem| problem.status() == status).cloned();
    if !is_server_failure(status) {
        return problem.unwrap_or_else(|| Problem::new(status));
    }
    let cause = cause(error, problem.as_ref());
    let method = Some(method.as_str());
    audit::Failed { event: "failed", status, method, route: None, handler: None, cause: &cause }.record();
    match problem {
        Some(problem) if settings.reveal && problem.source().is_some() => problem.with_detail(cause),
        Some(problem) => problem,
        None => internal(settings, status, cause),
    }
}

/// The problem for a panic with this payload.
pub(crate) fn of_panic(settings: &Settings, method: &Method, payload: &(dyn Any + Send)) -> Problem {
    let text = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without text");
    let mut cause = Bounded::default();
    let _ = cause.write_str(text);
    let panicked = PANICKED.try_with(Cell::take).ok().flatten();
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    audit::Failed {
        event: "panicked",
        status,
        method: Some(method.as_str()),
        route: panicked.as_ref().and_then(|panicked| panicked.route.as_deref()),
        handler: panicked.as_ref().map(|panicked| &panicked.handler),
        cause: &cause.0,
    }
    .record();
    internal(settings, status, cause.0)
}

/// The stable code of a rejection that a handler made from an [`AuthError`].
pub(crate) fn reason(response: &HttpResponse) -> Option<&'static str> {
    let extensions = response.extensions();
    match extensions.get::<Problem>()?.source()?.downcast_ref::<AuthError>()? {
        AuthError::Invalid(reason) | AuthError::Unavailable(reason) => Some(reason),
    }
}

/// A problem without the cause, unless the settings allow clients to see it.
fn internal(settings: &Settings, status: StatusCode, cause: String) -> Problem {
    let problem = Problem::new(status);
    if settings.reveal { problem.with_detail(cause) } else { problem.with_detail(INTERNAL) }
}

/// The response with the problem as its body.
fn with_problem<B>(
    style: Option<&Restyle>,
    response: HttpResponse<B>,
    problem: &Problem,
    concealed: bool,
) -> HttpResponse {
    let status = response.status();
    let (mut styled, body) = render(style, problem.clone()).into_parts();
    let (mut response, _) = response.into_parts();
    let mut headers = std::mem::replace(styled.headers_mut(), HeaderMap::new());
    let body_headers = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING];
    let kept = |name: &HeaderName, value: &HeaderValue| {
        if concealed { is_safe_header(status, name, value) } else { !body_headers.contains(name) }
    };
    keep(&mut headers, response.headers(), kept);
    let head = response.head_mut();
    // The reason phrase is free text too.
    head.reason = None;
    head.status = status;
    head.headers = headers;
    response.set_body(body)
}

/// Adds those headers of the error's own response that are wanted and not present yet.
pub(crate) fn keep(headers: &mut HeaderMap, own: &HeaderMap, wanted: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let present: Vec<HeaderName> = headers.keys().cloned().collect();
    for (name, value) in own {
        if wanted(name, value) && !present.contains(name) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// The whole cause for the log: the error and its chain of sources.
fn cause(error: &Error, problem: Option<&Problem>) -> String {
    let mut text = Bounded::default();
    // In the alternate form `anyhow` and similar crates write the whole chain.
    let _ = write!(text, "{error:#}");
    let own = text.0.clone();
    if let Some(error) = error.as_error::<Box<dyn StdError>>() {
        text.chain(error.source(), &own);
    }
    if let Some(problem) = problem {
        text.chain(problem.source(), &own);
    }
    if let Some(reason) = problem.and_then(StdError::source).and_then(|source| source.downcast_ref::<AuthError>()) {
        let (AuthError::Invalid(code) | AuthError::Unavailable(code)) = reason;
        let _ = write!(text, ": {code}");
    }
    text.0
}

/// A text of at most [`LONGEST`] bytes. The rest is cut off.
#[derive(Default)]
struct Bounded(String);

impl Bounded {
    /// Adds the error and its sources, except those whose text is present already.
    fn chain(&mut self, mut next: Option<&(dyn StdError + 'static)>, own: &str) {
        while let Some(error) = next.filter(|_| self.0.len() < LONGEST) {
            let mut text = Self::default();
            let _ = write!(text, "{error}");
            if !own.contains(&text.0) {
                let _ = write!(self, ": {}", text.0);
            }
            next = error.source();
        }
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST.saturating_sub(self.0.len());
        let end =
            text.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8())).take_while(|end| *end <= room).last();
        if let Some(text) = text.get(..end.unwrap_or_default()) {
            self.0.push_str(text);
        }
        Ok(())
    }
}

/// The handler that panicked, and its route.
struct PanickedHandler {
    handler: HandlerPath,
    route: Option<String>,
}

thread_local! {
    /// Set by [`Watch`], which is dropped while a panic unwinds. Taken by [`of_panic`] on the same thread.
    static PANICKED: Cell<Option<Box<PanickedHandler>>> = const { Cell::new(None) };
}

/// Lives while a handler runs. After a panic it records the handler and its route, because the request no longer exists where
/// the panic is caught.
pub(crate) struct Watch<'r> {
    pub(crate) request: &'r HttpRequest,
    pub(crate) handler: &'static HandlerPath,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let panicked_handler = PanickedHandler { handler: *self.handler, route: self.request.match_pattern() };
            let _ = PANICKED.try_with(|panicked| panicked.set(Some(Box::new(panicked_handler))));
        }
    }
}

/// Forgets the location of a panic that other code caught and responded to.
pub(crate) fn forget_panic() {
    let _ = PANICKED.try_with(Cell::take);
}
