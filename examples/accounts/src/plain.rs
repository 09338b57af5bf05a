//! The plain HTTP listener, which only redirects or rejects.
//!
//! The first threat is a client that sends credentials unencrypted and does not notice (OWASP ASVS V4.1.2, V12.2.1). If API calls
//! were redirected, the credentials would already have been sent, and the redirect would hide the mistake. So only `GET` and
//! `HEAD` requests of pages, without credentials in their headers, are redirected. Everything else is rejected.
//!
//! The second threat is an open redirect (CWE-601) through the `Host` header. The redirect target is always the HTTPS address of
//! this server, with a host name that is known to be its own.

use std::net::{IpAddr, SocketAddr};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{self, HeaderValue},
    },
    middleware::DefaultHeaders,
};
use palisade::Problem;

/// The first path segments of routes whose requests may contain a credential.
const PROTECTED: [&str; 2] = ["api", "auth"];

/// The target of redirects.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    https: SocketAddr,
}

impl Target {
    /// Takes the address of the HTTPS listener.
    pub fn new(https: SocketAddr) -> Self {
        Self { https }
    }

    /// Returns the requested host if it is a known name of this server, and the address of the listener otherwise.
    fn authority(self, host: Option<&str>) -> String {
        let port = self.https.port();
        let listener = match self.https.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let own_names = ["localhost", "127.0.0.1", "[::1]", &listener];
        let requested = host.map(without_port).unwrap_or_default();
        let name = own_names.into_iter().find(|name| name.eq_ignore_ascii_case(requested)).unwrap_or(&listener);
        format!("{name}:{port}")
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Handles all requests of the listener.
pub async fn respond(request: HttpRequest, target: actix_web::web::Data<Target>) -> HttpResponse {
    let may_redirect = matches!(*request.method(), Method::GET | Method::HEAD)
        && !has_credential(&request)
        && !is_protected(request.path());
    if may_redirect {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let path_and_query = request.uri().path_and_query().map_or("/", |path_and_query| path_and_query.as_str());
        let location = format!("https://{}{path_and_query}", target.authority(host));
        if let Ok(location) = HeaderValue::try_from(location) {
            return HttpResponse::PermanentRedirect().insert_header((header::LOCATION, location)).finish();
        }
    }
    let client = request.peer_addr().map(|peer| tracing::field::display(peer.ip()));
    tracing::warn!(
        target: "palisade::audit",
        event = "rejected",
        status = 403,
        reason = "plain_http",
        method = request.method().as_str(),
        handler = "accounts::plain::respond",
        client,
    );
    Problem::new(StatusCode::FORBIDDEN)
        .with_detail("This API is only available over HTTPS. Your request was sent unencrypted.")
        .into_response()
}

/// Returns whether the request contains a credential.
fn has_credential(request: &HttpRequest) -> bool {
    ["authorization", "x-api-key"].iter().any(|name| request.headers().contains_key(*name))
}

/// Returns whether a server that decodes, normalizes or case-folds the path could route it to a protected segment. Also `true` for
/// a path that cannot be decoded.
fn is_protected(path: &str) -> bool {
    let Some(decoded) = decode(path) else { return true };
    let mut segments = decoded.split(['/', '\\']).filter(|segment| !matches!(*segment, "" | "."));
    let first = segments.next().unwrap_or_default();
    // Some servers treat `;x=y` as a parameter of the segment.
    let name = first.split(';').next().unwrap_or_default().to_lowercase();
    !path.starts_with('/')
        || first == ".."
        || segments.any(|segment| segment == "..")
        || PROTECTED.contains(&name.as_str())
}

/// Percent-decodes the path once. Returns `None` if the result is still encoded or is not UTF-8.
fn decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(decoded).ok()?;
    (!text.contains(['%', '\0'])).then_some(text)
}

/// The security headers, without HSTS, which clients ignore over plain HTTP (RFC 6797 §7.2).
pub fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::X_FRAME_OPTIONS, "DENY"))
        .add((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
        ))
        .add((header::REFERRER_POLICY, "same-origin"))
        .add(("permissions-policy", "camera=(), geolocation=(), microphone=()"))
        .add(("cross-origin-opener-policy", "same-origin"))
        .add(("cross-origin-resource-policy", "same-origin"))
        .add((header::CACHE_CONTROL, "no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_paths_are_recognized_in_every_spelling() {
        for path in
            ["/api", "/api/", "/API/me", "//api/me", "/./api", "/%61pi/me", "/api%2fme", "/auth/login", "/api;v=1/me"]
        {
            assert!(is_protected(path), "{path}");
        }
        for path in ["/x/../api", "/%2e%2e/api", "/..", "/%2561pi", "/%zz", "/%f", "/%ff", "/a%00b", "*", ""] {
            assert!(is_protected(path), "{path} must be treated as protected");
        }
        for path in ["/", "/health", "/apiary", "/docs/api", "/authors", "/a%20b"] {
            assert!(!is_protected(path), "{path}");
        }
    }

    #[test]
    fn host_header_selects_only_known_names() {
        let target = Target::new("127.0.0.1:8443".parse().unwrap());
        let authority = |host| target.authority(host);
        assert_eq!(authority(Some("localhost:8080")), "localhost:8443");
        assert_eq!(authority(Some("LOCALHOST")), "localhost:8443");
        assert_eq!(authority(Some("[::1]:8080")), "[::1]:8443");
        for foreign in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "localhost@evil.example", "[::1]evil", ""]
        {
            assert_eq!(authority(Some(foreign)), "127.0.0.1:8443", "{foreign}");
        }
        assert_eq!(authority(None), "127.0.0.1:8443");
        let on_all_addresses = Target::new("[::]:8443".parse().unwrap());
        assert_eq!(on_all_addresses.authority(Some("evil.example")), "localhost:8443");
    }
}
