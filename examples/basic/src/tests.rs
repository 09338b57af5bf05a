//! Which credentials are rejected, and that an unknown name costs as much work as a known one.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, init_service, read_body};
use actix_web::{Error, http::StatusCode};
use futures_util::future::join;

use super::*;

fn basic(text: impl AsRef<[u8]>) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(text)).into_bytes()
}

async fn app_with(
    passwords: Passwords,
) -> impl Service<actix_http::Request, Response = ServiceResponse<impl actix_web::body::MessageBody>, Error = Error> {
    let hash = Passwords::new().unwrap().hash("p\u{e4}ss:word").await.unwrap();
    let accounts = HashMap::from([("alice".to_owned(), hash)]);
    init_service(App::new().service(me).service(greet).wrap(palisade_of(passwords, accounts).unwrap())).await
}

fn request(values: &[Vec<u8>]) -> TestRequest {
    let mut request = TestRequest::get().uri("/me").peer_addr(SocketAddr::from(([192, 0, 2, 1], 1)));
    for value in values {
        request = request.append_header((AUTHORIZATION, HeaderValue::from_bytes(value).unwrap()));
    }
    request
}

async fn status(values: &[Vec<u8>]) -> StatusCode {
    let app = app_with(Passwords::new().unwrap()).await;
    app.call(request(values).to_request()).await.unwrap().status()
}

#[actix_web::test]
async fn scheme_is_case_insensitive() {
    let app = app_with(Passwords::new().unwrap()).await;
    for scheme in ["Basic ", "basic ", "BASIC  "] {
        let value = format!("{scheme}{}", STANDARD.encode("alice:p\u{e4}ss:word"));
        let response = app.call(request(&[value.into_bytes()]).to_request()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(read_body(response).await, "alice");
    }
}

#[actix_web::test]
async fn bad_credentials_get_the_same_401() {
    let app = app_with(Passwords::new().unwrap()).await;
    let mut responses = Vec::new();
    for value in [
        basic("alice:wrong"),
        basic("alice:p\u{e4}ss"),
        basic("alice:"),
        basic("bob:p\u{e4}ss:word"),
        basic(":p\u{e4}ss:word"),
        basic("alice"),
        basic(""),
        basic("alice:p\u{e4}ss:word\n"),
        basic("al\0ice:p\u{e4}ss:word"),
        basic("alice\u{85}:p\u{e4}ss:word"),
        basic(b"alice:p\xe4ss:word"),
        b"Basic".to_vec(),
        b"Basic ".to_vec(),
        b"Basic ????".to_vec(),
        b"Basic YWxpY2U6eA".to_vec(),
        b"Basic YWxpY2U6eA==, YWxpY2U6eA==".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&value).into_owned();
        let response = app.call(request(&[value]).to_request()).await.unwrap();
        assert_eq!(response.status(), 401, "{shown}");
        let challenge = response.headers().get(WWW_AUTHENTICATE).unwrap().to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Basic realm=") && challenge.ends_with("charset=\"UTF-8\""), "{challenge}");
        responses.push((challenge, read_body(response).await));
    }
    responses.dedup();
    assert_eq!(responses.len(), 1, "all rejections must be identical");
}

#[test]
fn audit_log_has_the_reason() {
    let reason = |value: &[u8]| Credentials::read(value).map(|read| read.err());
    assert_eq!(reason(b"Basic ????"), Some(Some("basic_base64")));
    assert_eq!(reason(&basic("alice")), Some(Some("basic_colon")));
    assert_eq!(reason(&basic("alice:\t")), Some(Some("basic_control")));
    assert_eq!(reason(&basic(b"alice:\xff")), Some(Some("basic_utf8")));
    assert_eq!(reason(&basic("alice:a:b")), Some(None));
    assert_eq!(reason(b"Basics YWxpY2U6eA=="), None);
    assert_eq!(reason(b"Bearer YWxpY2U6eA=="), None);
}

#[actix_web::test]
async fn two_headers_are_rejected() {
    let right = basic("alice:p\u{e4}ss:word");
    assert_eq!(status(&[right.clone(), right.clone()]).await, 400);
    let alone = Basic { passwords: Passwords::new().unwrap(), accounts: HashMap::new() };
    let twice = request(&[right.clone(), right]).to_http_request();
    let Attempt::Done(Err(error)) = alone.authenticate(&twice) else { panic!("the credentials must be rejected") };
    assert_eq!(error, AuthError::Invalid("authorization_repeated"));
}

/// CWE-352: the browser of a user who is logged in sends the password with the requests of any page.
#[actix_web::test]
async fn page_of_another_site_cannot_change_anything() {
    let app = app_with(Passwords::new().unwrap()).await;
    for (header, value, status) in [
        ("origin", "http://localhost:3000", StatusCode::OK),
        ("sec-fetch-site", "same-origin", StatusCode::OK),
        ("origin", "https://evil.example", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("user-agent", "curl/8", StatusCode::OK),
    ] {
        let put = request(&[basic("alice:p\u{e4}ss:word")]).method(Method::PUT).uri("/greeting").set_payload("hello");
        let put = put.insert_header((HOST, "localhost:3000")).insert_header((header, value));
        assert_eq!(app.call(put.to_request()).await.unwrap().status(), status, "{header}: {value}");
    }
}

#[actix_web::test]
async fn missing_credentials_and_other_schemes_are_401() {
    assert_eq!(status(&[]).await, 401);
    assert_eq!(status(&[b"Bearer abc".to_vec()]).await, 401);
}

/// With one concurrent hash and no queue, the second request gets 503 exactly if the first one computes a hash.
#[actix_web::test]
async fn unknown_account_costs_the_same_work() {
    for user in ["alice", "bob"] {
        let narrow = Passwords::builder().concurrency_limit(1).queue_timeout(Duration::ZERO).build().unwrap();
        let app = app_with(narrow).await;
        let ask = || app.call(request(&[basic(format!("{user}:wrong"))]).to_request());
        let (one, other) = join(ask(), ask()).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(
            (one.status(), other.status()),
            (StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE),
            "{user}"
        );
        assert!(other.headers().contains_key(RETRY_AFTER));
    }
}
