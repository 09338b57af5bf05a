//! Cross-origin requests (CORS): an exact allow-list of origins.
//!
//! Threat: an attacker's origin that matches a pattern, or credentials allowed for every origin (CWE-942, ASVS V3.4.2).
//!
//! Promise: an origin is allowed only if scheme, host and port are equal to a listed one. `*` with credentials does not
//! compile, because [`CorsAnyOrigin`] has no method for it. Preflights are answered before authentication, and no rate limit
//! counts them. Error responses carry the same headers as successful ones, so that a page can read why a request was rejected.
//!
//! palisade does not use `actix-cors`: that middleware cannot add its headers to responses that an outer layer creates from
//! errors and panics, and its builder allows credentials for any origin.
//!
//! ```
//! use palisade::{Cors, Palisade};
//!
//! let cors = Cors::allow_origins(["https://app.example.com"]).allow_credentials().allow_header("X-Request-Id");
//! let palisade = Palisade::builder().cors(cors).build()?;
//! # let _ = palisade;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! See [`PalisadeBuilder::cors`](crate::PalisadeBuilder::cors).

use std::marker::PhantomData;

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use url::Url;

use crate::config_error::{ConfigError, Mistakes};
use crate::denial::Denial;
use crate::headers::{Stays, insert};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What allows a page to read a response.
const ALLOWANCES: [HeaderName; 2] = [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS];
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// The response headers that a page may read in addition to those that the Fetch standard always allows.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, WWW-Authenticate, Location",
);
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins whose pages may read responses. Each is compared exactly.
///
/// Default: no credentials; the methods GET, HEAD, POST, PUT, PATCH and DELETE; the request headers `Authorization` and
/// `Content-Type`; browsers cache a preflight for 10 minutes.
///
/// A malformed origin or header name is a configuration error.
///
/// ```
/// use palisade::Cors;
///
/// let cors = Cors::allow_origins(["https://app.example.com", "https://admin.example.com"]).allow_credentials();
/// # let _ = cors;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Cors(CorsRules);

/// Pages of every origin may read responses, and none may send credentials.
///
/// `allow_credentials` does not exist here, so `*` with credentials does not compile:
///
/// ```compile_fail,E0599
/// palisade::Cors::allow_any_origin().allow_credentials();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CorsAnyOrigin {
    rules: CorsRules,
    _without_credentials: PhantomData<()>,
}

/// The argument of [`PalisadeBuilder::cors`](crate::PalisadeBuilder::cors), converted from a [`Cors`] or a [`CorsAnyOrigin`].
#[derive(Clone, Debug)]
pub struct CorsRules {
    origins: Origins,
    credentials: bool,
    request_headers: Vec<HeaderName>,
    allow_headers: HeaderValue,
    max_age: HeaderValue,
    mistakes: Mistakes,
}

#[derive(Clone, Debug)]
enum Origins {
    Any,
    Listed(Vec<HeaderValue>),
}

impl Cors {
    /// Allows exactly these origins, such as `https://app.example.com` or `http://localhost:5173`.
    ///
    /// Each must be written as a browser sends it: scheme and host, and the port unless it is the default port of the scheme. A
    /// path, a `*` or a user name is a configuration error.
    pub fn allow_origins(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut mistakes = Mistakes::default();
        let origins = origins.into_iter().filter_map(|origin| mistakes.note(parse_origin(origin.as_ref()))).collect();
        Self(CorsRules { mistakes, ..CorsRules::new(Origins::Listed(origins)) })
    }

    /// Allows every origin, without credentials.
    ///
    /// Danger: any page on the web may read the responses. Use it only for an API whose responses are public.
    pub fn allow_any_origin() -> CorsAnyOrigin {
        CorsAnyOrigin { rules: CorsRules::new(Origins::Any), _without_credentials: PhantomData }
    }

    /// Allows pages to send cookies and `Authorization`. Default: not allowed.
    pub fn allow_credentials(mut self) -> Self {
        self.0.credentials = true;
        self
    }

    /// One more request header that pages may send. Repeatable.
    ///
    /// A text that is not a header name is a configuration error.
    pub fn allow_header(mut self, name: &str) -> Self {
        self.0.allow_header(name);
        self
    }
}

impl CorsAnyOrigin {
    /// One more request header that pages may send. Repeatable.
    ///
    /// A text that is not a header name is a configuration error.
    pub fn allow_header(mut self, name: &str) -> Self {
        self.rules.allow_header(name);
        self
    }
}

impl From<Cors> for CorsRules {
    fn from(cors: Cors) -> Self {
        cors.0
    }
}

impl From<CorsAnyOrigin> for CorsRules {
    fn from(cors: CorsAnyOrigin) -> Self {
        cors.rules
    }
}

/// Whether a page of another origin may read the response.
#[derive(Clone, Debug)]
pub(crate) enum Share {
    /// No page of another origin may.
    No,
    /// Pages of this origin may.
    With(HeaderValue),
}

/// A preflight, or any other request.
pub(crate) enum CorsRequest {
    Request(Share),
    Preflight(Result<Share, Denial>),
}

impl CorsRules {
    /// Allows no origin: the default.
    pub(crate) fn none() -> Self {
        Self::new(Origins::Listed(Vec::new()))
    }

    fn new(origins: Origins) -> Self {
        Self {
            origins,
            credentials: false,
            request_headers: vec![HeaderName::from_static("authorization"), HeaderName::from_static("content-type")],
            allow_headers: HeaderValue::from_static("authorization, content-type"),
            max_age: HeaderValue::from_static("600"),
            mistakes: Mistakes::default(),
        }
    }

    fn allow_header(&mut self, name: &str) {
        let Ok(header) = HeaderName::try_from(name) else {
            self.mistakes
                .report("cors header", format!("must be a header name, such as \"x-request-id\", but is {name:?}"));
            return;
        };
        self.request_headers.push(header);
        let list = self.request_headers.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
        match HeaderValue::try_from(list) {
            Ok(list) => self.allow_headers = list,
            Err(_) => self.mistakes.report("cors header", format!("must fit in a header field, but {name:?} does not")),
        }
    }

    /// The errors that the setters stored.
    pub(crate) fn take_mistakes(&mut self) -> Mistakes {
        std::mem::take(&mut self.mistakes)
    }

    /// Whether a page of another origin may read the response to this request.
    pub(crate) fn share_of(&self, head: &RequestHead) -> Share {
        head.headers.get(ORIGIN).map_or(Share::No, |origin| self.share(origin, head))
    }

    pub(crate) fn classify(&self, head: &RequestHead) -> CorsRequest {
        let Some(origin) = head.headers.get(ORIGIN) else {
            return CorsRequest::Request(Share::No);
        };
        let share = self.share(origin, head);
        if head.method != Method::OPTIONS {
            return CorsRequest::Request(share);
        }
        // Fetch standard, "CORS-preflight request": OPTIONS with Origin and Access-Control-Request-Method.
        match head.headers.get(ACCESS_CONTROL_REQUEST_METHOD) {
            None => CorsRequest::Request(share),
            Some(method) => CorsRequest::Preflight(self.preflight(share, method, head)),
        }
    }

    /// Whether the request that a preflight announces is allowed.
    pub(crate) fn preflight_of(&self, head: &RequestHead) -> Result<(), Denial> {
        let method = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD).ok_or(Denial::origin("not_a_preflight"))?;
        self.preflight(self.share_of(head), method, head).map(drop)
    }

    fn share(&self, origin: &HeaderValue, head: &RequestHead) -> Share {
        if head.headers.get_all(ORIGIN).nth(1).is_some() {
            return Share::No;
        }
        match &self.origins {
            Origins::Any => Share::With(ANY),
            Origins::Listed(list) => {
                list.iter().find(|own| *own == origin).map_or(Share::No, |own| Share::With(own.clone()))
            }
        }
    }

    fn preflight(&self, share: Share, method: &HeaderValue, head: &RequestHead) -> Result<Share, Denial> {
        if matches!(share, Share::No) {
            return Err(Denial::origin("origin_not_allowed"));
        }
        let listed = |method: &str| METHODS.to_str().is_ok_and(|all| all.split(", ").any(|own| own == method));
        if !method.to_str().is_ok_and(listed) {
            return Err(Denial::origin("method_not_allowed_cross_origin"));
        }
        for line in head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            let names = line.to_str().unwrap_or("\n").split(',').map(str::trim).filter(|name| !name.is_empty());
            for name in names {
                if !self.request_headers.iter().any(|own| own.as_str().eq_ignore_ascii_case(name)) {
                    return Err(Denial::origin("header_not_allowed_cross_origin"));
                }
            }
        }
        Ok(share)
    }

    /// Adds the CORS headers to a response, including error responses. Call it first: a handler sets few headers, and each of
    /// them is looked at.
    pub(crate) fn apply(&self, share: &Share, headers: &mut HeaderMap) {
        let only_listed = match &self.origins {
            Origins::Listed(list) if list.is_empty() => return,
            Origins::Listed(_) => true,
            Origins::Any => false,
        };
        // Looked for first, because few handlers set them, and removing hashes each name.
        if only_listed && headers.keys().any(|name| ALLOWANCES.contains(name)) {
            ALLOWANCES.iter().for_each(|name| _ = headers.remove(name));
        }
        if only_listed {
            headers.append(VARY, VARY_ORIGIN);
        }
        // A configured list overrides headers that a handler set.
        match share {
            Share::With(origin) => {
                insert(headers, &ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone(), Stays::New);
                insert(headers, &ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED, Stays::New);
                if self.credentials {
                    insert(headers, &ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE, Stays::New);
                }
            }
            Share::No => {}
        }
    }

    /// Adds the headers that only the response to a successful preflight has.
    pub(crate) fn apply_preflight(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        headers.append(VARY, VARY_PREFLIGHT);
    }
}

fn parse_origin(text: &str) -> Result<HeaderValue, ConfigError> {
    let config_error = |problem: String| ConfigError::new("cors origin", format!("{problem}, but is {text:?}"));
    if text == "*" || text == "null" {
        return Err(config_error("must be an origin (for every origin, use `Cors::allow_any_origin()`)".into()));
    }
    if text.contains('*') {
        return Err(config_error(
            "must not contain a pattern, because a pattern can match the origin of an attacker".into(),
        ));
    }
    let url =
        Url::parse(text).map_err(|_| config_error("must be an origin, such as \"https://app.example.com\"".into()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(config_error("must have the scheme http or https".into()));
    }
    // The serialization that a browser sends (RFC 6454 §6.2). Another spelling would never match.
    let serialized = url.origin().ascii_serialization();
    if serialized != text {
        return Err(config_error(format!("must be written as browsers send it, {serialized:?}")));
    }
    HeaderValue::try_from(serialized)
        .map_err(|_| config_error("must contain only characters that a header field can contain".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(origin: &str) -> Mistakes {
        CorsRules::from(Cors::allow_origins([origin])).take_mistakes()
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for good in
            ["https://app.example.com", "http://localhost:5173", "https://[::1]:8443", "https://xn--bcher-kva.example"]
        {
            assert!(mistakes(good).into_result().is_ok(), "{good}");
        }
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://user@app.example.com",
            "https://*.example.com",
            "file:///x",
            "https://app.example.com/x",
            "https://bücher.example",
            "https://app.example.com?",
        ] {
            assert!(mistakes(bad).into_result().is_err(), "{bad}");
        }
    }
}
