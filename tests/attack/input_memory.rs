//! CWE-770: a body of the size limit whose processing needs many times its size. Each hostile body of 256 KiB, received in chunks
//! of 16 KiB, may need at most 4 times its bytes, with the value that is made of it, and with the errors.
//!
//! The allocator counts, so the figures are the same in each run. This test has its own binary, because it counts for the whole
//! process.

use actix_web::body::to_bytes;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, ResponseError};
use futures_util::{StreamExt, stream};
use palisade::input::Json;
use serde::Deserialize;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const LIMIT: usize = 256 * 1024;

#[derive(Deserialize)]
#[allow(dead_code, reason = "only its shape is read")]
struct Order {
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only its shape is read")]
struct Item {
    name: String,
    count: u32,
}

fn request(body: &[u8]) -> (HttpRequest, Payload) {
    let request = TestRequest::post().insert_header((CONTENT_TYPE, "application/json")).to_http_request();
    let chunks: Vec<_> =
        body.chunks(16 * 1024).map(|chunk| Ok::<_, PayloadError>(Bytes::copy_from_slice(chunk))).collect();
    (request, Payload::Stream { payload: stream::iter(chunks).boxed_local() })
}

fn items(count: usize, end: &str) -> String {
    let name = "n".repeat((LIMIT - 100) / count - 24);
    format!(r#"{{"items":[{}{end}"#, format!(r#"{{"name":"{name}","count":7}},"#).repeat(count))
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let names = (0..LIMIT / 10 - 10).map(|at| format!("\"{at:05}\":1,")).collect::<String>();
    let long_name = |inner: String| format!("{{\"{}\":{inner}}}", "~".repeat(60_000));
    let twice = (0..32).map(|at| format!("\"{at}\":1,\"{at}\":1,")).collect::<String>();
    let mut bodies: Vec<(&str, Vec<u8>)> = [
        ("sound", items(2_400, r#"{"name":"last","count":1}]}"#)),
        ("wrong at the end", items(2_400, r#"{"name":"last","count":"x"}]}"#)),
        (
            "unknown fields",
            items(1_500, r#"{"name":"last","count":1,"a":1,"b":2}]}"#).replace("\"count\":7", "\"x\":7"),
        ),
        ("cut", items(2_400, r#"{"name":"last","cou"#)),
        ("deep", "[".repeat(LIMIT)),
        ("many values", format!("[{}1]", "1,".repeat(LIMIT / 2 - 2))),
        ("empty objects", format!("{{\"items\":[{}{{}}]}}", "{},".repeat(LIMIT / 3 - 10))),
        ("many names", format!("{{{names}\"x\":1}}")),
        ("one name", format!("{{{}\"a\":1}}", "\"a\":1,".repeat(LIMIT / 6 - 2))),
        ("escapes", format!("{{\"items\":\"{}\"}}", "\\u00e9".repeat(LIMIT / 6 - 4))),
        ("short escapes", format!("[{}\"\"]", "\"\\n\",".repeat(LIMIT / 5 - 2))),
        (
            "long names around duplicates",
            (0..4).fold(format!("{{{twice}\"x\":\"{}\"}}", "x".repeat(20_000)), |inner, _| long_name(inner)),
        ),
        ("one text", format!("\"{}\"", "x".repeat(LIMIT - 2))),
        ("spaces", " ".repeat(LIMIT)),
        ("digits", "9".repeat(LIMIT)),
    ]
    .map(|(name, body)| (name, body.into_bytes()))
    .to_vec();
    bodies.push(("invalid UTF-8", vec![0xff; LIMIT]));
    bodies
}

async fn peak<T: serde::de::DeserializeOwned + 'static>(body: &[u8]) -> (usize, u16) {
    let (request, mut payload) = request(body);
    let profiler = dhat::Profiler::builder().testing().build();
    let status = match Json::<T>::from_request(&request, &mut payload).await {
        Ok(_) => 200,
        Err(error) => {
            let response = error.error_response();
            let length = to_bytes(response.into_body()).await.unwrap_or_default().len();
            assert!(length < 64 * 1024, "a response of {length} bytes");
            error.error_response().status().as_u16()
        }
    };
    let peak = dhat::HeapStats::get().max_bytes;
    drop(profiler);
    (peak, status)
}

#[actix_web::test]
async fn hostile_body_needs_at_most_four_times_its_bytes() {
    for (name, body) in bodies() {
        assert!((LIMIT * 9 / 10..=LIMIT).contains(&body.len()), "{name}: {} bytes", body.len());
        let measured = [peak::<Order>(&body).await, peak::<Vec<Item>>(&body).await];
        for (peak, status) in measured {
            println!("{name}: {peak} bytes for {}, {status}", body.len());
            assert!(peak >= body.len(), "{name}: the body itself was counted");
            assert!(peak <= 4 * body.len(), "{name}: {peak} bytes for a body of {}", body.len());
            assert!([200, 400, 422].contains(&status), "{name}: {status}");
        }
    }
}
