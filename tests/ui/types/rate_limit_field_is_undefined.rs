use actix_web::web::Json;
use palisade::{post, public, rate_limit};

#[derive(serde::Deserialize)]
struct Login {
    email: String,
}

#[post("/login")]
#[public]
#[rate_limit(5, "15m", by = field(body.emial))]
async fn login(body: Json<Login>) -> String {
    body.into_inner().email
}

fn main() {}
