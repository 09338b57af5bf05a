//! CWE-434, CWE-770, CWE-235, CWE-22: files of another type than they pretend, parts and bodies over their limits, parts that are
//! there twice, and names of files with a path. Each is rejected with its place, while the body arrives.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_multipart::form::MultipartForm;
use actix_multipart::form::text::Text as ForeignText;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse};
use futures_util::Stream;
use palisade::input::{File, FileKind, InputError, InputLimits, Json, Multipart, Text};
use palisade::{post, public};
use palisade_tests::{TestResponse, builder, call, call_raw, request};
use serde::Deserialize;

struct Picture;

impl FileKind for Picture {
    const MEDIA_TYPES: &'static [&'static str] = &["image/png", "image/gif"];
    const MAX_BYTES: u64 = 100_000;
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Album {
    Work,
    Home,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    tags: Vec<u8>,
}

#[derive(MultipartForm)]
struct Upload {
    #[multipart(limit = "10 B")]
    title: Text<String>,
    #[multipart(rename = "albumName")]
    album: Option<Text<Album>>,
    stars: Option<Text<u8>>,
    meta: Option<Json<Meta>>,
    picture: Option<File<Picture>>,
    #[multipart(rename = "more[]")]
    more: Vec<File<Picture>>,
    foreign: Option<ForeignText<u8>>,
}

impl Upload {
    fn show(&self) -> String {
        let album = self.album.as_ref().map(|album| match **album {
            Album::Work => "work",
            Album::Home => "home",
        });
        let picture = self.picture.as_ref().map(|file| (file.media_type(), file.bytes().len(), file.file_name()));
        let tags = self.meta.as_ref().map(|meta| meta.tags.len());
        let stars = self.stars.as_ref().map(|stars| **stars);
        let foreign = self.foreign.as_ref().map(|foreign| foreign.0);
        format!("{} {album:?} {stars:?} {tags:?} {picture:?} {} {foreign:?}", *self.title, self.more.len())
    }
}

#[post("/upload")]
#[public]
async fn upload(form: Multipart<Upload>) -> String {
    form.show()
}

#[post("/option")]
#[public]
async fn option(form: Option<Multipart<Upload>>) -> String {
    form.map_or_else(|| "none".to_owned(), |Multipart(form)| form.show())
}

#[post("/result")]
#[public]
async fn result(form: Result<Multipart<Upload>, InputError>) -> String {
    form.map_or_else(|error| format!("{error} {}", error.errors().len()), |form| form.into_inner().show())
}

#[derive(MultipartForm)]
#[multipart(deny_unknown_fields, duplicate_field = "deny")]
struct Denying {
    name: ForeignText<String>,
}

#[post("/denying")]
#[public]
async fn denying(form: Multipart<Denying>) -> String {
    form.name.0.clone()
}

#[derive(MultipartForm)]
#[multipart(duplicate_field = "replace")]
struct Replacing {
    name: Text<String>,
}

#[post("/replacing")]
#[public]
async fn replacing(form: Multipart<Replacing>) -> String {
    form.name.0.clone()
}

macro_rules! app {
    ($palisade:expr) => {
        init_service(
            App::new()
                .service(
                    palisade::scope("")
                        .service(upload)
                        .service(option)
                        .service(result)
                        .service(denying)
                        .service(replacing),
                )
                .wrap($palisade.build().unwrap()),
        )
        .await
    };
}

const BOUNDARY: &str = "frontier";

/// A part with a value.
fn part(name: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    raw(&format!("Content-Disposition: form-data; name=\"{name}\""), value)
}

fn file(name: &str, file_name: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let head =
        format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: image/png");
    raw(&head, content)
}

fn raw(head: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut part = format!("--{BOUNDARY}\r\n{head}\r\n\r\n").into_bytes();
    part.extend_from_slice(value.as_ref());
    part.extend_from_slice(b"\r\n");
    part
}

fn post_form(path: &str) -> TestRequest {
    let media_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request(Method::POST, path).insert_header(("content-type", media_type))
}

fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

fn send(path: &str, parts: &[Vec<u8>]) -> TestRequest {
    post_form(path).set_payload(body(parts))
}

/// Expects this status, and these errors as `pointer code`.
fn assert_errors(response: &TestResponse, status: u16, expected: &[&str]) {
    response.assert_problem(status);
    let problem = response.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let errors: Vec<String> = problem["errors"]
        .as_array()
        .map(|errors| {
            errors.iter().map(|error| format!("{} {}", text(&error["pointer"]), text(&error["code"]))).collect()
        })
        .unwrap_or_default();
    assert_eq!(errors, expected, "{response:?}");
    assert!(!response.body.contains("s3cret"), "{response:?}");
}

/// PNG of this many bytes.
fn png(bytes: usize) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.resize(bytes, 7);
    png
}

#[actix_web::test]
async fn sound_form_reaches_the_handler() {
    let app = app!(builder());
    let parts = [
        part("title", "cats"),
        part("albumName", "home"),
        part("stars", "5"),
        part("meta", r#"{"tags":[1,2]}"#),
        file("picture", "../pictures/cat.png", png(20_000)),
        file("more[]", "a", png(8)),
        file("more[]", "b", b"GIF89a"),
        part("foreign", "9"),
        part("unknown", "is ignored"),
    ];
    let expected = "cats Some(\"home\") Some(5) Some(2) Some((\"image/png\", 20000, Some(\"cat.png\"))) 2 Some(9)";
    for path in ["/upload", "/option", "/result"] {
        let response = call(&app, send(path, &parts)).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, expected), "{path}");
    }
    let response = call(&app, send("/upload", &[part("title", "")])).await;
    assert_eq!(response.body, " None None None None 0 None");
}

#[actix_web::test]
async fn only_an_absent_body_is_none() {
    let app = app!(builder());
    for request in [request(Method::POST, "/option"), post_form("/option")] {
        let response = call(&app, request).await;
        assert_eq!((response.status.as_u16(), response.body.as_str()), (200, "none"));
    }
    call(&app, post_form("/upload")).await.assert_problem(400);
    let response = call(&app, send("/option", &[part("title", "x"), part("stars", "s3cret")])).await;
    assert_errors(&response, 422, &["/stars type"]);
    assert_errors(&call(&app, post_form("/option").set_payload("no parts")).await, 400, &[]);
}

#[actix_web::test]
async fn body_of_another_kind_is_rejected() {
    let app = app!(builder());
    for media_type in ["application/json", "multipart/mixed; boundary=frontier", "multipart/form-data; charset=utf-16"]
    {
        let request = request(Method::POST, "/upload").insert_header(("content-type", media_type));
        assert_errors(&call(&app, request.set_payload(body(&[part("title", "x")]))).await, 415, &[]);
    }
    let sound = body(&[part("title", "x")]);
    let broken: [Vec<u8>; 9] = [
        b"no parts".to_vec(),
        sound[..sound.len() - 8].to_vec(),
        sound[..30].to_vec(),
        sound[..sound.len() / 2].to_vec(),
        b"--frontier\r\n\r\nx\r\n--frontier--".to_vec(),
        body(&[raw("Content-Disposition: attachment; name=\"title\"", "x")]),
        body(&[raw("Content-Disposition: form-data", "x")]),
        body(&[raw(
            "Content-Disposition: form-data; name=\"title\"\r\nContent-Type: multipart/mixed; boundary=b",
            "x",
        )]),
        body(&[raw("Content-Disposition: form-data; name=\"foreign\"\r\nContent-Length: 9999", "x")]),
    ];
    for body in broken {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let response = call(&app, post_form("/upload").set_payload(body)).await;
        assert_eq!(response.status, 400, "{shown:?}: {response:?}");
        assert_errors(&response, 400, &[]);
    }
    let request = request(Method::POST, "/upload").insert_header(("content-type", "multipart/form-data"));
    assert_errors(&call(&app, request.set_payload(sound)).await, 400, &[]);
}

#[actix_web::test]
async fn each_mistake_has_the_pointer_of_its_part() {
    let app = app!(builder());
    let title = part("title", "x");
    let too_deep = &*format!("/meta{} too_deep", "/0".repeat(32));
    for (wrong, expected) in [
        (part("stars", "256"), "/stars type"),
        (part("stars", "s3cret"), "/stars type"),
        (part("stars", b"\xff"), "/stars format"),
        (part("albumName", "s3cret"), "/albumName choice"),
        (part("meta", r#"{"tags":[1,"s3cret"]}"#), "/meta/tags/1 type"),
        (part("meta", r#"{"tags":[],"tags":[]}"#), "/meta/tags duplicate"),
        (part("meta", r#"{"tags":["#), "/meta json_syntax"),
        (part("meta", "[".repeat(20)), "/meta json_syntax"),
        (part("meta", [b"[".repeat(50), b"]".repeat(50)].concat()), too_deep),
        (part("foreign", "s3cret"), "/foreign format"),
        (part("title", "y"), "/title duplicate"),
        (part("albumName", "home").repeat(2), "/albumName duplicate"),
        (part("stars", "").repeat(2), "/stars type"),
        (file("picture", "cat.png", b"GIF89a").repeat(2), "/picture duplicate"),
    ] {
        let response = call(&app, send("/upload", &[title.clone(), wrong])).await;
        assert_errors(&response, 422, &[expected]);
    }
    let response = call(&app, send("/upload", &[part("stars", "1")])).await;
    assert_errors(&response, 422, &[" missing"]);
    assert_eq!(response.json()["errors"][0]["params"]["name"], "title");
    let response = call(&app, send("/upload", &[part("albumName", "x")])).await;
    assert_eq!(response.json()["errors"][0]["params"]["choices"], serde_json::json!(["work", "home"]));
    let response = call(&app, send("/result", &[part("stars", "x")])).await;
    assert!(response.body.ends_with(" 1"), "{response:?}");
}

#[actix_web::test]
async fn derive_can_deny_or_replace_parts() {
    let app = app!(builder());
    let response = call(&app, send("/denying", &[part("name", "a"), part("name", "b"), part("other", "c")])).await;
    assert_errors(&response, 422, &["/name duplicate", "/other unknown_field"]);
    let response = call(&app, send("/replacing", &[part("name", "a"), part("name", "b")])).await;
    assert_eq!(response.body, "b");
}

#[actix_web::test]
async fn content_of_a_file_determines_its_type() {
    let app = app!(builder());
    let title = part("title", "x");
    for content in [&b"MZ\x90\0\x03\0\0\0"[..], b"<html><script>s3cret</script>", b"%PDF-1.7", b"\xff\xd8\xff\xe0", b""]
    {
        let response = call(&app, send("/upload", &[title.clone(), file("picture", "cat.png", content)])).await;
        assert_errors(&response, 422, &["/picture file_type"]);
        let allowed = &response.json()["errors"][0]["params"]["allowed"];
        assert_eq!(*allowed, serde_json::json!(["image/png", "image/gif"]));
    }
}

#[actix_web::test]
async fn limits_hold_for_each_part_and_for_their_number() {
    let app = app!(builder().input_limits(InputLimits::new().fields(8).text(64)));
    let title = part("title", "x");
    let response = call(&app, send("/upload", &[part("title", "0123456789")])).await;
    assert_eq!(response.status, 200, "{response:?}");
    let response = call(&app, send("/upload", &[part("title", "0123456789a")])).await;
    assert_errors(&response, 413, &["/title too_long"]);
    assert_eq!(response.json()["errors"][0]["params"]["max"], 10);

    let response = call(&app, send("/upload", &[title.clone(), file("picture", "", png(100_000))])).await;
    assert_eq!(response.status, 200, "{response:?}");
    let response = call(&app, send("/upload", &[title.clone(), file("picture", "", png(100_001))])).await;
    assert_errors(&response, 413, &["/picture too_long"]);

    let response = call(&app, send("/upload", &[title.clone(), part("albumName", "a".repeat(65))])).await;
    assert_errors(&response, 422, &["/albumName too_long"]);
    let response = call(&app, send("/upload", &[title.clone(), part(&"a".repeat(65), "")])).await;
    assert_errors(&response, 422, &[" too_long"]);

    let response = call(&app, send("/upload", &[title.clone(), file("more[]", "", png(8)).repeat(7)])).await;
    assert_eq!(response.status, 200, "{response:?}");
    let response = call(&app, send("/upload", &[title.clone(), file("more[]", "", png(8)).repeat(8)])).await;
    assert_errors(&response, 422, &[" too_many_fields"]);
    let response = call(&app, send("/upload", &[title, part("ignored", "").repeat(8)])).await;
    assert_errors(&response, 422, &[" too_many_fields"]);
}

/// A body in chunks of 1 KiB that fails the test if more is read than it has.
struct Chunks(std::collections::VecDeque<Bytes>);

impl Stream for Chunks {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(self.0.pop_front().expect("the body was read after its rejection"))))
    }
}

/// A body without an end.
fn endless(path: &str, start: &[u8]) -> actix_http::Request {
    let chunks = start.chunks(1024).map(Bytes::copy_from_slice).collect();
    let payload: Pin<Box<dyn Stream<Item = _>>> = Box::pin(Chunks(chunks));
    let request = post_form(path).insert_header(("transfer-encoding", "chunked")).to_request();
    request.replace_payload(Payload::Stream { payload }).0
}

// What is read of a body before it is looked at.
const READ_AHEAD: usize = 64 * 1024 + 1024;

#[actix_web::test]
async fn nothing_is_read_after_a_limit() {
    let app = app!(builder());
    // A name that does not end.
    let start = [format!("--{BOUNDARY}\r\nA: ").as_bytes(), &vec![b'a'; READ_AHEAD + 1024]].concat();
    assert_errors(&call_raw(&app, endless("/upload", &start)).await, 413, &[]);
    // A file that is too large.
    let start = file("picture", "", png(100_001 + READ_AHEAD));
    assert_errors(&call_raw(&app, endless("/upload", &start)).await, 413, &["/picture too_long"]);
    // A part with a limit of the derive.
    let start = part("title", vec![b'a'; READ_AHEAD]);
    assert_errors(&call_raw(&app, endless("/upload", &start)).await, 413, &["/title too_long"]);
    // A file of another type: its first 8 KiB determine it.
    let start = file("picture", "", [b"MZ".to_vec(), vec![0; 8192 + READ_AHEAD]].concat());
    assert_errors(&call_raw(&app, endless("/upload", &start)).await, 422, &["/picture file_type"]);
    // A wrong value before a large file.
    let start = [part("stars", "x"), file("picture", "", png(READ_AHEAD))].concat();
    assert_errors(&call_raw(&app, endless("/upload", &start)).await, 422, &["/stars type"]);
}

#[actix_web::test]
async fn default_limit_holds_without_a_guard() {
    async fn plain(form: Multipart<Upload>) -> HttpResponse {
        HttpResponse::Ok().body(form.show())
    }
    let app = init_service(App::new().route("/upload", web::post().to(plain))).await;
    let response = call(&app, send("/upload", &[part("title", "x"), part("ignored", vec![0; 255 * 1024])])).await;
    assert_eq!(response.status, 200, "{response:?}");
    let start = [part("title", "x"), part("ignored", vec![0; 256 * 1024])].concat();
    let response = call_raw(&app, endless("/upload", &start)).await;
    assert_eq!(response.status, 413, "{response:?}");
}

/// A known difference of `actix-multipart` from RFC 7578 §4.8, which the documentation states.
#[actix_web::test]
async fn length_of_a_part_is_believed_and_never_exceeds_the_part() {
    let app = app!(builder());
    let head = "Content-Disposition: form-data; name=\"title\"\r\nContent-Length: ";
    let response = call(&app, send("/upload", &[raw(&format!("{head}1"), "xyz"), part("stars", "1")])).await;
    assert_eq!(response.body, "x None Some(1) None None 0 None");
    let response = call(&app, send("/upload", &[raw(&format!("{head}1"), "xyz\r\nmore"), part("stars", "1")])).await;
    assert_errors(&response, 400, &[]);
}
