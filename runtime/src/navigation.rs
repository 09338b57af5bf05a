//! Requests by which a browser shows another page, such as a link that was followed.
//!
//! Threat: a script that gets the page of a login instead of 401, and takes it for data (CWE-436). Promise: `Sec-Fetch-Mode` decides,
//! which no page can set. Only for a client that does not send it, `Accept` must name HTML.

use actix_web::dev::RequestHead;
use actix_web::http::header::ACCEPT;

const SEC_FETCH_MODE: &str = "sec-fetch-mode";

/// Whether the response will be shown as a page. The method is `GET` or `HEAD`: the form of any other request would be lost.
pub(crate) fn is_navigation(head: &RequestHead) -> bool {
    if !matches!(head.method.as_str(), "GET" | "HEAD") {
        return false;
    }
    match head.headers.get(SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => {
            head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| {
                accept.split([',', ';']).any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_page_that_is_shown_is_a_navigation() {
        let navigates = |method, headers: &[(&str, &str)]| {
            let request = headers
                .iter()
                .fold(TestRequest::default().method(method), |request, header| request.insert_header(*header));
            is_navigation(request.to_http_request().head())
        };
        let (navigate, html) = (("sec-fetch-mode", "navigate"), ("accept", "application/xml;q=0.9, TEXT/html ;q=1"));
        assert!(navigates(Method::GET, &[navigate]) && navigates(Method::HEAD, &[html]));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert!(!navigates(method.clone(), &[navigate, html]), "{method}");
        }
        for mode in ["cors", "no-cors", "same-origin", "websocket", "Navigate", ""] {
            assert!(!navigates(Method::GET, &[("sec-fetch-mode", mode), html]), "{mode}");
        }
        for accept in ["*/*", "application/json", "text/htmlx", ""] {
            assert!(!navigates(Method::GET, &[("accept", accept)]), "{accept}");
        }
        assert!(!navigates(Method::GET, &[]));
    }
}
