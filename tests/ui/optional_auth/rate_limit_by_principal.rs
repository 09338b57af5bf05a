use palisade::{get, optional_auth, rate_limit};

#[get("/users/{id}")]
#[optional_auth]
#[rate_limit(5, "1m", by = principal)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
