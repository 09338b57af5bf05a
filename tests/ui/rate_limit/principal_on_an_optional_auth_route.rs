use palisade::{get, optional_auth, rate_limit};

#[get("/users")]
#[optional_auth]
#[rate_limit(5, "15m", by = principal)]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
