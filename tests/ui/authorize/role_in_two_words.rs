use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role("a" "b"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
