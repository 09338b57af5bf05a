use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(network(localhost))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
