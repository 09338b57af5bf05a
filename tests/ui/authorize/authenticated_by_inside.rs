use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(authenticated(by = api_key) || role("a"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
