use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit("15m", 5)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
