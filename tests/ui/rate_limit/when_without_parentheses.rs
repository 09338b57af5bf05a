use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(5, "15m", count = when)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
