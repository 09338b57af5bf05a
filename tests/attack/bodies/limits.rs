//! Bodies that are too large (CWE-400, CWE-770; RFC 9110 §15.5.14): one limit for each route, whatever reads the body, and no
//! byte is read of a body that announces its size.

use std::pin::Pin;

use actix_web::body::BoxBody;
use actix_web::dev::{Payload as Body, ServiceRequest, ServiceResponse, fn_service};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{Bytes, Form, FormConfig, Json, JsonConfig, Payload, PayloadConfig};
use actix_web::{App, Error, HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::{Stream, StreamExt as _, stream};
use palisade::policy::Rule;
use palisade::{Palisade, authenticated, body_limit, compressed_body, post, require_role};
use palisade_tests::{PanicsWhenRead, TestResponse, bearer, builder, call, call_raw, get_request, palisade, request};
use serde_json::Value;

use crate::bombs;

/// The routes of one limit: each kind of argument that reads a body.
macro_rules! routes {
    ($module:ident $(, #[$limit:meta])?) => {
        mod $module {
            use palisade::public;

            use super::*;

            #[post("/json")]
            #[public]
            $(#[$limit])?
            async fn json(body: Json<Value>) -> String {
                body.as_str().map_or(0, |text| text.len() + 2).to_string()
            }

            #[post("/form")]
            #[public]
            $(#[$limit])?
            async fn form(body: Form<Vec<(String, String)>>) -> String {
                body.iter().map(|(name, value)| name.len() + 1 + value.len()).sum::<usize>().to_string()
            }

            #[post("/bytes")]
            #[public]
            $(#[$limit])?
            async fn bytes(body: Bytes) -> String {
                body.len().to_string()
            }

            #[post("/string")]
            #[public]
            $(#[$limit])?
            async fn string(body: String) -> String {
                body.len().to_string()
            }

            #[post("/option")]
            #[public]
            $(#[$limit])?
            async fn option(body: Option<Bytes>) -> String {
                body.map_or("hidden".to_owned(), |body| body.len().to_string())
            }

            #[post("/result")]
            #[public]
            $(#[$limit])?
            async fn result(body: Result<Json<Value>, Error>) -> String {
                body.map_or("hidden".to_owned(), |body| body.as_str().map_or(0, |text| text.len() + 2).to_string())
            }

            #[post("/stream")]
            #[public]
            $(#[$limit])?
            async fn stream(mut body: Payload) -> Result<String, PayloadError> {
                let mut bytes_read = 0;
                while let Some(piece) = body.next().await {
                    bytes_read += piece?.len();
                }
                Ok(bytes_read.to_string())
            }

            pub fn scope(prefix: &'static str) -> palisade::Scope {
                let scope = palisade::scope(prefix).service(json).service(form).service(bytes).service(string);
                scope.service(option).service(result).service(stream)
            }
        }
    };
}

routes!(of_the_application);
routes!(below_it, #[body_limit("64B")]);
routes!(above_it, #[body_limit("512KiB")]);

const KINDS: [&str; 7] = ["json", "form", "bytes", "string", "option", "result", "stream"];
const DEFAULT: usize = 262_144;

#[post("/own")]
#[authenticated]
async fn own(body: Bytes) -> String {
    body.len().to_string()
}

#[post("/auditors")]
#[require_role("auditor")]
async fn auditors(body: Bytes) -> String {
    body.len().to_string()
}

macro_rules! app {
    ($palisade:expr $(, $service:expr)*) => {
        init_service(
            App::new()
                .app_data(JsonConfig::default().limit(10 << 20))
                .app_data(FormConfig::default().limit(10 << 20))
                .app_data(PayloadConfig::new(10 << 20))
                .service(of_the_application::scope("/default"))
                .service(below_it::scope("/below"))
                .service(above_it::scope("/above"))
                .service(own)
                .service(auditors)
                $(.service($service))*
                .wrap($palisade),
        )
        .await
    };
}

/// A body of this many bytes that each kind of argument accepts.
fn body(kind: &str, length: usize) -> (&'static str, Vec<u8>) {
    match kind {
        "json" | "result" => ("application/json", format!("\"{}\"", "x".repeat(length - 2)).into_bytes()),
        "form" => ("application/x-www-form-urlencoded", format!("a={}", "x".repeat(length - 2)).into_bytes()),
        _ => ("text/plain", vec![b'x'; length]),
    }
}

fn with_stream(
    request: TestRequest,
    body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
) -> actix_http::Request {
    let payload: Pin<Box<dyn Stream<Item = _>>> = Box::pin(body);
    request.to_request().replace_payload(Body::Stream { payload }).0
}

/// As the server passes on a chunked body: pieces, and no `Content-Length`.
fn chunked(request: TestRequest, body: &[u8]) -> actix_http::Request {
    let pieces: Vec<_> = body.chunks(1_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    with_stream(request, stream::iter(pieces))
}

fn announced(request: TestRequest, length: usize) -> TestRequest {
    request.insert_header(("content-length", length.to_string()))
}

fn unread(request: TestRequest, length: usize) -> actix_http::Request {
    with_stream(announced(request, length), PanicsWhenRead)
}

fn post_to(path: &str) -> TestRequest {
    request(Method::POST, path)
}

#[track_caller]
fn assert_too_large(response: &TestResponse) {
    response.assert_problem(413);
    assert_eq!(response.json()["detail"], "The body is too large for this resource.");
}

#[actix_web::test]
async fn each_kind_of_argument_has_the_limit_of_its_route() {
    let app = app!(palisade());
    for (prefix, limit) in [("/default", DEFAULT), ("/below", 64), ("/above", 512 << 10)] {
        for kind in KINDS {
            for length in [limit - 1, limit] {
                let (media, sent) = body(kind, length);
                let to = || post_to(&format!("{prefix}/{kind}")).insert_header(("content-type", media));
                let whole = call(&app, announced(to(), length).set_payload(sent.clone())).await;
                assert_eq!((whole.status.as_u16(), &*whole.body), (200, &*length.to_string()), "{prefix} {kind}");
                let pieces = call_raw(&app, chunked(to(), &sent)).await;
                assert_eq!((pieces.status.as_u16(), &*pieces.body), (200, &*length.to_string()), "{prefix} {kind}");
            }
            let (media, sent) = body(kind, limit + 1);
            let to = || post_to(&format!("{prefix}/{kind}")).insert_header(("content-type", media));
            assert_too_large(&call_raw(&app, unread(to(), limit + 1)).await);
            let pieces = call_raw(&app, chunked(to(), &sent)).await;
            match kind {
                // The handler got the error, and its response is its own.
                "stream" => assert_eq!(pieces.status, 413, "{pieces:?}"),
                _ => assert_too_large(&pieces),
            }
        }
    }
}

#[actix_web::test]
async fn announced_size_is_compared_after_access_and_before_the_body() {
    let app = app!(palisade());
    for length in [DEFAULT + 1, usize::MAX] {
        call_raw(&app, unread(post_to("/own"), length)).await.assert_problem(401);
        let ann = || ("authorization", bearer("ann", &[]));
        call_raw(&app, unread(post_to("/auditors").insert_header(ann()), length)).await.assert_problem(403);
        assert_too_large(&call_raw(&app, unread(post_to("/own").insert_header(ann()), length)).await);
    }
    // A size that no number holds is measured while it is read.
    let unknown = post_to("/below/stream").insert_header(("content-length", "99999999999999999999999999"));
    assert_eq!(call_raw(&app, chunked(unknown, &[b'x'; 65])).await.status, 413);
    // A body is longer than it says.
    let lying = announced(post_to("/below/bytes"), 3);
    assert_too_large(&call_raw(&app, chunked(lying, &[b'x'; 65])).await);
}

#[actix_web::test]
async fn nothing_is_read_after_the_limit() {
    let app = app!(palisade());
    for kind in ["bytes", "option", "stream"] {
        let first: Vec<Result<Bytes, PayloadError>> = vec![Ok(Bytes::from_static(&[b'x'; 65]))];
        let endless = with_stream(post_to(&format!("/below/{kind}")), stream::iter(first).chain(PanicsWhenRead));
        assert_eq!(call_raw(&app, endless).await.status, 413, "{kind}");
    }
}

#[actix_web::test]
async fn the_application_has_a_limit_of_its_own() {
    let app = app!(builder().body_limit(100).build().unwrap());
    for (path, status) in [("/default/bytes", 413), ("/below/bytes", 413), ("/above/bytes", 200), ("/own", 401)] {
        assert_eq!(call_raw(&app, chunked(post_to(path), &[b'x'; 101])).await.status, status, "{path}");
    }
    assert_eq!(call_raw(&app, chunked(post_to("/default/bytes"), &[b'x'; 100])).await.body, "100");
    let mistake = Palisade::builder().body_limit(0).build().unwrap_err();
    assert_eq!(mistake.setting(), "body_limit");
}

#[actix_web::test]
async fn broken_body_is_no_absent_body() {
    let app = app!(palisade());
    for (error, status) in [
        (PayloadError::Incomplete(None), 400),
        (PayloadError::EncodingCorrupted, 400),
        (PayloadError::Io(std::io::ErrorKind::TimedOut.into()), 408),
        (PayloadError::Overflow, 413),
    ] {
        for kind in ["option", "result", "bytes"] {
            let text = format!("{error:?}");
            let pieces = match &error {
                PayloadError::Incomplete(_) => PayloadError::Incomplete(None),
                PayloadError::Io(_) => PayloadError::Io(std::io::ErrorKind::TimedOut.into()),
                PayloadError::Overflow => PayloadError::Overflow,
                _ => PayloadError::EncodingCorrupted,
            };
            let pieces = [Ok(Bytes::from_static(b"\"x")), Err(pieces)];
            let to = post_to(&format!("/default/{kind}")).insert_header(("content-type", "application/json"));
            let response = call_raw(&app, with_stream(to, stream::iter(pieces))).await;
            assert_eq!(response.status, status, "{kind} {text}: {response:?}");
            response.assert_problem(status);
        }
    }
    assert_eq!(call_raw(&app, chunked(post_to("/default/option"), b"")).await.body, "0");
}

/// A middleware that reads the whole body before the handler.
async fn reads_first(mut request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut body = request.take_payload();
    let mut kept = Vec::new();
    while let Some(piece) = body.next().await {
        kept.extend_from_slice(&piece?);
    }
    request.set_payload(Body::from(Bytes::from(kept)));
    next.call(request).await
}

#[post("/wrapped", wrap = "from_fn(reads_first)")]
#[palisade::public]
#[body_limit("64B")]
async fn wrapped(body: Option<Bytes>) -> String {
    body.map_or("hidden".to_owned(), |body| body.len().to_string())
}

/// A service that is no handler.
async fn count(mut request: ServiceRequest) -> Result<ServiceResponse, Error> {
    let length = request.extract::<Bytes>().await?.len();
    Ok(request.into_response(HttpResponse::Ok().body(length.to_string())))
}

#[actix_web::test]
async fn middleware_of_a_route_and_guarded_services_are_limited_too() {
    let service = palisade::scope::guarded("/service", fn_service(count), Rule::Public);
    let in_scope = palisade::scope("/scope").service(below_it::scope("/inner")).wrap(from_fn(reads_first));
    let app = app!(palisade(), wrapped, in_scope, palisade::scope("/guarded").service(service));
    for (path, limit) in [("/wrapped", 64), ("/scope/inner/option", 64), ("/guarded/service", DEFAULT)] {
        let sound = call_raw(&app, chunked(post_to(path), &vec![b'x'; limit])).await;
        assert_eq!(sound.body, limit.to_string(), "{path}");
        assert_too_large(&call_raw(&app, unread(post_to(path), limit + 1)).await);
        let first: Vec<Result<Bytes, PayloadError>> = vec![Ok(vec![b'x'; limit + 1].into())];
        let endless = with_stream(post_to(path), stream::iter(first).chain(PanicsWhenRead));
        assert_eq!(call_raw(&app, endless).await.status, 413, "{path}");
    }
}

#[post("/compressed")]
#[palisade::public]
#[compressed_body("1MiB")]
#[body_limit("4KiB")]
async fn compressed(body: Option<Bytes>) -> String {
    body.map_or("hidden".to_owned(), |body| body.len().to_string())
}

/// gzip with stored blocks would need a checksum; a zstd frame of raw blocks does not.
fn zstd_of(blocks: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x48];
    for at in 0..blocks {
        let header = u32::from(at + 1 == blocks) | 1_000 << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(&[b'x'; 1_000]);
    }
    frame
}

#[actix_web::test]
async fn compressed_body_is_measured_as_sent_and_as_inflated() {
    let app = app!(palisade(), compressed);
    let to = |coding: &str| post_to("/compressed").insert_header(("content-encoding", coding));
    assert_eq!(call_raw(&app, chunked(to("zstd"), &zstd_of(4))).await.body, "4000");
    let large = zstd_of(5);
    assert_too_large(&call_raw(&app, chunked(to("zstd"), &large)).await);
    assert_too_large(&call_raw(&app, unread(to("zstd"), large.len())).await);
    let mut small = 0;
    for (coding, bomb, _) in bombs::all() {
        small += usize::from(bomb.len() <= 4_096);
        assert_too_large(&call_raw(&app, chunked(to(coding), &bomb)).await);
    }
    assert!(small > 0, "one bomb exceeds only the size of the inflated body");
    let mut corrupt = zstd_of(2);
    corrupt[0] ^= 0xff;
    call_raw(&app, chunked(to("zstd"), &corrupt)).await.assert_problem(400);
}

#[actix_web::test]
async fn requests_without_a_body_are_served() {
    #[palisade::get("/bodiless")]
    #[palisade::public]
    #[body_limit("1B")]
    async fn bodiless(_: HttpRequest) -> &'static str {
        "served"
    }
    let app = app!(palisade(), bodiless);
    let request = get_request("/bodiless").to_request();
    assert_eq!(call_raw(&app, request.replace_payload(Body::None).0).await.body, "served");
}

#[test]
fn the_policy_table_shows_the_limit() {
    let table = above_it::scope("/above").service(compressed).policies();
    assert_eq!(table.rows()[0].max_body_bytes(), Some(512 << 10));
    for text in [table.to_text(), table.to_markdown(), table.to_html()] {
        assert!(text.contains("body up to 512KiB"), "{text}");
        assert!(text.contains("body up to 4KiB; compressed up to 1MiB"), "{text}");
    }
    assert!(table.to_json().contains("\"max_body_bytes\": 524288"));
    assert_eq!(of_the_application::scope("").policies().rows()[0].max_body_bytes(), None);
}
