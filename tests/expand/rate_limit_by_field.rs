use palisade::{post, public, rate_limit};

#[post("/auth/login")]
#[public]
#[rate_limit(5, "15m", by = [ip, field(body.email)], count = failures)]
async fn login(Json(body): Json<Login>) -> Tokens {
    body.tokens().await
}
