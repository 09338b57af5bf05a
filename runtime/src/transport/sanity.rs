//! Requests that two parsers would read differently are refused first.
//!
//! Threat: path confusion and parameter pollution (CWE-22, CWE-158, CWE-444). Promise: a path whose escapes do not decode,
//! or decode to something that is no UTF-8 or holds a control character, and a request with two `Authorization` headers,
//! get 400 before anything reads them.

use actix_web::dev::RequestHead;
use actix_web::http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

use crate::denial::Denial;

pub(crate) fn check(head: &RequestHead) -> Result<(), Denial> {
    let path = head.uri.path();
    if !path_is_sane(path) {
        return Err(Denial::bad_request("path_undecodable", "The path can't be decoded."));
    }
    if head.headers.get_all(AUTHORIZATION).nth(1).is_some() {
        return Err(Denial::bad_request("two_authorizations", "There is more than one `Authorization` header."));
    }
    Ok(())
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
