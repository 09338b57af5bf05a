use palisade::{get, optional_auth, require_role};

#[get("/users/{id}")]
#[optional_auth]
#[require_role("admin")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
