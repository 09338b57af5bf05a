//! Requests that two parsers would read differently are refused first.
//!
//! Threat: path confusion and parameter pollution (CWE-22, CWE-158, CWE-444). Promise: a path whose escapes do not decode,
//! or decode to something that is no UTF-8 or holds a control character, and a request in which a header that must be single
//! is there twice (RFC 9110 §5.3), get 400 before anything reads them. The number of header fields is bounded on every
//! version of HTTP (431, RFC 6585 §5).

use actix_web::dev::RequestHead;
use actix_web::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN,
    PROXY_AUTHORIZATION,
};
use percent_encoding::percent_decode_str;

use crate::denial::Denial;

/// As many as actix-web takes over HTTP/1.1; over HTTP/2 it counts none.
const MAX_FIELDS: usize = 96;

/// What palisade, an extractor or a proxy decides by, and may be there once. What is said of `Host` and `Content-Length` is
/// HTTP/2's need: over HTTP/1.1 actix-web refuses them.
const SINGLE: [(HeaderName, &str); 8] = [
    (AUTHORIZATION, "two_authorizations"),
    (CONTENT_LENGTH, "two_content_lengths"),
    (CONTENT_TYPE, "two_content_types"),
    (HOST, "two_hosts"),
    (ORIGIN, "two_origins"),
    (PROXY_AUTHORIZATION, "two_proxy_authorizations"),
    (ACCESS_CONTROL_REQUEST_METHOD, "two_requested_methods"),
    (HeaderName::from_static("sec-fetch-site"), "two_fetch_sites"),
];

pub(crate) fn check(head: &RequestHead) -> Result<(), Denial> {
    let path = head.uri.path();
    if !path_is_sane(path) {
        return Err(Denial::bad_request("path_undecodable", "The path cannot be decoded."));
    }
    fields_are_sane(&head.headers)
}

/// Without a repeated name there is nothing to look for, and that is cheap to see.
#[inline]
fn fields_are_sane(headers: &HeaderMap) -> Result<(), Denial> {
    let fields = headers.len();
    if fields > MAX_FIELDS {
        return Err(Denial::too_many_fields());
    }
    if fields == headers.len_keys() {
        return Ok(());
    }
    match SINGLE.iter().find(|(name, _)| headers.get_all(name).nth(1).is_some()) {
        None => Ok(()),
        Some((_, reason)) => Err(Denial::bad_request(reason, "A header that must be unique is repeated.")),
    }
}

fn path_is_sane(path: &str) -> bool {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        return !bytes.iter().any(u8::is_ascii_control);
    }
    let mut rest = bytes;
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
    use super::path_is_sane;

    #[test]
    fn broken_and_smuggling_paths_are_told_from_honest_ones() {
        for honest in ["/", "/users/1", "/a%20b", "/%C3%A9", "/a%2Fb", "/100%25", "/a;x=1"] {
            assert!(path_is_sane(honest), "{honest}");
        }
        for broken in ["/%", "/%4", "/%zz", "/a%00", "/a%0a", "/a%0D%0Ab", "/%ff", "/%C3", "/%c2%85", "/a%7f"] {
            assert!(!path_is_sane(broken), "{broken}");
        }
    }
}
