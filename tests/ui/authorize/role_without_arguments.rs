use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
