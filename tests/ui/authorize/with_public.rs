use palisade::{get, authorize, public};

#[get("/users/{id}")]
#[authorize(role("a"))]
#[public]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
