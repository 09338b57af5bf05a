use palisade::{get, optional_auth, public};

#[get("/users/{id}")]
#[optional_auth]
#[public]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
