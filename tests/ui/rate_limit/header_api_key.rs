use palisade::{authenticated, get, rate_limit};

#[get("/users")]
#[authenticated]
#[rate_limit(5, "15m", by = header("X-API-Key"))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
