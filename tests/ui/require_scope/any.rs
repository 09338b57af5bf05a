use palisade::{get, require_scope};

#[get("/users")]
#[require_scope(any("orders:read", "orders:write"))]
async fn show_user() -> &'static str {
    "in"
}

fn main() {}
