use palisade::{get, owner_or_admin, require_role};

#[get("/users/{id}")]
#[owner_or_admin(id)]
#[require_role("admin")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
