use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role("a") role("b"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
