use palisade::{get, owner};

struct Document;

#[get("/documents/{id}")]
#[owner(id, of = Document)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
