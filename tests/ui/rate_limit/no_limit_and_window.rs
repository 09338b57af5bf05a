use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(count = failures)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
