use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(owner("id"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
