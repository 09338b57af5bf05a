use actix_web::web::Json;
use palisade::{post, public, validate};

#[post("/users")]
#[public]
#[validate(body, body)]
async fn create(body: Json<u32>, _: actix_web::web::Data<u32>) -> &'static str {
    "in"
}

fn main() {}
