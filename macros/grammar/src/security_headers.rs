//! The security headers that a route, a scope or an application may change, and their values.
//!
//! Threat: a browser ignores a header whose value it does not know, and nothing shows that (CWE-693; ASVS V3.4). Promise: a value
//! that [`sent_value`] accepts is one that browsers understand, or, for a header that is not listed here, at least a value that a
//! header can have.

use crate::csp::{self, CspError};
use crate::names::is_token_byte;

/// What `Clear-Site-Data` names at a logout. `"cookies"` covers the registrable domain with all its hosts.
pub const CLEAR_SITE_DATA: &str = "\"cache\", \"cookies\", \"storage\"";

/// One header: the keyword of the argument that sets it, and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettableHeader {
    /// As in `#[headers(frame = "same-origin")]`.
    pub keyword: &'static str,
    /// The header, in lower case.
    pub header: &'static str,
    /// The values that it may have.
    pub values: HeaderValues,
}

/// The values of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderValues {
    /// A Content Security Policy.
    Csp,
    /// One of these: as it is written, and as it is sent.
    OneOf(&'static [(&'static str, &'static str)]),
    /// `camera=(), geolocation=(self)`.
    Permissions,
}

/// The headers that an argument sets.
pub const SETTABLE: [SettableHeader; 8] = [
    SettableHeader { keyword: "csp", header: "content-security-policy", values: HeaderValues::Csp },
    SettableHeader {
        keyword: "csp_report_only",
        header: "content-security-policy-report-only",
        values: HeaderValues::Csp,
    },
    SettableHeader {
        keyword: "frame",
        header: "x-frame-options",
        values: HeaderValues::OneOf(&[("deny", "DENY"), ("same-origin", "SAMEORIGIN")]),
    },
    SettableHeader {
        keyword: "referrer",
        header: "referrer-policy",
        values: HeaderValues::OneOf(&[
            ("no-referrer", "no-referrer"),
            ("same-origin", "same-origin"),
            ("strict-origin", "strict-origin"),
            ("strict-origin-when-cross-origin", "strict-origin-when-cross-origin"),
            ("origin", "origin"),
            ("origin-when-cross-origin", "origin-when-cross-origin"),
            ("no-referrer-when-downgrade", "no-referrer-when-downgrade"),
            ("unsafe-url", "unsafe-url"),
        ]),
    },
    SettableHeader { keyword: "permissions", header: "permissions-policy", values: HeaderValues::Permissions },
    SettableHeader {
        keyword: "embedder",
        header: "cross-origin-embedder-policy",
        values: HeaderValues::OneOf(&[
            ("require-corp", "require-corp"),
            ("credentialless", "credentialless"),
            ("unsafe-none", "unsafe-none"),
        ]),
    },
    SettableHeader {
        keyword: "opener",
        header: "cross-origin-opener-policy",
        values: HeaderValues::OneOf(&[
            ("same-origin", "same-origin"),
            ("same-origin-allow-popups", "same-origin-allow-popups"),
            ("noopener-allow-popups", "noopener-allow-popups"),
            ("unsafe-none", "unsafe-none"),
        ]),
    },
    SettableHeader {
        keyword: "resource",
        header: "cross-origin-resource-policy",
        values: HeaderValues::OneOf(&[
            ("same-origin", "same-origin"),
            ("same-site", "same-site"),
            ("cross-origin", "cross-origin"),
        ]),
    },
];

/// The headers that every response has, unless they are removed.
pub const REMOVABLE: [&str; 7] = [
    "x-frame-options",
    "content-security-policy",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "strict-transport-security",
];

/// Why a value cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueError<'t> {
    /// It is not a Content Security Policy.
    Csp(CspError<'t>),
    /// The header has only these values.
    NotOneOf(&'t str, &'static [(&'static str, &'static str)]),
    /// It is not a list of features and their allowlists.
    Permissions(&'t str),
    /// A header field cannot contain this character.
    Character(char),
}

impl ValueError<'_> {
    /// The problem as a sentence.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            ValueError::Csp(error) => error.message(),
            ValueError::NotOneOf(written, _) => format!("unknown value \"{written}\""),
            ValueError::Permissions(part) => format!("\"{part}\" is not a feature with its allowlist"),
            ValueError::Character(c) => format!("the value of a header must not contain {c:?}"),
        }
    }

    /// How to fix it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            ValueError::Csp(error) => error.help(),
            ValueError::NotOneOf(_, known) => {
                let known: Vec<String> = known.iter().map(|(written, _)| format!("\"{written}\"")).collect();
                format!("the values are {}", known.join(", "))
            }
            ValueError::Permissions(_) => "write \"camera=(), geolocation=(self)\"".to_owned(),
            ValueError::Character(_) => "use visible ASCII characters and spaces".to_owned(),
        }
    }
}

/// The value of a header as it is sent. The name of the header is in lower case.
///
/// # Errors
///
/// If browsers would not understand the value.
pub fn sent_value<'t>(header: &str, value: &'t str) -> Result<&'t str, ValueError<'t>> {
    match SETTABLE.iter().find(|known| known.header == header).map(|known| known.values) {
        Some(HeaderValues::Csp) => csp::directives(value).map(|_| value).map_err(ValueError::Csp),
        Some(HeaderValues::OneOf(known)) => {
            let is_it = |(written, sent): &&(&str, &str)| value == *written || value.eq_ignore_ascii_case(sent);
            known.iter().find(is_it).map(|(_, sent)| *sent).ok_or(ValueError::NotOneOf(value, known))
        }
        Some(HeaderValues::Permissions) => permissions(value),
        None if header == "x-content-type-options" => match value {
            "nosniff" => Ok(value),
            _ => Err(ValueError::NotOneOf(value, &[("nosniff", "nosniff")])),
        },
        None => match value.chars().find(|c| !(*c == ' ' || c.is_ascii_graphic())) {
            Some(c) => Err(ValueError::Character(c)),
            None => Ok(value),
        },
    }
}

/// `camera=(), geolocation=(self "https://map.example"), fullscreen=*`: a dictionary of RFC 9651.
fn permissions(value: &str) -> Result<&str, ValueError<'_>> {
    if let Some(c) = value.chars().find(|c| !(*c == ' ' || c.is_ascii_graphic())) {
        return Err(ValueError::Character(c));
    }
    for part in value.split(',').map(str::trim) {
        let is_feature = |name: &str| {
            !name.is_empty() && name.bytes().all(is_token_byte) && name.starts_with(|c: char| c.is_ascii_lowercase())
        };
        let is_allowlist = |list: &str| {
            matches!(list, "*" | "self")
                || list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).is_some_and(|list| {
                    let is_member = |origin: &str| {
                        matches!(origin, "" | "*" | "self" | "src")
                            || (origin.len() > 2 && origin.starts_with('"') && origin.ends_with('"'))
                    };
                    list.split(' ').all(is_member)
                })
        };
        if !part.split_once('=').is_some_and(|(name, list)| is_feature(name) && is_allowlist(list)) {
            return Err(ValueError::Permissions(part));
        }
    }
    Ok(value)
}

/// The member of `Reporting-Endpoints` for one endpoint: `csp="https://reports.example/csp"`.
///
/// `None` if the name is not a key (RFC 9651, section 3.1.2), or the address is not an `https` URL that a quoted string can contain.
#[must_use]
pub fn reporting_endpoint(name: &str, url: &str) -> Option<String> {
    let is_key = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte));
    let host = url.strip_prefix("https://").filter(|host| !host.is_empty() && !host.starts_with(['/', '?', '#']));
    let is_text = url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    (is_key && host.is_some() && is_text).then(|| format!("{name}=\"{url}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_closed_lists_are_sent_as_browsers_know_them() {
        assert_eq!(sent_value("x-frame-options", "same-origin"), Ok("SAMEORIGIN"));
        assert_eq!(sent_value("x-frame-options", "SAMEORIGIN"), Ok("SAMEORIGIN"));
        assert_eq!(sent_value("x-frame-options", "deny"), Ok("DENY"));
        assert_eq!(sent_value("referrer-policy", "origin"), Ok("origin"));
        assert_eq!(sent_value("x-own", "any text"), Ok("any text"));
        for (header, value) in [
            ("x-frame-options", "allow-from https://a.example"),
            ("x-content-type-options", "sniff"),
            ("cross-origin-opener-policy", "same-site"),
            ("cross-origin-embedder-policy", ""),
            ("referrer-policy", "none"),
        ] {
            assert!(matches!(sent_value(header, value), Err(ValueError::NotOneOf(..))), "{header}: {value}");
        }
        assert_eq!(sent_value("x-own", "a\r\nb: c"), Err(ValueError::Character('\r')));
    }

    #[test]
    fn permissions_are_features_with_allowlists() {
        for value in ["camera=()", "camera=(), geolocation=(self \"https://map.example\"), fullscreen=*, usb=self"] {
            assert_eq!(sent_value("permissions-policy", value), Ok(value));
        }
        for value in
            ["", "camera", "camera 'none'", "camera=none", "camera=(),", "camera=(self", "Camera=()", "camera=()\n"]
        {
            assert!(sent_value("permissions-policy", value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn an_endpoint_of_reports_is_a_key_and_an_https_url() {
        assert_eq!(
            reporting_endpoint("csp", "https://r.example/csp?a=b").as_deref(),
            Some("csp=\"https://r.example/csp?a=b\"")
        );
        for (name, url) in [
            ("", "https://r.example"),
            ("CSP", "https://r.example"),
            ("a b", "https://r.example"),
            ("csp", "http://r.example"),
            ("csp", "https://"),
            ("csp", "https:///x"),
            ("csp", "https://r.example/\", b=\"https://evil.example"),
            ("csp", "https://r.example/ x"),
            ("csp", "/reports"),
        ] {
            assert_eq!(reporting_endpoint(name, url), None, "{name} {url}");
        }
    }
}
