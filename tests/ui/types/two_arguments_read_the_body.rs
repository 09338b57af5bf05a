use actix_web::Either;
use actix_web::web::{Bytes, Data, Form, Json, Payload};
use palisade::{authenticated, post, public};

type Text = String;

#[post("/two")]
#[public]
async fn two(_: Json<u8>, _: Data<u8>, _: Text) -> &'static str {
    "never"
}

#[post("/optional")]
#[authenticated]
async fn optional(_: Option<palisade::input::Json<u8>>, _: Result<Form<u8>, actix_web::Error>) -> &'static str {
    "never"
}

#[authenticated]
async fn three(_: Either<Json<u8>, Form<u8>>, _: Bytes, _: Payload) -> &'static str {
    "never"
}

fn main() {}
