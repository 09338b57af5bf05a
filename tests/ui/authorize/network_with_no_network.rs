use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(network())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
