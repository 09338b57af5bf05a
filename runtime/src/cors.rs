//! Cross-origin requests: an exact allow-list.
//!
//! Threat: an origin that is matched by pattern, or every origin with credentials (CWE-942, ASVS V3.4.2). Promise: an origin
//! is allowed by comparing scheme, host and port exactly; `*` with credentials can't be written down, because
//! [`CorsAnyOrigin`] has no method for it; preflights are answered before authentication and counted by no rate limit;
//! refusals carry the same headers as successes, so that a page can read why.
//!
//! Not `actix-cors`: a middleware of its own can't put its headers on the answers that the layer outside it makes from
//! errors and panics, and its builder accepts any origin together with credentials.

use std::marker::PhantomData;

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use url::Url;

use crate::config_error::ConfigError;
use crate::denial::Denial;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// What a page may read of an answer beyond the safelisted headers.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, WWW-Authenticate, Location",
);
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins that may read answers: each compared exactly.
///
/// Default: no credentials, the methods GET, HEAD, POST, PUT, PATCH and DELETE, the request headers `Authorization` and
/// `Content-Type`, preflights cached for 10 minutes.
///
/// ```
/// # fn main() -> Result<(), palisade::ConfigError> {
/// use palisade::Cors;
///
/// let cors = Cors::allow_origins(["https://app.example.com", "https://admin.example.com"])?.allow_credentials();
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Cors(Rules);

/// Every origin may read answers, and none may send credentials along.
///
/// `allow_credentials` does not exist here, so `*` with credentials does not compile:
///
/// ```compile_fail,E0599
/// palisade::Cors::allow_any_origin().allow_credentials();
/// ```
#[derive(Clone, Debug)]
pub struct CorsAnyOrigin {
    rules: Rules,
    _without_credentials: PhantomData<()>,
}

/// What both kinds come down to.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct Rules {
    origins: Origins,
    credentials: bool,
    request_headers: Vec<HeaderName>,
    allow_headers: HeaderValue,
    max_age: HeaderValue,
}

#[derive(Clone, Debug)]
enum Origins {
    Any,
    Listed(Vec<HeaderValue>),
}

impl Cors {
    /// Exactly these origins, such as `https://app.example.com` or `http://localhost:5173`.
    ///
    /// # Errors
    ///
    /// If one is not written as a browser sends it: scheme, host and a port that is not the scheme's own; no path, no
    /// `*`, no user.
    pub fn allow_origins(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, ConfigError> {
        let origins = origins.into_iter().map(|origin| parse_origin(origin.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self(Rules::new(Origins::Listed(origins))))
    }

    /// Every origin, without credentials: only for answers that are meant for the whole world.
    #[must_use]
    pub fn allow_any_origin() -> CorsAnyOrigin {
        CorsAnyOrigin { rules: Rules::new(Origins::Any), _without_credentials: PhantomData }
    }

    /// Cookies and `Authorization` may be sent along.
    #[must_use]
    pub fn allow_credentials(mut self) -> Self {
        self.0.credentials = true;
        self
    }

    /// One more request header that pages may send.
    ///
    /// # Errors
    ///
    /// If it is no header name.
    pub fn allow_header(mut self, name: &str) -> Result<Self, ConfigError> {
        self.0.allow_header(name)?;
        Ok(self)
    }
}

impl CorsAnyOrigin {
    /// One more request header that pages may send.
    ///
    /// # Errors
    ///
    /// If it is no header name.
    pub fn allow_header(mut self, name: &str) -> Result<Self, ConfigError> {
        self.rules.allow_header(name)?;
        Ok(self)
    }
}

impl From<Cors> for Rules {
    fn from(cors: Cors) -> Self {
        cors.0
    }
}

impl From<CorsAnyOrigin> for Rules {
    fn from(cors: CorsAnyOrigin) -> Self {
        cors.rules
    }
}

/// What the response to this request gets.
#[derive(Clone, Debug)]
pub(crate) enum Share {
    /// No page of another origin may read it.
    No,
    /// This origin may.
    With(HeaderValue),
}

/// A preflight, or anything else.
pub(crate) enum Asked {
    Request(Share),
    Preflight(Result<Share, Denial>),
}

impl Rules {
    /// Nobody: what holds where no rules were given.
    pub(crate) fn nobody() -> Self {
        Self::new(Origins::Listed(Vec::new()))
    }

    fn new(origins: Origins) -> Self {
        Self {
            origins,
            credentials: false,
            request_headers: vec![HeaderName::from_static("authorization"), HeaderName::from_static("content-type")],
            allow_headers: HeaderValue::from_static("authorization, content-type"),
            max_age: HeaderValue::from_static("600"),
        }
    }

    fn allow_header(&mut self, name: &str) -> Result<(), ConfigError> {
        let refused = || ConfigError::new("cors header", format!("{name:?} is no header name"));
        let name = HeaderName::try_from(name).map_err(|_| refused())?;
        self.request_headers.push(name);
        let list = self.request_headers.iter().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
        self.allow_headers = HeaderValue::try_from(list).map_err(|_| refused())?;
        Ok(())
    }

    pub(crate) fn asked(&self, head: &RequestHead) -> Asked {
        let Some(origin) = head.headers.get(ORIGIN) else {
            return Asked::Request(Share::No);
        };
        let share = self.share(origin, head);
        if head.method != Method::OPTIONS {
            return Asked::Request(share);
        }
        // Fetch standard, "CORS-preflight request": OPTIONS with Origin and Access-Control-Request-Method.
        match head.headers.get(ACCESS_CONTROL_REQUEST_METHOD) {
            None => Asked::Request(share),
            Some(method) => Asked::Preflight(self.preflight(share, method, head)),
        }
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

    /// On every response, refusals too.
    pub(crate) fn apply(&self, share: &Share, headers: &mut HeaderMap) {
        if let Origins::Listed(list) = &self.origins {
            if list.is_empty() {
                return;
            }
            headers.append(VARY, VARY_ORIGIN);
            // The list decides, not what a handler says of its own.
            headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
            headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
        if let Share::With(origin) = share {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            if self.credentials {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
            }
        }
    }

    /// Besides, on the answer to an accepted preflight.
    pub(crate) fn apply_preflight(&self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.allow_headers.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        headers.append(VARY, VARY_PREFLIGHT);
    }
}

fn parse_origin(text: &str) -> Result<HeaderValue, ConfigError> {
    let refused = |cure: String| ConfigError::new("cors origin", format!("{text:?} {cure}"));
    if text == "*" || text == "null" {
        return Err(refused("is no origin: list the origins, or use `Cors::allow_any_origin()`".into()));
    }
    if text.contains('*') {
        return Err(refused("has a pattern, and patterns let strangers in: list each origin".into()));
    }
    let url =
        Url::parse(text).map_err(|_| refused("is no origin: write one such as \"https://app.example.com\"".into()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("is no origin of a web page: its scheme is not http or https".into()));
    }
    // The serialization that a browser sends (RFC 6454 §6.2); anything else would never match.
    let serialized = url.origin().ascii_serialization();
    if serialized != text {
        return Err(refused(format!("is never sent by a browser: write {serialized:?}")));
    }
    HeaderValue::try_from(serialized).map_err(|_| refused("can't stand in a header".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b2_an_origin_is_written_exactly_as_a_browser_sends_it() {
        for good in
            ["https://app.example.com", "http://localhost:5173", "https://[::1]:8443", "https://xn--bcher-kva.example"]
        {
            assert!(Cors::allow_origins([good]).is_ok(), "{good}");
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
            assert!(Cors::allow_origins([bad]).is_err(), "{bad}");
        }
    }
}
