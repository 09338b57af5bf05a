//! Handlers with each kind of response.

use actix_web::body::BodyStream;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Json};
use actix_web::{Error, HttpResponse, web};
use futures_util::stream;
use palisade::{get, post, public, rate_limit, require_role, validate};
use serde::Deserialize;
use validator::Validate;

#[derive(Deserialize, Validate)]
pub(crate) struct Note {
    #[validate(length(min = 1))]
    text: String,
}

#[get("/status/{code}")]
#[public]
pub(crate) async fn status(code: web::Path<u16>) -> HttpResponse {
    HttpResponse::new(StatusCode::from_u16(*code).unwrap())
}

#[get("/stream")]
#[public]
pub(crate) async fn streaming() -> HttpResponse {
    let chunks = stream::iter([Ok::<_, Error>(Bytes::from_static(b"a")), Ok(Bytes::from_static(b"b"))]);
    HttpResponse::Ok().body(BodyStream::new(chunks))
}

#[get("/panic")]
#[public]
pub(crate) async fn panicking() -> &'static str {
    panic!("the inside of the server")
}

#[post("/note")]
#[public]
#[validate]
pub(crate) async fn note(note: Json<Note>) -> String {
    note.text.clone()
}

#[get("/admin")]
#[require_role("admin")]
pub(crate) async fn admin() -> &'static str {
    "admin"
}

#[get("/once")]
#[public]
#[rate_limit(1, "1h")]
pub(crate) async fn once() -> &'static str {
    "once"
}
