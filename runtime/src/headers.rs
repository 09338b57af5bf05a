//! Security headers, on every response.
//!
//! Threat: sniffing, framing, downgrade, leaks through referrers and caches (ASVS V3.4, V14.3.2; CWE-693). Promise: every
//! response that leaves the middleware has them, whatever it is: 200, 304, 404, an error, a panic. A header that a handler
//! set itself is left as it is. HSTS only over TLS (RFC 6797 §7.2).

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::config_error::ConfigError;

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

const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The headers that every response gets; prepared once, when the application is built.
///
/// A header that a handler sets itself is left as it is. Behind a proxy that ends TLS, `Strict-Transport-Security` is the
/// proxy's to send, because the connection that arrives here is none.
///
/// ```
/// # fn main() -> Result<(), palisade::ConfigError> {
/// use palisade::SecurityHeaders;
///
/// let headers = SecurityHeaders::new().with("content-security-policy", "default-src 'self'; object-src 'none'")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SecurityHeaders(Vec<(HeaderName, HeaderValue)>);

impl SecurityHeaders {
    /// `X-Content-Type-Options: nosniff`, `X-Frame-Options: DENY`, `Content-Security-Policy: default-src 'self'`,
    /// `Referrer-Policy: no-referrer`, a `Permissions-Policy` without camera, location and microphone,
    /// `Cross-Origin-Opener-Policy` and `-Resource-Policy: same-origin`, and over TLS
    /// `Strict-Transport-Security: max-age=31536000; includeSubDomains`.
    #[must_use]
    pub fn new() -> Self {
        Self(FIXED.to_vec())
    }

    /// Another value for one of these headers, or one more header.
    ///
    /// # Errors
    ///
    /// If the name or the value can't stand in a header.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, ConfigError> {
        let setting = || format!("security header {name:?}");
        let name = HeaderName::try_from(name).map_err(|_| ConfigError::new(setting(), "is no header name"))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| ConfigError::new(setting(), "has a value with characters that a header can't hold"))?;
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name, value)),
        }
        Ok(self)
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap, secure: bool) {
        headers.reserve(self.0.len().saturating_add(4));
        for (name, value) in &self.0 {
            set_default(headers, name, value);
        }
        if secure {
            set_default(headers, &STRICT_TRANSPORT_SECURITY, &HSTS);
        }
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

/// An answer for one caller is for no cache (RFC 9111 §5.2.2.5).
pub(crate) fn forbid_storing(headers: &mut HeaderMap) {
    set_default(headers, &CACHE_CONTROL, &NO_STORE);
}

fn set_default(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    if !headers.contains_key(name) {
        headers.insert(name.clone(), value.clone());
    }
}
