use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role("a") || owner(id))]
#[authorize(owner(id) || role("a"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
