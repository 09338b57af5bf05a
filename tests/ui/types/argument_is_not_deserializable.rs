use actix_web::web::Json;
use palisade::{post, public};

struct User {
    name: String,
}

#[post("/users")]
#[public]
async fn create(body: Json<User>) -> String {
    body.name.clone()
}

fn main() {}
