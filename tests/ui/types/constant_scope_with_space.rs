use palisade::{get, require_scope};

const ORDERS: &str = "orders:read orders:write";

#[get("/x")]
#[require_scope(ORDERS)]
async fn show() -> &'static str {
    "in"
}

fn main() {}
