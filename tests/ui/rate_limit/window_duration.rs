use palisade::{get, public, rate_limit};

#[get("/users")]
#[public]
#[rate_limit(5, Duration::from_mins(15), count = failures)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
