use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(id, off = Document)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
