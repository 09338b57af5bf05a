use palisade::{get, authorize};

#[get("/users/{id}")]
#[authorize(owner_or_admin(id))]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
