use actix_web::web::Json;
use palisade::{get, public};

struct User;

#[get("/users")]
#[public]
async fn show() -> Json<User> {
    Json(User)
}

fn main() {}
