use palisade::{get, require_permission};

#[get("/users/{id}")]
#[require_permission("users:delete", "users:delete")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
