use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(role("a") || (role("a") && owner(id)))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
