use actix_web::web::Json;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate(body)]
async fn create(_: Json<u32>) -> &'static str {
    "in"
}

fn main() {}
