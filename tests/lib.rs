//! Shared parts of the tests: an application behind palisade, tokens for it, and a body that must not be read.

#![forbid(unsafe_code)]

pub mod cookie_site;
pub mod dpop;
pub mod hostile;
pub mod inside;
mod json_prefix;
pub mod liar;
pub mod log;
pub mod missing;
pub mod node;
mod pointers;
pub mod postgres;
pub mod provider;
pub mod sign_in_browser;
pub mod site;
pub mod tokens;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, Service, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{Error, body};
use futures_util::Stream;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::rate_limit::MemoryRateLimits;
use palisade::testing::{AsPrincipal, ManualClock};
use palisade::{Jwt, Palisade, PalisadeBuilder, Principal};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "tests";
pub const SECRET: &[u8] = b"a secret of the tests, 32 bytes or more";

/// The `Content-Security-Policy` of responses whose route does not change it.
pub const DEFAULT_CSP: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// The peer address of the tests' requests.
pub const PEER: &str = "203.0.113.7:4711";

pub fn jwt() -> Jwt {
    Jwt::hs256(ISSUER, AUDIENCE, SECRET).unwrap()
}

/// Accepts tokens of another issuer.
pub fn jwt_of(issuer: &str) -> Jwt {
    Jwt::hs256(issuer, AUDIENCE, SECRET).unwrap()
}

/// Issues tokens that [`jwt`] accepts.
pub fn issuer() -> TokenIssuer {
    TokenIssuer::hs256(ISSUER, AUDIENCE, SECRET).unwrap()
}

/// `Bearer <token>` for a subject with these roles.
pub fn bearer(subject: &str, roles: &[&str]) -> String {
    let grant = Grant::new(subject, Duration::from_secs(900)).roles(roles.iter().copied());
    format!("Bearer {}", issuer().issue(&grant).unwrap())
}

/// A builder that accepts the tokens of [`bearer`]. Its rate limits are separate from all other tests, and its clock
/// does not move.
pub fn builder() -> PalisadeBuilder {
    builder_at(&ManualClock::new())
}

pub fn builder_at(clock: &ManualClock) -> PalisadeBuilder {
    Palisade::builder().authenticator(jwt()).rate_limit_store(MemoryRateLimits::with_clock(clock.clone()))
}

pub fn palisade() -> Palisade {
    builder().build().unwrap()
}

/// A request from [`PEER`].
pub fn request(method: Method, path: &str) -> TestRequest {
    TestRequest::default().method(method).uri(path).peer_addr(PEER.parse().unwrap())
}

pub fn get_request(path: &str) -> TestRequest {
    request(Method::GET, path)
}

pub fn post_request(path: &str, json: &str) -> TestRequest {
    request(Method::POST, path).insert_header(("content-type", "application/json")).set_payload(json.to_owned())
}

/// The request from another address.
pub fn from(address: &str, request: TestRequest) -> TestRequest {
    request.peer_addr(format!("{address}:4711").parse().unwrap())
}

/// One of many addresses whose first octet is `first`.
pub fn nth(first: u8, number: u32) -> String {
    let [_, two, three, four] = number.to_be_bytes();
    format!("{first}.{two}.{three}.{four}")
}

/// The result of an in-process call: a response, or the error that the server would turn into one.
#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl TestResponse {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Expects a problem response with this status and all its members.
    pub fn assert_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json()["status"], status, "{self:?}");
        assert!(self.json()["title"].is_string(), "{self:?}");
        self.assert_headers();
    }

    /// The body of a success. Otherwise the status, and each error as `"place" code`.
    pub fn outcome(&self) -> String {
        if self.status.is_success() {
            return self.body.clone();
        }
        self.assert_problem(self.status.as_u16());
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        let texts = errors.iter().map(|error| {
            assert!(error["detail"].as_str().unwrap().ends_with('.'), "{error}");
            let places: Vec<&str> =
                ["pointer", "parameter", "header"].iter().filter_map(|member| error[*member].as_str()).collect();
            let [place] = places[..] else { panic!("one place: {error}") };
            format!("{place:?} {}", error["code"].as_str().unwrap())
        });
        std::iter::once(self.status.as_str().to_owned()).chain(texts).collect::<Vec<_>>().join(" ")
    }

    /// Expects the headers that each response must have.
    pub fn assert_headers(&self) {
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{self:?}");
        assert_eq!(self.header("x-frame-options"), "DENY", "{self:?}");
        assert_eq!(self.header("content-security-policy"), DEFAULT_CSP, "{self:?}");
        assert_eq!(self.header("referrer-policy"), "same-origin", "{self:?}");
        for name in ["permissions-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"] {
            assert!(self.headers.contains_key(name), "{name}: {self:?}");
        }
    }
}

pub async fn call<S, B>(app: &S, request: TestRequest) -> TestResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    call_raw(app, request.to_request()).await
}

pub async fn call_raw<S, B>(app: &S, request: actix_http::Request) -> TestResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let mut request = request;
    let sent = pointers::note(&mut request);
    let response = match app.call(request).await {
        Ok(response) => {
            let (_, response) = response.into_parts();
            let (head, body) = response.into_parts();
            read_response(head.status(), head.headers().clone(), body).await
        }
        Err(error) => {
            let (head, body) = error.as_response_error().error_response().into_parts();
            read_response(head.status(), head.headers().clone(), body).await
        }
    };
    sent.assert_pointers_resolve(&response);
    response
}

/// Calls the application with this request as this principal.
pub async fn call_as<S, B>(app: &S, request: TestRequest, principal: Principal) -> TestResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    call_raw(app, request.as_principal(principal)).await
}

async fn read_response<B: MessageBody>(status: StatusCode, headers: HeaderMap, body: B) -> TestResponse {
    let bytes = body::to_bytes(body).await.unwrap_or_else(|_| panic!("the body ended with an error"));
    TestResponse { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
}

/// A body that fails the test if it is read.
pub struct PanicsWhenRead;

impl Stream for PanicsWhenRead {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        panic!("the body was read before the request was admitted");
    }
}

/// The request with a JSON body that must not be read.
pub fn with_body_that_panics_when_read(request: TestRequest) -> actix_http::Request {
    replace_body(announce_body(request).to_request())
}

/// The same as this principal.
pub fn with_body_that_panics_when_read_as(request: TestRequest, principal: Principal) -> actix_http::Request {
    replace_body(announce_body(request).as_principal(principal))
}

fn announce_body(request: TestRequest) -> TestRequest {
    request.insert_header(("content-type", "application/json")).insert_header(("content-length", "1000"))
}

fn replace_body(request: actix_http::Request) -> actix_http::Request {
    let body: Pin<Box<dyn Stream<Item = _>>> = Box::pin(PanicsWhenRead);
    request.replace_payload(Payload::Stream { payload: body }).0
}

/// A pause that lets other futures make progress.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The error without the source locations of handlers and scopes, such as ` (tests/attack/scopes.rs:7)`.
pub fn without_places(error: &dyn std::fmt::Display) -> String {
    let error = error.to_string();
    let (mut text, mut rest) = (String::new(), error.as_str());
    while let Some((before, place)) = rest.split_once(" (tests/") {
        let (place, after) = place.split_once(')').unwrap();
        let line = place.rsplit_once(".rs:").unwrap().1;
        assert!(line.parse::<u32>().is_ok(), "{place}");
        text.push_str(before);
        rest = after;
    }
    text.push_str(rest);
    text
}
