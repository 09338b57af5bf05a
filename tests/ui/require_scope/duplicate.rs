use palisade::{get, require_scope};

#[get("/users/{id}")]
#[require_scope("orders:write")]
#[require_scope("orders:write")]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
