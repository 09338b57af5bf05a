use palisade::{get, optional_auth};

#[get("/users/{id}")]
#[optional_auth]
#[optional_auth]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
