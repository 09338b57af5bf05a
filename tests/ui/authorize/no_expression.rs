use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize()]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
