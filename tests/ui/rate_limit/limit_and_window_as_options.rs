use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(limit = 5, window = "15m")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
