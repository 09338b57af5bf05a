use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(network("10.1.2.3/8"))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
