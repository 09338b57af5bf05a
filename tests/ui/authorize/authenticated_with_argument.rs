use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(authenticated("x"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
