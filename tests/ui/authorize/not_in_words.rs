use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(not role("a"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
