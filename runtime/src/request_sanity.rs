//! Rejects requests that two parsers could read differently, before anything else reads them.
//!
//! Threat: path confusion and parameter pollution (CWE-22, CWE-158, CWE-444). Promise: a request gets 400 if its path does not
//! decode, or decodes to invalid UTF-8 or to a control character, or if a header that must be unique is repeated (RFC 9110
//! §5.3). The number of header fields and the size of the head are limited, equally in each version of HTTP (431, RFC 6585 §5;
//! CWE-770).

use actix_web::dev::RequestHead;
use actix_web::http::Version;
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, ORIGIN,
    PROXY_AUTHORIZATION,
};
use percent_encoding::percent_decode_str;

use crate::denial::Denial;

/// The limit that actix-web has over HTTP/1.1. Over HTTP/2 it has none.
const MAX_FIELDS: usize = 96;

/// The largest head that actix-web reads over HTTP/1.1, in bytes.
pub(crate) const LARGEST_HEAD: usize = 131_072;

/// Headers by which palisade, an extractor or a proxy decides, so they must not be repeated. `Host` and `Content-Length` need
/// the check over HTTP/2 only: over HTTP/1.1 actix-web rejects repeated ones.
const SINGLE: [(HeaderName, &str); 8] = [
    (AUTHORIZATION, "two_authorizations"),
    (CONTENT_LENGTH, "two_content_lengths"),
    (CONTENT_TYPE, "two_content_types"),
    (HOST, "host_repeated"),
    (ORIGIN, "two_origins"),
    (PROXY_AUTHORIZATION, "two_proxy_authorizations"),
    (ACCESS_CONTROL_REQUEST_METHOD, "two_requested_methods"),
    (HeaderName::from_static("sec-fetch-site"), "two_fetch_sites"),
];

/// `limit` is how many bytes the target, and the names and values of all header fields, may have together.
pub(crate) fn check(head: &RequestHead, limit: usize) -> Result<(), Denial> {
    let path = head.uri.path();
    if !is_plain(path) && !decodes(path) {
        return Err(Denial::bad_request("path_undecodable", "The path cannot be decoded."));
    }
    let headers = &head.headers;
    let fields = headers.len();
    if fields > MAX_FIELDS {
        return Err(Denial::too_many_fields());
    }
    // Over HTTP/1.1 actix-web has read no more than that.
    if (limit < LARGEST_HEAD || head.version >= Version::HTTP_2) && length(head) > limit {
        return Err(Denial::head_too_large());
    }
    // Repeated headers are looked for only if any name is repeated, which is cheap to find out.
    if fields == headers.len_keys() {
        return Ok(());
    }
    match SINGLE.iter().find(|(name, _)| headers.get_all(name).nth(1).is_some()) {
        None => Ok(()),
        Some((_, reason)) => Err(Denial::bad_request(reason, "A header that must be unique is repeated.")),
    }
}

/// The length of the target, and of the names and values of all fields.
fn length(head: &RequestHead) -> usize {
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let host = head.uri.authority().map_or(0, |host| host.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    fields.fold(path.saturating_add(host), usize::saturating_add)
}

/// Whether the path has no escape and no control character, as most paths.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte != b'%' && !byte.is_ascii_control())
}

/// Whether the path decodes to text without a control character.
fn decodes(path: &str) -> bool {
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at..).unwrap_or_default() {
            [_, high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = after,
            _ => return false,
        }
    }
    percent_decode_str(path).decode_utf8().is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::{decodes, is_plain};

    fn path_is_sane(path: &str) -> bool {
        is_plain(path) || decodes(path)
    }

    #[test]
    fn malformed_paths_are_rejected() {
        for valid in ["/", "/users/1", "/a%20b", "/%C3%A9", "/a%2Fb", "/100%25", "/a;x=1"] {
            assert!(path_is_sane(valid), "{valid}");
        }
        for broken in ["/%", "/%4", "/%zz", "/a%00", "/a%0a", "/a%0D%0Ab", "/%ff", "/%C3", "/%c2%85", "/a%7f"] {
            assert!(!path_is_sane(broken), "{broken}");
        }
    }
}
