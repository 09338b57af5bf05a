use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(user("x"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
