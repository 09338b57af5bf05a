//! The address that a proof is for (RFC 9449 §4.3, `htu`).
//!
//! Threat: a proof for one resource is used for another, because two texts name the same address or one text names two (CWE-436), or
//! because the server believes the `Host` that the request names (CWE-346). Promise: scheme, host, port and a prefix of the path are
//! configured. They are compared after the normalization of RFC 3986 §6.2.2 and §6.2.3. A request whose own path has dot segments
//! matches nothing, because the router reads such a path by its letters.

use actix_web::http::Uri;
use percent_encoding::percent_decode_str;

use crate::config_error::ConfigError;

const SETTING: &str = "dpop";
/// In bytes. The header of the proof is bounded too.
const LONGEST: usize = 4096;

/// What clients write before the path of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    scheme: String,
    host: String,
    port: u16,
    /// Normalized, without a slash at its end.
    prefix: String,
}

impl Base {
    /// Reads a base, such as `https://api.example`.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let problem = |problem: &str| Err(ConfigError::new(SETTING, format!("the base `{text}` {problem}")));
        let Some(HttpTarget { scheme, host, port, path }) = HttpTarget::parse(text) else {
            return problem("must be an absolute address, such as `https://api.example`");
        };
        if text.contains(['?', '#']) {
            return problem("must have no query and no fragment");
        }
        if scheme == "http" && !is_loopback(&host) {
            return problem("must begin with `https://`; only loopback may use `http://`");
        }
        if has_dot_segments(&path) {
            return problem("must have no `.` and no `..` in its path");
        }
        let prefix = path.trim_end_matches('/').to_owned();
        Ok(Self { scheme, host, port, prefix })
    }

    /// Whether `htu` names this base with this path of a request. The query and the fragment of `htu` are ignored.
    pub(super) fn is_target(&self, htu: &str, path: &str) -> bool {
        let Some(asked) = normalized_path(path).filter(|asked| !has_dot_segments(asked)) else { return false };
        let Some(HttpTarget { scheme, host, port, path: named }) = HttpTarget::parse(htu) else { return false };
        let named = without_dot_segments(&named);
        (scheme, host, port) == (self.scheme.clone(), self.host.clone(), self.port)
            && named.strip_prefix(&*self.prefix) == Some(&*asked)
    }
}

/// The parts of an absolute address, normalized, but with its dot segments.
struct HttpTarget {
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

impl HttpTarget {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST || text.contains('\\') {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default_port = match &*scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let port = match authority.port() {
            Some(_) => authority.port_u16()?,
            None => default_port,
        };
        let path = normalized_path(uri.path())?;
        Some(Self { scheme, host: authority.host().to_ascii_lowercase(), port, path })
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Normalizes the percent-encoding (RFC 3986 §6.2.2.1 and §6.2.2.2). `None` if it is malformed.
fn normalized_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("/".to_owned());
    }
    let mut normalized = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normalized.push_str(before);
        let (digits, after) = after.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let escape = format!("%{}", digits.to_ascii_uppercase());
        match percent_decode_str(&escape).next() {
            // RFC 3986 §2.3.
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => normalized.push(char::from(byte)),
            _ => normalized.push_str(&escape),
        }
        rest = after;
    }
    normalized.push_str(rest);
    Some(normalized)
}

fn has_dot_segments(path: &str) -> bool {
    path.split('/').any(|segment| segment == "." || segment == "..")
}

/// RFC 3986 §5.2.4, for a path that begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments = path.strip_prefix('/').unwrap_or(path);
    let mut ends_with_slash = false;
    for segment in segments.split('/') {
        ends_with_slash = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            other => kept.push(other),
        }
    }
    if ends_with_slash {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_target(base: &str, htu: &str, path: &str) -> bool {
        Base::parse(base).unwrap().is_target(htu, path)
    }

    #[test]
    fn texts_of_one_address_are_equal() {
        let base = "https://api.example";
        for (htu, path) in [
            ("https://api.example/users/7", "/users/7"),
            ("HTTPS://API.example:443/users/7", "/users/7"),
            ("https://api.example/users/7?a=1#b", "/users/7"),
            ("https://api.example", "/"),
            ("https://api.example/", "/"),
            ("https://api.example/%75sers/%37", "/users/7"),
            ("https://api.example/users/7", "/%75sers/%37"),
            ("https://api.example/a%c3%a4", "/a%C3%A4"),
            ("https://api.example/a/../b/./c", "/b/c"),
            ("https://api.example/a/%2e%2e/b", "/b"),
            ("https://api.example/b/..", "/"),
            ("https://api.example/a//b", "/a//b"),
            ("https://api.example/a%2Fb", "/a%2fb"),
        ] {
            assert!(is_target(base, htu, path), "{htu} {path}");
        }
        assert!(is_target("https://api.example:8443/v1/", "https://api.example:8443/v1/users", "/users"));
        assert!(is_target("http://127.0.0.1:8080", "http://127.0.0.1:8080/a", "/a"));
        assert!(is_target("http://[::1]:8080", "http://[::1]:8080/a", "/a"));
    }

    #[test]
    fn other_addresses_are_not() {
        let base = "https://api.example";
        for (htu, path) in [
            ("http://api.example/a", "/a"),
            ("https://api.example:8443/a", "/a"),
            ("https://evil.example/a", "/a"),
            ("https://api.example.evil.example/a", "/a"),
            ("https://api.example@evil.example/a", "/a"),
            ("https://user@api.example/a", "/a"),
            ("https://api.example/A", "/a"),
            ("https://api.example/a/", "/a"),
            ("https://api.example/a", "/a/"),
            ("https://api.example//a", "/a"),
            ("https://api.example/a%2Fb", "/a/b"),
            ("https://api.example/a%zz", "/a%zz"),
            ("https://api.example/a%", "/a%"),
            ("https://api.example\\a", "/a"),
            ("/a", "/a"),
            ("a", "/a"),
            ("", "/a"),
            ("ftp://api.example/a", "/a"),
            ("https:///a", "/a"),
            // The router reads these paths by their letters.
            ("https://api.example/b", "/a/../b"),
            ("https://api.example/b", "/a/%2e%2e/b"),
            ("https://api.example/a/../b", "/a/../b"),
        ] {
            assert!(!is_target(base, htu, path), "{htu} {path}");
        }
        assert!(!is_target("https://api.example/v1", "https://api.example/users", "/users"));
        assert!(!is_target("https://api.example/v1", "https://api.example/v1/../users", "/users"));
    }

    #[test]
    fn a_base_is_an_address_of_the_api() {
        for base in [
            "api.example",
            "https://",
            "http://api.example",
            "https://api.example?a",
            "https://api.example#a",
            "https://api.example/a/../b",
            "https://user@api.example",
            "file:///a",
        ] {
            assert!(Base::parse(base).is_err(), "{base}");
        }
        assert!(Base::parse("http://localhost:8080").is_ok());
    }

    proptest! {
        /// Normalizing twice changes nothing, and an address always names itself.
        #[test]
        fn normalization_is_idempotent(path in "(/([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2}){0,6}){1,5}") {
            let once = normalized_path(&path).unwrap();
            prop_assert_eq!(normalized_path(&once).unwrap(), once.clone());
            let plain = without_dot_segments(&once);
            prop_assert_eq!(without_dot_segments(&plain), plain.clone());
            prop_assert!(!has_dot_segments(&plain));
            let htu = format!("https://api.example{path}");
            prop_assert!(is_target("https://api.example", &htu, &plain));
        }
    }
}
