//! The rules for other origins: which origin, which method and which request header is allowed.

use std::time::Duration;

use actix_web::dev::RequestHead;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN,
};
use palisade_grammar::names::{is_cors_method, is_header_name};
use palisade_grammar::origin;

use super::origin::Subdomains;
use crate::config_error::{ConfigError, Mistakes};
use crate::denial::Denial;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const REQUEST_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("authorization"), HeaderName::from_static("content-type")];
/// The proof of a bound token (RFC 9449 §4.1).
const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The response headers that a page may read in addition to those that the Fetch standard always allows.
const EXPOSED: &str = "Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, \
                       WWW-Authenticate, DPoP-Nonce, Location";
const MAX_AGE: Duration = Duration::from_secs(600);
/// The longest time that any browser keeps a preflight: Firefox. Chromium keeps it for two hours.
const LONGEST_MAX_AGE: Duration = Duration::from_secs(86_400);
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The argument of [`PalisadeBuilder::cors`](crate::PalisadeBuilder::cors) and [`Scope::cors`](crate::Scope::cors), converted from a
/// [`Cors`](super::Cors) or a [`CorsAnyOrigin`](super::CorsAnyOrigin).
#[derive(Clone, Debug)]
pub struct CorsRules {
    pub(super) origins: Origins,
    pub(super) credentials: bool,
    pub(super) methods: Vec<String>,
    /// Beside those that are always allowed.
    pub(super) request_headers: Vec<HeaderName>,
    /// Beside those that are always exposed.
    pub(super) exposed: Vec<HeaderName>,
    pub(super) max_age: Duration,
    pub(super) lines: HeaderLines,
    mistakes: Mistakes,
}

/// The values of headers, prepared once.
#[derive(Clone, Debug)]
pub(super) struct HeaderLines {
    pub(super) methods: HeaderValue,
    pub(super) request_headers: HeaderValue,
    pub(super) exposed: HeaderValue,
    pub(super) max_age: HeaderValue,
}

#[derive(Clone, Debug)]
pub(super) enum Origins {
    /// Nothing is configured, so headers that a handler sets itself stay.
    Unset,
    Any,
    Listed {
        exact: Vec<HeaderValue>,
        subdomains: Vec<Subdomains>,
    },
}

/// Whether a page of another origin may read the response.
#[derive(Clone, Debug)]
pub(crate) enum Share {
    /// No page of another origin may.
    No,
    /// Pages of this origin may.
    With(HeaderValue),
}

/// Fetch standard, "CORS-preflight request": OPTIONS with `Origin` and `Access-Control-Request-Method`.
pub(crate) fn is_preflight(head: &RequestHead) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl CorsRules {
    /// Allows no origin: the default.
    pub(crate) fn none() -> Self {
        Self::new(Origins::Unset)
    }

    pub(super) fn new(origins: Origins) -> Self {
        let lines = HeaderLines {
            methods: HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"),
            request_headers: HeaderValue::from_static("authorization, content-type"),
            exposed: HeaderValue::from_static(EXPOSED),
            max_age: HeaderValue::from_static("600"),
        };
        Self {
            origins,
            credentials: false,
            methods: METHODS.map(str::to_owned).to_vec(),
            request_headers: Vec::new(),
            exposed: Vec::new(),
            max_age: MAX_AGE,
            lines,
            mistakes: Mistakes::default(),
        }
    }

    pub(super) fn listed(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut mistakes = Mistakes::default();
        let exact = origins.into_iter().filter_map(|origin| mistakes.note(checked_origin(origin.as_ref()))).collect();
        Self { mistakes, ..Self::new(Origins::Listed { exact, subdomains: Vec::new() }) }
    }

    pub(super) fn allow_subdomains(&mut self, of: Subdomains) {
        if let (Some(of), Origins::Listed { subdomains, .. }) = (self.mistakes.note(of.checked()), &mut self.origins) {
            subdomains.push(of);
        }
    }

    pub(super) fn allow_credentials(&mut self) {
        if matches!(self.origins, Origins::Any) {
            self.mistakes
                .report("cors credentials", "must not be allowed for every origin (CWE-942): list the origins");
        } else {
            self.credentials = true;
        }
    }

    pub(super) fn methods(&mut self, methods: impl IntoIterator<Item = impl AsRef<str>>) {
        self.methods.clear();
        for method in methods {
            let method = method.as_ref();
            if !is_cors_method(method) {
                let problem = "must be the name of a method in upper case, such as \"PUT\", that pages may use";
                self.mistakes.report("cors method", format!("{problem}, but is {method:?}"));
            } else if !self.methods.iter().any(|own| own == method) {
                self.methods.push(method.to_owned());
            }
        }
        if self.methods.is_empty() {
            self.mistakes.report("cors method", "must not be an empty list: name the methods that pages may use");
        }
        self.write_lines();
    }

    pub(super) fn allow_header(&mut self, name: &str) {
        if let Some(name) = self.header("cors header", name)
            && !self.request_headers.contains(&name)
        {
            self.request_headers.push(name);
            self.write_lines();
        }
    }

    pub(super) fn expose_header(&mut self, name: &str) {
        if let Some(name) = self.header("cors exposed header", name)
            && !self.exposed.contains(&name)
        {
            self.exposed.push(name);
            self.write_lines();
        }
    }

    fn header(&mut self, setting: &'static str, name: &str) -> Option<HeaderName> {
        let header = HeaderName::try_from(name).ok().filter(|_| is_header_name(name) && name != "*");
        if header.is_none() {
            let problem = format!("must be a header name, such as \"x-request-id\", but is {name:?}");
            self.mistakes.report(setting, problem);
        }
        header
    }

    pub(super) fn max_age(&mut self, max_age: Duration) {
        if max_age > LONGEST_MAX_AGE {
            self.mistakes
                .report("cors max_age", "must be at most 24 hours, because no browser keeps a preflight longer");
        } else {
            self.max_age = max_age;
            self.write_lines();
        }
    }

    fn write_lines(&mut self) {
        let names = |own: &[HeaderName]| own.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        let request_headers = names(&[&REQUEST_HEADERS, &*self.request_headers].concat()).join(", ");
        let exposed = [vec![EXPOSED.to_owned()], names(&self.exposed)].concat().join(", ");
        let mut line = |text: String, before: &HeaderValue| match HeaderValue::try_from(text) {
            Ok(line) => line,
            Err(_) => {
                self.mistakes.report("cors header", "must fit in a header field, but the names are too long");
                before.clone()
            }
        };
        self.lines = HeaderLines {
            methods: line(self.methods.join(", "), &self.lines.methods),
            request_headers: line(request_headers, &self.lines.request_headers),
            exposed: line(exposed, &self.lines.exposed),
            max_age: HeaderValue::from(self.max_age.as_secs()),
        };
    }

    /// The errors that the setters stored.
    pub(crate) fn mistakes(&self) -> &Mistakes {
        &self.mistakes
    }

    /// Whether anything was configured.
    pub(crate) fn is_set(&self) -> bool {
        !matches!(self.origins, Origins::Unset)
    }

    /// Whether a page of another origin may read the response to this request.
    pub(crate) fn share_of(&self, head: &RequestHead) -> Share {
        match &self.origins {
            Origins::Unset => Share::No,
            // Also if the request names no origin: a cache may give the response to a page that does.
            Origins::Any => Share::With(ANY),
            Origins::Listed { exact, subdomains } => listed(head, exact, subdomains),
        }
    }

    /// Whether the request that a preflight announces is allowed, in an application that checks proofs or does not.
    pub(crate) fn preflight(&self, head: &RequestHead, checks_proofs: bool) -> Result<Share, Denial> {
        let share = self.share_of(head);
        if matches!(share, Share::No) {
            return Err(Denial::origin("origin_not_allowed"));
        }
        let method = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
        if !method.is_some_and(|method| self.allows_method(method)) {
            return Err(Denial::origin("method_not_allowed_cross_origin"));
        }
        for line in head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            let names = line.to_str().unwrap_or("\n").split(',').map(str::trim).filter(|name| !name.is_empty());
            for name in names {
                let is_same = |own: &HeaderName| own.as_str().eq_ignore_ascii_case(name);
                let is_proof = checks_proofs && is_same(&PROOF);
                if !is_proof && !REQUEST_HEADERS.iter().chain(&self.request_headers).any(is_same) {
                    return Err(Denial::origin("header_not_allowed_cross_origin"));
                }
            }
        }
        Ok(share)
    }

    /// Whether a page of the origin that the request names may use the credentials of its user with this method. Then a request of that
    /// page is as good as one of the application's own.
    pub(crate) fn trusts(&self, head: &RequestHead) -> bool {
        self.credentials
            && matches!(self.share_of(head), Share::With(_))
            && self.allows_method(head.method.as_str().as_bytes())
    }

    fn allows_method(&self, method: &[u8]) -> bool {
        self.methods.iter().any(|own| own.as_bytes() == method)
    }
}

fn listed(head: &RequestHead, exact: &[HeaderValue], subdomains: &[Subdomains]) -> Share {
    let mut origins = head.headers.get_all(ORIGIN);
    let (Some(origin), None) = (origins.next(), origins.next()) else { return Share::No };
    let is_subdomain = || origin.to_str().is_ok_and(|text| subdomains.iter().any(|own| own.contain(text)));
    let is_allowed = exact.iter().any(|own| own == origin) || (!subdomains.is_empty() && is_subdomain());
    if is_allowed { Share::With(origin.clone()) } else { Share::No }
}

fn checked_origin(text: &str) -> Result<HeaderValue, ConfigError> {
    origin::check(text).map_err(|error| ConfigError::new("cors origin", format!("{error}: {text:?}")))?;
    HeaderValue::try_from(text)
        .map_err(|_| ConfigError::new("cors origin", format!("must fit in a header field: {text:?}")))
}
