//! Requests by which a browser shows another page, such as a link that was followed, and the pages to which it may be sent.
//!
//! Threat: a script that gets the page of a login instead of 401, and takes it for data (CWE-436); a link of this site that leads to
//! another site (CWE-601). Promise: `Sec-Fetch-Mode` decides, which no page can set. Only for a client that does not send it, `Accept`
//! must name HTML. A path of this site stays on this site however a browser reads it.

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

/// The longest path to which a browser is sent back, in bytes.
pub(crate) const LONGEST_PATH: usize = 2048;

/// Whether the text is a path of this site, maybe with a query, for every browser. Browsers read `\` as `/`, leave out tabs and line
/// breaks, and take what follows `//` for a host (<https://url.spec.whatwg.org/#relative-state>).
pub(crate) fn is_path_of_this_site(text: &str) -> bool {
    let is_visible = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'\'' | b'<' | b'>' | b'`');
    text.starts_with('/') && !text.starts_with("//") && text.bytes().all(is_visible) && stays_on_site(text)
}

/// Whether the parser of the browsers' own standard finds the host of the site. A text that is written wrong may stay there too.
pub(crate) fn stays_on_site(path: &str) -> bool {
    const SITE: &str = "https://site.invalid";
    let resolved = url::Url::parse(SITE).and_then(|site| Ok((site.origin(), site.join(path)?)));
    resolved.is_ok_and(|(origin, url)| url.origin() == origin && url.path().starts_with('/'))
}

/// The login page with the path to which it sends the user back: that of the request. `demanded` is what follows it in the query, each
/// parameter after a `&`. `None` if the request is for the login page itself, which would be asked again and again.
pub(crate) fn login_with_return(login: &str, head: &RequestHead, demanded: &str) -> Option<String> {
    // What follows a `#` never reaches the server, so the query must be before it.
    let (login, fragment) = login.find('#').and_then(|at| login.split_at_checked(at)).unwrap_or((login, ""));
    if head.uri.path() == login.split('?').next().unwrap_or(login) {
        return None;
    }
    let back = head
        .uri
        .path_and_query()
        .map(|path| path.as_str())
        .filter(|path| path.len() <= LONGEST_PATH && is_path_of_this_site(path));
    let escape = |back| percent_encoding::utf8_percent_encode(back, percent_encoding::NON_ALPHANUMERIC);
    let query = back.map(|back| format!("&return_to={}", escape(back))).unwrap_or_default() + demanded;
    Some(match query.strip_prefix('&') {
        Some(query) => format!("{login}{}{query}{fragment}", if login.contains('?') { '&' } else { '?' }),
        None => format!("{login}{fragment}"),
    })
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

    #[test]
    fn path_that_leaves_the_site_is_none_of_it() {
        for path in [
            "/",
            "/a",
            "/a/b?c=d&e=//f#g",
            "/%2f%2fevil.example",
            "/.well-known",
            "/@evil.example",
            "/:80",
            "/a//b",
            "/?u=https://x",
        ] {
            assert!(is_path_of_this_site(path), "{path}");
        }
        for path in [
            "",
            "a",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/a\\b",
            "/ a",
            " /a",
            "/a\r\nset-cookie: x",
            "/ä",
            "/\0",
            "/\"><script>",
            "/'onclick='alert(1)",
            "?a",
            "#a",
            ".",
            "..//evil.example",
        ] {
            assert!(!is_path_of_this_site(path), "{path:?}");
        }
    }

    #[test]
    fn login_page_gets_the_path_of_the_request() {
        let demanding = |login: &str, uri: &str, demanded: &str| {
            login_with_return(login, TestRequest::default().uri(uri).to_http_request().head(), demanded)
        };
        let at = |login: &str, uri: &str| demanding(login, uri, "");
        assert_eq!(
            at("/login", "/app/a?b=c&d=%26").as_deref(),
            Some("/login?return_to=%2Fapp%2Fa%3Fb%3Dc%26d%3D%2526")
        );
        assert_eq!(at("/login?lang=nl", "/app").as_deref(), Some("/login?lang=nl&return_to=%2Fapp"));
        assert_eq!(at("/login", "//evil.example/").as_deref(), Some("/login"));
        assert_eq!(at("/login", &format!("/{}", "a".repeat(3000))).as_deref(), Some("/login"));
        assert_eq!(at("/login?lang=nl#form", "/app").as_deref(), Some("/login?lang=nl&return_to=%2Fapp#form"));
        assert_eq!(demanding("/login", "/a", "&max_age=9").as_deref(), Some("/login?return_to=%2Fa&max_age=9"));
        assert_eq!(demanding("/login#x", "//a/", "&max_age=9").as_deref(), Some("/login?max_age=9#x"));
        assert_eq!(at("/login", &format!("/{}", "a".repeat(2_048))).as_deref(), Some("/login"));
        for same in ["/login", "/login?return_to=%2F"] {
            assert_eq!(at("/login?lang=nl", same), None, "{same}");
        }
    }
}
