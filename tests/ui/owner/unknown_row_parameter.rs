use palisade::{get, owner};

#[get("/users/{id}")]
#[owner(order, of = Order)]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
