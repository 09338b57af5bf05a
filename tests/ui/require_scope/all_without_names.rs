use palisade::{get, require_scope};

#[get("/users/{id}")]
#[require_scope(all())]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
