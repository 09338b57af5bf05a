use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(id, of = Document, deny = 401)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
