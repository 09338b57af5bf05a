//! The headers of the site, of its API and of its logout.

use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_and_read_body, call_service, init_service};

use super::*;

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[actix_web::test]
async fn the_script_of_the_page_has_the_nonce_of_its_policy() {
    let app = init_service(App::new().service(routes()).wrap(configure().unwrap())).await;
    let response = call_service(&app, TestRequest::get().uri("/").to_request()).await;
    let policy = header(response.headers(), "content-security-policy").to_owned();
    let nonce = policy.split("script-src 'self' 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    let page = actix_web::test::read_body(response).await;
    assert!(str::from_utf8(&page).unwrap().contains(&format!("<script nonce=\"{nonce}\">")), "{policy}");
    let again = call_and_read_body(&app, TestRequest::get().uri("/").to_request()).await;
    assert_ne!(page, again);
}

#[actix_web::test]
async fn each_part_of_the_site_has_its_headers() {
    let app = init_service(App::new().service(routes()).wrap(configure().unwrap())).await;
    for (request, name, value) in [
        (TestRequest::get().uri("/api/news"), "content-security-policy", "default-src 'none'; "),
        (TestRequest::get().uri("/api/none"), "content-security-policy", "default-src 'none'; "),
        (TestRequest::get().uri("/clock"), "x-frame-options", "SAMEORIGIN"),
        (TestRequest::get().uri("/clock"), "permissions-policy", "camera=(), fullscreen=(self)"),
        (TestRequest::get().uri("/"), "x-frame-options", "DENY"),
        (TestRequest::get().uri("/"), "reporting-endpoints", "csp=\"https://reports.example/csp\""),
        (TestRequest::post().uri("/logout"), "clear-site-data", "\"cache\", \"cookies\", \"storage\""),
    ] {
        let response = call_service(&app, request.to_request()).await;
        assert!(header(response.headers(), name).starts_with(value), "{name}: {response:?}");
    }
}
