use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(id, of = "Document")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
