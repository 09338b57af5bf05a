use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(owner)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
