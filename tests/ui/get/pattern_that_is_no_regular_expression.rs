use palisade::{authenticated, get};

#[get("/users/{id:[a-}")]
#[authenticated]
async fn handler() -> &'static str {
    "in"
}

fn main() {}
