use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(id, from_scope = true)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
