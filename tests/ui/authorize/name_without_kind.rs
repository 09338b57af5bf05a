use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize("admin")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
