use palisade::{authenticated, get};

#[get("/users/:id")]
#[authenticated]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
