use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(network("0.0.0.0/0"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
