use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role || owner(id))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
