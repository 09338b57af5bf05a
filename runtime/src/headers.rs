//! Security headers on every response.
//!
//! Threat: content sniffing, framing, TLS downgrade, and leaks through referrers and caches (ASVS V3.4, V14.3.2; CWE-693).
//!
//! Promise: every response of the middleware has these headers, also 304, 404, and responses after errors and panics. A header
//! that a handler set is not changed. HSTS is sent only over TLS (RFC 6797 §7.2).
//!
//! ```
//! use palisade::{Palisade, SecurityHeaders};
//!
//! let headers = SecurityHeaders::new().with("content-security-policy", "default-src 'self'; object-src 'none'");
//! let palisade = Palisade::builder().security_headers(headers).build()?;
//! # let _ = palisade;
//! # Ok::<(), palisade::ConfigError>(())
//! ```
//!
//! See [`PalisadeBuilder::security_headers`](crate::PalisadeBuilder::security_headers).

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::config_error::Mistakes;

const FIXED: [(HeaderName, HeaderValue); 7] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

static OVER_TLS: (HeaderName, HeaderValue) =
    (STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
/// Forbids caches to store a response.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The security headers of every response. They are prepared once, when the application is built.
///
/// A header that a handler sets is not changed. Behind a proxy that terminates TLS, the proxy must send
/// `Strict-Transport-Security`, because its connection to the server is not TLS.
///
/// A malformed name or value is a configuration error.
#[derive(Clone, Debug)]
#[must_use]
pub struct SecurityHeaders {
    headers: Vec<(HeaderName, HeaderValue)>,
    mistakes: Mistakes,
}

impl SecurityHeaders {
    /// `X-Content-Type-Options: nosniff`, `X-Frame-Options: DENY`, `Content-Security-Policy: default-src 'self'`,
    /// `Referrer-Policy: no-referrer`, a `Permissions-Policy` without camera, location and microphone,
    /// `Cross-Origin-Opener-Policy` and `-Resource-Policy: same-origin`, and over TLS
    /// `Strict-Transport-Security: max-age=31536000; includeSubDomains`.
    pub fn new() -> Self {
        Self { headers: FIXED.to_vec(), mistakes: Mistakes::default() }
    }

    /// Changes the value of one of these headers, or adds a header.
    ///
    /// An invalid header name or value is a configuration error.
    ///
    /// Danger: a weaker value, such as a `content-security-policy` with `unsafe-inline`, removes a protection.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let setting = || format!("security header {name:?}");
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), _) if name.as_str().starts_with("access-control-") => {
                self.mistakes.report(setting(), "must not be a CORS header: use `Palisade::builder().cors(..)`");
            }
            (Err(_), _) => {
                self.mistakes.report(setting(), "must be a header name, such as \"content-security-policy\"");
            }
            (Ok(_), Err(_)) => self
                .mistakes
                .report(setting(), "must have a value without characters that a header field cannot contain"),
            (Ok(name), Ok(value)) => match self.headers.iter_mut().find(|(own, _)| *own == name) {
                Some((_, own)) => *own = value,
                None => self.headers.push((name, value)),
            },
        }
        self
    }

    /// The errors that the setters stored.
    pub(crate) fn take_mistakes(&mut self) -> Mistakes {
        std::mem::take(&mut self.mistakes)
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap, secure: bool) {
        headers.reserve(self.headers.len().saturating_add(4));
        for (name, value) in self.headers.iter().chain(secure.then_some(&OVER_TLS)) {
            // A response may vary by several headers, such as `Origin` for CORS.
            if *name == VARY {
                headers.append(VARY, value.clone());
            } else {
                insert(headers, name, value.clone(), Stays::Present);
            }
        }
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

/// Which value stays if the response has a header already.
#[derive(Clone, Copy)]
pub(crate) enum Stays {
    Present,
    New,
}

/// Inserts a header.
///
/// Most responses do not have it. `append` costs half of `insert`, and shows by the number of names whether the name was new.
pub(crate) fn insert(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue, stays: Stays) {
    let names = headers.len_keys();
    headers.append(name.clone(), value);
    if headers.len_keys() == names {
        keep_one_side(headers, name, stays);
    }
}

/// Keeps the last value of a header, which was just appended, or the others.
#[cold]
fn keep_one_side(headers: &mut HeaderMap, name: &HeaderName, stays: Stays) {
    let mut values: Vec<HeaderValue> = headers.remove(name).collect();
    let last = values.pop();
    match stays {
        Stays::Present => values.into_iter().for_each(|value| headers.append(name.clone(), value)),
        Stays::New => last.into_iter().for_each(|value| headers.append(name.clone(), value)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{CACHE_CONTROL, ETAG, EXPIRES};

    use super::*;

    #[test]
    fn configured_vary_is_added_to_that_of_cors() {
        let mut headers = HeaderMap::new();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        SecurityHeaders::new().with("vary", "Cookie").apply(&mut headers, false);
        assert_eq!(headers.get_all(VARY).collect::<Vec<_>>(), ["Origin", "Cookie"]);
    }

    #[test]
    fn default_never_changes_a_header_that_is_present() {
        let mut headers = HeaderMap::new();
        let own = |text: &'static str| HeaderValue::from_static(text);
        headers.append(CONTENT_SECURITY_POLICY, own("default-src 'none'"));
        headers.append(CONTENT_SECURITY_POLICY, own("sandbox"));
        headers.insert(CACHE_CONTROL, own("no-cache"));
        insert(&mut headers, &CACHE_CONTROL, NO_STORE, Stays::Present);
        insert(&mut headers, &ETAG, own("\"1\""), Stays::Present);
        SecurityHeaders::new().apply(&mut headers, false);
        let values = |name| headers.get_all(name).map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(values(CONTENT_SECURITY_POLICY), ["default-src 'none'", "sandbox"]);
        assert_eq!((values(CACHE_CONTROL), values(ETAG)), (vec!["no-cache"], vec!["\"1\""]));
        for (name, value) in FIXED {
            if name != CONTENT_SECURITY_POLICY {
                assert_eq!(headers.get_all(&name).collect::<Vec<_>>(), [&value], "{name}");
            }
        }
        insert(&mut headers, &CONTENT_SECURITY_POLICY, own("default-src 'self'"), Stays::New);
        insert(&mut headers, &EXPIRES, own("0"), Stays::New);
        assert_eq!(headers.get_all(CONTENT_SECURITY_POLICY).collect::<Vec<_>>(), ["default-src 'self'"]);
        assert_eq!(headers.get_all(EXPIRES).collect::<Vec<_>>(), ["0"]);
        assert!(!headers.contains_key(STRICT_TRANSPORT_SECURITY));
        SecurityHeaders::new().apply(&mut headers, true);
        assert_eq!(headers.len(), FIXED.len() + 4, "a second call adds only what is sent over TLS");
    }
}
