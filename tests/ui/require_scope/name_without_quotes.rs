use palisade::{get, require_scope};

#[get("/users/{id}")]
#[require_scope(orders)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
