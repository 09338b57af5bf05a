//! Rejects requests that the page of another site may have caused with the credential of the user's browser.
//!
//! Threat: cross-site request forgery and hijacking of WebSockets (CWE-352, CWE-1385, ASVS V3.5.1): a browser adds a cookie, or a
//! remembered password, to a request that the page of an attacker causes. Promise: if the credential is ambient
//! ([`Authenticator::is_ambient`](crate::Authenticator::is_ambient)), a request that may change something, or that becomes a
//! connection of another protocol, is rejected if a browser says that a page of another origin caused it, unless the CORS rule of the
//! route allows that origin to use credentials.
//!
//! The algorithm is that of `http.CrossOriginProtection` of the Go standard library (1.25), with upgrades added: `Sec-Fetch-Site`
//! decides if it is there, because pages cannot set it and it needs no configuration. Browsers that do not send it send `Origin` with
//! such requests. A request with neither comes from no browser of this decade, and passes. A rejection has the reason `cross_site`
//! in the audit log.
//!
//! The result depends on `Sec-Fetch-Site`, and no `Vary` says so: it can only change the responses to unsafe methods and to upgrades,
//! which caches do not store.

use actix_web::HttpRequest;
use actix_web::dev::RequestHead;
use actix_web::http::header::{HOST, HeaderValue, ORIGIN, UPGRADE};

use crate::cors::CorsRules;
use crate::denial::Denial;
use crate::dry_run;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Checks a request with an ambient credential. `secure` is whether the client's connection is known to be TLS, and `cors` is the rule of
/// the route. Repeated headers were rejected before.
pub(crate) fn check(request: &HttpRequest, secure: bool, cors: &CorsRules) -> Result<(), Denial> {
    let head = request.head();
    // `TRACE` is safe too, and no browser sends it. An upgrade over HTTP/2 has the method `CONNECT` (RFC 8441), which is not safe.
    let is_harmless = head.method.is_safe() && !head.headers.contains_key(UPGRADE);
    // A persona of a test has its credential from no browser.
    if is_harmless || dry_run::is_dry_run(request) {
        return Ok(());
    }
    let passes = match (head.headers.get(SEC_FETCH_SITE), head.headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => is_own_origin(origin, head, secure),
        (None, None) => true,
    };
    if passes || cors.trusts(head) { Ok(()) } else { Err(Denial::cross_site()) }
}

/// Whether the origin is that of the request. Behind a proxy that ends TLS and does not say so, the scheme of the request is unknown:
/// then either scheme fits.
fn is_own_origin(origin: &HeaderValue, head: &RequestHead, secure: bool) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let (host, default_port) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(host), _) => (host, ":443"),
        (None, Some(host)) if !secure => (host, ":80"),
        _ => return false,
    };
    let named = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    let own = match (named, head.uri.authority()) {
        // RFC 9113 §8.3.1: over HTTP/2 the host is in `:authority`. If both are there, they must agree.
        (Some(named), Some(authority)) if !named.eq_ignore_ascii_case(authority.as_str()) => return false,
        (_, Some(authority)) => authority.as_str(),
        (Some(named), None) => named,
        (None, None) => return false,
    };
    let without_port = |host: &'_ str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    !host.is_empty() && without_port(host) == without_port(own)
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;

    use super::*;

    fn passes(method: Method, headers: &[(&str, &str)]) -> bool {
        let request = TestRequest::default().method(method).insert_header((HOST, "api.example"));
        let request = headers.iter().fold(request, |request, header| request.insert_header(*header));
        check(&request.to_http_request(), false, &CorsRules::none()).is_ok()
    }

    /// RFC 9110 §9.2.1. An upgrade over HTTP/2 is an extended `CONNECT` (RFC 8441 §4).
    #[test]
    fn only_safe_methods_without_an_upgrade_are_harmless() {
        let foreign = ("sec-fetch-site", "cross-site");
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(passes(method.clone(), &[foreign]), "{method}");
            assert!(!passes(method.clone(), &[foreign, ("upgrade", "websocket")]), "{method}");
        }
        let other = Method::from_bytes(b"get").unwrap();
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::CONNECT, other] {
            assert!(!passes(method.clone(), &[foreign]), "{method}");
            assert!(!passes(method.clone(), &[("origin", "null")]), "{method}");
            assert!(passes(method.clone(), &[]), "{method}");
        }
    }

    /// A page cannot set it, so it decides even if `Origin` says something else.
    #[test]
    fn sec_fetch_site_decides_before_origin() {
        let both = |site, origin| passes(Method::POST, &[("sec-fetch-site", site), ("origin", origin)]);
        assert!(both("same-origin", "https://evil.example") && both("none", "null"));
        for site in ["cross-site", "same-site", "", "None", "same-origin ,cross-site", "unknown"] {
            assert!(!both(site, "https://api.example"), "{site}");
        }
    }

    fn is_own(origin: &str, host: &str, secure: bool) -> bool {
        let request = TestRequest::post().insert_header((HOST, host)).to_http_request();
        is_own_origin(&HeaderValue::try_from(origin).unwrap(), request.head(), secure)
    }

    #[test]
    fn origin_is_compared_with_the_host() {
        for (origin, host) in [
            ("https://api.example", "api.example"),
            ("https://api.example", "API.example"),
            ("https://api.example", "api.example:443"),
            ("https://api.example:443", "api.example"),
            ("https://api.example:8443", "api.example:8443"),
            ("https://[::1]:8443", "[::1]:8443"),
        ] {
            assert!(is_own(origin, host, true) && is_own(origin, host, false), "{origin} {host}");
        }
        // Behind a proxy the scheme is unknown.
        assert!(
            is_own("http://localhost:8080", "localhost:8080", false)
                && is_own("http://a.example", "a.example:80", false)
        );
        assert!(!is_own("http://localhost:8080", "localhost:8080", true));
    }

    /// RFC 9113 §8.3.1.
    #[test]
    fn authority_is_the_host_over_http_2() {
        let is_own = |uri: &str, host: Option<&str>| {
            let request = host
                .into_iter()
                .fold(TestRequest::post().uri(uri), |request, host| request.insert_header((HOST, host)));
            is_own_origin(&HeaderValue::from_static("https://api.example"), request.to_http_request().head(), true)
        };
        assert!(is_own("https://api.example/notes", None) && is_own("https://api.example/notes", Some("API.example")));
        assert!(!is_own("https://evil.example/notes", None) && !is_own("/notes", None));
        for (uri, host) in [("https://api.example/", "evil.example"), ("https://evil.example/", "api.example")] {
            assert!(!is_own(uri, Some(host)), "{uri} {host}");
        }
    }

    #[test]
    fn similar_origins_are_foreign() {
        for origin in [
            "",
            "null",
            "api.example",
            "//api.example",
            "https://",
            "https://api.example:8443",
            "http://api.example:443",
            "https://api.example:80",
            "https://api.example.evil.example",
            "https://evil.example/api.example",
            "https://evil.example#api.example",
            "https://api.example@evil.example",
            "https://user@api.example",
            "https://evilapi.example",
            "https://www.api.example",
            "https://api.example/",
            "https://api.example.",
            "https://api.example, https://api.example",
            "https://https://api.example",
            "HTTPS://api.example",
            "ftp://api.example",
            "chrome-extension://api.example",
            " https://api.example",
        ] {
            assert!(!is_own(origin, "api.example", false), "{origin}");
        }
        assert!(!is_own("https://", "", false));
    }
}
