use palisade::{get, require_scope};

#[get("/users/{id}")]
#[require_scope(Role::Admin)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
