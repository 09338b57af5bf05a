use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(5, cost = 2, "15m")]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
