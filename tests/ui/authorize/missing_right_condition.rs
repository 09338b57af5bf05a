use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role("a") &&)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
