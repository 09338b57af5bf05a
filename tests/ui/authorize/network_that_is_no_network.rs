use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(network("10.0.0/8"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
