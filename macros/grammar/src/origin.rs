//! Origins of web pages: `https://app.example.com`.
//!
//! Threat: an origin in a list that no browser sends, so that the developer replaces it by a pattern, or one that another reader takes for
//! another host (CWE-942, CWE-436). Promise: a text that [`check`] accepts is the serialization of an origin (RFC 6454, section 6.2;
//! URL standard, "host serializing"), so comparing bytes is comparing origins.
//!
//! Labels that begin with `xn--` are not decoded. One that is not valid is sent by no browser.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The syntax of an origin, for error messages.
pub const FORM: &str = "write scheme, host, and the port unless it is the default one: \"https://app.example.com\" or \"http://localhost:5173\"";

/// RFC 1035, section 2.3.4: the limits of a name and of its labels.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginError {
    /// It is `*`.
    Any,
    /// It is `null`, which many unrelated pages send.
    Null,
    /// It contains a `*`.
    Pattern,
    /// It does not begin with `https://` or `http://`.
    Scheme,
    /// It contains a user name.
    UserName,
    /// Something follows host and port.
    Path,
    /// It contains an upper-case letter.
    UpperCase,
    /// Its host ends with a dot.
    TrailingDot,
    /// Its host is not a name of letters, digits and hyphens, and not an address.
    Host,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// Its port is the default one of its scheme, which browsers omit.
    DefaultPort,
}

impl OriginError {
    /// Returns the error as a sentence.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Any => "`*` is not an origin",
            Self::Null => "`null` is not an origin: pages of every site can send it",
            Self::Pattern => {
                "an origin must not contain a pattern, because a pattern can match the origin of an attacker"
            }
            Self::Scheme => "an origin must begin with `https://` or `http://`",
            Self::UserName => "an origin must not contain a user name",
            Self::Path => "an origin must end after its host and port",
            Self::UpperCase => "an origin must be written in lower case, as browsers send it",
            Self::TrailingDot => "the host of an origin must not end with a dot",
            Self::Host => {
                "the host of an origin must be a name of letters, digits and hyphens, an IPv4 address, or an IPv6 address in its shortest form"
            }
            Self::Port => "the port of an origin must be a number from 1 to 65535",
            Self::DefaultPort => "an origin must not contain the default port of its scheme, because browsers omit it",
        }
    }

    /// Returns a correction.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Any => "for every origin, write `any` in `#[cors(..)]`, or `Cors::allow_any_origin()`",
            Self::Null => "give the page an origin: serve it over HTTPS, and without `sandbox`",
            Self::Pattern => {
                "list each origin; for all subdomains of a name that is yours, write `subdomains(\"https://example.com\")` in `#[cors(..)]`, or use `Cors::allow_subdomains`"
            }
            Self::Host => {
                "write a name outside ASCII in its `xn--` form, and an IPv6 address in brackets: \"https://[2001:db8::1]\""
            }
            _ => FORM,
        }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.help())
    }
}

impl std::error::Error for OriginError {}

/// The parts of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginParts<'t> {
    /// The scheme with `://`.
    pub scheme: &'t str,
    /// A name, or an address. An IPv6 address has brackets.
    pub host: &'t str,
    /// The port with its colon. It is empty for the default port of the scheme.
    pub port: &'t str,
}

impl OriginParts<'_> {
    /// Whether the host is a name and not an address.
    #[must_use]
    pub fn has_name(&self) -> bool {
        !self.host.starts_with('[') && self.host.parse::<Ipv4Addr>().is_err()
    }
}

/// Checks that the text is an origin as browsers send it.
///
/// # Errors
///
/// If browsers would not send this text.
pub fn check(text: &str) -> Result<(), OriginError> {
    parts(text).map(drop)
}

/// The parts of an origin.
///
/// # Errors
///
/// If browsers would not send this text.
pub fn parts(text: &str) -> Result<OriginParts<'_>, OriginError> {
    match text {
        "*" => return Err(OriginError::Any),
        "null" => return Err(OriginError::Null),
        _ if text.contains('*') => return Err(OriginError::Pattern),
        _ => {}
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) { OriginError::UpperCase } else { OriginError::Scheme },
    )?;
    let (scheme, _) = text.split_at(text.len().saturating_sub(rest.len()));
    if rest.contains('@') {
        return Err(OriginError::UserName);
    }
    if rest.contains(['/', '?', '#', '\\']) {
        return Err(OriginError::Path);
    }
    if rest.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(OriginError::UpperCase);
    }
    let after_host = match rest.find(']') {
        Some(end) => end.saturating_add(1),
        None => rest.find(':').unwrap_or(rest.len()),
    };
    let (host, port) = rest.split_at_checked(after_host).ok_or(OriginError::Host)?;
    check_host(host)?;
    check_port(port, scheme)?;
    Ok(OriginParts { scheme, host, port })
}

/// Whether the origin is one of a subdomain of `base`, at any depth: the scheme and the port are the same, and the host is a name that
/// ends with a dot and the name of `base`. The origin `base` itself is not one of its subdomains.
#[must_use]
pub fn is_subdomain(origin: &str, base: &OriginParts<'_>) -> bool {
    let Ok(parts) = parts(origin) else { return false };
    let below = parts.host.strip_suffix(base.host).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'));
    below && parts.has_name() && parts.scheme == base.scheme && parts.port == base.port
}

fn check_host(host: &str) -> Result<(), OriginError> {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(OriginError::Host)?;
        let parsed: Ipv6Addr = address.parse().map_err(|_| OriginError::Host)?;
        return if shortest(parsed) == address { Ok(()) } else { Err(OriginError::Host) };
    }
    if host.ends_with('.') && host.len() > 1 {
        return Err(OriginError::TrailingDot);
    }
    if host.len() > LONGEST_NAME || !host.split('.').all(is_label) {
        return Err(OriginError::Host);
    }
    // URL standard, "ends in a number checker": such a host is an IPv4 address or nothing.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_decimal = last.bytes().all(|byte| byte.is_ascii_digit());
    let is_hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_address = host.parse::<Ipv4Addr>().is_ok();
    if (is_decimal || is_hexadecimal) && !is_address { Err(OriginError::Host) } else { Ok(()) }
}

/// RFC 5891, section 2.3.1: a label of letters, digits and hyphens.
fn is_label(label: &str) -> bool {
    let is_ldh = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(is_ldh)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_port(port: &str, scheme: &str) -> Result<(), OriginError> {
    if port.is_empty() {
        return Ok(());
    }
    let digits = port.strip_prefix(':').ok_or(OriginError::Host)?;
    let number = digits.parse::<u16>().map_err(|_| OriginError::Port)?;
    if number == 0 || number.to_string() != digits {
        return Err(OriginError::Port);
    }
    match (scheme, number) {
        ("https://", 443) | ("http://", 80) => Err(OriginError::DefaultPort),
        _ => Ok(()),
    }
}

/// URL standard, "IPv6 serializer". In contrast to RFC 5952, the last 32 bits are never written as an IPv4 address.
fn shortest(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => format!("::ffff:{high:x}:{low:x}"),
        _ => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for good in [
            "https://app.example.com",
            "http://localhost:5173",
            "https://localhost",
            "https://xn--bcher-kva.example",
            "https://192.0.2.1:8443",
            "https://[::1]:8443",
            "http://[2001:db8::1]",
            "http://[::ffff:c000:201]",
            "https://a-b.example:80",
            "http://example.com:443",
            "https://1.example",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn other_spellings_are_rejected_with_help() {
        for (text, error) in [
            ("*", OriginError::Any),
            ("null", OriginError::Null),
            ("https://*.example.com", OriginError::Pattern),
            ("https://example.com:*", OriginError::Pattern),
            ("", OriginError::Scheme),
            ("app.example.com", OriginError::Scheme),
            ("//app.example.com", OriginError::Scheme),
            ("file:///x", OriginError::Scheme),
            ("ftp://example.com", OriginError::Scheme),
            ("wss://example.com", OriginError::Scheme),
            (" https://example.com", OriginError::Scheme),
            ("HTTPS://example.com", OriginError::UpperCase),
            ("https://App.example.com", OriginError::UpperCase),
            ("https://user@example.com", OriginError::UserName),
            ("https://example.com@evil.example", OriginError::UserName),
            ("https://example.com/", OriginError::Path),
            ("https://example.com/x", OriginError::Path),
            ("https://example.com?", OriginError::Path),
            ("https://example.com#x", OriginError::Path),
            ("https://example.com\\x", OriginError::Path),
            ("https://example.com.", OriginError::TrailingDot),
            ("https://", OriginError::Host),
            ("https://.", OriginError::Host),
            ("https://.example.com", OriginError::Host),
            ("https://a..example", OriginError::Host),
            ("https://-a.example", OriginError::Host),
            ("https://a-.example", OriginError::Host),
            ("https://a_b.example", OriginError::Host),
            ("https://bücher.example", OriginError::Host),
            ("https://example.com ", OriginError::Host),
            ("https://example.com, https://b.example", OriginError::Path),
            ("https://a%2eb", OriginError::Host),
            ("https://1.2.3", OriginError::Host),
            ("https://127.1", OriginError::Host),
            ("https://192.0.2.01", OriginError::Host),
            ("https://192.0.2.256", OriginError::Host),
            ("https://a.0x7f", OriginError::Host),
            ("https://example.0x", OriginError::Host),
            ("https://2130706433", OriginError::Host),
            ("https://[::0001]", OriginError::Host),
            ("https://[0:0:0:0:0:0:0:1]", OriginError::Host),
            ("https://[::ffff:192.0.2.1]", OriginError::Host),
            ("https://[::1", OriginError::Host),
            ("https://::1", OriginError::Host),
            ("https://[::1]x", OriginError::Host),
            ("https://[fe80::1%25eth0]", OriginError::Host),
            ("https://example.com:", OriginError::Port),
            ("https://example.com:0", OriginError::Port),
            ("https://example.com:08443", OriginError::Port),
            ("https://example.com:+8443", OriginError::Port),
            ("https://example.com:65536", OriginError::Port),
            ("https://example.com:1:2", OriginError::Port),
            ("https://example.com:443", OriginError::DefaultPort),
            ("http://example.com:80", OriginError::DefaultPort),
        ] {
            assert_eq!(check(text), Err(error), "{text}");
            assert!(!error.message().is_empty() && !error.help().is_empty());
        }
        for (label, fits) in [("a".repeat(63), true), ("a".repeat(64), false)] {
            assert_eq!(check(&format!("https://{label}.example")).is_ok(), fits);
        }
    }

    #[test]
    fn a_subdomain_has_the_scheme_and_the_port_of_its_base() {
        let base = parts("https://example.com:8443").unwrap();
        for origin in ["https://a.example.com:8443", "https://a.b.example.com:8443", "https://xn--a.example.com:8443"] {
            assert!(is_subdomain(origin, &base), "{origin}");
        }
        for origin in [
            "https://example.com:8443",
            "https://.example.com:8443",
            "https://aexample.com:8443",
            "https://a.example.com",
            "https://a.example.com:443",
            "http://a.example.com:8443",
            "https://a.example.com.evil.example:8443",
            "https://evil.example/.example.com:8443",
            "https://evil.example#.example.com:8443",
            "https://evil.example@a.example.com:8443",
            "https://A.example.com:8443",
            "https://a_b.example.com:8443",
            "null",
            "",
        ] {
            assert!(!is_subdomain(origin, &base), "{origin}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_text_is_made_of_its_parts(text in "https?://[a-z0-9.:@/\\[\\]-]{0,20}|.{0,24}") {
            if let Ok(parts) = parts(&text) {
                let OriginParts { scheme, host, port } = parts;
                prop_assert_eq!(format!("{scheme}{host}{port}"), text);
            }
        }
    }
}
