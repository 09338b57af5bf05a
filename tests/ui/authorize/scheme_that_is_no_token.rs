use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(scheme("Bearer realm"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
