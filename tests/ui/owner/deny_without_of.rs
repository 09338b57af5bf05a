use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(id, deny = 403)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
