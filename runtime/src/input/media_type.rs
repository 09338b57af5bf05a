//! The media type of a body.
//!
//! Threat: a body that a browser sends without asking first, because its media type is that of a form (CWE-352). Promise: a body is
//! parsed only if its media type is the one that the extractor reads, and its charset is UTF-8.

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;

/// Whether the body is JSON: `application/json`, or a type that ends with `+json` (RFC 6839 §3.1).
pub(crate) fn is_json(request: &HttpRequest) -> bool {
    has(request, |essence| {
        essence.eq_ignore_ascii_case("application/json")
            || essence.split_once('/').is_some_and(|(kind, subtype)| {
                let suffix = subtype.len().checked_sub("+json".len()).and_then(|at| subtype.get(at..));
                kind.eq_ignore_ascii_case("application") && suffix.is_some_and(|end| end.eq_ignore_ascii_case("+json"))
            })
    })
}

/// Whether the body is a form: `application/x-www-form-urlencoded`.
pub(crate) fn is_form(request: &HttpRequest) -> bool {
    has(request, |essence| essence.eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Whether the body has parts: `multipart/form-data` (RFC 7578).
pub(crate) fn is_multipart(request: &HttpRequest) -> bool {
    has(request, |essence| essence.eq_ignore_ascii_case("multipart/form-data"))
}

fn has(request: &HttpRequest, is_expected: impl Fn(&str) -> bool) -> bool {
    let Some(Ok(value)) = request.headers().get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(is_expected) && parts.all(is_utf8)
}

/// Whether a parameter leaves the charset at UTF-8 (RFC 8259 §8.1).
fn is_utf8(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim_end().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_the_media_type_of_the_extractor_is_accepted() {
        for (value, json, form) in [
            ("application/json", true, false),
            ("Application/JSON; charset=\"UTF-8\"", true, false),
            ("application/problem+json ; profile=x", true, false),
            ("application/x-www-form-urlencoded", false, true),
            ("application/x-www-form-urlencoded; charset=utf-8", false, true),
            ("application/x-www-form-urlencoded; charset=iso-8859-1", false, false),
            ("application/json; charset=utf-16", false, false),
            ("application/jsonp", false, false),
            ("application/json, text/plain", false, false),
            ("text/plain", false, false),
            ("text/x+json", false, false),
            ("json", false, false),
            ("+json", false, false),
            ("", false, false),
        ] {
            let request = TestRequest::default().insert_header((CONTENT_TYPE, value)).to_http_request();
            assert_eq!((is_json(&request), is_form(&request)), (json, form), "{value}");
        }
        assert!(!is_json(&TestRequest::default().to_http_request()));
    }
}
