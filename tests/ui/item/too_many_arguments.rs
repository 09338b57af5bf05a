use actix_web::web::Data;
use palisade::{get, public};

#[get("/users")]
#[public]
async fn show(
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
    _: Data<u8>,
) -> &'static str {
    "in"
}

fn main() {}
