use palisade::{get, require_role};

#[get("/users/{id}")]
#[require_role(Role::Admin, Role::Admin)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
