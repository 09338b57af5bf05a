use actix_web::web::Json;
use palisade::{post, public, rate_limit};

#[derive(serde::Deserialize)]
struct Login {
    email: Email,
}

#[derive(serde::Deserialize)]
struct Email {
    text: String,
}

#[post("/login")]
#[public]
#[rate_limit(5, "15m", by = [ip, field(body.email)])]
async fn login(body: Json<Login>) -> String {
    body.into_inner().email.text
}

fn main() {}
