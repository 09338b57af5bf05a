use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(0, "15m", cost = 2)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
