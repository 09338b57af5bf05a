//! Compressed request bodies (CWE-409; RFC 9110 §15.5.16): a body is inflated only if the application allows it, and
//! never beyond the limit of the extractor that reads it.

use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Bytes, Json, JsonConfig, Payload};
use actix_web::{App, HttpRequest, dev, guard};
use futures_util::StreamExt as _;
use palisade::{authenticated, compressed_body, post, public};
use palisade_tests::{bearer, builder, call, call_raw, palisade, request, with_body_that_panics_when_read};
use serde_json::Value;

use crate::bombs;

#[post("/json")]
#[public]
async fn json(body: Json<Value>) -> String {
    body.to_string()
}

#[post("/bytes")]
#[public]
async fn whole(body: Bytes) -> String {
    body.len().to_string()
}

#[post("/nothing")]
#[public]
async fn nothing() -> &'static str {
    "served"
}

#[post("/stream")]
#[public]
async fn stream(request: HttpRequest, mut body: Payload) -> String {
    let mut largest = 0;
    let mut bytes_read = 0;
    while let Some(Ok(piece)) = body.next().await {
        largest = largest.max(piece.len());
        bytes_read += piece.len();
    }
    format!("{bytes_read} {} {}", largest <= 16 * 1024, request.headers().contains_key("content-encoding"))
}

#[post("/own")]
#[authenticated]
async fn own(body: Json<Value>) -> String {
    body.to_string()
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(
            App::new()
                .app_data(JsonConfig::default().limit(100_000))
                .service(json)
                .service(whole)
                .service(stream)
                .service(nothing)
                .service(own)
                .wrap($palisade),
        )
        .await
    };
}

fn coded(path: &str, coding: &str, body: Vec<u8>) -> TestRequest {
    request(Method::POST, path)
        .insert_header(("content-type", "application/json"))
        .insert_header(("content-encoding", coding))
        .set_payload(body)
}

/// `{"a":1}` in each coding, as a real encoder writes it.
fn small() -> [(&'static str, Vec<u8>); 4] {
    // Stored blocks, without compression.
    let stored = |body: &[u8]| [&[1, 7, 0, 0xf8, 0xff][..], body].concat();
    let body = br#"{"a":1}"#;
    let gzip =
        [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &stored(body), &crc32(body).to_le_bytes(), &7_u32.to_le_bytes()];
    let deflate = [&[0x78, 0x01][..], &stored(body), &adler32(body).to_be_bytes()];
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 7][..], &[1 | 7 << 3, 0, 0], body];
    let brotli = [&[0x0b, 0x03, 0x80][..], body, &[0x03]];
    [("gzip", gzip.concat()), ("deflate", deflate.concat()), ("zstd", zstd.concat()), ("br", brotli.concat())]
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

fn adler32(bytes: &[u8]) -> u32 {
    let (one, two) = bytes.iter().fold((1, 0), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % 65_521;
        (one, (two + one) % 65_521)
    });
    two << 16 | one
}

#[actix_web::test]
async fn compressed_body_is_415_by_default() {
    let app = app!(palisade());
    for coding in [
        "br",
        "gzip",
        "x-gzip",
        "deflate",
        "zstd",
        "GZIP",
        "gzip, br",
        "identity, gzip",
        "compress",
        "aes128gcm",
        "\u{ff}",
    ] {
        for path in ["/json", "/bytes", "/stream", "/own"] {
            let request = request(Method::POST, path).insert_header(("content-encoding", coding));
            let response = call_raw(&app, with_body_that_panics_when_read(request)).await;
            response.assert_problem(415);
            assert_eq!(response.header("accept-encoding"), "identity", "{coding} {path}");
        }
    }
    for (coding, body, _) in bombs::all() {
        call(&app, coded("/json", coding, body)).await.assert_problem(415);
    }
}

#[actix_web::test]
async fn identity_coding_and_empty_bodies_are_served() {
    let app = app!(palisade());
    for coding in ["identity", "Identity", "identity, identity", ""] {
        assert_eq!(call(&app, coded("/json", coding, br#"{"a":1}"#.to_vec())).await.body, r#"{"a":1}"#, "{coding}");
    }
    // Two headers: actix-web reads only the first, which is harmless.
    let two = coded("/json", "identity", b"{}".to_vec()).append_header(("content-encoding", "br"));
    call(&app, two).await.assert_problem(415);
    let bodiless = request(Method::POST, "/nothing").insert_header(("content-encoding", "gzip")).to_request();
    assert_eq!(call_raw(&app, bodiless.replace_payload(dev::Payload::None).0).await.body, "served");
}

#[actix_web::test]
async fn allowed_compressed_bodies_are_inflated() {
    let app = app!(builder().compressed_bodies(1_000_000).build().unwrap());
    for (coding, body) in small() {
        assert_eq!(call(&app, coded("/json", coding, body.clone())).await.body, r#"{"a":1}"#, "{coding}");
        assert_eq!(call(&app, coded("/bytes", coding, body.clone())).await.body, "7", "{coding}");
        // The body is already inflated, so a second decoder has nothing to do.
        assert_eq!(call(&app, coded("/stream", coding, body)).await.body, "7 true false", "{coding}");
    }
    assert_eq!(call(&app, coded("/json", "identity", b"{}".to_vec())).await.body, "{}");
    for coding in ["compress", "gzip, br", "gzip, gzip"] {
        let response = call(&app, coded("/json", coding, b"{}".to_vec())).await;
        response.assert_problem(415);
        assert_eq!(response.header("accept-encoding"), "br, deflate, gzip, zstd", "{coding}");
    }
    for (coding, mut body) in small() {
        body[1] ^= 0xff;
        call(&app, coded("/json", coding, body)).await.assert_problem(400);
        call(&app, coded("/json", coding, small()[0].1[..4].to_vec())).await.assert_problem(400);
    }
}

#[actix_web::test]
async fn inflating_beyond_the_limit_is_413() {
    // Some of these bodies are large as they are sent, too.
    let app = app!(builder().compressed_bodies(1_000_000).body_limit(16 << 20).build().unwrap());
    for (coding, body, inflated) in bombs::all() {
        assert!(inflated > 1_000_000 && body.len() < inflated / 100, "{coding}");
        // The limits of `Json` and `Bytes` apply.
        call(&app, coded("/json", coding, body.clone())).await.assert_problem(413);
        call(&app, coded("/bytes", coding, body.clone())).await.assert_problem(413);
        // A stream has no limit of its own, so the application's limit applies.
        let response = call(&app, coded("/stream", coding, body)).await;
        let bytes_read: usize = response.body.split(' ').next().unwrap().parse().unwrap();
        assert!((900_000..=1_000_000).contains(&bytes_read), "{coding}: {response:?}");
        assert!(response.body.ends_with("true false"), "{coding}: {response:?}");
    }
}

#[post("/route")]
#[authenticated]
#[compressed_body("64KiB")]
async fn of_the_route(body: Bytes) -> String {
    body.len().to_string()
}

#[actix_web::test]
async fn compression_is_allowed_for_one_route_only() {
    let palisade = builder().body_limit(16 << 20).build().unwrap();
    let routes = palisade::scope("").service(of_the_route).service(json);
    let app = init_service(App::new().service(routes).wrap(palisade)).await;
    let to_the_route = |coding: &str, body: Vec<u8>| {
        coded("/route", coding, body).insert_header(("authorization", bearer("ann", &[])))
    };
    for (coding, body) in small() {
        assert_eq!(call(&app, to_the_route(coding, body.clone())).await.body, "7", "{coding}");
        call(&app, coded("/json", coding, body.clone())).await.assert_problem(415);
        call(&app, coded("/route", coding, body)).await.assert_problem(401);
    }
    for (coding, body, _) in bombs::all() {
        call(&app, to_the_route(coding, body)).await.assert_problem(413);
    }
    let row = palisade::scope("").service(of_the_route).policies();
    assert_eq!(row.rows()[0].max_inflated_bytes(), Some(65_536));
    for text in [row.to_text(), row.to_markdown(), row.to_html()] {
        assert!(text.contains("compressed up to 64KiB"), "{text}");
    }
    assert!(row.to_json().contains("\"max_inflated_bytes\": 65536"));
}

#[post("/{a}/{b}")]
#[public]
async fn anywhere(body: Bytes) -> String {
    body.len().to_string()
}

async fn exempt(body: Bytes) -> String {
    format!("exempt {}", body.len())
}

#[actix_web::test]
async fn exempt_looking_path_does_not_allow_compression() {
    let palisade = builder().allow_unguarded("/static", "files for everybody").build().unwrap();
    let files = web::resource("/static/{file}").guard(guard::Put()).to(exempt);
    let app = init_service(App::new().service(files).service(anywhere).wrap(palisade)).await;
    for (coding, body, _) in bombs::all() {
        let response = call(&app, coded("/static/x", coding, body)).await;
        response.assert_problem(415);
        assert_eq!(response.header("accept-encoding"), "identity");
    }
    assert_eq!(call(&app, coded("/static/x", "identity", b"four".to_vec())).await.body, "4");
    // An exempt service receives the request unchanged.
    let put = request(Method::PUT, "/static/x").insert_header(("content-encoding", "gzip"));
    assert_eq!(call(&app, put.set_payload(small()[0].1.clone())).await.body, "exempt 7");
}

#[actix_web::test]
async fn gzip_members_are_read_and_trailing_bytes_rejected() {
    let app = app!(builder().compressed_bodies(1_000_000).build().unwrap());
    for at in [0, 2] {
        let (coding, member) = small()[at].clone();
        let two = [member.clone(), member.clone()].concat();
        assert_eq!(call(&app, coded("/bytes", coding, two)).await.body, "14", "{coding}");
        call(&app, coded("/bytes", coding, [&member[..], b"garbage"].concat())).await.assert_problem(400);
    }
}
